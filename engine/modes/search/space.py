"""What a search varies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utils.option import Option
from utils.part import Choice

if TYPE_CHECKING:
    import optuna

    from engine.config import Config

_AROUND = 8.0  # times the cfg's learning rate or weight decay, up and down
_SMALLEST_DECAY = 1e-6  # of a cfg without weight decay
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Range:
    """An option whose value is drawn between two limits, on a logarithmic scale where `low` is
    above 0; `start` is the cfg's."""

    name: str
    low: float
    high: float
    start: float

    @property
    def starts(self) -> dict[str, float]:
        return {self.name: min(max(self.start, self.low), self.high)}

    def values(self, params: Mapping[str, float]) -> dict[str, float]:
        """The value that was drawn."""
        return {self.name: params[self.name]}

    def words(self, trial: optuna.Trial) -> list[str]:
        """The flag of a trial."""
        value = trial.suggest_float(self.name, self.low, self.high, log=self.low > 0)
        return [f"--{self.name}", f"{value:.6g}"]


@dataclass(frozen=True)
class Simplex:
    """The weights of T tasks, drawn uniformly from all that are at least 0 and add up to 1.

    They are -log u_t over their sum, with u_t uniform in (0, 1).
    """

    name: str
    tasks: Sequence[str]

    @property
    def starts(self) -> dict[str, float]:
        """Equal weights."""
        return {f"{self.name} {task}": math.exp(-1) for task in self.tasks}

    def values(self, params: Mapping[str, float]) -> dict[str, float]:
        """The weights, from the numbers u_t that were drawn."""
        drawn = {name: -math.log(params[name]) for name in self.starts}
        return {name: value / sum(drawn.values()) for name, value in drawn.items()}

    def words(self, trial: optuna.Trial) -> list[str]:
        drawn = {name: trial.suggest_float(name, _SMALLEST, 1 - _SMALLEST) for name in self.starts}
        return [f"--{self.name}", *(f"{weight:.6g}" for weight in self.values(drawn).values())]


def search_space(config: Config, tasks: Sequence[str]) -> list[Range | Simplex]:
    """What the search of a cfg varies: the learning rate and the weight decay, for every loss; the
    weights of the tasks where they are fixed; and the options of the loss that declare a range."""
    optimizer = config.training.optimizer
    rate, decay = optimizer.value("lr"), optimizer.value("weight_decay") or _SMALLEST_DECAY
    space: list[Range | Simplex] = [
        Range("lr", rate / _AROUND, rate * _AROUND, rate),
        Range("weight_decay", decay / _AROUND, decay * _AROUND, decay),
    ]
    if len(tasks) == 1:
        return space
    if config.run.loss.name == "weighted-sum":
        return [*space, Simplex("loss_weight", tuple(tasks))]
    for declared, value in _options(config.run.loss):
        if declared.search:
            space.append(Range(declared.name, *declared.search, start=value))
    return space


def _options(choice: Choice) -> Iterator[tuple[Option, Any]]:
    """The options of a part and of the parts that it chooses, with their values."""
    for name, value in choice.all_values().items():
        if isinstance(value, Choice):
            yield from _options(value)
        else:
            yield choice.part.options[name], value


def flags_of(space: Sequence[Range | Simplex], trial: optuna.Trial) -> list[str]:
    """The flags of a trial."""
    return [word for dimension in space for word in dimension.words(trial)]


def values_of(space: Sequence[Range | Simplex], params: Mapping[str, float]) -> dict[str, float]:
    """What is searched, for people: the weights, and not the numbers that they are made of."""
    return {name: v for dimension in space for name, v in dimension.values(params).items()}


def start_of(space: Sequence[Range | Simplex]) -> Mapping[str, float]:
    """The point at which a search starts: the cfg's own values."""
    return {name: value for dimension in space for name, value in dimension.starts.items()}
