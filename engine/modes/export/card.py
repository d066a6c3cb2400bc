"""The model card of weights that are given away: what they are, in Markdown."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.runs.checkpoint import PUBLISHED
from engine.runs.cost import cost_of
from engine.runs.deltas import DEFINITIONS
from engine.runs.results import Results
from engine.runs.tables import comparison_rows, unlearnt
from models import Network
from tasks import Task
from utils.cfg_file import parse_text
from utils.text import count_of

_UNKNOWN = "not known"
_ASPECTS = {
    "stretch": "stretched",
    "keep": "of their own aspect ratio, padded",
    "pad": "as they are, padded all round; larger ones scaled down",
}
_STARTS = {
    "true": "published ImageNet weights of the backbone",
    "imagenet_v1": "published ImageNet weights of the backbone (imagenet_v1)",
    "false": "random weights",
}
assert set(_STARTS) == set(PUBLISHED)


def model_card(
    file: Path,
    state: Mapping[str, Any],
    network: Network,
    tasks: Sequence[Task],
    results: Results | None,
) -> str:
    """The card as Markdown; what nobody knows of the weights, it says.

    Args:
        file: the weights, which are there already.
        state: the checkpoint that they come from.
        network, tasks: those of the checkpoint.
        results: of the run whose best network it is; None where they are not there.
    """
    name = " + ".join(task.name for task in tasks)
    facts = {
        "network": f"{state['arch']['name']} on {state['backbone']['name']}",
        "input": _input(network),
        **_cost(file, network),
        **_training(state, results),
    }
    return "\n".join(
        [
            f"# {name}",
            "",
            "Licence: … (fill in; the licences of the training data and of the weights that the "
            "training started from may have a say)",
            "",
            *_table([["", ""], *([key, value] for key, value in facts.items())]),
            "",
            "## Tasks",
            "",
            *_table([["task", "output", "classes"], *map(_task_row, tasks)]),
            "",
            "## Metrics",
            "",
            *_metrics(results),
            "",
            "## Use",
            "",
            "```python",
            "from engine import open_network",
            "",
            f'network, tasks = open_network("{file.name}")',
            "```",
            "",
        ]
    )


def _input(network: Network) -> str:
    height, width = network.size
    ratio = _ASPECTS[network.aspect]
    return f"RGB in [0, 1], images of {height} × {width} pixels (height × width), {ratio}"


def _cost(file: Path, network: Network) -> dict[str, str]:
    cost = cost_of(copy.deepcopy(network).to("meta"), network.size).total
    return {
        "size": f"{cost.parameters / 1e6:.2f} M parameters; the file has "
        f"{os.path.getsize(file) / 1e6:.1f} MB",
        "multiply-adds": f"{cost.gmacs:.2f} G for one image",
    }


def _training(state: Mapping[str, Any], results: Results | None) -> dict[str, str]:
    datasets = _datasets(state.get("config", ""))
    facts = {
        "trained on": datasets or _UNKNOWN,
        "started from": _STARTS.get(
            state["backbone"]["settings"]["pretrained"], "weights of the backbone in a file"
        ),
        "chosen": _chosen(state),
        "loss": _UNKNOWN,
    }
    if results:
        facts["trained on"] = f"{datasets}: {count_of(results.train_images, 'image')}"
        if digest := (results.initial_checkpoint or {}).get("sha256"):
            facts["started from"] = f"another checkpoint (SHA-256 {digest})"
        facts["chosen"] = f"{results.best_place}, the best on the {results.selected_on} set"
        facts["loss"] = f"{results.loss}, seed {results.seed}"
    return facts


def _chosen(state: Mapping[str, Any]) -> str:
    if "place" in state:
        return f"after {state['place']}"
    return f"after epoch {state['epoch']}" if "epoch" in state else _UNKNOWN


def _datasets(config: str) -> str:
    """The datasets that a cfg trains on; empty where the cfg does not say."""
    words = [
        entry.words
        for entry in parse_text(config, "config")
        if (entry.section, entry.name) == ("data", "train_dataset")
    ]
    return ", ".join(words[-1]) if words else ""


def _task_row(task: Task) -> list[str]:
    units = "; ".join(f"`{name}`: {unit}" for name, unit in task.units().items())
    classes = f"{len(task.classes)}: {', '.join(task.classes)}" if task.classes else "–"
    return [task.name, units, classes]


def _metrics(results: Results | None) -> list[str]:
    if not results:
        return ["Not known: there were no results of a run beside the checkpoint."]
    images = ", ".join(f"{count} for {task}" for task, count in results.test_images.items())
    lines = [f"On the test images ({images}); `constant` does not look at the image."]
    if results.is_compared:
        against = "potentials given, not of networks" if results.potential_given else "baselines"
        lines.append(f"`single-task` are the {against}, and Δ is the gain over them.")
        if results.delta_mtl is not None:
            mean = DEFINITIONS[results.definition]
            lines.append(f"Δ_MTL is {results.delta_mtl:+.2f} %, the {mean}.")
        lines += unlearnt(results)
    return [*lines, "", *_table(comparison_rows(results))]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown; the first row is its head."""
    head, *others = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others)]
