"""Draws how multi-task losses descend on a problem of two losses of two numbers, and says which
starts end on its Pareto front.

    python3 scripts/toy_problem.py --loss weighted-sum aligned-mtl --output toy.png

The problem is that of Navon et al., "Multi-Task Learning as a Bargaining Game" (ICML 2022), with
the starts, the optimizer and the steps of Senushkin et al., CVPR 2023. A step sees all data that
there are: what a loss does once an epoch, it does after every step. Both losses fall below 0, where
a loss that takes their logarithms takes that of a very small number.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from losses import LOSSES
from losses.presets import DistilledLoss, MultiTaskLoss
from losses.weighting.accuracy import AccuracyWeighting
from utils.errors import ConfigError, UserError, one_line
from utils.text import aligned

TASKS = ("f1", "f2")
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
FRONT_X1, FRONT_X2 = (-7.0, 7.0), -8.3552
"""The Pareto front is the straight line from the first to the second x1 at this x2."""
CLOSE = 0.1
"""A point is on the front where no point of the front has both losses lower by more than this; they
reach from about -20 to 9."""

_LEAST = 5e-6  # what a logarithm is taken of
_SHOWN = (-10.0, 10.0)  # of both numbers


@dataclass(frozen=True)
class Descent:
    """The way of a loss from a start: (steps + 1, 2) the numbers and the losses at each step. It
    ends early where they are no longer finite."""

    loss: str
    points: np.ndarray
    losses: np.ndarray

    @property
    def room(self) -> float:
        """By how much both losses could still fall at once."""
        on_front = pareto_front()[1]
        return float((self.losses[-1] - on_front).min(axis=1).max())

    @property
    def has_arrived(self) -> bool:
        return self.room <= CLOSE


class TwoNumbers(nn.Module):
    """A network of two numbers that all tasks share, as an objective wants networks."""

    def __init__(self, start: Sequence[float]):
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor(start, dtype=torch.float64))
        self.features: list[Tensor] = []

    def shared_parameters(self) -> list[nn.Parameter]:
        return [self.numbers]

    last_shared_parameters = shared_parameters

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        return []

    def forward(self) -> dict[str, Tensor]:
        self.features = [self.numbers.view(1, 2, 1, 1).clone()]
        return dict(zip(TASKS, two_losses(self.features[0].flatten()), strict=True))


def two_losses(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """f1 and f2 of (…, 2) numbers."""
    x1, x2 = numbers.unbind(-1)
    zero = torch.zeros_like(x2)
    # Not by clamp, which has no slope at 0, where one of the starts lies.
    upper = torch.maximum(torch.tanh(x2 / 2), zero)
    lower = torch.maximum(torch.tanh(-x2 / 2), zero)

    def valley(height: Tensor) -> Tensor:
        return height.abs().clamp(min=_LEAST).log() + 6

    def bowl(middle: float) -> Tensor:
        return ((x1 - middle) ** 2 + 0.1 * (x2 + 8) ** 2) / 10 - 20

    first = upper * valley(0.5 * (-x1 - 7) - torch.tanh(-x2)) + lower * bowl(7)
    second = upper * valley(0.5 * (-x1 + 3) + torch.tanh(-x2) + 2) + lower * bowl(-7)
    return first, second


def pareto_front() -> tuple[np.ndarray, np.ndarray]:
    """Points on the Pareto front, and their losses."""
    x1 = torch.linspace(*FRONT_X1, 2801, dtype=torch.float64)
    points = torch.stack([x1, torch.full_like(x1, FRONT_X2)], dim=1)
    return points.numpy(), torch.stack(two_losses(points), dim=1).numpy()


def build(name: str) -> MultiTaskLoss:
    """A loss by its name.

    Raises:
        ConfigError: there is none, or this problem has not what it needs.
    """
    loss = LOSSES.choose(name).build()
    if isinstance(loss, DistilledLoss):
        raise ConfigError(f"{name} learns from single-task networks, and here there are none")
    if issubclass(loss.weighting.part, AccuracyWeighting):
        raise ConfigError(f"{name} weighs tasks by their accuracies, and here there are none")
    by_parts = loss.has_rule and loss.gradient.part.compares_parts
    if by_parts or loss.weighting.part.by_halves:
        raise ConfigError(f"{name} compares parts of a batch, and here there are no batches")
    return loss


def descend(name: str, start: Sequence[float], steps: int, lr: float, seed: int = 0) -> Descent:
    """The way of a loss from a start, with Adam."""
    network = TwoNumbers(start)
    objective = build(name).objective(TASKS, seed=seed)
    optimizer = torch.optim.Adam(network.parameters(), lr)
    points = [network.numbers.detach().clone()]
    for number in tqdm(range(1, steps + 1), f"{name} from {start}", leave=False, disable=None):
        objective.begin_step(number)
        for group in objective.groups():
            optimizer.zero_grad()
            objective.backward(network(), network, group)
            optimizer.step()
        objective.after_step(network)
        objective.end_epoch()
        points.append(network.numbers.detach().clone())
        if not points[-1].isfinite().all():
            break
    way = torch.stack(points)
    return Descent(name, way.numpy(), torch.stack(two_losses(way), dim=1).numpy())


def table(descents: Sequence[Descent]) -> str:
    rows = [["loss", "start", "end", "f1", "f2", "on the Pareto front"]]
    for descent in descents:
        ends = [f"({x1:.2f}, {x2:.2f})" for x1, x2 in descent.points[[0, -1]]]
        values = [f"{value:.2f}" for value in descent.losses[-1]]
        if descent.has_arrived:
            verdict = "yes"
        elif not np.isfinite(descent.room):
            verdict = f"no: it is no number after {len(descent.points) - 1} steps"
        else:
            verdict = f"no: both losses could fall by {descent.room:.2f}"
        rows.append([descent.loss, *ends, *values, verdict])
    return "\n".join(aligned(rows))


def draw(descents: Sequence[Descent], path: Path) -> None:
    """Draws for each loss the two numbers above, and the two losses below."""
    plt = _pyplot()
    names = list(dict.fromkeys(descent.loss for descent in descents))
    figure, axes = plt.subplots(
        2, len(names), figsize=(4.5 * len(names), 9), squeeze=False, layout="constrained"
    )
    for name, (numbers, losses) in zip(names, axes.T, strict=True):
        numbers.set(title=name, xlabel="x1", ylabel="x2", xlim=_SHOWN, ylim=_SHOWN)
        losses.set(xlabel=TASKS[0], ylabel=TASKS[1])
        _contours(numbers)
        for axis, front in zip((numbers, losses), pareto_front(), strict=True):
            axis.plot(*front.T, color="grey", linewidth=5, label="Pareto front", zorder=1)
        for descent in descents:
            if descent.loss == name:
                _draw_way(numbers, descent.points, descent.has_arrived)
                _draw_way(losses, descent.losses, descent.has_arrived)
    axes[0, 0].legend(*_legend(plt), loc="upper center", fontsize="small", ncols=2)
    try:
        figure.savefig(path)
    except OSError as reason:
        raise UserError(f"{path} cannot be written: {reason.strerror}") from None


def _contours(axis) -> None:
    """The mean of the two losses."""
    line = torch.linspace(*_SHOWN, 200, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    axis.contour(line, line, torch.stack(two_losses(grid)).mean(0), levels=25, alpha=0.5)


def _draw_way(axis, way: np.ndarray, has_arrived: bool) -> None:
    axis.plot(*way.T, color="black", linewidth=1, zorder=2)
    axis.plot(*way[0], "o", color="black", zorder=3)
    axis.plot(*way[-1], "*", color="green" if has_arrived else "red", markersize=14, zorder=4)


def _legend(plt) -> tuple[list, list[str]]:
    marks = (("o", "black", "start"), ("*", "green", "on the front"), ("*", "red", "not on it"))
    handles = [plt.Line2D([], [], linestyle="", marker=m, color=c) for m, c, _ in marks]
    front = plt.Line2D([], [], color="grey", linewidth=5)
    return [front, *handles], ["Pareto front", *(name for *_, name in marks)]


def check_picture(path: Path) -> None:
    """Checks that a picture can be drawn there, before the long way to it.

    Raises:
        UserError: it cannot; says why.
    """
    formats = _pyplot().Figure().canvas.get_supported_filetypes()
    if path.suffix[1:] not in formats:
        raise UserError(f"{path}: a picture ends in one of .{', .'.join(formats)}")
    if not path.parent.is_dir() or path.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder for such a file")


def _pyplot():
    """Matplotlib, for pictures in files.

    Raises:
        UserError: it is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise UserError("the picture needs matplotlib: pip install matplotlib") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def main() -> int:
    options = _parser().parse_args()
    torch.set_num_threads(1)
    try:
        check_picture(options.output)
        for name in options.loss:
            build(name)
        descents = [
            descend(name, STARTS[number - 1], options.steps, options.lr, options.seed)
            for name in options.loss
            for number in options.starts
        ]
        draw(descents, options.output)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    print(f"{table(descents)}\n\n{options.output}")
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"error: {one_line(message)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = range(1, len(STARTS) + 1)
    add = parser.add_argument
    add("--loss", nargs="+", required=True, help="names of losses, as in a cfg")
    starts = ", ".join(f"{number}: {start}" for number, start in zip(numbers, STARTS, strict=True))
    add("--starts", nargs="+", type=int, choices=numbers, default=[*numbers], help=starts)
    add("--steps", type=int, default=35_000, help="of Adam (%(default)s)")
    add("--lr", type=float, default=1e-3, help="its learning rate (%(default)s)")
    add("--seed", type=int, default=0, help="of what a loss draws (%(default)s)")
    add("--output", type=Path, default=Path("toy_problem.png"), help="the picture (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
