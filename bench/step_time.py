"""The time of a training step with every multi-task loss, beside TorchJD's and the floors.

    python3 bench/step_time.py                     # ResNet-18 on a CPU, ResNet-50 on a GPU
    python3 bench/step_time.py --only amtl pcgrad --rounds 10 --json step_time.json
    python3 bench/step_time.py --device cuda --amp --batch 32

All candidates take turns in every round, in random order, on the same network and batch. A step is
the forward pass, the losses and their gradients, without the optimizer; methods that need the
losses after the step, or several steps a batch, include these passes. There are two floors:

    F    the forward pass and one backward pass of the sum of the losses (measured twice, so that
         the table shows its own noise)
    F_T  the forward pass and one backward pass for each of the T losses

Each time is divided by the mean of the two F of its round, and the table shows the median of the
rounds and half of their interquartile range. TorchJD runs in the faster of its two modes (all tasks
in one batched backward pass, or one after another), found in the warm-up.

Images/s are of these steps. TFLOP/s count the convolutions and matrix products of a step, by
`torch.utils.flop_counter`; with `--amp` on a known card, the table has their share of what the card
can do in half precision without sparsity, by its maker's data sheet.
"""

from __future__ import annotations

import argparse
import gc
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
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import losses
from engine.training.precision import Precision
from losses import LOSSES
from losses.presets import DistilledLoss
from utils.errors import ConfigError

TASKS = ("segmentation", "depth", "normal")
CHANNELS = {"segmentation": 13, "depth": 1, "normal": 3}

# TorchJD's names of what it has as well: an aggregator and its arguments, or a scalarizer.
AGGREGATORS = {
    "imtl-g": ("IMTLG", {}),
    "mgda": ("MGDA", {}),
    "pcgrad": ("PCGrad", {}),
    "cagrad": ("CAGrad", {"c": 0.5}),
    "graddrop": ("GradDrop", {}),
    "gradvac": ("GradVac", {"beta": 0.01}),
    "aligned-mtl": ("AlignedMTL", {}),
    "nash-mtl": ("NashMTL", {"n_tasks": len(TASKS)}),
    "fairgrad": ("FairGrad", {"alpha": 1.0}),
    "upgrad": ("UPGrad", {}),
}
SCALARIZERS = {
    "weighted-sum": ("Mean", {}),
    "geometric": ("GeometricMean", {}),
    "rlw": ("Random", {}),
    "dwa": ("DWA", {}),
    "uw": ("UW", {"shape": len(TASKS)}),
    "stch": ("STCH", {"mu": 1.0}),
    "famo": ("FAMO", {"shape": len(TASKS)}),
}


# TFLOP/s of the matrix units in bfloat16 or float16, dense, by a part of the card's name; the first
# that fits.
PEAKS = {
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 989,
    "H200": 989,
    "A100": 312,
    "A10G": 70,
    "A10": 125,
    "L40S": 362,
    "L4": 121,
    "V100": 125,
    "T4": 65,
}


def conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Network(nn.Module):
    """A ResNet, a shared 1×1 convolution (its last shared layer, as DeepLab's), and three dense
    heads on that."""

    place = None  # its batches are whole

    def __init__(self, arch: str):
        super().__init__()
        layers = list(torchvision.models.get_model(arch, weights=None).children())[:-2]
        width = 512 if arch in ("resnet18", "resnet34") else 2048
        self.trunk = nn.Sequential(*layers, conv_bn_relu(width, 256, 1))
        self.heads = nn.ModuleDict(
            {
                task: nn.Sequential(conv_bn_relu(256, 64, 3), nn.Conv2d(64, CHANNELS[task], 1))
                for task in TASKS
            }
        )
        self.features: tuple[Tensor, ...] = ()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        feature = self.trunk(images)
        self.features = (feature,)
        size = images.shape[-2:]
        return {
            task: F.interpolate(head(feature), size, mode="bilinear", align_corners=False)
            for task, head in self.heads.items()
        }

    def shared_parameters(self) -> list[nn.Parameter]:
        return list(self.trunk.parameters())

    def last_shared_parameters(self) -> list[nn.Parameter]:
        return list(self.trunk[-1][0].parameters())

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self.heads[task].parameters())


class Step:
    """What all candidates share: the network, the batch and its losses."""

    def __init__(self, arch: str, batch: int, size: int, device: torch.device, amp: bool):
        torch.manual_seed(0)
        self.precision = Precision(device, amp)
        self.network = Network(arch).to(device)
        self.images = torch.randn(batch, 3, size, size, device=device)
        self.labels = torch.randint(CHANNELS["segmentation"], (batch, size, size), device=device)
        self.depth = torch.rand(batch, 1, size, size, device=device) * 10
        self.normal = F.normalize(torch.randn(batch, 3, size, size, device=device), dim=1)

    def losses(self) -> dict[str, Tensor]:
        with self.precision.autocast():
            out = self.network(self.images)
        out = {task: prediction.float() for task, prediction in out.items()}
        return {
            "segmentation": F.cross_entropy(out["segmentation"], self.labels),
            "depth": F.l1_loss(out["depth"], self.depth),
            "normal": 1 - F.cosine_similarity(out["normal"], self.normal).mean(),
        }

    def clear(self) -> None:
        self.network.zero_grad(set_to_none=True)


def one_backward(step: Step) -> Callable[[], None]:
    def run() -> None:
        sum(step.losses().values()).backward()

    return run


def t_backwards(step: Step) -> Callable[[], None]:
    def run() -> None:
        result = list(step.losses().values())
        for loss in result:
            loss.backward(retain_graph=loss is not result[-1])

    return run


def ours(name: str, step: Step) -> Callable[[], None]:
    objective = losses.build(name, TASKS, dict.fromkeys(TASKS, 0.8))
    objective.evaluated({"segmentation": 0.3, "depth": 0.6, "normal": 0.2})

    def run() -> None:
        for group in objective.groups():
            step.clear()
            objective.backward(step.losses(), step.network, group)
        objective.after_step(step.losses)

    return run


def torchjd_aggregator(name: str, arguments: dict, chunk: int | None, step: Step):
    from torchjd import aggregation
    from torchjd.autojac import jac_to_grad, mtl_backward

    aggregator = getattr(aggregation, name)(**arguments)
    network = step.network

    def run() -> None:
        result = list(step.losses().values())
        shared = network.shared_parameters()
        mtl_backward(
            result,
            features=network.features,
            tasks_params=[network.task_parameters(task) for task in TASKS],
            shared_params=shared,
            parallel_chunk_size=chunk,
        )
        jac_to_grad(shared, aggregator)

    return run


def torchjd_scalarizer(name: str, arguments: dict, step: Step) -> Callable[[], None]:
    from torchjd import scalarization

    scalarizer = getattr(scalarization, name)(**arguments).to(step.images.device)

    def run() -> None:
        scalarizer(torch.stack(list(step.losses().values()))).backward()
        if name == "FAMO":
            with torch.no_grad():
                scalarizer.update(torch.stack(list(step.losses().values())))

    return run


def candidates(step: Step, only: list[str]) -> dict[str, list[Callable[[], None]]]:
    """By name, the ways to run each: TorchJD's have two, of which the faster is kept later."""
    ways = {"F": [one_backward(step)], "F again": [one_backward(step)], "F_T": [t_backwards(step)]}
    for name in LOSSES:
        if only and name not in only:
            continue
        if issubclass(LOSSES[name].part, DistilledLoss):
            print(f"{name}: left out: it needs single-task networks", file=sys.stderr)
            continue
        try:
            ways[name] = [ours(name, step)]
        except ConfigError as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            continue
        try:
            if name in AGGREGATORS:
                modes = (None, 1)
                ways[f"torchjd {name}"] = [
                    torchjd_aggregator(*AGGREGATORS[name], mode, step) for mode in modes
                ]
            elif name in SCALARIZERS:
                ways[f"torchjd {name}"] = [torchjd_scalarizer(*SCALARIZERS[name], step)]
        except ImportError as reason:
            print(f"torchjd {name}: left out: {str(reason).splitlines()[0]}", file=sys.stderr)
    return ways


def timed(run: Callable[[], None], step: Step) -> float:
    """Seconds of one step; the gradients of the last one are let go of before."""
    step.clear()
    cuda = step.images.is_cuda
    if cuda:
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(ways: dict, step: Step, rounds: int) -> dict[str, list[float]]:
    """Seconds by candidate, one a round."""
    runs = {}
    for name, modes in ways.items():  # the warm-up
        best = [min(timed(run, step) for _ in range(3)) for run in modes]
        runs[name] = modes[best.index(min(best))]
    times: dict[str, list[float]] = {name: [] for name in runs}
    names, order = list(runs), random.Random(0)
    for number in range(rounds):
        gc.collect()
        order.shuffle(names)
        for name in names:
            times[name].append(timed(runs[name], step))
        print(f"\rround {number + 1}/{rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


def flops(run: Callable[[], None], step: Step) -> int:
    """The floating point operations of a step, a multiplication and an addition counted as two."""
    step.clear()
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def peak_of(step: Step) -> float | None:
    """The TFLOP/s that the card can do at most in the precision of the step, where it is known."""
    if not step.images.is_cuda or step.precision.dtype == torch.float32:
        return None
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def peak_memory(name: str, options: argparse.Namespace, step: Step, ways: dict) -> float:
    """MB at the worst moment of a step, beside the network and the batch. On a CPU a fresh process
    runs three steps and asks the system."""
    if step.images.is_cuda:
        step.clear()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        timed(ways[name][-1], step)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    command = [sys.executable, __file__, "--peak-of", name]
    for key in ("arch", "batch", "size", "threads"):
        command += [f"--{key}", str(getattr(options, key))]
    command += ["--amp"] if options.amp else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_peak(name: str, step: Step) -> None:
    run = candidates(step, [name.removeprefix("torchjd ")])[name][-1]
    before = _resident("VmRSS")
    for _ in range(3):
        timed(run, step)
    print(_resident("VmHWM") - before)


def _resident(figure: str) -> float:
    """MB of this process that are, or at most were, in memory (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(figure):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the system does not tell {figure}; take --no-memory")


def summary(
    times: dict[str, list[float]], memory: dict[str, float], ways: dict, step: Step
) -> list[dict]:
    """A row a candidate: medians and spreads of the rounds."""
    floor = [(a + b) / 2 for a, b in zip(times["F"], times["F again"], strict=True)]
    rows = []
    for name, seconds in times.items():
        ratios = [s / f for s, f in zip(seconds, floor, strict=True)]
        over_t = [s / f for s, f in zip(seconds, times["F_T"], strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        loss = LOSSES.choose(name).build() if name in LOSSES else None
        median, peak = statistics.median(seconds), peak_of(step)
        teraflops = flops(ways[name][-1], step) / median / 1e12
        rows.append(
            {
                "name": name,
                "place": loss.place if loss and loss.has_rule else "",
                "milliseconds": 1000 * median,
                "images/s": len(step.images) / median,
                "TFLOP/s": teraflops,
                "of_peak": teraflops / peak if peak else None,
                "ratio": statistics.median(ratios),
                "spread": (high - low) / 2,
                "over_F_T": statistics.median(over_t),
                "peak_MB": memory.get(name),
            }
        )
    return rows


def table(rows: list[dict]) -> str:
    """Ours, with TorchJD's ratio beside it."""
    by_name = {row["name"]: row for row in rows}
    lines = [
        "| loss | gradients at | ms | × F | ± | × F_T | TorchJD × F | peak MB | TorchJD's "
        "| images/s | TFLOP/s | of peak |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for row in rows:
        if row["name"].startswith("torchjd "):
            continue
        other = by_name.get(f"torchjd {row['name']}")
        cells = [
            row["name"],
            row["place"],
            f"{row['milliseconds']:.1f}",
            f"{row['ratio']:.3f}",
            f"{row['spread']:.3f}",
            f"{row['over_F_T']:.3f}",
            f"{other['ratio']:.3f}" if other else "",
            _megabytes(row),
            _megabytes(other),
            f"{row['images/s']:.1f}",
            f"{row['TFLOP/s']:.3g}",
            f"{row['of_peak']:.1%}" if row["of_peak"] else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _megabytes(row: dict | None) -> str:
    return f"{row['peak_MB']:.0f}" if row and row["peak_MB"] else ""


def parse() -> argparse.Namespace:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="resnet50" if cuda else "resnet18")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256 if cuda else 128)
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--amp", action="store_true", help="mixed precision, where there is one")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", nargs="*", default=[], metavar="LOSS", help="these losses alone")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device.startswith("cuda") and not cuda:
        parser.error(f"--device {options.device}: there is no GPU here")
    unknown = set(options.only) - set(LOSSES)
    if unknown:
        parser.error(f"--only {min(unknown)}: there are: {', '.join(LOSSES)}")
    if options.rounds < 2:
        parser.error("--rounds: at least 2")
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    step = Step(options.arch, options.batch, options.size, device, options.amp)
    if options.peak_of:
        print_peak(options.peak_of, step)
        return
    ways = candidates(step, options.only)
    times = measure(ways, step, options.rounds)
    memory = {}
    if not options.no_memory:
        memory = {name: peak_memory(name, options, step, ways) for name in ways}
    rows = summary(times, memory, ways, step)
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    setting = {
        "network": f"{options.arch}, three dense heads",
        "batch": [options.batch, 3, options.size, options.size],
        "device": f"{device.type}: {machine or platform.machine()}, {options.threads} threads",
        "precision": step.precision.name,
        "torch": torch.__version__,
        "rounds": options.rounds,
    }
    print("\n".join(f"{key}: {value}" for key, value in setting.items()))
    print(f"\n{table(rows)}")
    if options.json:
        options.json.write_text(json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
