"""`--list losses` and `--list tasks`: what there is to choose from, for people and as JSON."""

from __future__ import annotations

import json
from typing import Any

from losses import LOSSES
from tasks import TASKS
from tasks.base import BoxHead, Task
from utils.errors import ConfigError
from utils.option import nearest
from utils.text import aligned


def listing(words: list[str]) -> str:
    """The answer to `--list losses|tasks [--json [true|false]]`.

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
    described, rows = LISTS[words[0]]()
    if as_json:
        return json.dumps(described, indent=2, ensure_ascii=False)
    return "\n".join(aligned(rows))


def _losses() -> tuple[dict[str, dict[str, Any]], list[list[str]]]:
    """What is said of each loss, and the table of it."""
    described = {name: _loss(name) for name in LOSSES}
    header = ["loss", *next(iter(described.values()))]
    return described, [header, *([name, *d.values()] for name, d in described.items())]


def _loss(name: str) -> dict[str, str]:
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


def _tasks() -> tuple[dict[str, dict[str, Any]], list[list[str]]]:
    """What is said of each task, and the table of it, with the accuracy first among the metrics."""
    described = {name: _task(kind) for name, kind in TASKS.items()}
    rows = [["task", "channels", "loss", "metrics, the accuracy first"]]
    for name, task in described.items():
        metrics = sorted(task["metrics"].items(), key=lambda item: item[0] != task["accuracy"])
        arrows = ", ".join(f"{metric} {'↑' if sign > 0 else '↓'}" for metric, sign in metrics)
        rows.append([name, str(task["channels"]), task["loss"], arrows])
    return described, rows


def _task(kind: type[Task]) -> dict[str, Any]:
    return {
        "aliases": list(kind.aliases),
        "channels": _channels(kind),
        "loss": kind.loss_name,
        "accuracy": kind.accuracy,
        "metrics": dict(kind.metrics),
    }


def _channels(kind: type[Task]) -> int | str:
    """The numbers a pixel of the head, in words where they depend on the classes of the labels."""
    heads = [
        kind(names if kind.has_classes else ()).head for names in (("a", "b"), ("a", "b", "c"))
    ]
    if isinstance(heads[0], BoxHead):
        return "boxes of classes"
    return heads[0].channels if heads[0] == heads[1] else "classes"


LISTS = {"losses": _losses, "tasks": _tasks}
