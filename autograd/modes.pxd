cdef class Special:
    cdef public int threads
