"""Programs: functions of scalars, compiled once and run on whole batches."""

import functools
import importlib
import inspect
import json
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from autograd import modes
from autograd.compiled.arrays import find_numpy
from autograd.compiled.batch import (
    Argument,
    HasValues,
    argument_like,
    as_floats,
    example_of,
    read_batch,
)
from autograd.compiled.code import LEAVES, NOT_AS_WRITTEN, Builder, Code, listing
from autograd.compiled.dots import with_dots
from autograd.compiled.export.vectors import with_constants
from autograd.compiled.gradient import with_gradients
from autograd.compiled.kernels import Kernel, checked_backend, is_installed, make_kernel
from autograd.compiled.llvm.direct import direct
from autograd.compiled.nodes import CompiledResult, nested
from autograd.compiled.replay import replay
from autograd.compiled.trace import Trace, trace
from autograd.compiled.training import Rules, Subject, Training
from autograd.files import write_whole
from autograd.nested import flatten
from autograd.primitives import Primitive, describe
from autograd.transforms import gradients
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiled.cluster.distributed import DistributedProgram
    from autograd.compiled.export.to_jax import JaxFunction

Function = Callable[..., Any]

_SHORT = 20_000_000  # operations: in the time of a millisecond, other threads need not run


class Program:
    """A function of one sample's numbers, compiled to run on batches: what `compile` returns.

    Called with a batch, it returns the function's result for every sample as an array. Called
    with Values, it is given one sample and returns a Value: one node of a larger graph.

    Attributes:
        backend: what runs it: "llvm" or "numpy"; "auto" before the first call.
    """

    def __init__(self, function: Function | None, backend: str) -> None:
        self.function = function
        self.backend = self._wanted = backend
        self.__name__ = "compiled"
        self._lock = threading.RLock()
        self._traced: Trace | None = None
        self._arguments: list[Argument] = []
        self._kernels: dict[str, Kernel] = {}
        self._nodes: list[Primitive] = []
        self._rules: Rules = {}
        self._open: Training | None = None
        if function is not None:
            functools.update_wrapper(self, function)

    # Tracing ----------------------------------------------------------------------------------

    def trace(self, *example: Any) -> "Program":
        """Record the function now, and not when it is called first.

        Args:
            example: one sample: for each argument a number or nested sequences of numbers, of
                which nothing counts but how they are nested.

        Raises:
            TracingError: if the function does what can't be compiled.
        """
        with self._lock:
            if self._traced is None and self.function is not None:
                traced = trace(self.function, example)
                arguments, first = [], 0
                for name, entry in zip(self._names(len(example)), example, strict=True):
                    arguments.append(argument_like(name, entry, traced.indices, first))
                    first += arguments[-1].width
                self._arguments, self._traced = arguments, traced
        return self

    def _names(self, count: int) -> list[str]:
        """Return what the arguments are called."""
        try:
            parameters = list(inspect.signature(self.function or trace).parameters.values())
        except (TypeError, ValueError):  # some functions written in C don't tell theirs
            parameters = []
        names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
        return [names[k] if k < len(names) else f"argument {k}" for k in range(count)]

    @property
    def _trace(self) -> Trace:
        if self._traced is None:
            raise RuntimeError(
                "the function has not been traced yet: call it with a batch, or call trace with "
                "an example of one sample"
            )
        return self._traced

    @property
    def code(self) -> Code:
        """What the function does, operation by operation.

        Raises:
            RuntimeError: if it has not been traced yet.
        """
        return self._trace.code

    @property
    def operations(self) -> int:
        """How many operations there are for one sample.

        Raises:
            RuntimeError: if it has not been traced yet.
        """
        return sum(name not in LEAVES for name, _ in self.code.instructions)

    @property
    def parameters(self) -> list[Value]:
        """The Values that the function closes over and that require a gradient, in order.

        Raises:
            RuntimeError: if it has not been traced yet.
        """
        return list(self._trace.parameters)

    @property
    def _leaves(self) -> list[Value]:
        return self._trace.parameters + self._trace.held

    # Running ----------------------------------------------------------------------------------

    def __call__(self, *batch: Any) -> Any:
        """Return the function's results for every sample of a batch.

        Args:
            batch: for each argument, an array or nested sequences with one entry per sample. Or
                one sample, if Values are in it.

        Returns:
            An array with one entry per sample; for one sample of Values, a Value.

        Raises:
            TypeError: if an entry is not a number, or the function can't be compiled.
            ValueError: if there are no samples, or they have another shape than the function was
                compiled for.
        """
        try:
            tables = self._read(batch)
        except HasValues:
            return self._as_nodes(batch)
        outputs, _ = self._kernel("forward")(tables, self._numbers())
        return outputs.reshape(len(outputs), *self._trace.shape)

    def backward(self, *batch: Any) -> float:
        """Add the gradients of the mean over a batch to the parameters' grad.

        Args:
            batch: as for a call.

        Returns:
            The mean of the function's results.

        Raises:
            TypeError: as for a call, or if the function returns several numbers.
            ValueError: as for a call.
            RuntimeError: if the function closes over no parameters.
        """
        tables = self._read(batch)
        self._require_gradient()
        _, totals = self._kernel("backward")(tables, self._numbers())
        mean, *shares = totals.tolist()
        self._add(shares)
        return float(mean)

    def training(
        self, optimizer: Any, *, has_aux: bool = False
    ) -> "AbstractContextManager[Callable[..., Any]]":
        """Return a context in which the parameters live in one array, and steps are fast.

        It gives a function ``step(*batch)``, which moves the parameters by the gradient of the
        mean over a batch and returns the mean before. On leaving, also by an exception, the
        Values, their gradients and the optimizer's memory have the current numbers; before, they
        have those from the beginning. The optimizer's options may be changed meanwhile. Steps
        taken from several threads come one after the other.

        Args:
            optimizer: one of `optim`, whose rule is elementwise.
            has_aux: whether the function returns a list: the loss, and then other numbers, such
                as a model's outputs. A step then returns a pair: the mean loss, and the others as
                an array with a row per sample. Follows jax.value_and_grad.

        Raises:
            TypeError: if it is no such optimizer, or the function returns several numbers.
            RuntimeError: if another training of this program is going on.

        >>> from autograd import compile
        >>> from optim import SGD
        >>> w = Value(0.0)
        >>> loss = compile(lambda x, y: (w * x - y) ** 2, backend="numpy")
        >>> with loss.training(SGD([w], lr=0.1)) as step:
        ...     for _ in range(50):
        ...         mean = step([1.0, 2.0], [3.0, 6.0])
        >>> print(f"{w.data:.6f}")
        3.000000
        """
        return self._training(optimizer, has_aux)

    def distributed(self, client: Any, *, rows: int | None = None) -> "DistributedProgram":
        """Return this program as it runs on a cluster of Dask's, data-parallel.

        It is called, and its backward and training are, as the program's own, with Dask arrays or
        data in memory. Needs the extra ``distributed``, here and where the workers are.

        Args:
            client: a ``dask.distributed.Client``.
            rows: of data in memory, how many rows make a partition at most (default: as many as
                are worth sending).

        Raises:
            TypeError: if it is no such client.
            ValueError: if rows is less than 1.
            RuntimeError: if the client is closed.
            ImportError: if Dask is not installed.

        >>> from autograd import compile
        >>> from dask.distributed import Client
        >>> w = Value(2.0)
        >>> loss = compile(lambda x, y: (w * x - y) ** 2)
        >>> with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
        ...     loss.distributed(client, rows=1).backward([1.0, 2.0], [3.0, 6.0])
        2.5
        >>> w.grad
        -5.0
        """
        module: Any = importlib.import_module("autograd.compiled.cluster.distributed")
        found: DistributedProgram = module.DistributedProgram(self, client, rows)
        return found

    @contextmanager
    def _training(self, optimizer: Any, has_aux: bool) -> Iterator[Callable[..., Any]]:
        training = self.begin_training(optimizer, has_aux=has_aux)
        try:
            if has_aux:
                yield training.mean_and_outputs_of_step
            elif self._wanted == "numpy" or not is_installed("llvmlite"):
                yield training.mean_of_step
            else:
                step = direct(training.mean_of_step, training.desk)
                # Lists and whole numbers become floats, with which it may be direct.
                yield direct(lambda *batch: step(*map(as_floats, batch)), training.desk)
        finally:
            training.end()

    def begin_training(self, optimizer: Any, *, has_aux: bool = False) -> Training:
        """Return a training that is open until its `end` is called.

        It is for loops that look at the parameters on the way, or undo steps; all others are
        better off with `training`.

        Args:
            optimizer: as for `training`.
            has_aux: likewise.

        Raises:
            TypeError: as for `training`.
            RuntimeError: likewise.
        """
        return self._begin(optimizer, self._read, functools.partial(self._subject, has_aux))

    def _begin(
        self,
        optimizer: Any,
        read: Callable[[Sequence[Any]], list[Any]],
        subject: Callable[[], Subject],
    ) -> Training:
        """Begin a training, if there is no other one."""
        with self._lock:
            if self._open is not None:
                raise RuntimeError("another training of this program is going on: end it first")
            self._open = Training(optimizer, read, subject, self._rules, self._let_go)
        return self._open

    def _let_go(self) -> None:
        self._open = None

    def _subject(self, has_aux: bool) -> Subject:
        """Return what is trained."""
        self._require_gradient(has_aux)
        kernel = self._kernel("auxiliary" if has_aux else "backward")
        most_rows = _SHORT // len(self.code.instructions)
        count = len(self._trace.parameters)
        return Subject(kernel, self._leaves, count, self._arguments, most_rows, has_aux)

    def _read(self, batch: Sequence[Any]) -> list[Any]:
        """Return the batch as tables of numbers; the first one tells what a sample looks like."""
        if self._traced is None:
            names = self._names(len(batch))
            if any(isinstance(leaf, Value) for leaf in flatten(list(batch))[0]):
                self.trace(*batch)
                raise HasValues("the batch")
            self.trace(*map(example_of, names, batch))
        return read_batch(self._arguments, batch)

    def _numbers(self) -> Any:
        """Return the numbers of the leaves, as they are now."""
        training = self._open
        if training is not None and training.is_ready:
            return training.current_numbers()
        leaves = self._leaves
        return find_numpy().fromiter((leaf.data for leaf in leaves), float, len(leaves))

    def _kernel(self, kind: str) -> Kernel:
        """Return code made ready to run: "forward", "backward", "auxiliary" or a number."""
        with self._lock:
            if kind not in self._kernels:
                self._trace.check_primitives()
                widths = [argument.width for argument in self._arguments]
                self._kernels[kind] = make_kernel(self._variant(kind), widths, self._wanted)
                self.backend = self._kernels[kind].name
            return self._kernels[kind]

    def _variant(self, kind: str) -> Code:
        code, parameters = with_dots(self.code), range(len(self._trace.parameters))
        if kind == "auxiliary":
            loss = with_gradients(Code(code.instructions, code.outputs[:1]), parameters)
            return _together(loss, Code(code.instructions, code.outputs[1:]))
        if kind == "forward":
            return code
        if kind == "backward":
            return with_gradients(code, parameters)
        single = Code(code.instructions, (code.outputs[int(kind)],))
        return with_gradients(single, parameters, range(sum(a.width for a in self._arguments)))

    def _require_gradient(self, has_aux: bool = False) -> None:
        if has_aux and len(self._trace.shape) != 1:
            raise TypeError(
                f"{self._name} returns no plain list: has_aux is for a function that returns "
                "[loss, others…]"
            )
        if self._trace.shape and not has_aux:
            raise TypeError(
                f"{self._name} returns {self._trace.shape} numbers per sample: backward needs a "
                "function of one number, such as a loss"
            )
        if not self._trace.parameters:
            raise RuntimeError(f"{self._name} closes over no Value that requires a gradient")

    @property
    def _name(self) -> str:
        name = getattr(self, "__name__", "")
        return name if name.isidentifier() else "compiled"

    def _add(self, shares: Sequence[float]) -> None:
        """Add to the parameters' gradients: to all, or to none if it is interrupted."""
        parameters = self._trace.parameters
        before = [leaf.grad for leaf in parameters]
        try:
            for leaf, share in zip(parameters, shares, strict=True):
                if leaf.requires_grad:
                    leaf.grad += share
        except BaseException:
            for leaf, gradient in zip(parameters, before, strict=True):
                leaf.grad = gradient
            raise

    # As nodes of a graph ----------------------------------------------------------------------

    def _as_nodes(self, sample: Sequence[Any]) -> Any:
        """Return the results for one sample as nodes of the graph that its Values belong to."""
        self._check_sample(sample)
        entries = self._entries(sample)
        if modes.current.tracing is not None:  # it becomes part of another program
            return nested(replay(self.code, entries, self._leaves), self._trace.shape)
        with self._lock:
            if not self._nodes:
                count = len(self.code.outputs)
                self._nodes = [CompiledResult(self, k, self._name) for k in range(count)]
        return nested([node(*entries, *self._leaves) for node in self._nodes], self._trace.shape)

    def _entries(self, sample: Sequence[Any]) -> list[Any]:
        """Return the numbers of one sample."""
        pairs = zip(self._arguments, sample, strict=True)
        return [entry for argument, part in pairs for entry in argument.numbers(part)]

    def _check_sample(self, sample: Sequence[Any]) -> None:
        if len(sample) != len(self._arguments):
            read_batch(self._arguments, sample)
        for argument, entry in zip(self._arguments, sample, strict=True):
            argument.check_sample(entry)

    def value_of_node(self, k: int, entries: Sequence[float]) -> float:
        """Return one of the results for the numbers of a sample and of the leaves."""
        return float(self._run_node(k, entries)[1][0])

    def partials_of_node(self, k: int, entries: Sequence[Any]) -> list[Any]:
        """Return its derivatives: Values, if there are Values among the numbers."""
        if any(isinstance(entry, Value) for entry in entries):
            return self._differentiable_partials(k, entries)
        outputs, totals = self._run_node(k, entries)
        held = [0.0] * len(self._trace.held)
        return [*outputs[0].tolist(), *totals[1:].tolist(), *held]

    def _run_node(self, k: int, entries: Sequence[float]) -> tuple[Any, Any]:
        numpy = find_numpy()
        numbers = numpy.array(entries, dtype=float)
        tables, first = [], 0
        for argument in self._arguments:
            tables.append(numbers[first : first + argument.width].reshape(1, argument.width))
            first += argument.width
        return self._kernel(str(k))(tables, numbers[first:])

    def _differentiable_partials(self, k: int, entries: Sequence[Any]) -> list[Any]:
        values = [entry if isinstance(entry, Value) else Value(entry) for entry in entries]
        inputs = [+value if value.requires_grad else Value(value.data) for value in values]
        # Within a rule a float of a Value is an error; here it is only compared.
        with modes.switched(symbolic=False):
            output = self.graph_of_node(k, inputs)
            slopes: list[Any] = gradients(output, inputs, create_graph=True)
        return slopes

    def graph_of_node(self, k: int, entries: Sequence[Any]) -> Any:
        """Return one of the results as a graph, operation by operation."""
        width = sum(argument.width for argument in self._arguments)
        return replay(self.code, entries[:width], entries[width:])[k]

    # Reading and keeping ----------------------------------------------------------------------

    def graph(self, *sample: Any) -> Any:
        """Return the function's result for one sample as a graph, node by node.

        Args:
            sample: for each argument a number or nested sequences of numbers or Values.
        """
        self.trace(*sample)
        return nested(self._graph(self._entries(sample)), self._trace.shape)

    def _graph(self, entries: Sequence[Any]) -> list[Any]:
        inputs = [
            entry if isinstance(entry, Value) else Value(entry, name, requires_grad=False)
            for entry, name in zip(entries, self._input_names(), strict=True)
        ]
        return replay(self.code, inputs, self._leaves)

    def draw(self, *sample: Any, **options: Any) -> Any:
        """Return a picture of what the function does to one sample: see `autograd.draw`.

        Args:
            sample: for each argument a number or nested sequences of numbers (default: zeros).
            options: those of `autograd.draw`.
        """
        if sample:
            self.trace(*sample)
        zeros = [0.0] * sum(argument.width for argument in self._arguments)
        results = self._graph(self._entries(sample) if sample else zeros)
        roots = [x if isinstance(x, Value) else Value(x, requires_grad=False) for x in results]
        draw: Any = importlib.import_module("autograd").draw
        return draw(roots, **options)

    def listing(self, kind: str = "forward") -> str:
        """Return what is done as text, one line per operation.

        Args:
            kind: "forward" for the function itself, "backward" for its mean over a batch and the
                gradients.

        Raises:
            ValueError: for any other kind.
            RuntimeError: if the function has not been traced yet.

        >>> from autograd import compile, tanh
        >>> w = Value(0.5, label="w")
        >>> print(compile(lambda x: tanh(w * x)).trace(1.0).listing("backward"))
        for each sample:
          v2 = w * x
          v3 = tanh(v2)
          v5 = v3 * v3
          v6 = 1 - v5
          v7 = x * v6
        after all samples:
          v8 = batch_mean(v7)
          v9 = batch_mean(v3)
        return once: v9, v8
        """
        if kind not in ("forward", "backward"):
            raise ValueError(f'there is a "forward" and a "backward" listing, not {kind!r}')
        if kind == "backward":
            self._require_gradient()
        numbers = [leaf.label or f"p{k}" for k, leaf in enumerate(self._leaves)]
        return listing(self._variant(kind), self._input_names(), numbers)

    def _input_names(self) -> list[str]:
        return [name for argument in self._arguments for name in argument.names()]

    def to_json(self) -> str:
        """Return the program as JSON text, with the numbers of the Values it closes over.

        Raises:
            RuntimeError: if the function has not been traced yet.
        """
        traced = self._trace
        saved = {
            "name": self._name,
            "arguments": [argument.to_json() for argument in self._arguments],
            "shape": traced.shape,
            "parameters": [[leaf.label, leaf.data.hex()] for leaf in traced.parameters],
            "held": [[leaf.label, leaf.data.hex()] for leaf in traced.held],
            "code": json.loads(traced.code.to_json()),
        }
        return json.dumps(saved)

    @classmethod
    def from_json(
        cls, text: str, parameters: Sequence[Value] | None = None, *, backend: str = "auto"
    ) -> "Program":
        """Return a program from JSON text that `to_json` wrote.

        Args:
            text: the JSON.
            parameters: the Values to take as its parameters (default: new ones, with the numbers
                and labels of the old).
            backend: as for `compile`.

        Raises:
            ValueError: if the text is no such program, or there are not as many parameters.
            LookupError: if it has a primitive that is not declared in this process.

        >>> from autograd import compile
        >>> w = Value(3.0, label="w")
        >>> text = compile(lambda x: w * x, backend="numpy").trace(0.0).to_json()
        >>> Program.from_json(text, backend="numpy")([1.0, 2.0]).tolist()
        [3.0, 6.0]
        """
        program = cls(None, checked_backend(backend))
        try:
            saved = json.loads(text)
            code = Code.from_json(json.dumps(saved["code"]))
            own = [Value(float.fromhex(x), label) for label, x in saved["parameters"]]
            held = [
                Value(float.fromhex(x), label, requires_grad=False) for label, x in saved["held"]
            ]
            program._arguments = [Argument.from_json(entry) for entry in saved["arguments"]]
            program.__name__ = str(saved["name"])
            shape = tuple(saved["shape"])
            if not all(type(length) is int and length >= 0 for length in shape):
                raise ValueError(f"{shape} is no shape")
        except NOT_AS_WRITTEN as error:
            raise ValueError(f"this is not the JSON of a compiled program: {error}") from None
        if parameters is not None and len(parameters) != len(own):
            raise ValueError(f"the program has {len(own)} parameters, got {len(parameters)}")
        chosen = own if parameters is None else list(parameters)
        inputs = sum(argument.width for argument in program._arguments)
        code.check_function(inputs, len(chosen) + len(held), math.prod(shape))
        program._traced = Trace(code, chosen, held, shape)
        return program

    # Elsewhere --------------------------------------------------------------------------------

    def to_jax(self) -> "JaxFunction":
        """Return the function as a pure function of JAX, ``f(params, *sample)``, of one sample.

        Everything of JAX's can be done with it: jit, vmap for a batch, grad, and more devices.
        The params are an array in the order of `parameters`, which ``f.params`` has the numbers
        of; what the function closes over besides is taken as it is now. It computes in the type
        of its inputs: for doubles, enable them first, by
        ``jax.config.update("jax_enable_x64", True)``. An argument of uneven rows is given as
        nested lists. An index out of range gives nan.

        Derivatives of any order are those of the graph, also at kinks and where a branch is not
        taken, but for what XLA does: numbers below the smallest normal one are 0, and jit makes
        a / (b * c) of a / b / c, so that slopes at inputs beyond 1e150 may overflow. Large
        programs compile fast, as what is done alike to many numbers is done once to a vector.

        Raises:
            RuntimeError: if it has not been traced yet.
            ImportError: if JAX is not installed.
            NotImplementedError: if the value of a primitive of your own is not made of autograd's
                functions.

        >>> import jax
        >>> from autograd import compile, tanh
        >>> w = Value(0.5)
        >>> f = compile(lambda x: tanh(w * x), backend="numpy").trace(0.0).to_jax()
        >>> slope = jax.grad(f)(f.params, 1.0)
        >>> print(f"{f(f.params, 1.0):.4f} {slope[0]:.4f}")
        0.4621 0.7864
        """
        from autograd.compiled.export.to_jax import JaxFunction

        code, parameters = self._closed()
        return JaxFunction(self._name, code, self._arguments, parameters, self._trace.shape)

    def to_onnx(self, path: "str | os.PathLike[str] | None" = None) -> Any:
        """Return the function as a model of ONNX, which runs on batches where there is no Python.

        Its inputs are called as the function's arguments and have one more length in front, the
        batch; its output is called output. All are doubles. The parameters are an initializer of
        this name, in the order of `parameters`; what else the function closes over is taken as it
        is now. It needs opset 13, and no operations but those that onnxruntime has for doubles:
        others are composed of them, and accurate to 1e-13 of their size; beside their zeros,
        lgamma, sin, cos and tan are so in absolute terms only. An index out of range is refused
        by onnxruntime.

        Args:
            path: where to write the model, if it shall be written.

        Raises:
            RuntimeError: if it has not been traced yet.
            ImportError: if ONNX is not installed.
            NotImplementedError: if it has digamma or polygamma, or the value of a primitive of
                your own is not made of autograd's functions.
            ValueError: if the function has no arguments.
            OSError: if the file can't be written.

        >>> from autograd import compile, tanh
        >>> w = Value(0.5)
        >>> model = compile(lambda x: tanh(w * x), backend="numpy").trace(0.0).to_onnx()
        >>> [node.op_type for node in model.graph.node]
        [...'Mul', 'Tanh', 'Reshape']
        """
        from autograd.compiled.export.to_onnx import onnx_model

        code, parameters = self._closed()
        model = onnx_model(self._name, code, self._arguments, parameters, self._trace.shape)
        if path is not None:
            write_whole(path, model.SerializeToString())
        return model

    def _closed(self) -> tuple[Code, list[float]]:
        """Return code that depends on the parameters alone, and their numbers."""
        parameters, held = self._trace.parameters, self._trace.held
        constants = {len(parameters) + k: leaf.data for k, leaf in enumerate(held)}
        return with_constants(self.code, constants), [leaf.data for leaf in parameters]

    def __repr__(self) -> str:
        """Say what was compiled."""
        if self._traced is None:
            return f"<compiled {self._name}, not yet called>"
        return (
            f"<compiled {self._name}: {self.operations} operations, "
            f"{len(self._traced.parameters)} parameters>"
        )


def _together(code: Code, other: Code) -> Code:
    """Return code that does what both do, but only once what both do."""
    builder = Builder()
    outputs: list[int] = []
    totals: list[int] = []
    for part in (code, other):
        places: list[int] = []
        for instruction in part.instructions:
            places.append(builder.copy(instruction, places))
        outputs += [places[place] for place in part.outputs]
        totals += [places[place] for place in part.totals]
    return Code(tuple(builder.instructions), tuple(outputs), tuple(totals)).without_dead_code()


def compile(function: Function | None = None, *example: Any, backend: str = "auto") -> Any:
    """Return a function compiled to run on whole batches, as fast as the machine can.

    The function is of one sample, plain scalar code over Values. It is run once, when it is
    called first or right now if there is an example: on stand-ins for numbers, to see which
    operations it does. Those are done from then on, for all samples of a batch at once, and
    backward too. Values that it closes over are read at each call. All else is taken as it was
    in that run: floats of an enclosing function, the time, and random numbers, which are refused
    where they can be noticed: from generators of Python's and NumPy's that everybody shares or
    that the function can reach.

    Args:
        function: of one sample's numbers; arguments may be nested sequences. Left out, a
            decorator is returned.
        example: one sample, of which nothing counts but how it is nested.
        backend: "llvm" for machine code, "numpy", or "auto" for the fastest that is installed.

    Raises:
        TypeError: if it is no function.
        TracingError: if it does what would be decided once and for all: a branch, an index or
            float() of a number that is known only when it is called, or random numbers.
        ValueError: for an unknown backend.
        ImportError: if NumPy, or the backend asked for, is not installed.

    Follows jax.jit of jax.vmap of the function.

    >>> w, b = Value(2.0), Value(1.0)
    >>> @compile(backend="numpy")
    ... def loss(x, y):
    ...     return (w * x + b - y) ** 2
    >>> loss([0.0, 1.0], [0.0, 0.0]).tolist()
    [1.0, 9.0]
    >>> loss.backward([0.0, 1.0], [0.0, 0.0])
    5.0
    >>> w.grad, b.grad
    (3.0, 4.0)
    """
    backend = checked_backend(backend)
    if function is None:
        return functools.partial(compile, backend=backend)
    if not callable(function):
        raise TypeError(f"compile takes a function, got {describe(function)}")
    program = Program(function, backend)
    return program.trace(*example) if example else program
