from autograd.value cimport Value

cdef class _Place:
    cdef public object note
    cdef public list marked
    cdef public object tell
