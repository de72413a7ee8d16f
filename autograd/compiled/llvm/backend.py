"""Running compiled code as machine code, made by LLVM."""

import ctypes
import ctypes.util
import threading
from collections.abc import Sequence
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.code import EACH, Code
from autograd.compiled.forms import lowered
from autograd.compiled.llvm.cache import users_cache
from autograd.compiled.llvm.frame import BLOCKS, FRAME, spare_size, sums_room
from autograd.compiled.llvm.operations import FUNCTIONS, KNOWN, Target
from autograd.compiled.llvm.text import write_module
from autograd.optional import needed

_LINE = 64  # bytes: vectors begin where the processor reads them fastest


class LlvmKernel:
    """Code made ready to run.

    Args:
        code: the code.
        widths: of how many numbers each argument of a sample consists.

    Raises:
        ImportError: if llvmlite is not installed.
        NotImplementedError: if LLVM doesn't know an operation.
    """

    name = "llvm"

    def __init__(self, code: Code, widths: Sequence[int]) -> None:
        self.numpy = find_numpy()
        code = lowered(code)
        for name, _ in code.instructions:
            if name not in KNOWN:
                raise NotImplementedError(
                    f"there is no machine code for {name}: compile with backend='numpy'"
                )
        machine = this_machine()
        rates = code.rates
        # What is the same for all samples is computed once, and filled in here.
        self.varying = [k for k, place in enumerate(code.outputs) if rates[place] == EACH]
        self.fixed = [k for k, place in enumerate(code.outputs) if rates[place] != EACH]
        self.outputs, self.totals = len(code.outputs), len(code.totals)
        code = Code(
            code.instructions,
            tuple(code.outputs[k] for k in self.varying),
            code.totals + tuple(code.outputs[k] for k in self.fixed),
        )
        self.text, layout = write_module(code, widths, machine.target)
        self.engine = machine.compile(self.text)
        self.address = self.engine.get_function_address("run")
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)
        width = machine.target.width
        self.sizes = [
            layout.room,
            BLOCKS * len(layout.vectors) * width,
            2 * sums_room(layout, width),
            spare_size(width, widths, len(self.varying)),
        ]
        self.tables = len(widths)
        self.unused: list[Call] = []

    def __call__(self, tables: Sequence[Any], numbers: Any) -> tuple[Any, Any]:
        """Return the outputs, a row per sample, and the totals.

        Args:
            tables: an array for each argument, with a row of numbers per sample.
            numbers: the numbers of the call.
        """
        outputs, totals = self.room(len(tables[0]))
        try:
            call = self.unused.pop()
        except IndexError:  # none yet, or as many are going on in other threads
            call = Call(self)
        call.bind(numbers, outputs, totals)
        call.set_tables(tables)
        self.run(call.place)
        self.unused.append(call)
        return self.results(outputs, totals)

    def room(self, count: int) -> tuple[Any, Any]:
        """Return arrays for what so many samples give: a row per output, and the totals."""
        numpy = self.numpy
        return numpy.empty((len(self.varying), count)), numpy.empty(self.totals + len(self.fixed))

    def results(self, outputs: Any, totals: Any) -> tuple[Any, Any]:
        """Return the outputs, a row per sample, and the totals, from the arrays of `room`."""
        if self.fixed:
            every = self.numpy.empty((self.outputs, outputs.shape[1]))
            every[self.varying] = outputs
            every[self.fixed] = totals[self.totals :, None]
            outputs = every
        return outputs.T, totals[: self.totals]


class Call:
    """Memory for calls of a kernel, one at a time, and where their numbers are.

    Args:
        kernel: what is called.
    """

    def __init__(self, kernel: LlvmKernel) -> None:
        self.memory = [_aligned(kernel.numpy, size) for size in kernel.sizes]
        self.frame = (ctypes.c_int64 * (len(FRAME) + kernel.tables))()
        self.frame[4 : len(FRAME)] = [memory.ctypes.data for memory in self.memory]
        self.place = ctypes.addressof(self.frame)

    def bind(self, numbers: Any, outputs: Any, totals: Any) -> None:
        """Say where the numbers are, and where results are to be written; all must be kept."""
        self.frame[1:4] = [address(numbers), address(outputs), address(totals)]

    def put_outputs(self, outputs: Any) -> None:
        """Say where the outputs are to be written this time; they must be kept."""
        self.frame[_OUTPUTS] = address(outputs)

    def set_tables(self, tables: Sequence[Any]) -> None:
        """Say where the samples are; they must be kept until the kernel has been run."""
        frame, place = self.frame, FIRST_TABLE
        frame[0] = len(tables[0])
        for table in tables:
            frame[place] = address(table)
            place += 1


def address(array: Any) -> int:
    """Return where an array's numbers are in memory; the array must be kept meanwhile."""
    try:
        return _address_of(_begin(array))
    except (TypeError, ValueError):  # read-only, or empty: the long way
        found: int = array.ctypes.data
        return found


FIRST_TABLE, _OUTPUTS = len(FRAME), FRAME.index("outputs")
"""Where a frame tells the place of the first argument's samples."""
_address_of, _begin = ctypes.addressof, ctypes.c_char.from_buffer  # looked up once: it adds up


def _aligned(numpy: Any, size: int) -> Any:
    """Return memory for so many numbers that begins at a line of the processor's cache."""
    # Written, and not only reserved: reading a masked part of memory that the system has not
    # provided yet gives nothing, and takes the processor a hundred times as long.
    memory = numpy.full(8 * size + _LINE, 0, dtype=numpy.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + 8 * size]


_LONG = 60_000  # lines: beyond, the best code takes too long to find
# Functions of vectors that are off by more than 2 ulp somewhere; with 4 numbers, more of them.
_INEXACT = {8: {"sin", "cos", "tan", "asin", "atan", "atan2"}}
_INEXACT[4] = _INEXACT[8] | {"log1p", "log2", "log10", "asinh", "acosh"}


# The machine ----------------------------------------------------------------------------------


class _Machine:
    """LLVM, set up for this processor."""

    def __init__(self) -> None:
        self.llvm = needed("llvmlite.binding", "compiling to machine code", extra="compile")
        self.llvm.initialize_native_target()
        self.llvm.initialize_native_asmprinter()
        features = self.llvm.get_host_cpu_features()
        width = 8 if features.get("avx512f") else 4
        self.target = Target(width, bool(features.get("fma")), self._vector_functions(features))
        self.processor = self.llvm.get_host_cpu_name()
        self.features = features.flatten()
        self.lock = threading.Lock()

    def compile(self, text: str) -> Any:
        """Return an engine with a module's machine code, from the cache if it is there."""
        optimization = 2 if text.count("\n") < _LONG else 1
        cache = users_cache()
        versions = (self.llvm.llvm_version_info, self.processor, self.features)
        source = f"{versions} {optimization}\n{text}"
        with self.lock:
            machine = self.llvm.Target.from_default_triple().create_target_machine(
                cpu=self.processor, features=self.features, opt=optimization, jit=True
            )
            code = cache.get(source)
            if code is None:  # not by LLVM's own callbacks, in which a Ctrl-C would be lost
                code = machine.emit_object(self.llvm.parse_assembly(text))
                cache.put(source, code)
            engine = self.llvm.create_mcjit_compiler(self.llvm.parse_assembly(""), machine)
            engine.add_object_file(self.llvm.ObjectFileRef.from_data(code))
            engine.finalize_object()
            return engine

    def _vector_functions(self, features: Any) -> dict[str, str]:
        """Return the functions of vectors that the system's library has, by the scalar ones."""
        kind, width = ("e", 8) if features.get("avx512f") else ("d", 4)
        if not features.get("avx2"):
            return {}
        try:
            library = ctypes.CDLL("libmvec.so.1")
        except OSError:
            return {}
        found = {}
        for name in FUNCTIONS.values():
            if name in _INEXACT[width]:
                continue
            arguments = "vv" if name in ("pow", "atan2", "hypot") else "v"
            vector_name = f"_ZGV{kind}N{width}{arguments}_{name}"
            function = getattr(library, vector_name, None)
            if function is not None:
                place = ctypes.cast(function, ctypes.c_void_p).value
                self.llvm.add_symbol(vector_name, place)
                found[name] = vector_name
        return found


_setting_up = threading.Lock()
_found: list[_Machine] = []


def this_machine() -> _Machine:
    """Return this machine, set up once."""
    with _setting_up:
        if not _found:
            _found.append(_Machine())
        return _found[0]
