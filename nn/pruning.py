"""Pruning: weights that matter little are set to 0, and stay 0."""

from nn.module import Module
from nn.sizes import weights


def prune(module: Module, amount: float) -> None:
    """Set those weights of a network that are nearest to 0 to 0, and hold them there.

    A pruned weight is a constant from then on (its requires_grad is False): it has no gradient,
    and an optimizer that is made afterwards doesn't move it. So the others can be trained
    further, to make up for what is lost: prune, train, prune more, train again.

    Args:
        module: the network, all of whose layers are pruned together; or one of its layers.
        amount: the share of all the weights that are 0 afterwards, those that are pruned already
            included; biases are not counted, nor pruned.

    Raises:
        ValueError: if amount is not between 0 and 1.

    Han, Pool, Tran and Dally (2015), "Learning both Weights and Connections for Efficient Neural
    Networks", section 3; torch.nn.utils.prune.global_unstructured with L1Unstructured, where a
    second amount is a share of the rest instead.

    >>> from nn import Linear
    >>> layer = Linear(4, 1)
    >>> layer.weight[0][0].data, layer.weight[0][1].data = 3.0, -0.01
    >>> prune(layer, 0.25)
    >>> layer.weight[0][1]
    Value(0.0, grad=0.0, label='weight[0][1]')
    >>> len(layer.parameters())
    4
    """
    if not 0.0 <= amount <= 1.0:
        raise ValueError(f"the amount to prune is a share between 0 and 1, got {amount!r}")
    every = [weight for table in weights(module).values() for weight in table]
    every.sort(key=lambda weight: abs(weight.data))
    for weight in every[: round(amount * len(every))]:
        weight.data = 0.0
        weight.requires_grad = False
        weight.zero_grad()
