"""The hyperparameters of the methods: each class states its own in `options`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from utils.errors import ConfigError
from utils.option import MethodOption as Option
from utils.option import nearest

__all__ = ["Option", "complete", "nearest", "require"]


def complete(
    options: Mapping[str, Option], given: Mapping[str, Any], method: str
) -> dict[str, Any]:
    """The value of every option: the given one, else its default.

    Raises:
        ConfigError: a name that the method does not have, or a value that is not among its choices.
    """
    for name, value in given.items():
        if name not in options:
            raise ConfigError(
                f"{name}: the loss {method} has no such option{nearest(name, options)}"
            )
        choices = options[name].choices
        if choices and value not in choices:
            raise ConfigError(f"{name} = {value}: must be one of {', '.join(choices)}")
    return {name: given.get(name, option.default) for name, option in options.items()}


def require(holds: bool, name: str, value: float, wanted: str) -> None:
    """Raises ConfigError unless the value of an option is as `wanted`."""
    if not holds:
        raise ConfigError(f"{name} = {value:g}: must be {wanted}")
