"""What there is to choose from: `--list losses`, for people and as JSON."""

from __future__ import annotations

import json

from engine.report import aligned
from losses import PRESETS
from utils.config import nearest
from utils.errors import ConfigError


def listing(words: list[str]) -> str:
    """The answer to `--list losses [--json]`.

    Args:
        words: the words after `--list`.

    Raises:
        ConfigError: they name no list.
    """
    names = [word for word in words if word != "--json"]
    if names != ["losses"]:
        name = " ".join(names)
        raise ConfigError(f"--list: there is no list {name!r}{nearest(name, ['losses'])}")
    return _losses_json() if "--json" in words else _losses_table()


def _losses_json() -> str:
    return json.dumps({name: _described(name) for name in PRESETS}, indent=2, ensure_ascii=False)


def _losses_table() -> str:
    described = {name: _described(name) for name in PRESETS}
    header = ["loss", *next(iter(described.values()))]
    return "\n".join(aligned([header, *([name, *d.values()] for name, d in described.items())]))


def _described(name: str) -> dict[str, str]:
    preset = PRESETS[name]
    return {
        "weighting": preset.weighting,
        "mean": preset.mean,
        "gradient": preset.gradient,
        "paper": preset.paper,
        "cost": preset.cost,
    }
