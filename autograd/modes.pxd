cdef class Special:
    cdef public set threads
