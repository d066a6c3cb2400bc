"""The values that a resolved cfg gives to its options, whichever part has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from utils.part import Choice


def settings(config) -> dict[str, Any]:
    """Every option of the root parts and of the parts that they choose; choices by their names."""
    return dict(_settings([part.settings for part in config.parts.values()]))


def of_loss(config) -> dict[str, Any]:
    """The options of the loss and of its weighting, mean and gradient rule."""
    return dict(_settings([config.run.loss.all_values()]))


def _settings(parts: list[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for values in parts:
        for name, value in values.items():
            chosen = value if isinstance(value, tuple) else (value,)
            choices = [choice for choice in chosen if isinstance(choice, Choice)]
            yield from _settings([choice.all_values() for choice in choices])
            if not choices:
                yield name, value
            else:
                names = tuple(choice.name for choice in choices)
                yield name, names if isinstance(value, tuple) else names[0]
