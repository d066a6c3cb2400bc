"""`--mode summary`: the cost of a cfg's network, part by part, and against single-task networks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from engine.modes.base import Mode
from utils.option import option

if TYPE_CHECKING:
    from engine.config import Config
    from engine.runs.cost import Cost, NetworkCost


class Summary(Mode):
    """Prints parameters and multiply-adds of the cfg's network, of its parts, and of the
    single-task networks of its tasks. It reads no data and no weights."""

    needs = "checkpoint"

    json: bool = option(False, "print a summary or a check as JSON", affects="nothing")

    def run(self, config):
        from engine.runs.baselines import baseline_config
        from engine.runs.cost import cost_of_parts
        from engine.runs.network import declared_tasks

        tasks = declared_tasks(config)
        network = cost_of_parts(config, tasks)
        single = {}
        if len(tasks) > 1:
            for task in tasks:
                single[task.name] = cost_of_parts(baseline_config(config, task), [task]).total
        summary = _summary(config, network, single)
        print(json.dumps(summary, indent=2) if self.json else _table(summary))
        return 0


def _summary(config: Config, network: NetworkCost, single: dict[str, Cost]) -> dict:
    total = network.total
    summary = {
        "cfg": str(config.path),
        "arch": config.network.arch.name,
        "backbone": config.network.backbone.name,
        "size": list(config.data.size),
        "tasks": list(network.heads),
        **_numbers(total),
        "parts": {
            "backbone": _numbers(network.backbone),
            "neck": _numbers(network.neck),
            "heads": {task: _numbers(head) for task, head in network.heads.items()},
        },
        "shared": {**_numbers(network.shared), "share": _ratio(network.shared, total)},
    }
    if single:
        first, *others = single.values()
        together = sum(others, first)
        summary["single_task_networks"] = {
            **_numbers(together),
            "networks": {task: _numbers(cost) for task, cost in single.items()},
        }
        summary["ratio"] = _ratio(total, together)
    return summary


def _numbers(cost: Cost) -> dict[str, float]:
    return {"parameters": cost.parameters, "gmacs": cost.gmacs}


def _ratio(part: Cost, whole: Cost) -> dict[str, float]:
    return {
        "parameters": part.parameters / whole.parameters,
        "gmacs": part.gmacs / whole.gmacs,
    }


def _table(summary: dict) -> str:
    """The summary for people: a row a part or network, with its share of the sum below."""
    height, width = summary["size"]
    parts = summary["parts"]
    rows = {name: parts[name] for name in ("backbone", "neck")}
    rows |= {f"head of {task}": numbers for task, numbers in parts["heads"].items()}
    lines = [
        f"{summary['cfg']}: {summary['arch']} on {summary['backbone']}, one image of "
        f"{height}×{width}",
        "",
        f"{'':28}{'parameters':>14}{'':8}{'multiply-adds':>16}",
        *_rows(rows, summary),
        _row("in all", summary),
    ]
    if "ratio" in summary:
        shared = summary["shared"]
        single = summary["single_task_networks"]
        networks = {f"{task} alone": cost for task, cost in single["networks"].items()}
        lines += [
            _row("shared by all tasks", shared, shared["share"]),
            "",
            *_rows(networks, single),
            _row("the single-task networks", single),
            _row("this network, of these", summary, summary["ratio"]),
        ]
    return "\n".join(lines)


def _rows(named: dict[str, dict], whole: dict) -> list[str]:
    keys = ("parameters", "gmacs")
    return [
        _row(name, numbers, {key: numbers[key] / whole[key] for key in keys})
        for name, numbers in named.items()
    ]


def _row(name: str, numbers: dict, shares: dict | None = None) -> str:
    percent = {key: f"{100 * share:.2f} %" for key, share in (shares or {}).items()}
    return (
        f"{name:28}{numbers['parameters']:>14,}{percent.get('parameters', ''):>10}"
        f"{numbers['gmacs']:>12.3f} G{percent.get('gmacs', ''):>10}"
    ).rstrip()
