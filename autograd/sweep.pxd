cimport cython
from autograd.value cimport Value

@cython.locals(node=Value, parent=Value, visit=cython.longlong, inner=list, leaves=list, opened=list, stack=list)
cdef tuple _visited(list roots)

cdef int _reach(Value node, long long visit, list stack, list leaves) except -1

@cython.locals(node=Value, left=Value, right=Value, parent=Value, gradient=double, partial=double)
cdef _propagate(list order)
