"""Drawing graphs."""


class Picture:
    """x."""


def draw() -> None:
    """x."""
