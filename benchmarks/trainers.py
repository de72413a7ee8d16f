"""The same training step in every library: forward, backward, L2, gradient descent.

Each trains as its users would write it, in numbers of 64 bits. A library is imported when its
trainer is made: it may be installed in an environment of its own.
"""

import ctypes
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache, partial
from importlib import import_module
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import environments
from cases import RATE, Case


class Trainer:
    """What trains a network; the libraries are its subclasses.

    Attributes:
        steps_a_call: how many steps are taken at least when some are asked for.
    """

    steps_a_call = 1

    def begin(self, case: Case) -> None:
        """Make ready to train this network, from its first numbers."""
        raise NotImplementedError

    def run(self, steps: int) -> None:
        """Take so many steps."""
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        """Take one step."""
        raise NotImplementedError

    def numbers(self) -> list[float]:
        """End the training and return the parameters: layer by layer, row by row."""
        raise NotImplementedError


class Stepgrad(Trainer):
    """This engine: a network of `nn`, compiled."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.open = ExitStack()
        self.made = cache(self._made)

    def _made(self, sizes: tuple[int, ...]) -> Any:
        compile = import_module("autograd").compile
        nn, optim = import_module("nn"), import_module("optim")
        model = nn.MLP(sizes[0], sizes[1:], "relu")
        penalty = Case(sizes, 1).penalty

        def margin(x: Any, label: Any) -> Any:
            return nn.losses.hinge(model(x)[0], label) + nn.l2_penalty(model, penalty)

        def cross_entropy(x: Any, label: Any) -> Any:
            return nn.losses.cross_entropy(model(x), label)

        loss = cross_entropy if sizes[-1] > 1 else margin
        parameters = model.parameters()
        return compile(loss, backend=self.backend), optim.SGD(parameters, lr=RATE), parameters

    def begin(self, case: Case) -> None:
        numpy = import_module("numpy")
        self.open.close()
        program, optimizer, self.parameters = self.made(case.sizes)
        for parameter, number in zip(self.parameters, case.numbers(), strict=True):
            parameter.data = number
        self.batch = [numpy.array(part) for part in case.samples()]
        self.take = self.open.enter_context(program.training(optimizer))

    def run(self, steps: int) -> None:
        take, (inputs, labels) = self.take, self.batch
        for _ in range(steps):
            take(inputs, labels)

    def numbers(self) -> list[float]:
        self.open.close()
        return [parameter.data for parameter in self.parameters]


class NumPy(Trainer):
    """Matrices, and the chain rule by hand."""

    def begin(self, case: Case) -> None:
        self.np = np = import_module("numpy")
        inputs, labels = case.samples()
        self.case, self.inputs = case, np.array(inputs)
        self.labels = np.array(labels) if case.has_classes else np.array(labels)[:, None]
        self.flat = np.array(case.numbers())
        self.gradient = np.empty_like(self.flat)
        self.layers = self._views(self.flat)
        self.gradients = self._views(self.gradient)

    def _views(self, flat: Any) -> list[Any]:
        """Return each layer's weights and biases, which lie in the one array."""
        cuts = [0, *accumulate(rows * columns for rows, columns in self.case.shapes)]
        tables = [
            flat[first:end].reshape(shape)
            for (first, end), shape in zip(pairwise(cuts), self.case.shapes, strict=True)
        ]
        return [(table[:, :-1], table[:, -1]) for table in tables]

    def step(self) -> None:
        np = self.np
        entering = [self.inputs]
        for weights, biases in self.layers[:-1]:
            entering.append(np.maximum(entering[-1] @ weights.T + biases, 0.0))
        weights, biases = self.layers[-1]
        scores = entering[-1] @ weights.T + biases
        slope = self.cross_entropy(scores) if self.case.has_classes else self.hinge(scores)
        for place in reversed(range(len(self.layers))):
            x = entering[place]
            of_weights, of_biases = self.gradients[place]
            np.matmul(slope.T, x, out=of_weights)
            np.sum(slope, axis=0, out=of_biases)
            if place > 0:
                slope = (slope @ self.layers[place][0]) * (x > 0.0)
        if self.case.penalty:
            self.loss += self.case.penalty * (self.flat @ self.flat)
            self.gradient += 2.0 * self.case.penalty * self.flat
        self.flat -= RATE * self.gradient

    def hinge(self, scores: Any) -> Any:
        """Return the derivative of the mean loss with respect to the scores."""
        missing = 1.0 - self.labels * scores
        self.loss = self.np.maximum(missing, 0.0).mean()
        return self.labels * (missing > 0.0) / -len(scores)

    def cross_entropy(self, scores: Any) -> Any:
        """Return the derivative of the mean loss with respect to the scores."""
        np, rows = self.np, self.np.arange(len(scores))
        scores -= scores.max(axis=1, keepdims=True)
        slope = np.exp(scores)
        totals = slope.sum(axis=1, keepdims=True)
        self.loss = np.log(totals).mean() - scores[rows, self.labels].mean()
        slope /= totals
        slope[rows, self.labels] -= 1.0
        slope /= len(scores)
        return slope

    def numbers(self) -> list[float]:
        numbers: list[float] = self.flat.tolist()
        return numbers


class ByHand(Trainer):
    """training_step.c: 8 samples a vector, the 2-16-16-1 network alone.

    Args:
        steps_a_call: how many steps a call from Python takes.
    """

    def __init__(self, steps_a_call: int) -> None:
        self.steps_a_call = steps_a_call
        library = ctypes.CDLL(str(environments.training_step()))
        self.train = library.train
        self.train.restype = ctypes.c_double

    def begin(self, case: Case) -> None:
        numbers = case.numbers()
        self.count = len(numbers)
        numbers += [0.0] * (-len(numbers) % 8)
        blocks = eights(*case.samples())
        self.flat = (ctypes.c_double * len(numbers))(*numbers)
        self.blocks = (ctypes.c_double * len(blocks))(*blocks)
        options = (ctypes.c_long(case.batch), ctypes.c_double(RATE), ctypes.c_double(case.penalty))
        self.arguments = (self.flat, self.blocks, *options)

    def run(self, steps: int) -> None:
        many = ctypes.c_long(self.steps_a_call)
        for _ in range(steps // self.steps_a_call):
            self.train(*self.arguments, many)
        if steps % self.steps_a_call:
            self.train(*self.arguments, ctypes.c_long(steps % self.steps_a_call))

    def numbers(self) -> list[float]:
        return self.flat[: self.count]


def eights(inputs: Sequence[Sequence[float]], labels: Sequence[float]) -> list[float]:
    """Return samples in blocks of eight: their x, their y, their labels, 0 where there is none."""
    rows = [[*point, label] for point, label in zip(inputs, labels, strict=True)]
    rows += [[0.0, 0.0, 0.0]] * (-len(rows) % 8)
    return [
        number
        for first in range(0, len(rows), 8)
        for column in zip(*rows[first : first + 8], strict=True)
        for number in column
    ]


class Torch(Trainer):
    """PyTorch, tensors and autograd."""

    def __init__(self) -> None:
        self.torch = import_module("torch")
        self.torch.set_num_threads(1)
        self.functional = import_module("torch.nn.functional")

    def begin(self, case: Case) -> None:
        self.case = case
        inputs, labels = case.samples()
        self.inputs = self.tensor(inputs)
        self.labels = self.torch.tensor(labels) if case.has_classes else self.tensor(labels)
        flat, parts = self.tensor(case.numbers()), [r * c for r, c in case.shapes]
        tables = [
            part.view(shape) for part, shape in zip(flat.split(parts), case.shapes, strict=True)
        ]
        self.parameters = [
            self.tensor(part.tolist()).requires_grad_()  # anew, without a neighbour's strides
            for table in tables
            for part in (table[:, :-1], table[:, -1])
        ]

    def tensor(self, numbers: Any) -> Any:
        """Return a tensor of 64 bits."""
        return self.torch.tensor(numbers, dtype=self.torch.float64)

    def loss(self, parameters: Sequence[Any], x: Any, labels: Any) -> Any:
        """Return the loss."""
        *hidden, last = zip(parameters[::2], parameters[1::2], strict=True)
        for weights, biases in hidden:
            x = self.torch.relu(self.functional.linear(x, weights, biases))
        scores = self.functional.linear(x, *last)
        if self.case.has_classes:
            return self.functional.cross_entropy(scores, labels)
        penalty = sum((p * p).sum() for p in parameters)
        hinge = self.torch.relu(1.0 - labels * scores[:, 0]).mean()
        return hinge + self.case.penalty * penalty

    def step(self) -> None:
        loss = self.loss(self.parameters, self.inputs, self.labels)
        gradients = self.torch.autograd.grad(loss, self.parameters)
        with self.torch.no_grad():
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter -= RATE * gradient

    def numbers(self) -> list[float]:
        pairs = zip(self.parameters[::2], self.parameters[1::2], strict=True)
        tables = [self.torch.cat([weights, biases[:, None]], dim=1) for weights, biases in pairs]
        return [number for table in tables for number in table.flatten().tolist()]


class CompiledTorch(Torch):
    """PyTorch, the whole step compiled for each size of batch."""

    def __init__(self) -> None:
        super().__init__()
        self.compiled = self.torch.compile(self.moved, dynamic=False, fullgraph=True)

    def begin(self, case: Case) -> None:
        super().begin(case)
        self.parameters = [parameter.detach() for parameter in self.parameters]

    def moved(self, parameters: Sequence[Any], x: Any, labels: Any) -> Any:
        """Return the parameters a step further, and the loss before."""
        differentiated = self.torch.func.grad_and_value(self.loss)
        gradients, loss = differentiated(parameters, x, labels)
        pairs = zip(parameters, gradients, strict=True)
        return [parameter - RATE * gradient for parameter, gradient in pairs], loss

    def step(self) -> None:
        self.parameters, _ = self.compiled(self.parameters, self.inputs, self.labels)


class Jax(Trainer):
    """JAX: the step is one function, which is called or looped over.

    Args:
        steps_a_call: how many steps a call from Python takes.
    """

    def __init__(self, steps_a_call: int) -> None:
        self.steps_a_call = steps_a_call
        self.jax = import_module("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.jnp = import_module("jax.numpy")
        self.made = cache(self._made)

    def begin(self, case: Case) -> None:
        jnp = self.jnp
        inputs, labels = case.samples()
        self.batch = jnp.array(inputs), jnp.array(labels)
        self.call = self.made(case.has_classes, case.penalty)
        self.parameters, rest = [], jnp.array(case.numbers())
        for rows, columns in case.shapes:
            table, rest = rest[: rows * columns].reshape(rows, columns), rest[rows * columns :]
            self.parameters.append((table[:, :-1], table[:, -1]))

    def _made(self, has_classes: bool, penalty: float) -> Callable[..., Any]:
        """Return the step, or a loop of steps, compiled."""
        jax, jnp = self.jax, self.jnp

        def loss(parameters: Any, x: Any, labels: Any) -> Any:
            *hidden, (weights, biases) = parameters
            for w, b in hidden:
                x = jax.nn.relu(x @ w.T + b)
            scores = x @ weights.T + biases
            if has_classes:
                chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=1)
                return -chosen.mean()
            squares = sum((p * p).sum() for layer in parameters for p in layer)
            return jax.nn.relu(1.0 - labels * scores[:, 0]).mean() + penalty * squares

        def step(parameters: Any, x: Any, labels: Any) -> Any:
            value, gradients = jax.value_and_grad(loss)(parameters, x, labels)
            return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradients), value

        def loop(parameters: Any, x: Any, labels: Any, steps: int) -> Any:
            return jax.lax.fori_loop(
                0, steps, lambda _, state: step(state[0], x, labels), (parameters, 0.0)
            )

        compiled: Callable[..., Any] = jax.jit(step if self.steps_a_call == 1 else loop)
        return compiled

    def run(self, steps: int) -> None:
        if self.steps_a_call == 1:
            for _ in range(steps):
                self.parameters, _ = self.call(self.parameters, *self.batch)
        else:
            self.parameters, _ = self.call(self.parameters, *self.batch, steps)
        self.jax.block_until_ready(self.parameters)

    def numbers(self) -> list[float]:
        jnp = self.jnp
        tables = [jnp.concatenate([w, b[:, None]], axis=1) for w, b in self.parameters]
        return [number for table in tables for number in table.ravel().tolist()]


class CasADi(Trainer):
    """CasADi: one sample's scalar code, mapped over the batch, as generated C."""

    def __init__(self) -> None:
        self.casadi = import_module("casadi")
        self.folder = tempfile.TemporaryDirectory()
        self.made = cache(self._made)

    def _made(self, case: Case) -> Any:
        """Return the step, compiled."""
        casadi, count = self.casadi, len(case.numbers())
        parameters, x, label = (
            casadi.SX.sym(name, size)
            for name, size in (("p", count), ("x", case.sizes[0]), ("label", 1))
        )
        loss = casadi.fmax(1.0 - label * self.network(case, parameters, x), 0.0)
        sample = casadi.Function(
            "sample", [parameters, x, label], [loss, casadi.gradient(loss, parameters)]
        )
        shared, summed = [0], [0, 1]  # the parameters; the loss and its gradient
        batch = sample.map("batch", "serial", case.batch, shared, summed)
        whole = [
            casadi.MX.sym("p", count),
            casadi.MX.sym("x", case.sizes[0], case.batch),
            casadi.MX.sym("label", 1, case.batch),
        ]
        total, gradient = batch(*whole)
        mean = total / case.batch + case.penalty * casadi.dot(whole[0], whole[0])
        slope = gradient / case.batch + 2.0 * case.penalty * whole[0]
        name = f"step{case.batch}"
        step = casadi.Function(name, whole, [whole[0] - RATE * slope, mean])
        generator = casadi.CodeGenerator(f"{name}.c")
        generator.add(step)
        library = Path(self.folder.name, f"{name}.so")
        library.with_suffix(".c").write_text(generator.dump())
        environments.build(library.with_suffix(".c"), library, environments.FAST)
        return casadi.external(name, str(library))

    def network(self, case: Case, parameters: Any, x: Any) -> Any:
        """Return the network's output for one sample."""
        first = 0
        for rows, columns in case.shapes:
            end = first + rows * columns
            table = parameters[first:end].reshape((columns, rows)).T  # CasADi's go by columns
            x = table[:, :-1] @ x + table[:, -1]
            if end < parameters.numel():
                x = self.casadi.fmax(x, 0.0)
            first = end
        return x

    def begin(self, case: Case) -> None:
        np = import_module("numpy")
        inputs, labels = case.samples()
        self.batch = np.array(inputs), np.array(labels)  # CasADi keeps the addresses alone
        step = self.made(case)
        self.flat = [np.array(case.numbers()), np.zeros(len(case.numbers()))]
        self.calls = []
        for old, new in (self.flat, self.flat[::-1]):
            buffer, call = step.buffer()
            for place, numbers in enumerate((old, *self.batch)):
                buffer.set_arg(place, memoryview(numbers))
            mean = np.zeros(1)
            buffer.set_res(0, memoryview(new))
            buffer.set_res(1, memoryview(mean))
            self.calls.append((call, buffer, mean))

    def run(self, steps: int) -> None:
        (there, *_), (back, *_) = self.calls
        for _ in range(steps // 2):
            there()
            back()
        if steps % 2:
            there()
            self.flat[0][:] = self.flat[1]

    def numbers(self) -> list[float]:
        numbers: list[float] = self.flat[0].tolist()
        return numbers


class PyTensor(Trainer):
    """PyTensor: a graph of tensors, compiled by Numba."""

    def __init__(self) -> None:
        self.pytensor = import_module("pytensor")
        self.made = cache(self._made)

    def _made(self, shapes: tuple[tuple[int, int], ...], penalty: float) -> Any:
        """Return the step, compiled, and the parameters it moves."""
        np, tensor = import_module("numpy"), import_module("pytensor.tensor")
        parameters = []
        inputs, labels = x, _ = tensor.dmatrix("x"), tensor.dvector("labels")
        for place, (rows, columns) in enumerate(shapes):
            weights = self.pytensor.shared(np.zeros((rows, columns - 1)))
            biases = self.pytensor.shared(np.zeros(rows))
            parameters += [weights, biases]
            x = x @ weights.T + biases
            if place + 1 < len(shapes):
                x = tensor.maximum(x, 0.0)
        squares = sum((p * p).sum() for p in parameters)
        loss = tensor.maximum(1.0 - labels * x[:, 0], 0.0).mean() + penalty * squares
        gradients = tensor.grad(loss, parameters)
        pairs = zip(parameters, gradients, strict=True)
        updates = [(parameter, parameter - RATE * gradient) for parameter, gradient in pairs]
        step = self.pytensor.function([inputs, labels], loss, updates=updates, mode="NUMBA")
        step.trust_input = True
        return step, parameters

    def begin(self, case: Case) -> None:
        np = import_module("numpy")
        self.call, self.parameters = self.made(tuple(case.shapes), case.penalty)
        self.batch = [np.array(part) for part in case.samples()]
        flat, first = np.array(case.numbers()), 0
        for place, (rows, columns) in enumerate(case.shapes):
            table = flat[first : first + rows * columns].reshape(rows, columns)
            self.parameters[2 * place].set_value(table[:, :-1])
            self.parameters[2 * place + 1].set_value(table[:, -1])
            first += rows * columns

    def step(self) -> None:
        self.call(*self.batch)

    def numbers(self) -> list[float]:
        np = import_module("numpy")
        values = [parameter.get_value() for parameter in self.parameters]
        pairs = zip(values[::2], values[1::2], strict=True)
        tables = [np.concatenate([weights, biases[:, None]], axis=1) for weights, biases in pairs]
        return [number for table in tables for number in table.ravel().tolist()]


LOOP = 1000
TRAINERS: dict[str, Callable[[], Trainer]] = {
    "stepgrad": partial(Stepgrad, "llvm"),
    "stepgrad, NumPy alone": partial(Stepgrad, "numpy"),
    "C by hand, loop of 1000": partial(ByHand, LOOP),
    "C by hand": partial(ByHand, 1),
    "NumPy by hand": NumPy,
    "PyTorch": Torch,
    "PyTorch, compiled": CompiledTorch,
    "JAX": partial(Jax, 1),
    "JAX, loop of 1000": partial(Jax, LOOP),
    "CasADi, generated C": CasADi,
    "PyTensor, Numba": PyTensor,
}
