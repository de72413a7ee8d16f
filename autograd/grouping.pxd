from autograd.value cimport Value

cdef class _Place:
    cdef public object note
    cdef public list marked
    cdef public object tell

cdef object _mark(object part, object note, _Place place, int depth=*)
cdef object _mark_node(Value node, object note)
