cimport cython
from autograd.modes cimport Special

cdef Special special
cdef int _nesting
cdef list _released
cdef object add, divide, multiply, subtract

cdef class Value:
    # What the sweep reads of a parent comes first: together in the processor's cache.
    cdef public long long _visit
    cdef public bint requires_grad
    cdef public int _height
    cdef public object primitive
    cdef public Value _left
    cdef public Value _right
    cdef public double _grad
    cdef public double _slope_left
    cdef public double _slope_right
    cdef public double _data
    cdef public object _many
    cdef public object _notes
    cdef object __weakref__

cdef Value _result(double data, object primitive, Value left, Value right, double slope_left, double slope_right)

@cython.locals(node=Value)
cdef Value _constant(double data)

cdef Value _operand(object x)

cdef Value _number(object x)

@cython.locals(left=Value, right=Value, parent=Value, data=double, numbers=list)
cpdef Value record(object primitive, tuple parents)

@cython.locals(node=Value, parent=Value, tracked=list)
cdef Value _linked(double data, object primitive, tuple parents, object slopes)

@cython.locals(left=Value, right=Value, value=Value, node=Value, total=double, height=int, tracked=int, place=Py_ssize_t, count=Py_ssize_t, slopes=list)
cdef object _linked_dot(list xs, list ys)

@cython.locals(left=Value, right=Value)
cdef object record_operator(object primitive, object x, object y)

@cython.locals(x=double, less=double, data=double, slope=double)
cdef Value _power(Value base, double exponent)

@cython.locals(parent=Value)
cpdef link(Value node, tuple parents, tuple partials)

cdef void _release(Value node) noexcept
