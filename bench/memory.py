"""The memory and the time of a training step in parts and with recomputation, beside TorchJD's.

    python3 bench/memory.py                    # ResNet-18 on a CPU, ResNet-50 on a GPU
    python3 bench/memory.py --rounds 5 --json memory.json

A loss stands for each kind of rule. It trains DeepLab with three dense heads on whole batches, with
`recompute`, with `micro_batches = 4`, and with both; beside them TorchJD's autojac
(`mtl_backward` and `jac_to_grad`) with the same rule on whole batches, all tasks batched or one
after another. A step is all of it, without the optimizer. All candidates take turns in every round;
the times are medians. The memory is what a step adds at its worst moment: on a GPU the allocator's,
on a CPU the resident memory of a fresh process that runs two steps.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

import losses
from datasets.batch import Batch
from engine.training.parts import PartLosses
from engine.training.precision import Precision
from engine.training.task_losses import TaskLosses
from models import ARCHITECTURES, BACKBONES, build
from tasks import TASKS
from utils.ranks import ALONE

PARTS = 4
LOSSES = {
    "weighted-sum": "no rule, fixed weights",
    "geometric": "no rule, weights from the losses",
    "mgda-ub": "a rule at the features",
    "imtl-g": "a rule at the last layer",
    "pcgrad": "a rule at the parameters",
}
TORCHJD = {"weighted-sum": "Sum", "mgda-ub": "MGDA", "imtl-g": "IMTLG", "pcgrad": "PCGrad"}
WAYS = ("whole", "recompute", "parts", "parts, recompute", "TorchJD", "TorchJD, one by one")


class Training:
    """The network and a batch.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace):
        torch.manual_seed(0)
        self.device, size = torch.device(options.device), (options.size, options.size)
        names = ("segmentation", "depth", "normal")
        classes = tuple(f"class {k}" for k in range(13))
        self.tasks = [TASKS[n](classes if TASKS[n].has_classes else ()) for n in names]
        backbone = BACKBONES.choose(options.backbone, {"pretrained": "false"})
        heads = {task.name: task.head for task in self.tasks}
        self.network = build(ARCHITECTURES.choose("DeepLab"), backbone, heads, size)
        self.network.to(self.device).train()
        self.task_losses = TaskLosses(
            self.network, self.tasks, Precision(self.device, False), ALONE, 0
        )
        self.batch = _batch(options.batch, size, self.device)

    def step(self, loss: str, way: str) -> Callable[[], None]:
        """A function that computes the gradients of a step."""
        self.network.backbone.is_recomputed = "recompute" in way
        if way.startswith("TorchJD"):
            return self._by_torchjd(loss, 1 if "one" in way else None)
        names = [task.name for task in self.tasks]
        objective = losses.build(loss, names)
        if way.startswith("parts"):
            cuts = torch.arange(len(self.batch.images)).tensor_split(PARTS)
            parts = [_part(self.batch, int(cut[0]), int(cut[-1]) + 1) for cut in cuts]
            return lambda: objective.backward_in_parts(
                PartLosses(self.task_losses).on(parts, 1)[1](), self.network, names
            )
        return lambda: objective.backward(
            self.task_losses.on(self.batch, 1)[1](), self.network, names
        )

    def _by_torchjd(self, loss: str, chunk: int | None) -> Callable[[], None]:
        from torchjd import aggregation
        from torchjd.autojac import jac_to_grad, mtl_backward

        aggregator, network = getattr(aggregation, TORCHJD[loss])(), self.network

        def run() -> None:
            values = list(self.task_losses.on(self.batch, 1)[1]().values())
            shared = network.shared_parameters()
            mtl_backward(
                values,
                features=network.features,
                tasks_params=[network.task_parameters(task.name) for task in self.tasks],
                shared_params=shared,
                parallel_chunk_size=chunk,
            )
            jac_to_grad(shared, aggregator)

        return run

    def timed(self, loss: str, way: str) -> float:
        """Seconds of a step."""
        run = self.step(loss, way)
        self.network.zero_grad(set_to_none=True)
        self._wait()
        started = time.perf_counter()
        run()
        self._wait()
        return time.perf_counter() - started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def _batch(images: int, size: tuple[int, int], device: torch.device) -> Batch:
    normals = torch.randn(images, 3, *size)
    targets = {
        "segmentation": torch.randint(0, 13, (images, *size), dtype=torch.uint8),
        "depth": 1 + 8 * torch.rand(images, *size),
        "normal": normals / normals.norm(dim=1, keepdim=True),
    }
    return Batch(
        images=torch.randint(0, 256, (images, *size, 3), dtype=torch.uint8),
        shown=torch.tensor([[0, 0, *size[::-1]]]).expand(images, 4),
        colours=None,
        sharpness=None,
        targets=targets,
        labelled={name: torch.ones(images, dtype=torch.bool) for name in targets},
    ).to(device)


def _part(batch: Batch, start: int, end: int) -> Batch:
    return Batch(
        batch.images[start:end],
        batch.shown[start:end],
        None,
        None,
        {name: target[start:end] for name, target in batch.targets.items()},
        {name: flags[start:end] for name, flags in batch.labelled.items()},
    )


def candidates(only: list[str]) -> list[tuple[str, str]]:
    return [
        (loss, way)
        for loss in only or LOSSES
        for way in WAYS
        if not way.startswith("TorchJD") or loss in TORCHJD
    ]


def peak_memory(loss: str, way: str, options: argparse.Namespace) -> float:
    """MB that a step adds at its worst moment, in a fresh process."""
    command = [sys.executable, __file__, "--peak-of", loss, way]
    for key in ("backbone", "batch", "size", "device", "threads"):
        command += [f"--{key}", str(getattr(options, key))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_peak(loss: str, way: str, training: Training) -> None:
    run, cuda = training.step(loss, way), training.device.type == "cuda"
    if cuda:
        before = torch.cuda.memory_allocated() / 2**20
        torch.cuda.reset_peak_memory_stats()
    else:
        before = _resident("VmRSS")
    for _ in range(2):
        training.network.zero_grad(set_to_none=True)
        run()
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else _resident("VmHWM")
    print(peak - before)


def _resident(figure: str) -> float:
    """MB of this process that are, or at most were, in memory (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(figure):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the system does not tell {figure}")


def measure(training: Training, rounds: int, only: list[str]) -> dict[tuple[str, str], list[float]]:
    """Seconds by candidate, one a round."""
    times: dict[tuple[str, str], list[float]] = {pair: [] for pair in candidates(only)}
    order, draw = list(times), random.Random(0)
    for pair in order:  # the warm-up
        training.timed(*pair)
    for _ in range(rounds):
        draw.shuffle(order)
        for pair in order:
            times[pair].append(training.timed(*pair))
    return times


def table(rows: list[dict]) -> str:
    lines = ["| loss | kind | way | MB | ms |", "| --- | --- | --- | --: | --: |"]
    for row in rows:
        cells = (row["loss"], LOSSES[row["loss"]], row["way"], f"{row['peak_MB']:.0f}")
        lines.append(f"| {' | '.join(cells)} | {row['milliseconds']:.0f} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="resnet50" if cuda else "resnet18")
    parser.add_argument("--batch", type=int, default=32 if cuda else 8)
    parser.add_argument("--size", type=int, default=256 if cuda else 128)
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], choices=LOSSES, help="these losses alone")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    parser.add_argument("--peak-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.batch < 2 * PARTS:
        parser.error(f"--batch: at least {2 * PARTS}")
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    training = Training(options)
    if options.peak_of:
        print_peak(*options.peak_of, training)
        return
    times = measure(training, options.rounds, options.only)
    rows = [
        {
            "loss": loss,
            "way": way,
            "milliseconds": 1000 * statistics.median(seconds),
            "peak_MB": peak_memory(loss, way, options),
        }
        for (loss, way), seconds in times.items()
    ]
    cuda = training.device.type == "cuda"
    machine = torch.cuda.get_device_name() if cuda else platform.processor()
    setting = {
        "network": f"DeepLab {options.backbone}, three dense heads",
        "batch": [options.batch, 3, options.size, options.size],
        "parts": PARTS,
        "device": f"{options.device}: {machine or platform.machine()}, {options.threads} threads",
        "torch": torch.__version__,
        "rounds": options.rounds,
    }
    print("\n".join(f"{key}: {value}" for key, value in setting.items()))
    print(f"\n{table(rows)}")
    if options.json:
        options.json.write_text(json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
