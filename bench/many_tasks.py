"""The time of a training step with many tasks, by every loss, over the plain sum's.

    python3 bench/many_tasks.py                         # 40 tasks, a small network, on a CPU
    python3 bench/many_tasks.py --tasks 10 --only pcgrad nash-mtl --rounds 20 --json many.json

Forty tasks are the attributes of CelebA, on which published codes are timed: a rule that is
arithmetic on a T×T matrix must not cost more than the T backward passes that it needs. The network
is three strided convolutions that all tasks share and a linear head a task, so that what a step
costs beside the passes shows. All candidates take turns in every round, in random order, on the
same network and batch. A step is the forward pass, the losses and their gradients, without the
optimizer; methods that need the losses after the step include that pass.

Two floors stand beside them: the plain sum's one backward pass, by which every time of its round
is divided, and T backward passes, one a loss, from the losses down (F_T). The table shows the
median of the rounds and half of their interquartile range. "solve" is the part of a step that is
arithmetic on the T×T Gramian, on the host. TorchJD runs in the faster of its two modes, found in
the warm-up. All run in one thread, and the times are the processor's, so that other programs on
the machine disturb them less. What takes more than `--longest` seconds there is left out of the
rounds, and the table has the time of that one step. auto-lambda is left out: its step needs a batch
in halves. So are the losses that need single-task networks.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import losses
from losses import LOSSES
from losses.bilevel import BilevelObjective
from losses.presets import DistilledLoss
from utils.errors import ConfigError

# TorchJD's names of what it has as well: an aggregator and its arguments, or a scalarizer.
AGGREGATORS = {
    "imtl-g": ("IMTLG", {}),
    "mgda": ("MGDA", {}),
    "pcgrad": ("PCGrad", {}),
    "cagrad": ("CAGrad", {"c": 0.5}),
    "graddrop": ("GradDrop", {}),
    "gradvac": ("GradVac", {"beta": 0.01}),
    "aligned-mtl": ("AlignedMTL", {}),
    "nash-mtl": ("NashMTL", {"n_tasks": 0}),
    "fairgrad": ("FairGrad", {"alpha": 1.0}),
    "upgrad": ("UPGrad", {}),
    "config": ("ConFIG", {}),
    "excess-mtl": ("ExcessMTL", {}),
}
SCALARIZERS = {
    "geometric": ("GeometricMean", {}),
    "rlw": ("Random", {}),
    "dwa": ("DWA", {}),
    "uw": ("UW", {"shape": 0}),
    "stch": ("STCH", {"mu": 1.0}),
    "famo": ("FAMO", {"shape": 0}),
}


class Network(nn.Module):
    """Three strided convolutions and a mean over the pixels, and a linear head a task."""

    place = None  # its batches are whole

    def __init__(self, tasks: list[str]):
        super().__init__()
        channels = (3, 32, 64, 128)
        convolutions = [
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU())
            for a, b in itertools.pairwise(channels)
        ]
        self.trunk = nn.Sequential(*convolutions)
        self.heads = nn.ModuleDict({task: nn.Linear(128, 2) for task in tasks})
        self.features: tuple[Tensor, ...] = ()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        feature = self.trunk(images).mean(dim=(2, 3))
        self.features = (feature,)
        return {task: head(feature) for task, head in self.heads.items()}

    def shared_parameters(self) -> list[nn.Parameter]:
        return list(self.trunk.parameters())

    def last_shared_parameters(self) -> list[nn.Parameter]:
        return list(self.trunk[-1].parameters())

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self.heads[task].parameters())


class Step:
    """What all candidates share: the network, the batch and its losses."""

    def __init__(self, tasks: int, batch: int, size: int):
        torch.manual_seed(0)
        self.tasks = [f"t{k}" for k in range(tasks)]
        self.network = Network(self.tasks)
        self.images = torch.randn(batch, 3, size, size)
        self.labels = torch.randint(2, (tasks, batch))

    def losses(self) -> dict[str, Tensor]:
        predictions = self.network(self.images)
        pairs = zip(predictions.items(), self.labels, strict=True)
        return {task: F.cross_entropy(scores, labels) for (task, scores), labels in pairs}

    def clear(self) -> None:
        self.network.zero_grad(set_to_none=True)


def one_backward(step: Step) -> Callable[[], None]:
    return lambda: sum(step.losses().values()).backward()


def t_backwards(step: Step) -> Callable[[], None]:
    def run() -> None:
        result = list(step.losses().values())
        for loss in result:
            loss.backward(retain_graph=loss is not result[-1])

    return run


def objective_of(name: str, step: Step) -> losses.Objective:
    potential = dict.fromkeys(step.tasks, 0.8)
    objective = losses.build(name, step.tasks, potential, log=lambda line: None)
    objective.evaluated({task: 0.1 + 0.01 * k for k, task in enumerate(step.tasks)})
    return objective


def ours(objective: losses.Objective, step: Step) -> Callable[[], None]:
    def run() -> None:
        for group in objective.groups():
            step.clear()
            objective.backward(step.losses(), step.network, group)
        objective.after_step(step.losses)

    return run


def torchjd_aggregator(name: str, arguments: dict, chunk: int | None, step: Step):
    from torchjd import aggregation
    from torchjd.autojac import jac_to_grad, mtl_backward

    aggregator = getattr(aggregation, name)(**_sized(arguments, step))
    network = step.network

    def run() -> None:
        shared = network.shared_parameters()
        mtl_backward(
            list(step.losses().values()),
            features=network.features,
            tasks_params=[network.task_parameters(task) for task in step.tasks],
            shared_params=shared,
            parallel_chunk_size=chunk,
        )
        jac_to_grad(shared, aggregator)

    return run


def torchjd_scalarizer(name: str, arguments: dict, step: Step) -> Callable[[], None]:
    from torchjd import scalarization

    scalarizer = getattr(scalarization, name)(**_sized(arguments, step))

    def run() -> None:
        scalarizer(torch.stack(list(step.losses().values()))).backward()
        if name == "FAMO":
            with torch.no_grad():
                scalarizer.update(torch.stack(list(step.losses().values())))

    return run


def _sized(arguments: dict, step: Step) -> dict:
    """The arguments, with the number of tasks in the place of 0."""
    return {key: value or len(step.tasks) for key, value in arguments.items()}


class Clock:
    """The seconds that a function takes, over all its calls."""

    def __init__(self, function: Callable):
        self.function, self.seconds = function, 0.0

    def __call__(self, *arguments):
        started = time.process_time()
        try:
            return self.function(*arguments)
        finally:
            self.seconds += time.process_time() - started


def candidates(step: Step, only: list[str]) -> tuple[dict[str, list[Callable]], dict[str, Clock]]:
    """By name, the ways to run each (of TorchJD's two the faster is kept later), and the clocks of
    our rules' arithmetic."""
    ways, clocks = {"sum": [one_backward(step)], "F_T": [t_backwards(step)]}, {}
    for name in LOSSES:
        if (only and name not in only) or issubclass(LOSSES[name].part, DistilledLoss):
            continue
        try:
            objective = objective_of(name, step)
        except ConfigError as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            continue
        if isinstance(objective, BilevelObjective):
            continue  # its step needs a batch in halves, which this one is not
        if objective.aggregation is not None:
            rule = objective.aggregation.rule
            rule.weights = clocks[name] = Clock(rule.weights)
        ways[name] = [ours(objective, step)]
        try:
            if name in AGGREGATORS:
                ways[f"torchjd {name}"] = [
                    torchjd_aggregator(*AGGREGATORS[name], mode, step) for mode in (None, 1)
                ]
            elif name in SCALARIZERS:
                ways[f"torchjd {name}"] = [torchjd_scalarizer(*SCALARIZERS[name], step)]
        except (ImportError, ValueError) as reason:
            print(f"torchjd {name}: left out: {str(reason).splitlines()[0]}", file=sys.stderr)
    return ways, clocks


def timed(run: Callable[[], None], step: Step) -> float:
    """Seconds of one step; the gradients of the last one are let go of before."""
    step.clear()
    started = time.process_time()
    run()
    return time.process_time() - started


def measure(
    ways: dict, clocks: dict, step: Step, rounds: int, longest: float
) -> dict[str, list[float]]:
    """Seconds by candidate, one a round."""
    runs: dict[str, Callable] = {}
    times: dict[str, list[float]] = {}
    for name, modes in ways.items():  # the warm-up
        best = []
        for run in modes:
            best.append(timed(run, step))
            if best[-1] > longest:
                times[name] = [best[-1]] * rounds
                print(f"{name}: {best[-1]:.0f} s, left out of the rounds", file=sys.stderr)
                break
            best[-1] = min(best[-1], timed(run, step))
        else:
            runs[name], times[name] = modes[best.index(min(best))], []
    for clock in clocks.values():
        clock.seconds = 0.0
    names, order = list(runs), random.Random(0)
    for number in range(rounds):
        gc.collect()
        order.shuffle(names)
        for name in names:
            times[name].append(timed(runs[name], step))
        print(f"\rround {number + 1}/{rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


def summary(times: dict[str, list[float]], clocks: dict, rounds: int) -> list[dict]:
    """A row a candidate: medians and spreads of the rounds."""
    rows = []
    for name, seconds in times.items():
        ratios = [s / f for s, f in zip(seconds, times["sum"], strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        loss = LOSSES.choose(name).build() if name in LOSSES else None
        rows.append(
            {
                "name": name,
                "place": loss.place if loss and loss.has_rule else "",
                "milliseconds": 1000 * statistics.median(seconds),
                "ratio": statistics.median(ratios),
                "spread": (high - low) / 2,
                "solve_ms": 1000 * clocks[name].seconds / rounds if name in clocks else None,
            }
        )
    return rows


def table(rows: list[dict]) -> str:
    """Ours, with TorchJD's ratio beside it."""
    by_name = {row["name"]: row for row in rows}
    lines = [
        "| loss | gradients at | ms | × sum | ± | solve ms | TorchJD × sum |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    for row in rows:
        if row["name"].startswith("torchjd "):
            continue
        other = by_name.get(f"torchjd {row['name']}")
        solve = row["solve_ms"]
        cells = [
            row["name"],
            row["place"],
            f"{row['milliseconds']:.1f}",
            f"{row['ratio']:.2f}",
            f"{row['spread']:.2f}",
            "" if solve is None else f"{solve:.2f}",
            f"{other['ratio']:.2f}" if other else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--longest", type=float, default=10.0, help="seconds of a step")
    parser.add_argument("--only", nargs="*", default=[], metavar="LOSS", help="these losses alone")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    options = parser.parse_args()
    if unknown := set(options.only) - set(LOSSES):
        parser.error(f"--only {min(unknown)}: there are: {', '.join(LOSSES)}")
    if options.rounds < 2:
        parser.error("--rounds: at least 2")
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    step = Step(options.tasks, options.batch, options.size)
    ways, clocks = candidates(step, options.only)
    times = measure(ways, clocks, step, options.rounds, options.longest)
    rows = summary(times, clocks, options.rounds)
    setting = {
        "tasks": options.tasks,
        "batch": [options.batch, 3, options.size, options.size],
        "device": f"cpu: {platform.processor() or platform.machine()}, 1 thread",
        "torch": torch.__version__,
        "rounds": options.rounds,
    }
    print("\n".join(f"{key}: {value}" for key, value in setting.items()))
    print(f"\n{table(rows)}")
    if options.json:
        options.json.write_text(json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
