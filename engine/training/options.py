"""The options of training that belong to no other part."""

from __future__ import annotations

import math

from engine.training.optimizer import OPTIMIZERS
from engine.training.schedule import SCHEDULES
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part


class Training(Part):
    """How long and how a network is trained, and what is recorded."""

    section = "training"

    optimizer: str = option("sgd", "the optimizer", aliases=("optim",), parts=OPTIMIZERS)
    scheduler: str = option(
        "plateau", "how the learning rate falls", aliases=("-sched",), parts=SCHEDULES
    )
    max_epoch: int = option(
        200, "epochs", aliases=("-max",), at_least=1, only_without="max_iterations"
    )
    max_iterations: int = option(
        0, "steps, in the place of max_epoch; 0: epochs count", at_least=0, excludes="max_epoch"
    )
    test_iterations: int = option(
        1000,
        "with max_iterations, steps from one evaluation, and row of epochs.csv, to the next",
        at_least=1,
        only_with="max_iterations",
    )
    clip_grad: float = option(0.0, "largest norm of the gradient; 0: no limit", at_least=0)
    on_nan: str = option(
        "stop",
        "what a loss that is not a number does: stop the run, or skip the step as if it had not "
        "been (which costs time and memory), at most a few in a row",
        choices=("stop", "skip"),
    )
    ema: bool = option(False, "test a moving average of the weights", aliases=("model_ema",))
    ema_momentum: float = option(
        0.9999,
        "of that average",
        aliases=("model_ema_momentum",),
        at_least=0,
        below=1,
        only_with="ema",
    )
    ema_warmup: bool = option(
        True,
        "the momentum rises: (1 + n) / (10 + n) in step n, up to ema_momentum; else it is constant",
        only_with="ema",
        official=False,
    )
    ema_test: bool = option(
        False,
        "test the weights as well as their average, and keep the better of the two",
        only_with="ema",
        official=True,
    )
    micro_batches: int = option(
        1,
        "parts that a batch is computed in, one after another, where it is larger than memory; "
        "BatchNorm has the statistics of a part",
        at_least=1,
        largest=2**16,
    )
    freeze: str = option(
        "none",
        "what of the backbone is not trained: none, backbone (all of it), or the number of its "
        "first layers: of stages, or of blocks of a transformer with what comes before them",
    )
    recompute: bool = option(
        False,
        "compute the activations of the backbone again in the backward pass, which takes less "
        "memory and more time",
        affects="nothing",
    )
    amp: bool = option(False, "mixed precision")
    compile: bool = option(
        False,
        "compile the network for training: the first steps take long, the others less",
        affects="nothing",
    )
    channels_last: bool = option(
        True, "store images with the channels last, which is faster", affects="nothing"
    )
    test_freq: int = option(
        1,
        "epochs from one evaluation to the next",
        at_least=1,
        only_without="max_iterations",
    )
    display_freq: int = option(
        100,
        "steps from one plain line of progress to the next",
        at_least=1,
        affects="nothing",
    )
    diagnose: int = option(
        0,
        "steps from one record of the task gradients' angles and lengths to the next; 0: none",
        at_least=0,
        affects="nothing",
    )
    save_freq: int = option(
        1,
        "epochs, or evaluations with max_iterations, from one checkpoint to the next",
        at_least=1,
        affects="nothing",
    )
    save_minutes: float = option(
        10,
        "minutes after which a checkpoint is written within an epoch; 0: none",
        at_least=0,
        affects="nothing",
    )

    @property
    def length(self) -> tuple[str, int]:
        """What is counted, `epoch` or `iteration`, and how many there are."""
        if self.max_iterations:
            return "iteration", self.max_iterations
        return "epoch", self.max_epoch

    @property
    def period(self) -> int | None:
        """The number of steps in a period; None where it is an epoch of the data."""
        return min(self.test_iterations, self.max_iterations) or None

    def __init__(self, **values):
        super().__init__(**values)
        if self.freeze not in ("none", "backbone") and not _is_count(self.freeze):
            raise ConfigError(
                f"freeze wants none, backbone or a number of layers, not '{self.freeze}'", "freeze"
            )
        if self.compile and self.recompute:
            raise ConfigError(
                "recompute keeps apart what a compiled backbone joins; leave one of them out",
                "compile",
            )

    @property
    def periods(self) -> int:
        """The number of periods of the training; see `engine.training.length`."""
        return math.ceil(self.max_iterations / self.period) if self.period else self.max_epoch


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0
