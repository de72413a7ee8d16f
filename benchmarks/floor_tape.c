/* The floor: about the least that a tape behind Python's operators can cost.

   A Value is its number and its place on the one global tape; the tape has per operation the
   places of two inputs and the derivatives with respect to them. Place 0 stands for "no input",
   and swallows what is handed to it. There are + * ** and relu, no checks, no graph to look at,
   no second thread: this is a yardstick, not an engine. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>

typedef struct {
    int left, right;
    double slope_left, slope_right;
} Entry;

typedef struct {
    PyObject_HEAD
    double data;
    int place;
} Value;

static Entry *tape;
static double *gradients;
static int length = 1, room, gradients_room;

static PyTypeObject ValueType;

#define KEPT 1024
static Value *kept[KEPT]; /* freed objects, ready for use again */
static int kept_count;

static PyObject *new_value(double data, int place)
{
    Value *self;
    if (kept_count) {
        self = kept[--kept_count];
        PyObject_Init((PyObject *)self, &ValueType);
    } else if (!(self = PyObject_New(Value, &ValueType))) {
        return NULL;
    }
    self->data = data;
    self->place = place;
    return (PyObject *)self;
}

static void value_dealloc(PyObject *self)
{
    if (kept_count < KEPT)
        kept[kept_count++] = (Value *)self;
    else
        PyObject_Free(self);
}

/* Write an entry on the tape and return its place, -1 without memory. */
static int enter(int left, int right, double slope_left, double slope_right)
{
    if (length >= room) {
        int larger = room ? 2 * room : 1 << 16;
        Entry *moved = realloc(tape, larger * sizeof(Entry));
        if (!moved) {
            PyErr_NoMemory();
            return -1;
        }
        tape = moved;
        room = larger;
    }
    tape[length] = (Entry){left, right, slope_left, slope_right};
    return length++;
}

static PyObject *result(double data, int left, int right, double slope_left, double slope_right)
{
    int place = enter(left, right, slope_left, slope_right);
    return place < 0 ? NULL : new_value(data, place);
}

/* Read an operand: a Value, or a Python number, which has no place on the tape. */
static int operand(PyObject *object, double *data, int *place)
{
    if (Py_TYPE(object) == &ValueType) {
        *data = ((Value *)object)->data;
        *place = ((Value *)object)->place;
        return 1;
    }
    *data = PyFloat_AsDouble(object);
    *place = 0;
    return *data != -1.0 || !PyErr_Occurred();
}

static PyObject *value_add(PyObject *left, PyObject *right)
{
    double x, y;
    int i, j;
    if (!operand(left, &x, &i) || !operand(right, &y, &j))
        return NULL;
    return result(x + y, i, j, 1.0, 1.0);
}

static PyObject *value_multiply(PyObject *left, PyObject *right)
{
    double x, y;
    int i, j;
    if (!operand(left, &x, &i) || !operand(right, &y, &j))
        return NULL;
    return result(x * y, i, j, y, x);
}

static PyObject *value_power(PyObject *base, PyObject *exponent, PyObject *modulus)
{
    double x, n;
    int i, j;
    if (!operand(base, &x, &i) || !operand(exponent, &n, &j))
        return NULL;
    return result(pow(x, n), i, 0, n * pow(x, n - 1.0), 0.0);
}

static PyObject *value_relu(PyObject *self, PyObject *unused)
{
    double x = ((Value *)self)->data;
    int i = ((Value *)self)->place;
    return result(x > 0.0 ? x : 0.0, i, 0, x > 0.0 ? 1.0 : 0.0, 0.0);
}

static PyObject *value_data(PyObject *self, void *unused)
{
    return PyFloat_FromDouble(((Value *)self)->data);
}

static PyObject *value_grad(PyObject *self, void *unused)
{
    return PyFloat_FromDouble(gradients[((Value *)self)->place]);
}

static PyObject *value_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    double data;
    if (!PyArg_ParseTuple(arguments, "d", &data))
        return NULL;
    return result(data, 0, 0, 0.0, 0.0);
}

/* Walk the tape back from a Value: the whole of backpropagation. */
static PyObject *value_backward(PyObject *self, PyObject *unused)
{
    int root = ((Value *)self)->place;
    if (gradients_room < room) {
        double *moved = realloc(gradients, room * sizeof(double));
        if (!moved)
            return PyErr_NoMemory();
        gradients = moved;
        gradients_room = room;
    }
    memset(gradients, 0, length * sizeof(double));
    gradients[root] = 1.0;
    for (int i = root; i > 0; i--) {
        gradients[tape[i].left] += tape[i].slope_left * gradients[i];
        gradients[tape[i].right] += tape[i].slope_right * gradients[i];
    }
    Py_RETURN_NONE;
}

/* Begin an empty tape; values made before are stale. */
static PyObject *reset(PyObject *module, PyObject *unused)
{
    length = 1;
    Py_RETURN_NONE;
}

static PyNumberMethods value_operators = {
    .nb_add = value_add,
    .nb_multiply = value_multiply,
    .nb_power = value_power,
};

static PyMethodDef value_methods[] = {
    {"relu", value_relu, METH_NOARGS, "This where it is positive, else 0."},
    {"backward", value_backward, METH_NOARGS, "Compute the gradients of this."},
    {NULL},
};

static PyGetSetDef value_attributes[] = {
    {"data", value_data},
    {"grad", value_grad},
    {NULL},
};

static PyTypeObject ValueType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "floor_tape.Value",
    .tp_basicsize = sizeof(Value),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = value_new,
    .tp_dealloc = value_dealloc,
    .tp_as_number = &value_operators,
    .tp_methods = value_methods,
    .tp_getset = value_attributes,
};

static PyMethodDef functions[] = {
    {"reset", reset, METH_NOARGS, "Begin an empty tape."},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "floor_tape",
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit_floor_tape(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddType(module, &ValueType) < 0)
        Py_CLEAR(module);
    return module;
}
