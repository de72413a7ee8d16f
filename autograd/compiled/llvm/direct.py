"""Steps of training that are machine code from Python's call on.

A step of a small network takes less time than Python needs to look at its arguments. So the
function that a training hands out is written in LLVM's language, below, and looks at the arrays
where they lie in memory. It does only what is usual: whole arrays of floats, of the right shapes,
and options of the optimizer that are floats. Whatever else it meets it leaves to an ordinary
function, called with the same arguments. So there is one place for conversions and errors.

Python's lock is held meanwhile: nothing that is looked at can change, and no two threads are in
a step at the same time. A batch that takes long is left to the ordinary function, which lets
other threads run.
"""

import ctypes
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.batch import Argument
from autograd.compiled.llvm.backend import FIRST_TABLE, address, this_machine

# What the machine code is told: 8 bytes each, in this order. Two of a kind are for the two
# arrays that the parameters are in by turns.
_FIELDS = (
    # a step: which array has the current numbers, what is called and with which frames
    *("turn", "find", "move", "find_frame_0", "find_frame_1", "move_frame_0", "move_frame_1"),
    # numbers that all parameters share: where they are kept, given to the rule and taken from it
    *("shared_size", "shared_0", "shared_1", "shared_before", "shared_after", "totals"),
    # the arguments of a direct call
    *("is_open", "arguments", "wanted", "most_rows", "ndarray", "float64"),
    # the optimizer's options
    *("options", "option_table", "group", "settings", "float"),
)
_DESK = {name: place for place, name in enumerate(_FIELDS)}
_NOT_A_NUMBER = -1  # in the place of a setting: an option that the code was made for

# Where the parts of Python's and NumPy's objects are: those of PyObject and PyArrayObject_fields.
_HEAD = object.__basicsize__
_TYPE = _HEAD - 8
_DATA, _DIMENSIONS, _LENGTHS, _DTYPE, _FLAGS = (_HEAD + k for k in (0, 8, 16, 40, 48))
_SHAPE = 3  # where an argument's lengths begin in its description
_WHOLE = 0x0001 | 0x0100  # NPY_ARRAY_C_CONTIGUOUS and NPY_ARRAY_ALIGNED

_PYTHONS = (
    *("PyTuple_GetItem", "PyDict_GetItem", "PyFloat_AsDouble", "PyFloat_FromDouble"),
    "PyObject_Vectorcall",
)
"""The functions of Python that are called."""


class Desk:
    """Memory that the machine code of a step reads, and is told by what to do."""

    def __init__(self) -> None:
        self.memory = find_numpy().zeros(len(_DESK), dtype="int64")
        self.place = address(self.memory)
        self.kept: dict[str, Any] = {}

    def __getitem__(self, name: str) -> int:
        """Return what stands in a place."""
        return int(self.memory[_DESK[name]])

    def tell(self, **entries: int) -> None:
        """Write numbers and addresses to their places."""
        for name, entry in entries.items():
            self.memory[_DESK[name]] = entry

    def expect(self, arguments: Sequence[Argument], most_rows: int) -> None:
        """Say which arrays are usual, and of how many rows at most."""
        numpy = find_numpy()
        self.kept["wanted"] = wanted = [_description(numpy, entry) for entry in arguments]
        self.kept["addresses"] = places = numpy.array([address(x) for x in wanted], dtype="int64")
        self.tell(arguments=len(wanted), wanted=address(places), most_rows=most_rows)
        self.tell(ndarray=id(numpy.ndarray), float64=id(numpy.dtype(float)), float=id(float))

    def watch(self, group: dict[str, Any], options: dict[str, Any], places: dict[str, int]) -> None:
        """Say which options are usual: any other float for a setting, and else the same object.

        Args:
            group: where the options are looked up at each step.
            options: what they are now.
            places: for those that are settings of the rule, which one.
        """
        # What is no float is never passed on: a step with a float between would leave that behind.
        rows = [
            (
                id(name),
                id(option),
                places.get(name, _NOT_A_NUMBER) if type(option) is float else _NOT_A_NUMBER,
            )
            for name, option in options.items()
        ]
        table = find_numpy().array(rows, dtype="int64").reshape(-1, 3)
        watched = group, options, list(options), table
        # An interrupt may come in between: until all is told, the earlier ones are needed too.
        self.kept["options"] = self.kept.get("options"), watched
        self.tell(options=len(rows), option_table=address(table), group=id(group))
        self.kept["options"] = watched

    def open(self) -> None:
        """Let direct calls take steps."""
        self.tell(is_open=1)

    def close(self) -> None:
        """Let direct calls leave all to the ordinary function."""
        self.tell(is_open=0)


def _description(numpy: Any, argument: Argument) -> Any:
    """Return what the machine code is told of an argument.

    How many lengths a row has, how many indices, how many numbers; the lengths; and the indices:
    their column, and of how many numbers each chooses one.
    """
    shape = argument.shape
    indices = [entry for index in argument.indices for entry in index]
    depth = _NOT_A_NUMBER - 1 if shape is None else len(shape)  # uneven rows are never usual
    whole = [depth, len(argument.indices), argument.width, *(shape or ()), *indices]
    return numpy.array(whole, dtype="int64")


# Making it ------------------------------------------------------------------------------------


class _Method(ctypes.Structure):
    """Python's PyMethodDef: a function written in another language."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


_FASTCALL = 0x0080  # METH_FASTCALL: the arguments come as a plain row of objects
_SAYS = b"step(*batch)\n--\n\nMove the parameters by one batch and return the mean before."


class _Machinery:
    """The machine code: one for all trainings."""

    def __init__(self) -> None:
        self.can_be_called = _is_known_layout()
        machine = this_machine()
        for name in _PYTHONS:
            machine.llvm.add_symbol(name, _address_of_function(getattr(ctypes.pythonapi, name)))
        self.engine = machine.compile(_text())
        self.take_step = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)(
            self.engine.get_function_address("take_step")
        )
        self.method = _Method(b"step", self.engine.get_function_address("step"), _FASTCALL, _SAYS)
        prototype = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.POINTER(_Method), ctypes.py_object, ctypes.c_void_p
        )
        self.new_function = prototype(("PyCFunction_NewEx", ctypes.pythonapi))


@functools.cache
def _machinery() -> _Machinery:
    return _Machinery()


def _address_of_function(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def step_taker() -> Callable[[int], float]:
    """Return a function that takes the step which a desk tells, given its address."""
    taker: Callable[[int], float] = _machinery().take_step
    return taker


def direct(step: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Return a function that takes the steps of an open desk, and leaves all else to another one.

    Args:
        step: the ordinary function; returned itself where Python's objects are laid out otherwise.
        desk: tells what is usual.
    """
    machinery = _machinery()
    if not machinery.can_be_called:
        return step
    # The function keeps what it is made with, and so all that its code needs.
    function: Callable[..., Any] = machinery.new_function(
        ctypes.byref(machinery.method), (step, desk.memory, machinery), None
    )
    return function


def _is_known_layout() -> bool:
    """Return whether an array's parts lie where the machine code looks for them."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    numpy = find_numpy()
    array = numpy.zeros((3, 2))
    place, pointer, whole = id(array), ctypes.c_void_p, ctypes.c_int
    if ctypes.sizeof(pointer) != 8 or numpy.ndarray.__basicsize__ < _FLAGS + ctypes.sizeof(whole):
        return False
    lengths = pointer.from_address(place + _LENGTHS).value
    return bool(
        pointer.from_address(place + _TYPE).value == id(numpy.ndarray)
        and pointer.from_address(place + _DATA).value == array.ctypes.data
        and whole.from_address(place + _DIMENSIONS).value == array.ndim
        and pointer.from_address(place + _DTYPE).value == id(numpy.dtype(float))
        and whole.from_address(place + _FLAGS).value == array.flags.num
        and lengths
        and tuple((ctypes.c_ssize_t * 2).from_address(lengths)) == array.shape
    )


# What it does ---------------------------------------------------------------------------------


def _field(name: str, kind: str) -> str:
    """Return instructions that read an entry of the desk."""
    return f"""  %at_{name} = getelementptr i64, ptr %desk, i64 {_DESK[name]}
  %{name} = load {kind}, ptr %at_{name}, align 8"""


def _fields(kind: str, *names: str) -> str:
    """Return instructions that read entries of one kind, called as they are on the desk."""
    return "\n".join(_field(name, kind) for name in names)


def _by_turns(name: str, first: str, turn: str) -> str:
    """Return instructions that read that one of two entries whose turn it is."""
    return f"""  %place_{name} = add i64 %{turn}, {_DESK[first]}
  %at_{name} = getelementptr i64, ptr %desk, i64 %place_{name}
  %{name} = load ptr, ptr %at_{name}, align 8"""


def _part(name: str, kind: str, whole: str, offset: int) -> str:
    """Return instructions that read a part of an object."""
    return f"""  %at_{name} = getelementptr i8, ptr %{whole}, i64 {offset}
  %{name} = load {kind}, ptr %at_{name}, align {4 if kind == "i32" else 8}"""


def _entry(name: str, table: str, place: str) -> str:
    """Return instructions that read a whole number of a table."""
    return f"""  %at_{name} = getelementptr i64, ptr %{table}, i64 {place}
  %{name} = load i64, ptr %at_{name}, align 8"""


def _text() -> str:
    """Return the module."""
    return "\n".join(
        [_DECLARATIONS, _take_step(), _step(), _batch(), _rows(), _indices(), _options()]
    )


_DECLARATIONS = """
declare ptr @PyTuple_GetItem(ptr, i64)
declare ptr @PyDict_GetItem(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare double @llvm.floor.f64(double)
"""


def _take_step() -> str:
    """The step itself: find the gradients, move the parameters from one array to the other."""
    return f"""
define double @take_step(ptr %desk) {{
{_fields("i64", "turn", "shared_size")}
{_fields("ptr", "find", "move", "shared_before", "shared_after", "totals")}
  %other = sub i64 1, %turn
{_by_turns("find_frame", "find_frame_0", "turn")}
{_by_turns("move_frame", "move_frame_0", "turn")}
{_by_turns("shared", "shared_0", "turn")}
{_by_turns("shared_next", "shared_0", "other")}
  call void %find(ptr %find_frame)
  call void @llvm.memcpy.p0.p0.i64(ptr %shared_before, ptr %shared, i64 %shared_size, i1 false)
  call void %move(ptr %move_frame)
  call void @llvm.memcpy.p0.p0.i64(ptr %shared_next, ptr %shared_after, i64 %shared_size, i1 false)
  store i64 %other, ptr %at_turn, align 8
  %mean = load double, ptr %totals, align 8
  ret double %mean
}}"""


def _step() -> str:
    """What Python calls: the step if all is as usual, else the ordinary function."""
    return f"""
define ptr @step(ptr %self, ptr %given, i64 %count) {{
start:
  %ordinary = call ptr @PyTuple_GetItem(ptr %self, i64 0)
  %memory = call ptr @PyTuple_GetItem(ptr %self, i64 1)
{_part("desk", "ptr", "memory", _DATA)}
{_fields("i64", "is_open", "most_rows")}
  %can_be = icmp ne i64 %is_open, 0
  br i1 %can_be, label %look_at_batch, label %leave
look_at_batch:
  %rows = call i64 @batch(ptr %desk, ptr %given, i64 %count)
  %above_0 = sub i64 %rows, 1
  %is_usual = icmp ult i64 %above_0, %most_rows
  br i1 %is_usual, label %look_at_options, label %leave
look_at_options:
  %are_usual = call i1 @options(ptr %desk)
  br i1 %are_usual, label %work, label %leave
work:
  %mean = call double @take_step(ptr %desk)
  %result = call ptr @PyFloat_FromDouble(double %mean)
  ret ptr %result
leave:
  %answer = call ptr @PyObject_Vectorcall(ptr %ordinary, ptr %given, i64 %count, ptr null)
  ret ptr %answer
}}"""


def _batch() -> str:
    """Write into the frame where the arrays' numbers are; the number of rows, 0 if unusual."""
    return f"""
define internal i64 @batch(ptr %desk, ptr %given, i64 %count) {{
start:
{_fields("i64", "turn", "arguments")}
{_fields("ptr", "wanted", "ndarray", "float64")}
{_by_turns("frame", "find_frame_0", "turn")}
  %are_as_many = icmp eq i64 %count, %arguments
  br i1 %are_as_many, label %next, label %unusual
next:
  %k = phi i64 [0, %start], [%k1, %usual]
  %all_rows = phi i64 [0, %start], [%rows, %usual]
  %is_left = icmp ult i64 %k, %count
  br i1 %is_left, label %look, label %done
look:
  %at_array = getelementptr ptr, ptr %given, i64 %k
  %array = load ptr, ptr %at_array, align 8
  %at_description = getelementptr ptr, ptr %wanted, i64 %k
  %description = load ptr, ptr %at_description, align 8
  %rows = call i64 @rows(ptr %array, ptr %description, ptr %ndarray, ptr %float64)
  %is_first = icmp eq i64 %k, 0
  %are_the_same = icmp eq i64 %rows, %all_rows
  %fits = or i1 %is_first, %are_the_same
  br i1 %fits, label %usual, label %unusual
usual:
{_part("data", "ptr", "array", _DATA)}
  %place = add i64 %k, {FIRST_TABLE}
  %at_table = getelementptr ptr, ptr %frame, i64 %place
  store ptr %data, ptr %at_table, align 8
  %k1 = add i64 %k, 1
  br label %next
done:
  store i64 %all_rows, ptr %frame, align 8
  ret i64 %all_rows
unusual:
  ret i64 0
}}"""


def _rows() -> str:
    """The number of rows of one argument; 0 if it is not a whole array of floats that fits."""
    return f"""
define internal i64 @rows(ptr %object, ptr %description, ptr %ndarray, ptr %float64) {{
start:
{_part("type", "ptr", "object", _TYPE)}
  %is_array = icmp eq ptr %type, %ndarray
  br i1 %is_array, label %look, label %unusual
look:
{_part("dimensions", "i32", "object", _DIMENSIONS)}
{_part("lengths", "ptr", "object", _LENGTHS)}
{_part("dtype", "ptr", "object", _DTYPE)}
{_part("flags", "i32", "object", _FLAGS)}
{_entry("depth", "description", "0")}
{_entry("indices", "description", "1")}
  %dimensions64 = sext i32 %dimensions to i64
  %own_depth = sub i64 %dimensions64, 1
  %is_deep = icmp eq i64 %own_depth, %depth
  %is_real = icmp eq ptr %dtype, %float64
  %whole_flags = and i32 %flags, {_WHOLE}
  %is_whole = icmp eq i32 %whole_flags, {_WHOLE}
  %is_array_of_floats = and i1 %is_real, %is_whole
  %is_usual = and i1 %is_array_of_floats, %is_deep
  br i1 %is_usual, label %next, label %unusual
next:
  %k = phi i64 [0, %look], [%k1, %compare]
  %is_left = icmp ult i64 %k, %depth
  br i1 %is_left, label %compare, label %count
compare:
  %k1 = add i64 %k, 1
{_entry("length", "lengths", "%k1")}
  %place = add i64 %k, {_SHAPE}
{_entry("wanted_length", "description", "%place")}
  %is_long = icmp eq i64 %length, %wanted_length
  br i1 %is_long, label %next, label %unusual
count:
{_entry("rows", "lengths", "0")}
  %has_indices = icmp ne i64 %indices, 0
  br i1 %has_indices, label %look_at_indices, label %usual
look_at_indices:
{_part("data", "ptr", "object", _DATA)}
  %are_indices = call i1 @indices(ptr %data, i64 %rows, ptr %description)
  br i1 %are_indices, label %usual, label %unusual
usual:
  ret i64 %rows
unusual:
  ret i64 0
}}"""


def _indices() -> str:
    """Whether all numbers that serve as an index are whole and in their range."""
    return f"""
define internal i1 @indices(ptr %data, i64 %rows, ptr %description) {{
start:
{_entry("depth", "description", "0")}
{_entry("indices", "description", "1")}
{_entry("width", "description", "2")}
  %first = add i64 %depth, {_SHAPE}
  br label %next
next:
  %k = phi i64 [0, %start], [%k1, %next_row]
  %is_left = icmp ult i64 %k, %indices
  br i1 %is_left, label %column, label %usual
column:
  %k1 = add i64 %k, 1
  %twice = mul i64 %k, 2
  %place = add i64 %first, %twice
{_entry("column_of_row", "description", "%place")}
  %place_of_count = add i64 %place, 1
{_entry("count", "description", "%place_of_count")}
  %end = sitofp i64 %count to double
  br label %next_row
next_row:
  %row = phi i64 [0, %column], [%row1, %look]
  %is_row = icmp ult i64 %row, %rows
  br i1 %is_row, label %look, label %next
look:
  %row1 = add i64 %row, 1
  %start_of_row = mul i64 %row, %width
  %place_of_index = add i64 %start_of_row, %column_of_row
  %at_index = getelementptr double, ptr %data, i64 %place_of_index
  %index = load double, ptr %at_index, align 8
  %floor = call double @llvm.floor.f64(double %index)
  %is_whole = fcmp oeq double %floor, %index
  %is_from_0 = fcmp oge double %index, 0.0
  %is_below_end = fcmp olt double %index, %end
  %is_in_range = and i1 %is_from_0, %is_below_end
  %is_index = and i1 %is_whole, %is_in_range
  br i1 %is_index, label %next_row, label %unusual
usual:
  ret i1 true
unusual:
  ret i1 false
}}"""


def _options() -> str:
    """Whether the optimizer's options are as usual; floats are passed on to the rule."""
    return f"""
define internal i1 @options(ptr %desk) {{
start:
{_fields("i64", "options")}
{_fields("ptr", "option_table", "group", "settings", "float")}
  br label %next
next:
  %k = phi i64 [0, %start], [%k1, %same], [%k1, %pass_on]
  %is_left = icmp ult i64 %k, %options
  br i1 %is_left, label %look, label %usual
look:
  %k1 = add i64 %k, 1
  %skipped = mul i64 %k, 3
  %row = getelementptr i64, ptr %option_table, i64 %skipped
  %name = load ptr, ptr %row, align 8
{_part("expected", "ptr", "row", 8)}
{_part("setting", "i64", "row", 16)}
  %option = call ptr @PyDict_GetItem(ptr %group, ptr %name)
  %is_setting = icmp ne i64 %setting, {_NOT_A_NUMBER}
  %is_there = icmp ne ptr %option, null
  %can_change = and i1 %is_setting, %is_there
  br i1 %can_change, label %look_at_type, label %same
look_at_type:
{_part("type", "ptr", "option", _TYPE)}
  %is_float = icmp eq ptr %type, %float
  br i1 %is_float, label %read, label %same
read:
  %number = call double @PyFloat_AsDouble(ptr %option)
  %is_not_0 = fcmp une double %number, 0.0
  br i1 %is_not_0, label %pass_on, label %unusual
pass_on:
  %at_number = getelementptr double, ptr %settings, i64 %setting
  store double %number, ptr %at_number, align 8
  br label %next
same:
  %is_the_same = icmp eq ptr %option, %expected
  br i1 %is_the_same, label %next, label %unusual
usual:
  ret i1 true
unusual:
  ret i1 false
}}"""
