"""Convolution: the same few weights at every place of a signal or an image."""

import math
from random import Random
from typing import Any, ClassVar

from autograd import Value, dot
from autograd.nested import flatten
from nn import init
from nn.checks import positive_count
from nn.module import Module
from nn.shapes import Form, at_depth, each, name, shape
from nn.windows import Axis, check_room, per_axis, shown, unusual, windows


class _Conv(Module):
    """What Conv1d and Conv2d share: they differ in the number of axes."""

    axis_names: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        seed: int | Random | None = None,
    ) -> None:
        a, count = f"a {type(self).__name__}'s", len(self.axis_names)
        self.in_channels = positive_count(f"{a} in_channels", in_channels)
        self.out_channels = positive_count(f"{a} out_channels", out_channels)
        self.groups = positive_count(f"{a} groups", groups)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"{a} groups must divide in_channels and out_channels, "
                f"got {groups} for {in_channels} and {out_channels}"
            )
        self.kernel_size = per_axis(f"{a} kernel_size", kernel_size, count)
        self.stride = per_axis(f"{a} stride", stride, count)
        self.dilation = per_axis(f"{a} dilation", dilation, count)
        self.padding = padding
        self.axes = [
            Axis(*numbers)
            for numbers in zip(
                self.kernel_size, self.stride, *self._paddings(a), self.dilation, strict=True
            )
        ]
        self._begin(init.generator(seed), bias)

    def _paddings(self, a: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the padding before and after, for each axis."""
        if self.padding == "same":
            if set(self.stride) != {1}:
                raise ValueError(f"{a} padding can be 'same' only with stride 1")
            spans = [
                dilation * (size - 1)
                for dilation, size in zip(self.dilation, self.kernel_size, strict=True)
            ]
            return tuple(n // 2 for n in spans), tuple(n - n // 2 for n in spans)
        if isinstance(self.padding, str) and self.padding != "valid":
            raise ValueError(
                f"{a} padding is a whole number, 'same' or 'valid', got {self.padding!r}"
            )
        width = 0 if self.padding == "valid" else self.padding
        both = per_axis(f"{a} padding", width, len(self.axis_names), least=0)
        return both, both

    def _begin(self, rng: Random, bias: bool) -> None:
        per_group = self.in_channels // self.groups
        bound = (per_group * math.prod(self.kernel_size)) ** -0.5
        lengths = (self.out_channels, per_group, *self.kernel_size)
        self.weight = init.uniform(rng, bound, *lengths)
        self.bias = init.uniform(rng, bound, self.out_channels) if bias else None

    def forward(self, x: Any) -> Any:
        """Return the output channels of every sample in x."""
        form: Form = (self.in_channels, *self.axis_names)
        return each(self, x, form, self._convolved)

    def _convolved(self, channels: list[Any]) -> list[Any]:
        check_room(name(self), self.axes, shape("a channel", channels[0]))
        per_group = self.in_channels // self.groups
        over_channels = Axis(per_group, stride=per_group)  # a window holds a group of channels
        outside = Value(0.0, requires_grad=False)
        groups = windows(channels, [over_channels, *self.axes], outside)
        share = self.out_channels // self.groups
        return [self._output(k, groups[k // share]) for k in range(self.out_channels)]

    def _output(self, channel: int, seen: Any) -> Any:
        """Return one output channel: one weighted sum for each window seen."""
        weights = flatten(self.weight[channel])[0]

        def weighted_sum(window: list[Value]) -> Value:
            total = dot(weights, window)
            return total if self.bias is None else total + self.bias[channel]

        return at_depth(len(self.axes), seen, weighted_sum)

    def extra_repr(self) -> str:
        """Show what the layer was made with, where it differs from the defaults."""
        settings = unusual(self, stride=1, padding=0, dilation=1, groups=1)
        without = "" if self.bias else ", bias=False"
        kernel = shown(self.kernel_size)
        return f"{self.in_channels}, {self.out_channels}, {kernel}{settings}{without}"


class Conv1d(_Conv):
    """Weighted sums of a few neighbouring positions, with the same weights everywhere.

    y[output][p] = bias[output] + the sum over channels c and k of
    weight[output][c][k] * x[c][stride * p + dilation * k - padding], where x is 0 outside. (It
    is the cross-correlation: the kernel is not turned round.)

    Args:
        in_channels: how many channels a signal has.
        out_channels: how many it has afterwards.
        kernel_size: how many positions are summed.
        stride: how far it is from one sum to the next.
        padding: how many zeros come before and after; "same" for as many as keep the length, or
            "valid" for none.
        dilation: how far the summed positions are apart.
        groups: into how many groups the channels are divided; outputs see only their group.
        bias: whether to add a bias.
        seed: what the random numbers depend on: a number, a random.Random, or None for new ones
            each time. All begin evenly within ±1/sqrt(numbers in a window).

    Shapes:
        x: [channel][position], or nested lists of such.
        result: [output channel][position], nested as x is, with
            floor((positions + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1
            positions.
        weight: [output channel][channel of the group][k]; bias: [output channel], or None.

    Raises:
        ValueError: if a number is too small, groups doesn't divide the channels, x has another
            shape, or the kernel is longer than the padded signal.

    Follows torch.nn.Conv1d.

    >>> layer = Conv1d(1, 1, 2, bias=False)
    >>> layer.load_state_dict({"weight[0][0][0]": -1.0, "weight[0][0][1]": 1.0})
    >>> ((*slopes,),) = layer([[0.0, 1.0, 4.0, 9.0]])
    >>> [slope.data for slope in slopes]
    [1.0, 3.0, 5.0]
    """

    axis_names = ("positions",)


class Conv2d(_Conv):
    """Weighted sums of a few neighbouring pixels, with the same weights everywhere.

    As `Conv1d`, with rows and columns in place of positions.

    Args:
        in_channels: how many channels an image has.
        out_channels: how many it has afterwards.
        kernel_size: how many rows and columns are summed: a number, or (rows, columns), like
            stride, padding and dilation.
        stride, padding, dilation, groups, bias, seed: as for `Conv1d`.

    Shapes:
        x: [channel][row][column], or nested lists of such.
        result: [output channel][row][column], nested as x is; rows and columns as for `Conv1d`.
        weight: [output channel][channel of the group][row][column]; bias: [output channel], or
            None.

    Raises:
        ValueError: as for `Conv1d`.

    LeCun, Bottou, Bengio and Haffner (1998), "Gradient-Based Learning Applied to Document
    Recognition"; torch.nn.Conv2d.

    >>> layer = Conv2d(1, 4, kernel_size=3, padding=1, seed=0)
    >>> image = [[[0.0] * 8 for row in range(8)]]
    >>> channels = layer(image)
    >>> len(channels), len(channels[0]), len(channels[0][0])
    (4, 8, 8)
    """

    axis_names = ("rows", "columns")
