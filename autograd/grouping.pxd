cimport cython
from autograd.value cimport Value

cdef class _Place:
    cdef public object note
    cdef public list marked
    cdef public object tell

@cython.locals(value=Value)
cdef object _mark(object part, object note, _Place place, int depth=*)
