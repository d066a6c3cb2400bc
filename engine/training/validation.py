"""The evaluations between the epochs, and the choice of the best checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from torch import nn

from datasets.loader import Loader
from engine.runs.keeper import Keeper
from engine.training.evaluation import Evaluation, evaluate
from engine.training.precision import Precision
from tasks import Task
from utils.ranks import Ranks


class Validation:
    """Evaluates a network on the validation images, and saves it where its selection score is at
    least as good as any before.

    Where `network` is the average of another one, both may be evaluated. Then the better of the two
    counts: its metrics are those of the epoch, and it is what may be saved. Where both are as good,
    that is the average.

    Args:
        network: the network that is tested.
        tasks: its tasks.
        loader: of the validation images.
        keeper: writes the best checkpoint.
        log: is called with each line for the user.
        raw: the network that `network` is the average of, where both are evaluated.

    Attributes:
        best_score, best_epoch: of the best checkpoint so far.
        scores: the selection score of each network in the last evaluation, by its name: `averaged`
            and `raw`; empty where there is one network.
    """

    def __init__(
        self,
        network: nn.Module,
        tasks: Sequence[Task],
        loader: Loader,
        precision: Precision,
        ranks: Ranks,
        keeper: Keeper,
        log: Callable[[str], None],
        raw: nn.Module | None = None,
    ):
        self.raw, self.scores = raw, dict[str, float]()
        self.network, self.tasks, self.loader = network, tasks, loader
        self.precision, self.ranks = precision, ranks
        self.keeper, self.log = keeper, log
        self.best_score, self.best_epoch = -math.inf, 0
        self._unmeasured: set[str] = set()

    def __call__(self, epoch: int, place: str = "") -> Evaluation:
        """Evaluates the network after an epoch, or the two; returns what counts. `place` is the
        same in words, where something else is counted."""
        network, evaluation = self.network, self._evaluate(self.network)
        score = evaluation.selection_score(self.tasks)
        if self.raw is not None:
            raw = self._evaluate(self.raw)
            self.scores = {"averaged": score, "raw": raw.selection_score(self.tasks)}
            if self.scores["raw"] > score:
                network, evaluation, score = self.raw, raw, self.scores["raw"]
        if score >= self.best_score:
            self.best_score, self.best_epoch = score, epoch
            weights = network.state_dict()
            if self.ranks.first:
                self.keeper.save_best(
                    {
                        "epoch": epoch,
                        "place": place or f"epoch {epoch}",
                        "validation": evaluation.metrics,
                        "network": weights,
                    }
                )
        return evaluation

    def _evaluate(self, network: nn.Module) -> Evaluation:
        evaluation = evaluate(network, self.tasks, self.loader, self.precision, self.ranks)
        self._log_unmeasured(evaluation)
        return evaluation

    def state_dict(self) -> dict[str, float]:
        return {"total": self.best_score, "epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self.best_score, self.best_epoch = state["total"], state["epoch"]

    def _log_unmeasured(self, evaluation: Evaluation) -> None:
        """Logs each task that the validation images cannot measure, once."""
        scores = evaluation.scores(self.tasks)
        unmeasured = {name for name, score in scores.items() if math.isnan(score)}
        for name in sorted(unmeasured - self._unmeasured):
            self.log(
                f"{name} cannot be measured on the validation images: it is left out of the "
                "choice of the checkpoint"
            )
        self._unmeasured |= unmeasured
