"""How a method states its hyperparameters, so that a cfg, `--help` and the method agree on them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NamedTuple

from utils.errors import ConfigError


class Option(NamedTuple):
    """One hyperparameter.

    Attributes:
        type: `int`, `float`, `bool`, `str` or `list[float]`.
        default: its value where the cfg says nothing: the paper's.
        help: one line for `--help`.
        choices: the allowed values of a `str`; None where any is.
    """

    type: Any
    default: Any
    help: str
    choices: tuple[str, ...] | None = None


def nearest(name: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """The end of an error message: the name that was probably meant, or all that there are."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"


def complete(
    options: Mapping[str, Option], given: Mapping[str, Any], method: str
) -> dict[str, Any]:
    """The value of every option: the given one, else its default.

    Raises:
        ConfigError: a name that the method does not have, or a value that is not among its choices.
    """
    for name, value in given.items():
        if name not in options:
            raise ConfigError(f"{name}: the loss {method} has no such option; {_listed(options)}")
        choices = options[name].choices
        if choices and value not in choices:
            raise ConfigError(f"{name} = {value}: must be one of {', '.join(choices)}")
    return {name: given.get(name, option.default) for name, option in options.items()}


def _listed(options: Mapping[str, Option]) -> str:
    return f"it has: {', '.join(options)}" if options else "it has none"
