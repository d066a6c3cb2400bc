"""`--list losses`: what there is to choose from, for people and as JSON."""

from __future__ import annotations

import json

from losses import LOSSES
from utils.errors import ConfigError
from utils.option import nearest
from utils.text import aligned

LISTS = ("losses",)


def listing(words: list[str]) -> str:
    """The answer to `--list losses [--json [true|false]]`.

    Args:
        words: the words after `--list`.

    Raises:
        ConfigError: they name no list.
    """
    as_json = False
    if "--json" in words:
        at = words.index("--json")
        value = words[at + 1 : at + 2]
        as_json = value != ["false"]
        words = words[:at] + words[at + 1 + (value in (["true"], ["false"])) :]
    if len(words) != 1 or words[0] not in LISTS:
        name = " ".join(words)
        raise ConfigError(f"--list: there is no list {name!r}{nearest(name, LISTS)}")
    described = {name: _described(name) for name in LOSSES}
    if as_json:
        return json.dumps(described, indent=2, ensure_ascii=False)
    header = ["loss", *next(iter(described.values()))]
    return "\n".join(aligned([header, *([name, *d.values()] for name, d in described.items())]))


def _described(name: str) -> dict[str, str]:
    """The parts of a loss; where its rule takes the gradients; the passes through the network that
    a step takes, T the number of tasks; what it needs memory for beside the graph; what a run must
    have; who proposed it; what the tests compare it with."""
    loss = LOSSES.choose(name).build()
    return {
        "weighting": loss.weighting.name,
        "mean": loss.mean,
        "gradient": loss.gradient.name,
        "at": loss.place if loss.has_rule else "-",
        "cost": loss.cost,
        "memory": loss.memory or "-",
        "needs": loss.needs or "-",
        "paper": LOSSES[name].paper or "-",
        "checked": loss.checked,
    }
