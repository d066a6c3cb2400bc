"""The table of the losses by the names of their papers, and how one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from losses.distillation import Distillation
from losses.gradient import METHODS, PLACES
from losses.gradient.base import Rule
from losses.gradient.from_torchjd import TORCHJD, torchjd_rule
from losses.mean import MEANS
from losses.objective import Objective
from losses.options import Option, complete, nearest, require
from losses.selective import Selective
from losses.surgery import Surgery
from losses.weighting import WEIGHTINGS
from utils.errors import ConfigError
from utils.option import Methods


@dataclass(frozen=True)
class Preset:
    """A multi-task loss by the name of its paper: its parts, and what to know of it.

    Attributes:
        weighting, mean: the names of its parts.
        gradient: the name of its gradient rule, or "none".
        gradient_at: where the rule takes the gradients; "paper" is where its paper does.
        paper: authors, venue and year.
        selective: whether groups of tasks are updated in turns.
        distilled: whether the single-task networks teach the multi-task network.
    """

    weighting: str
    mean: str
    gradient: str
    gradient_at: str
    paper: str
    selective: bool = False
    distilled: bool = False

    @property
    def cost(self) -> str:
        """What a step costs, in passes through the network; T is the number of tasks."""
        teachers = ", and 1 forward of each of T single-task networks" if self.distilled else ""
        return self._own_cost + teachers

    @property
    def _own_cost(self) -> str:
        if self.selective:
            return "1 forward, 1 backward a group of tasks, and 1 forward"
        if self.gradient == "none":
            after = WEIGHTINGS[self.weighting].needs_losses_after
            return f"{2 if after else 1} forward, 1 backward"
        return (
            "1 forward, T backward" if place_of(self) == "parameters" else "1 forward, 1 backward"
        )


def _weighted(weighting: str, mean: str, paper: str) -> Preset:
    return Preset(weighting, mean, "none", "paper", paper)


def _surgical(rule: str, paper: str, weighting: str = "fixed", at: str = "paper") -> Preset:
    return Preset(weighting, "arithmetic", rule, at, paper)


_AMTL = "Yun and Cho, ICCV 2023"
_RLW, _DWA, _DTP = "Lin et al., TMLR 2022", "Liu et al., CVPR 2019", "Guo et al., ECCV 2018"
_IMTL, _MGDA = "Liu et al., ICLR 2021", "Sener and Koltun, NeurIPS 2018"
_PCGRAD, _CAGRAD = "Yu et al., NeurIPS 2020", "Liu et al., NeurIPS 2021"
_ALIGNED, _KD = "Senushkin et al., CVPR 2023", "Li and Bilen, ECCVW 2020"

PRESETS: dict[str, Preset] = {
    "weighted-sum": _weighted("fixed", "arithmetic", "-"),
    "geometric": _weighted("fixed", "geometric", "Chennupati et al., CVPRW 2019"),
    "rlw": _weighted("rlw", "arithmetic", _RLW),
    "rlw-g": _weighted("rlw", "geometric", _RLW),
    "dwa": _weighted("dwa", "arithmetic", _DWA),
    "dwa-g": _weighted("dwa", "geometric", _DWA),
    "dtp": _weighted("dtp", "arithmetic", _DTP),
    "dtp-g": _weighted("dtp", "geometric", _DTP),
    "fmtl": _weighted("fmtl", "arithmetic", _AMTL),
    "amtl": _weighted("achievement", "geometric", _AMTL),
    "amtl-a": _weighted("achievement", "arithmetic", _AMTL),
    "uw": _weighted("uncertainty", "arithmetic", "Kendall et al., CVPR 2018"),
    "si": _weighted("si", "arithmetic", _ALIGNED),
    "famo": _weighted("famo", "arithmetic", "Liu et al., NeurIPS 2023"),
    "stch": _weighted("stch", "arithmetic", "Lin et al., ICML 2024"),
    "grad-norm": _surgical("grad-norm", "Chen et al., ICML 2018"),
    "imtl": _surgical("imtl-g", _IMTL, "imtl-l"),
    "imtl-g": _surgical("imtl-g", _IMTL),
    "mgda": _surgical("mgda", _MGDA),
    "mgda-ub": _surgical("mgda", _MGDA, at="features"),
    "pcgrad": _surgical("pcgrad", _PCGRAD),
    "pcgrad-amtl": _surgical("pcgrad", f"{_PCGRAD}; {_AMTL}", "achievement"),
    "cagrad": _surgical("cagrad", _CAGRAD),
    "cagrad-amtl": _surgical("cagrad", f"{_CAGRAD}; {_AMTL}", "achievement"),
    "graddrop": _surgical("graddrop", "Chen et al., NeurIPS 2020"),
    "gradvac": _surgical("gradvac", "Wang et al., ICLR 2021"),
    "aligned-mtl": _surgical("aligned-mtl", _ALIGNED),
    "aligned-mtl-ub": _surgical("aligned-mtl", _ALIGNED, at="features"),
    "nash-mtl": _surgical("nash-mtl", "Navon et al., ICML 2022"),
    "fairgrad": _surgical("fairgrad", "Ban and Ji, ICML 2024"),
    "db-mtl": _surgical("db-mtl", "Lin et al., 2023", "si"),
    "upgrad": _surgical("upgrad", "Quinton and Rey, 2024"),
    "kd-mtl": Preset("fixed", "arithmetic", "none", "paper", _KD, distilled=True),
    "kd-amtl": Preset(
        "achievement", "geometric", "none", "paper", f"{_KD}; {_AMTL}", distilled=True
    ),
    "sel-update": Preset(
        "fixed", "arithmetic", "none", "paper", "Jeong and Yoon, ICLR 2025", selective=True
    ),
}

# The parts that a cfg may change in any preset, and what each may be changed to.
_PARTS: dict[str, tuple[str, ...]] = {
    "weighting": tuple(WEIGHTINGS),
    "mean": tuple(MEANS),
    "gradient": ("none", *METHODS),
    "gradient_at": ("paper", *PLACES),
}
_PART_HELP = {
    "weighting": "how the tasks' weights come about",
    "mean": "how the losses are averaged",
    "gradient": "the rule that combines the gradients, or torchjd:NAME for one of TorchJD's",
    "gradient_at": "where the rule takes the gradients; paper: where its paper does",
}


def methods() -> Methods:
    """The options of every preset, by its name: those of its parts, and the parts themselves."""
    return Methods({name: options_of(name) for name in PRESETS}, options_of)


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
        part: Option(
            str, getattr(preset, part), _PART_HELP[part], None if part == "gradient" else known
        )
        for part, known in _PARTS.items()
    }
    rule = rule_class(preset.gradient)
    return {
        **WEIGHTINGS[preset.weighting].options,
        **(rule.options if rule else {}),
        **(Selective.options if preset.selective else {}),
        **(Distillation.options if preset.distilled else {}),
        **own,
    }


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
    preset, known = _changed(name, given), options_of(name, given)
    # A cfg states all options of the preset, those of parts that it changes among them.
    replaced = options_of(name).keys() - known.keys()
    values = complete(known, {k: v for k, v in given.items() if k not in replaced}, name)
    _refuse_nonsense(preset)
    distance_weight = values.get("distance_weight")
    if preset.distilled:
        require(distance_weight >= 0, "distance_weight", distance_weight, "at least 0")
    generator = torch.Generator().manual_seed(seed)
    log = log or (lambda line: None)

    def part(kind, *arguments):
        return kind(*arguments, **{key: values[key] for key in kind.options})

    weighting, rule = WEIGHTINGS[preset.weighting], rule_class(preset.gradient)
    surgery = rule and Surgery(
        part(rule, tasks, generator), preset.gradient, place_of(preset), all_sum, log
    )
    return Objective(
        tasks,
        part(weighting, tasks, _total(preset, len(tasks)), potential, generator),
        MEANS[preset.mean],
        surgery,
        generator,
        part(Selective, tasks, generator) if preset.selective else None,
        all_sum,
        distance_weight,
    )


def rule_class(name: str) -> type[Rule] | None:
    """The gradient rule of a name; None for "none"."""
    if name.startswith(TORCHJD):
        return torchjd_rule(name.removeprefix(TORCHJD))
    return METHODS.get(name)


def place_of(preset: Preset) -> str:
    """Where its gradient rule takes the gradients."""
    if preset.gradient_at != "paper" or preset.gradient == "none":
        return preset.gradient_at
    return rule_class(preset.gradient).at


def _changed(name: str, parts: Mapping[str, Any]) -> Preset:
    """The preset with the parts that are given in the place of its own."""
    if name not in PRESETS:
        raise ConfigError(f"loss {name}: no such loss{nearest(name, PRESETS)}")
    changes = {part: parts[part] for part in _PARTS if parts.get(part) is not None}
    for part, value in changes.items():
        external = part == "gradient" and value.startswith(TORCHJD)
        if value not in _PARTS[part] and not external:
            raise ConfigError(f"{part} = {value}: no such {part}{nearest(value, _PARTS[part])}")
    preset = PRESETS[name]
    other_rule = changes.get("gradient", preset.gradient) != preset.gradient
    if other_rule and changes.get("gradient_at", preset.gradient_at) == preset.gradient_at:
        changes["gradient_at"] = "paper"  # the preset's own place goes with its own rule
    return replace(preset, **changes)


def _refuse_nonsense(preset: Preset) -> None:
    """Raises ConfigError, with the reason, for parts that have no meaning together."""
    weighting, rule = WEIGHTINGS[preset.weighting], rule_class(preset.gradient)
    if preset.mean == "geometric" and weighting.no_geometric:
        raise ConfigError(
            f"weighting {preset.weighting} under a geometric mean: {weighting.no_geometric}"
        )
    if rule is None and preset.gradient_at != "paper":
        raise ConfigError(
            f"gradient_at = {preset.gradient_at}: there is no gradient rule to take it"
        )
    if rule and rule.elementwise and place_of(preset) == "last_layer":
        raise ConfigError(
            f"gradient_at = last_layer: {preset.gradient} gives no weights that the rest of the"
            " network could use; take parameters or features"
        )
    if preset.selective and weighting.needs_losses_after:
        raise ConfigError(
            f"weighting {preset.weighting} with groups updated in turns: it needs to know what one"
            " step of all tasks does to their losses"
        )
    both = set(weighting.options) & set(rule.options) if rule else set()
    if both:
        raise ConfigError(
            f"weighting {preset.weighting} with gradient {preset.gradient}: both learn weights of"
            f" the losses ({', '.join(both)})"
        )


def _total(preset: Preset, tasks: int) -> float:
    """What equal weights add up to: 1 under a weighted geometric mean and in a plain weighted sum;
    T under a gradient rule, so that with equal weights it sees the gradients of the losses, and for
    groups, whose losses are summed."""
    if preset.mean == "geometric":
        return 1.0
    if (
        preset.gradient != "none"
        or preset.selective
        or WEIGHTINGS[preset.weighting].total == "tasks"
    ):
        return float(tasks)
    return 1.0
