"""The table of the losses by the names of their papers, and how one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from losses.mean import MEANS
from losses.objective import Objective
from losses.options import Option, complete, nearest
from losses.weighting import WEIGHTINGS
from utils.errors import ConfigError


@dataclass(frozen=True)
class Preset:
    """A multi-task loss by the name of its paper: its parts, and what to know of it.

    Attributes:
        weighting, mean: the names of its parts.
        paper: authors, venue and year.
        cost: of a step, in forward and backward passes; T is the number of tasks.
    """

    weighting: str
    mean: str
    paper: str
    cost: str = "1 forward, 1 backward"


_ACHIEVEMENT = "Yun and Cho, ICCV 2023"

PRESETS: dict[str, Preset] = {
    "weighted-sum": Preset("fixed", "arithmetic", "-"),
    "geometric": Preset("fixed", "geometric", "Chennupati et al., CVPRW 2019"),
    "amtl": Preset("achievement", "geometric", _ACHIEVEMENT),
    "amtl-a": Preset("achievement", "arithmetic", _ACHIEVEMENT),
}

# The parts that a cfg may change in any preset; each lists what it may be changed to.
_PARTS: dict[str, Mapping[str, Any]] = {"weighting": WEIGHTINGS, "mean": MEANS}


def methods() -> dict[str, dict[str, Option]]:
    """The options of every preset, by its name: those of its parts, and the parts themselves."""
    return {name: options_of(name) for name in PRESETS}


def options_of(name: str, parts: Mapping[str, Any] | None = None) -> dict[str, Option]:
    """The options of a preset, some of whose parts may be changed.

    Args:
        name: one of `PRESETS`.
        parts: part -> its name; other keys are not looked at.

    Raises:
        ConfigError: no such preset, or no such part.
    """
    preset = _changed(name, parts or {})
    own = {
        part: Option(str, getattr(preset, part), f"the {part} of the loss", tuple(known))
        for part, known in _PARTS.items()
    }
    return {**WEIGHTINGS[preset.weighting].options, **own}


def build(
    name: str,
    tasks: Sequence[str],
    potential: dict[str, float] | None = None,
    options: Mapping[str, Any] | None = None,
    all_sum: Callable[[Tensor], Tensor] | None = None,
    seed: int = 0,
    log: Callable[[str], None] | None = None,
) -> Objective:
    """Builds a loss by its name.

    Args:
        name: one of `PRESETS`.
        tasks: the names of the tasks, in order.
        potential: task -> accuracy in [0, 1] of its single-task network; only needed by those whose
            `needs_potential` is true.
        options: values for the loss's `methods()[name]`, and for the parts that change it.
        all_sum: the sum of a tensor over the ranks; None alone.
        seed: for the methods that draw; the same on every rank.
        log: takes a line that the user should read.

    Raises:
        ConfigError: an unknown name or option, or a combination without a meaning.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    preset = _changed(name, given)
    values = complete(options_of(name, given), given, name)
    weighting = WEIGHTINGS[preset.weighting]
    if preset.mean == "geometric" and weighting.no_geometric:
        raise ConfigError(
            f"weighting {preset.weighting} under a geometric mean: {weighting.no_geometric}"
        )
    generator = torch.Generator().manual_seed(seed)
    return Objective(
        tasks,
        weighting(
            tasks,
            _total(preset, len(tasks)),
            potential,
            generator,
            **{key: values[key] for key in weighting.options},
        ),
        MEANS[preset.mean],
        generator=generator,
        all_sum=all_sum,
        log=log,
    )


def _changed(name: str, parts: Mapping[str, Any]) -> Preset:
    """The preset with the parts that are given in the place of its own."""
    if name not in PRESETS:
        raise ConfigError(f"loss {name}: no such loss; {nearest(name, PRESETS)}")
    changes = {part: parts[part] for part in _PARTS if parts.get(part) is not None}
    for part, value in changes.items():
        if value not in _PARTS[part]:
            raise ConfigError(f"{part} = {value}: no such {part}; {nearest(value, _PARTS[part])}")
    return replace(PRESETS[name], **changes)


def _total(preset: Preset, tasks: int) -> float:
    """What equal weights add up to. A weighted geometric mean wants 1."""
    if preset.mean == "geometric" or WEIGHTINGS[preset.weighting].total == "one":
        return 1.0
    return float(tasks)
