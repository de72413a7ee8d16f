cimport cython
from autograd.value cimport Value

@cython.locals(node=Value, root=Value, parent=Value, begun=cython.longlong, done=cython.longlong, inner=list, leaves=list, stack=list)
cdef tuple _visited(list roots)

cdef int _reach(Value node, long long done, list stack, list leaves) except -1

@cython.locals(node=Value, left=Value, right=Value, parent=Value, gradient=double, partial=double)
cdef _propagate(list order)
