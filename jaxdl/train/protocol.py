"""Fields of protocols, derived from configurations: one wording for one thing."""

from typing import Any


def fields(config: Any, *names: str) -> dict[str, Any]:
    """Some fields of a configuration as they are."""
    return {name: getattr(config, name) for name in names}


def falling(learning_rate: float) -> str:
    """A step size that falls linearly to 0."""
    return f"{learning_rate:g}, falling linearly to 0"


def epochs(steps: int, batch_size: int, num_examples: int) -> str:
    """Passes of training over all examples, in words."""
    return f"{steps * batch_size / num_examples:.3g} epochs"
