"""The learning rate as a function of progress."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from engine.training.length import Length
from utils.option import REQUIRED, option
from utils.part import Part, Registry


class Schedule(Part):
    """Sets the learning rate before each step: base rate × warm-up × shape of the schedule.

    Args:
        optimizer: the rates of its groups are the base rates, and are set.
        length: of the training.
    """

    section = "training"

    warmup_epoch: float = option(
        2.0, "epochs in which it rises from 0", aliases=("-wi",), at_least=0
    )
    warmup_start: int = option(
        1,
        "the number of the first step of the warm-up: 1, or 0, whose rate is 0",
        choices=(0, 1),
        only_with="warmup_epoch",
        official=0,
    )
    test_after_warmup: bool = option(
        False,
        "no evaluation before the warm-up is over, but for the last epoch's",
        only_with="warmup_epoch",
        official=True,
    )

    depends_on_length: ClassVar[bool] = False
    """Whether the rate of a step depends on the length of the training, so that one that is made
    longer is another one from its first step on."""

    def __init__(self, optimizer: torch.optim.Optimizer, length: Length, **options):
        super().__init__(**options)
        self.optimizer, self.length = optimizer, length
        self.base = [group["lr"] for group in optimizer.param_groups]

    def set(self, step: int) -> float:
        """Sets the rates for a step, counted from 0 over all epochs; returns that of the first
        group."""
        warmup = self._warmup(step)
        factor = warmup * self.shape(step)
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            floor = min(base, self.lowest) if warmup == 1 else 0.0
            group["lr"] = max(base * factor, floor)
        return self.optimizer.param_groups[0]["lr"]

    def allows_evaluation(self, steps: int) -> bool:
        """Whether the network is to be evaluated after so many steps, before the last."""
        return not self.test_after_warmup or steps >= self.warmup_epoch * self.length.epoch

    def shape(self, step: int) -> float:
        """The factor of a step after the warm-up."""
        return 1.0

    @property
    def lowest(self) -> float:
        """The lowest rate after the warm-up."""
        return 0.0

    def evaluated(self, score: float) -> None:
        """Takes the selection score of an evaluation."""

    def state_dict(self) -> dict[str, float]:
        return {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Goes on from the state of another schedule of the same class."""

    def _progress(self, step: int) -> float:
        return min(1.0, step / self.length.total)

    def _warmup(self, step: int) -> float:
        length = self.warmup_epoch * self.length.epoch
        return min(1.0, (step + self.warmup_start) / length) if length else 1.0


class Constant(Schedule):
    """The same rate in all epochs."""


class Polynomial(Schedule):
    """(1 - progress)^0.9 (Chen et al., TPAMI 2018)."""

    depends_on_length = True

    def shape(self, step):
        return (1 - self._progress(step)) ** 0.9


class Cosine(Schedule):
    """(1 + cos(π progress)) / 2 (Loshchilov and Hutter, ICLR 2017)."""

    depends_on_length = True

    min_lr: float = option(0.0, "the least that plateau and cosine go to", at_least=0)

    def shape(self, step):
        return (1 + math.cos(math.pi * self._progress(step))) / 2

    @property
    def lowest(self):
        return self.min_lr


class Multistep(Schedule):
    """Multiplied by a factor after certain epochs, or iterations where the cfg counts these."""

    milestones: tuple[int, ...] = option(
        REQUIRED,
        "epochs, or iterations with max_iterations, after which multistep lowers it",
        at_least=1,
        official=(80, 120),
    )
    factor: float = option(
        0.5,
        "what plateau and multistep multiply it by",
        above=0,
        below=1,
        official=0.1,
        official_fixed=True,
    )

    def shape(self, step):
        unit = 1 if self.length.in_iterations else self.length.epoch
        return self.factor ** sum(step >= milestone * unit for milestone in self.milestones)


class Plateau(Schedule):
    """Lowered after `patience` evaluations without a better selection score.

    A score s is better than the best before, b, where s > b (1 + threshold).
    """

    patience: int = option(
        20, "evaluations without a better metric before plateau lowers it", at_least=0
    )
    factor: float = option(0.5, "what plateau and multistep multiply it by", above=0, below=1)
    threshold: float = option(
        0.0,
        "share of the best metric by which plateau wants the next one to be better",
        at_least=0,
        official=1e-4,
    )
    min_lr: float = option(
        0.0, "the least that plateau and cosine go to", at_least=0, official=1e-5
    )

    def __init__(self, optimizer, length, **options):
        super().__init__(optimizer, length, **options)
        self.reduction, self.best, self.waited = 1.0, -math.inf, 0

    def shape(self, step):
        return self.reduction

    @property
    def lowest(self):
        return self.min_lr

    def evaluated(self, score):
        if score > self.best * (1 + self.threshold):
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.reduction *= self.factor
            self.waited = 0

    def state_dict(self):
        return {"reduction": self.reduction, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state):
        self.reduction, self.best, self.waited = (
            state[key] for key in ("reduction", "best", "waited")
        )


SCHEDULES = Registry(
    "scheduler",
    {
        "polynomial": Polynomial,
        "plateau": Plateau,
        "cosine": Cosine,
        "multistep": Multistep,
        "constant": Constant,
    },
    aliases={"poly": "polynomial"},
)
"""Every schedule by its name in a cfg."""
