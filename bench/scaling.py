"""Training steps of several processes on this machine: images per second, the share of the time in
communication, and what each process sends.

    python3 bench/scaling.py                       # ResNet-18, 1 to as many processes as cores
    python3 bench/scaling.py --rounds 10 --json scaling.json

A step is the forward pass, the losses and the gradients of the whole batch, without the optimizer,
with one thread a process. All kinds of rules take turns in every round, and the table shows the
median of the rounds. In weak scaling the batch grows with the number of processes, in strong
scaling it is the same. Communication is the time inside `ProcessGroup`'s operations, which includes
waiting for the slowest process. What is sent is counted as a ring counts it: 1 P is what passing
the P parameters of the network around once takes; BatchNorm's statistics are apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torch.distributed as dist
import torch.multiprocessing
from torch.nn import functional as F

import losses
from bench.step_time import TASKS, Step
from engine.training.process_group import ProcessGroup
from models.batch_norm import synchronise
from utils.ranks import Ranks

RULES = {
    "none": "weighted-sum",
    "at the features": "mgda-ub",
    "at the last layer": "imtl-g",
    "at all parameters": "mgda",
}
"""The kinds of rules, and a loss with each."""


class TimedGroup(ProcessGroup):
    """Adds up the seconds in its operations."""

    def __init__(self):
        super().__init__()
        self.seconds = 0.0


def _timed(name: str):
    def timed(self, *arguments):
        began = time.perf_counter()
        result = getattr(ProcessGroup, name)(self, *arguments)
        self.seconds += time.perf_counter() - began
        return result

    return timed


for _name in ("_all_reduce", "slices", "joined"):
    setattr(TimedGroup, _name, _timed(_name))


class Share(Step):
    """The network, a process's images of the batch, and the losses of the whole batch."""

    def __init__(self, ranks: Ranks, batch: int, size: int):
        super().__init__("resnet18", len(ranks.share(batch)), size, torch.device("cpu"))
        self.ranks, self.batch = ranks, batch
        synchronise(self.network, ranks)

    def losses(self):
        out, pixels = self.network(self.images), self.batch * self.labels[0].numel()
        sums = {
            "segmentation": F.cross_entropy(out["segmentation"], self.labels, reduction="sum"),
            "depth": F.l1_loss(out["depth"], self.depth, reduction="sum"),
            "normal": (1 - F.cosine_similarity(out["normal"], self.normal)).sum(),
        }
        return {task: self.ranks.sum(total) / pixels for task, total in sums.items()}


def measure(ranks: Ranks, batch: int, options: argparse.Namespace) -> dict[str, dict]:
    """Images per second, share of communication and numbers sent, by kind of rule."""
    share = Share(ranks, batch, options.size)
    parameters = sum(parameter.numel() for parameter in share.network.parameters())
    objectives = {kind: losses.build(name, TASKS, ranks=ranks) for kind, name in RULES.items()}
    times = {kind: [] for kind in RULES}
    communication: Counter[str] = Counter()
    sent = {}
    for turn in range(-1, options.rounds):  # the first one warms up
        for kind, objective in objectives.items():
            if ranks.size > 1:
                ranks.seconds = 0.0
                ranks.sent.clear()
            began = time.perf_counter()
            share.clear()
            objective.backward(share.losses(), share.network, TASKS)
            if turn < 0:
                continue
            times[kind].append(time.perf_counter() - began)
            if ranks.size > 1:
                communication[kind] += ranks.seconds
                sent[kind] = _in_parameters(ranks, parameters)
    return {
        kind: {
            "images_per_second": batch / statistics.median(seconds),
            "communication": communication[kind] / sum(seconds),
            "sent": sent.get(kind, {"gradients": 0.0, "BatchNorm": 0.0}),
        }
        for kind, seconds in times.items()
    }


def _in_parameters(ranks: ProcessGroup, parameters: int) -> dict[str, float]:
    passes = {
        kind: b / (4 * parameters) * ranks.size / (ranks.size - 1) for kind, b in ranks.sent.items()
    }
    norm = passes.pop("statistics")
    return {"gradients": sum(passes.values()), "BatchNorm": norm}


def run_process(rank: int, size: int, options: argparse.Namespace, folder: str) -> None:
    torch.set_num_threads(1)
    ranks = Ranks()
    if size > 1:
        dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=size)
        ranks = TimedGroup()
    scaling = {"weak": options.batch * size, "strong": options.batch}
    result = {name: measure(ranks, batch, options) for name, batch in scaling.items()}
    if ranks.first:
        Path(folder, "result.json").write_text(json.dumps(result))
    if size > 1:
        dist.destroy_process_group()


def results_of(size: int, options: argparse.Namespace) -> dict[str, dict]:
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(run_process, (size, options, folder), size)
        return json.loads(Path(folder, "result.json").read_text())


def table(rows: dict[int, dict]) -> str:
    lines = [
        "| processes | scaling | rule | images/s | × one | communication | sent | BatchNorm |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for size, scalings in rows.items():
        for scaling, rules in scalings.items():
            for kind, row in rules.items():
                alone = rows[1][scaling][kind]["images_per_second"]
                pace, sent = row["images_per_second"], row["sent"]
                lines.append(
                    f"| {size} | {scaling} | {kind} | {pace:.1f} | {pace / alone:.2f} | "
                    f"{row['communication']:.0%} | {sent['gradients']:.3f} P | "
                    f"{sent['BatchNorm']:.3f} P |"
                )
    return "\n".join(lines)


def main() -> None:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=cores, help="the most (all cores)")
    parser.add_argument("--batch", type=int, default=8, help="images a step of one process")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write all numbers there")
    options = parser.parse_args()
    rows = {size: results_of(size, options) for size in range(1, options.processes + 1)}
    setting = {
        "network": "resnet18, three dense heads",
        "batch": [options.batch, 3, options.size, options.size],
        "cores": cores,
        "load": os.getloadavg(),
        "torch": torch.__version__,
        "rounds": options.rounds,
    }
    print("\n".join(f"{key}: {value}" for key, value in setting.items()))
    print(f"\n{table(rows)}")
    if options.json:
        options.json.write_text(json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
