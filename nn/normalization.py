"""Normalization: numbers brought to mean 0 and variance 1, over a batch or within a sample."""

import math
from collections.abc import Sequence
from typing import Any

from autograd import Value, dot, mean, sqrt
from autograd.nested import flatten
from nn import init
from nn.checks import positive_count
from nn.module import Module
from nn.shapes import Form, checked, each, is_sequence, name, written


def standardized(numbers: list[Any], eps: float) -> tuple[list[Any], Any, Any]:
    """Return (x - mean) / sqrt(variance + eps) for each x, and the mean and the variance.

    The variance is the mean of the squared deviations: divided by n, not by n - 1.

    >>> standardized([1.0, 3.0], eps=0.0)
    ([-1.0, 1.0], 2.0, 1.0)
    """
    center = mean(numbers)
    deviations = [x - center for x in numbers]
    variance = dot(deviations, deviations) / len(numbers)
    scale = sqrt(variance + eps)
    return [x / scale for x in deviations], center, variance


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share: they differ in the samples that they take."""

    samples: tuple[Form, ...]
    """What may follow the number of features in a sample's shape."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        count = positive_count(f"a {type(self).__name__}'s num_features", num_features)
        self.num_features = count
        self.eps = eps
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        self.weight: Any = init.parameters(lambda: 1.0, count) if affine else None
        self.bias: Any = init.parameters(lambda: 0.0, count) if affine else None
        self.running_mean: Any = None
        self.running_var: Any = None
        if track_running_stats:
            self.running_mean = [Value(0.0, requires_grad=False) for _ in range(count)]
            self.running_var = [Value(1.0, requires_grad=False) for _ in range(count)]
            self.num_batches_tracked = Value(0.0, requires_grad=False)

    def forward(self, x: Any) -> Any:
        """Return the samples of a batch, normalized feature by feature."""
        forms = [("samples", self.num_features, *rest) for rest in self.samples]
        batch = checked(self, x, *forms)
        if self.training and self.track_running_stats:
            self.num_batches_tracked.data += 1.0
        features = [
            self._normalized(number, [sample[number] for sample in batch])
            for number in range(self.num_features)
        ]
        return [list(sample) for sample in zip(*features, strict=True)]

    def _normalized(self, feature: int, column: list[Any]) -> Any:
        """Return one feature of all samples, normalized."""
        numbers, nested = flatten(column)
        if self.track_running_stats and not self.training:
            scale = sqrt(self.running_var[feature] + self.eps)
            normal = [(x - self.running_mean[feature]) / scale for x in numbers]
        else:
            normal = self._by_batch(feature, numbers)
        if self.weight is not None:
            normal = [self.weight[feature] * x + self.bias[feature] for x in normal]
        return nested(normal)

    def _by_batch(self, feature: int, numbers: list[Any]) -> list[Any]:
        """Return one feature normalized by the statistics of this batch."""
        count = len(numbers)
        if count < 2:
            raise ValueError(
                f"{name(self)} needs at least two numbers per feature to normalize by, got "
                f"{count}: give it a list of more samples, or call eval() first"
            )
        normal, center, variance = standardized(numbers, self.eps)
        if self.track_running_stats:
            unbiased = variance.data * count / (count - 1)
            self._remember(self.running_mean[feature], center.data)
            self._remember(self.running_var[feature], unbiased)
        return normal

    def _remember(self, running: Value, new: float) -> None:
        """Move a running statistic towards that of this batch."""
        share = 1.0 / self.num_batches_tracked.data if self.momentum is None else self.momentum
        running.data = (1.0 - share) * running.data + share * new

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        return (
            f"{self.num_features}, eps={self.eps:g}, momentum={self.momentum}, "
            f"affine={self.weight is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Normalize each feature over a batch: (x - mean) / sqrt(variance + eps) * weight + bias.

    In training, mean and variance (divided by n) are those of the batch, and the running ones
    move towards them: running = (1 - momentum) * running + momentum * new, with the unbiased
    variance (divided by n - 1). After `eval()` the running ones are used.

    Args:
        num_features: how many features a sample has.
        eps: keeps the division from dividing by 0.
        momentum: how fast the running statistics move; None for the mean over all batches.
        affine: whether to learn a weight and a bias per feature, which begin as 1 and 0.
        track_running_stats: whether to keep running statistics; without them those of the batch
            are used after `eval()` too.

    Shapes:
        x: a batch, which is a list of samples [sample][feature] or
            [sample][feature][position]; the result is nested in the same way.
        weight, bias, running_mean, running_var: [feature], or None.

    Raises:
        ValueError: if a number is not positive, x has another shape, or there are fewer than
            two numbers per feature to take the variance of.

    Ioffe and Szegedy (2015), "Batch Normalization", algorithms 1 and 2; torch.nn.BatchNorm1d.

    >>> layer = BatchNorm1d(1, eps=0.0)
    >>> [y.data for (y,) in layer([[1.0], [3.0]])]
    [-1.0, 1.0]
    >>> layer.running_mean[0].data, layer.running_var[0].data  # from 0 and 1 to 2 and 2
    (0.2, 1.1)
    """

    samples = ((), ("positions",))


class BatchNorm2d(_BatchNorm):
    """Normalize each channel over a batch of images: as `BatchNorm1d` does with features.

    Args:
        num_features: how many channels an image has.
        eps, momentum, affine, track_running_stats: as for `BatchNorm1d`.

    Shapes:
        x: a batch [sample][channel][row][column]; the result is nested in the same way.
        weight, bias, running_mean, running_var: [channel], or None.

    Raises:
        ValueError: as for `BatchNorm1d`.

    Follows torch.nn.BatchNorm2d.

    >>> image = [[[0.0, 2.0], [0.0, 2.0]]]
    >>> ((rows,),) = BatchNorm2d(1, eps=0.0)([image])
    >>> [[y.data for y in row] for row in rows]
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    samples = (("rows", "columns"),)


class _SampleNorm(Module):
    """What LayerNorm and RMSNorm share: a weight per number, and samples of a fixed shape."""

    def __init__(self, normalized_shape: Any) -> None:
        lengths = list(normalized_shape) if is_sequence(normalized_shape) else [normalized_shape]
        if not lengths:
            raise ValueError(f"a {type(self).__name__}'s normalized_shape needs a length")
        what = f"each length of a {type(self).__name__}'s normalized_shape"
        self.normalized_shape = tuple(positive_count(what, length) for length in lengths)

    def forward(self, x: Any) -> Any:
        """Return every sample in x, normalized."""
        return each(self, x, self.normalized_shape, self._normalized)

    def _normalized(self, sample: Any) -> Any:
        raise NotImplementedError


class LayerNorm(_SampleNorm):
    """Normalize each sample by itself: (x - mean) / sqrt(variance + eps) * weight + bias.

    The variance is divided by n.

    Args:
        normalized_shape: how many numbers a vector has; or the lengths of a sample nested deeper.
        eps: keeps the division from dividing by 0.
        elementwise_affine: whether to learn a weight and a bias per number of a sample, which
            begin as 1 and 0.
        bias: whether the bias is among them.

    Shapes:
        x: a sample of normalized_shape, or nested lists of such; the result is nested in the
            same way.
        weight, bias: normalized_shape, or None.

    Raises:
        ValueError: if a number is not positive, or x has another shape.

    Ba, Kiros and Hinton (2016), "Layer Normalization", equation 4; torch.nn.LayerNorm.

    >>> [y.data for y in LayerNorm(2, eps=0.0)([1.0, 3.0])]
    [-1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__(normalized_shape)
        self.eps = eps
        lengths = self.normalized_shape
        self.weight = init.parameters(lambda: 1.0, *lengths) if elementwise_affine else None
        with_bias = elementwise_affine and bias
        self.bias = init.parameters(lambda: 0.0, *lengths) if with_bias else None

    def _normalized(self, sample: Any) -> Any:
        numbers, nested = flatten(sample)
        normal, _, _ = standardized(numbers, self.eps)
        if self.weight is not None:
            normal = [w * x for w, x in zip(flatten(self.weight)[0], normal, strict=True)]
        if self.bias is not None:
            normal = [x + b for x, b in zip(normal, flatten(self.bias)[0], strict=True)]
        return nested(normal)

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        return f"{written(self.normalized_shape)}, eps={self.eps:g}"


class RMSNorm(_SampleNorm):
    """Bring the mean square of each sample to 1: x / sqrt(mean of x² + eps) * weight.

    Args:
        normalized_shape: how many numbers a vector has; or the lengths of a sample nested deeper.
        eps: keeps the division from dividing by 0; None for the distance from 1 to the next
            larger float.
        elementwise_affine: whether to learn a weight per number of a sample, which begins as 1.

    Shapes:
        x: a sample of normalized_shape, or nested lists of such; the result is nested in the
            same way.
        weight: normalized_shape, or None.

    Raises:
        ValueError: if a number is not positive, or x has another shape.

    Zhang and Sennrich (2019), "Root Mean Square Layer Normalization", equation 4;
    torch.nn.RMSNorm.

    >>> [f"{y:.4f}" for y in RMSNorm(2)([1.0, -7.0])]
    ['0.2000', '-1.4000']
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__(normalized_shape)
        self.eps = math.ulp(1.0) if eps is None else eps
        lengths = self.normalized_shape
        self.weight = init.parameters(lambda: 1.0, *lengths) if elementwise_affine else None

    def _normalized(self, sample: Any) -> Any:
        numbers, nested = flatten(sample)
        size = sqrt(dot(numbers, numbers) / len(numbers) + self.eps)
        normal = [x / size for x in numbers]
        if self.weight is not None:
            normal = [w * x for w, x in zip(flatten(self.weight)[0], normal, strict=True)]
        return nested(normal)

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        return f"{written(self.normalized_shape)}, eps={self.eps:g}"
