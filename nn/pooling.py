"""Pooling: one number in place of several neighbours, the largest or the mean."""

from functools import reduce
from typing import Any, ClassVar

from autograd import Primitive, Value, maximum, mean, real, sum, where
from autograd.real import inf, nan
from nn.module import Module
from nn.shapes import Form, at_depth, each, name, shape
from nn.windows import Axis, check_room, per_axis, shown, unusual, windows


def _largest_partials(out: Any, *xs: Any) -> tuple[Any, ...]:
    """1 for the largest input; equal shares where several are, which has the least norm."""
    flags = [where(x >= out, 1.0, 0.0) for x in xs]
    return tuple([where(out <= inf, flag / sum(flags), nan) for flag in flags])


def _leads(*xs: Any) -> list[Any]:
    """By how much each input is larger than all the others."""
    return [x - real.largest([*xs[:k], *xs[k + 1 :]]) for k, x in enumerate(xs)]


largest = Primitive(
    "largest",
    lambda *xs: reduce(maximum, xs),
    _largest_partials,
    kinks=_leads,
    latex=r"\max",
    exact=lambda mp, *xs: max(xs, key=mp.re),
)
"""The largest of any number of numbers, as one node of the graph."""


class _Pool(Module):
    """What all pooling layers share: they differ in axes, and in what they make of a window."""

    axis_names: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
    ) -> None:
        a, count = f"a {type(self).__name__}'s", len(self.axis_names)
        self.kernel_size = per_axis(f"{a} kernel_size", kernel_size, count)
        self.stride = per_axis(f"{a} stride", self.kernel_size if stride is None else stride, count)
        self.padding = per_axis(f"{a} padding", padding, count, least=0)
        self.dilation = per_axis(f"{a} dilation", dilation, count)
        self.axes = [
            Axis(size, step, width, width, apart)
            for size, step, width, apart in zip(
                self.kernel_size, self.stride, self.padding, self.dilation, strict=True
            )
        ]
        for axis in self.axes:
            if axis.before > axis.span // 2:
                raise ValueError(
                    f"{a} padding is at most half of what the kernel covers, "
                    f"got {axis.before} for {axis.span} positions"
                )

    def forward(self, x: Any) -> Any:
        """Return every channel of every sample in x, pooled."""
        form: Form = ("channels", *self.axis_names)
        return each(self, x, form, lambda channels: [self._pooled(c) for c in channels])

    def _pooled(self, channel: Any) -> Any:
        check_room(name(self), self.axes, shape("a channel", channel))
        return at_depth(len(self.axes), windows(channel, self.axes, None), self._pool)

    def _pool(self, window: list[Value | None]) -> Value:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Show what the layer was made with, where it differs from the defaults."""
        settings = unusual(self, stride=self.kernel_size, padding=0, dilation=1)
        return f"{shown(self.kernel_size)}{settings}"


class _MaxPool(_Pool):
    """The largest number in each window; padding never is."""

    def _pool(self, window: list[Value | None]) -> Value:
        inside = [x for x in window if x is not None]
        return largest(*inside) if inside else Value(-inf, requires_grad=False)


class _AvgPool(_Pool):
    """The mean of each window."""

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def _pool(self, window: list[Value | None]) -> Value:
        inside = [x for x in window if x is not None]
        if self.count_include_pad:
            return mean([*inside, *[0.0] * (len(window) - len(inside))])
        return mean(inside)

    def extra_repr(self) -> str:
        """Show what the layer was made with, where it differs from the defaults."""
        without = "" if self.count_include_pad else ", count_include_pad=False"
        return super().extra_repr() + without


class MaxPool1d(_MaxPool):
    """The largest of a few neighbouring positions.

    Where several are the largest they share the gradient evenly, as in torch.amax;
    torch.nn.MaxPool1d gives it all to the first.

    Args:
        kernel_size: how many positions a window has.
        stride: how far it is from one window to the next (default: kernel_size).
        padding: how many positions a window may begin before the first, or end after the last;
            at most half of it.
        dilation: how far the positions of a window are apart.

    Shapes:
        x: [channel][position], or nested lists of such.
        result: nested in the same way, with
            floor((positions + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1
            positions.

    Raises:
        ValueError: if a number is too small, the padding too wide, x has another shape, or a
            window is longer than the padded signal.

    Follows torch.nn.MaxPool1d.

    >>> [y.data for y in MaxPool1d(2)([[1.0, 4.0, 3.0, 2.0]])[0]]
    [4.0, 3.0]
    """

    axis_names = ("positions",)


class MaxPool2d(_MaxPool):
    """The largest of a few neighbouring pixels; several share the gradient evenly.

    Args:
        kernel_size: how many rows and columns a window has: a number, or (rows, columns), like
            stride, padding and dilation.
        stride, padding, dilation: as for `MaxPool1d`.

    Shapes:
        x: [channel][row][column], or nested lists of such; the result is nested in the same way,
            with rows and columns as for `MaxPool1d`.

    Raises:
        ValueError: as for `MaxPool1d`.

    Follows torch.nn.MaxPool2d.

    >>> MaxPool2d(2)([[[1.0, 4.0], [3.0, 2.0]]])[0][0][0].data
    4.0
    """

    axis_names = ("rows", "columns")


class AvgPool1d(_AvgPool):
    """The mean of a few neighbouring positions.

    Args:
        kernel_size: how many positions a window has.
        stride: how far it is from one window to the next (default: kernel_size).
        padding: how many zeros come before and after; at most half of kernel_size.
        count_include_pad: whether the zeros count for the mean.

    Shapes:
        x: [channel][position], or nested lists of such.
        result: nested in the same way, with
            floor((positions + 2 * padding - kernel_size) / stride) + 1 positions.

    Raises:
        ValueError: if a number is too small, the padding too wide, x has another shape, or a
            window is longer than the padded signal.

    Follows torch.nn.AvgPool1d.

    >>> [y.data for y in AvgPool1d(2)([[1.0, 4.0, 3.0, 2.0]])[0]]
    [2.5, 2.5]
    """

    axis_names = ("positions",)


class AvgPool2d(_AvgPool):
    """The mean of a few neighbouring pixels.

    Args:
        kernel_size: how many rows and columns a window has: a number, or (rows, columns), like
            stride and padding.
        stride, padding, count_include_pad: as for `AvgPool1d`.

    Shapes:
        x: [channel][row][column], or nested lists of such; the result is nested in the same way,
            with rows and columns as for `AvgPool1d`.

    Raises:
        ValueError: as for `AvgPool1d`.

    Follows torch.nn.AvgPool2d.

    >>> AvgPool2d(2)([[[1.0, 4.0], [3.0, 2.0]]])[0][0][0].data
    2.5
    """

    axis_names = ("rows", "columns")
