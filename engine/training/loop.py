"""The loop around the steps: epochs, evaluations, records, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.runs import checkpoint
from engine.runs.data import Data
from engine.runs.folder import RunFolder
from engine.training.affinity import groups_in_words
from engine.training.ema import moving_average
from engine.training.evaluation import Evaluation, evaluate
from engine.training.log import Log
from engine.training.progress import Progress, duration
from engine.training.records import Records
from engine.training.state import TrainingState
from engine.training.step import Step
from engine.training.task_losses import TaskLosses
from losses import Objective
from utils.errors import UserError

if TYPE_CHECKING:
    from engine.config import Config


class Loop:
    """The training of one run, which goes on where the folder's last checkpoint left it.

    Args:
        config: of the run.
        data: what is trained and validated on.
        task_losses: the losses of a batch, on the device.
        objective: of the tasks.
        folder: of the run.
        header: what a checkpoint says of the network; see `engine.runs.checkpoint`.
        log: takes lines for the user.
    """

    def __init__(
        self,
        config: Config,
        data: Data,
        task_losses: TaskLosses,
        objective: Objective,
        folder: RunFolder,
        header: Mapping[str, Any],
        log: Log,
    ):
        self.options, self.seed = config.training, config.run.seed
        self.data, self.folder, self.header, self.log = data, folder, header, log
        self.network, self.objective = task_losses.network, objective
        self.precision, self.ranks = task_losses.precision, task_losses.ranks
        self.device = self.precision.device
        self.train_loader, self.val_loader = data.loaders(config, self.device)
        steps = len(self.train_loader)

        trained_beside = task_losses.components()
        extra = [p for module in trained_beside.values() for p in module.parameters()]
        optimizer = self.options.optimizer.build().optimizer(
            self.network, config.loading.batch_size, extra
        )
        self.schedule = self.options.scheduler.build(optimizer, steps, self.options.max_epoch)
        averaged = self.options.ema and moving_average(self.network, self.options.ema_momentum)
        self.averaged = averaged or None
        self.step = Step(
            task_losses, objective, optimizer, self.precision, self.options.clip_grad, self.averaged
        )
        components = {
            "network": self.network,
            "averaged": self.averaged,
            "optimizer": optimizer,
            "scaler": self.precision.scaler,
            "schedule": self.schedule,
            "objective": objective,
            **trained_beside,
        }
        self.state = TrainingState({n: part for n, part in components.items() if part is not None})
        if folder.last.exists():
            self.state.load(folder.last, self.device)
        self.groups = objective.grouping
        self.unmeasured: set[str] = set()
        self.records = Records(folder, objective.tasks, self.state.epoch, steps)

    def run(self) -> None:
        """Trains the epochs that are left. Afterwards the folder holds the best checkpoint.

        Raises:
            UserError: a loss is no longer a number.
        """
        done, epochs = self.state.epoch, self.options.max_epoch
        if done:
            self.log(f"goes on after epoch {done} of {epochs}")
        images = len(self.train_loader) * self.train_loader.batch_size
        progress = Progress(images * epochs, images * done, self.options.display_freq)
        try:
            for epoch in range(done + 1, epochs + 1):
                row = self._train_epoch(epoch, progress)
                started = time.perf_counter()
                self._finish_epoch(epoch, row)
                progress.pause(time.perf_counter() - started)
            self._name_skipped()
        finally:
            progress.close()
            self.records.close()

    def _train_epoch(self, epoch: int, progress: Progress) -> dict:
        """Trains an epoch; returns its row of the records."""
        # All randomness of an epoch is its own, so that a run that goes on is the run that did not
        # stop.
        torch.manual_seed(self.seed * 1_000_003 + epoch)
        self.network.train()
        started, images, rates, losses, diagnosed = time.perf_counter(), 0, [], [], []
        first = (epoch - 1) * len(self.train_loader)
        for step, batch in enumerate(self.train_loader.epoch(epoch), first):
            rates.append(self.schedule.set(step))
            wanted = self.options.diagnose and step % self.options.diagnose == 0
            statistics: dict[str, float] | None = {} if wanted else None
            result = self.step(batch.to(self.device), step + 1, statistics)
            losses.append(self._in_order(result))
            if statistics:
                diagnosed.append({"epoch": epoch, "step": step + 1, **statistics})
            images += len(batch.images)
            progress.step(len(batch.images), partial(self._describe, epoch, losses[-1]))
        losses = torch.stack(losses).cpu()
        seconds = time.perf_counter() - started
        self._require_numbers(epoch)
        self._record_steps(epoch, rates, losses)
        self.records.add_gradients(diagnosed)
        row = {"epoch": epoch, "lr": rates[-1]}
        row |= {"seconds": seconds, "images_per_second": images / seconds}
        means = zip(self.objective.tasks, losses.nanmean(0).tolist(), strict=True)
        row |= {f"loss {name}": mean for name, mean in means}
        return row | {f"weight {name}": w for name, w in self.objective.weights.items()}

    def _in_order(self, losses: dict[str, Tensor]) -> Tensor:
        """(T) the losses of a step as the records have them, NaN for tasks that were not active."""
        absent = torch.full((), math.nan, device=self.device)
        return torch.stack([losses.get(name, absent).detach() for name in self.objective.tasks])

    def _record_steps(self, epoch: int, rates: list[float], losses: Tensor) -> None:
        first = (epoch - 1) * len(self.train_loader) + 1
        rows = []
        for step, (rate, values) in enumerate(zip(rates, losses.tolist(), strict=True), first):
            named = zip(self.objective.tasks, values, strict=True)
            row = {f"loss {name}": value for name, value in named}
            rows.append({"epoch": epoch, "step": step, "lr": rate, **row})
        self.records.add_steps(rows)

    def _require_numbers(self, epoch: int) -> None:
        first = self.step.divergence.first()
        if first is None and all(bool(p.isfinite().all()) for p in self.network.parameters()):
            return
        reason = "the weights are no longer numbers"
        if first is not None:
            reason = f"the loss of {first[1]} was not a number in step {first[0]}"
        raise UserError(
            f"{self.folder.path}: training diverged in epoch {epoch}: {reason}; lower --lr, "
            "lengthen --warmup_epoch or set --clip_grad. The checkpoint of the epoch before is kept"
        )

    def _finish_epoch(self, epoch: int, row: dict) -> None:
        """Evaluates where it is time to, and saves."""
        options, tasks = self.options, self.data.tasks
        self.objective.end_epoch()
        line = f"epoch {epoch}/{options.max_epoch}  " + "  ".join(
            f"{task.name} {row[f'loss {task.name}']:.4f}" for task in tasks
        )
        last = epoch == options.max_epoch
        if epoch % options.test_freq == 0 or last:
            accuracy = self._evaluate(epoch, row).accuracy(tasks)
            line += "  |  " + "  ".join(
                f"{task.name} {task.accuracy} {accuracy[task.name]:.4f}" for task in tasks
            )
        self.state.history.append(row)
        if epoch % options.save_freq == 0 or last:
            self.state.save(self.folder.last, self.header)
        self.records.set_epochs(self.state.history, epoch * len(self.train_loader))
        self.log(f"{line}  |  {row['images_per_second']:.1f} images/s, {duration(row['seconds'])}")
        if self.objective.affinity is not None:
            self._record_groups(epoch)

    def _evaluate(self, epoch: int, row: dict) -> Evaluation:
        network = self.averaged.module if self.averaged else self.network
        evaluation = evaluate(network, self.data.tasks, self.val_loader, self.precision, self.ranks)
        self._name_unmeasured(evaluation)
        score = evaluation.selection_score(self.data.tasks)
        row |= {
            f"{task} {name}": value
            for task, metrics in evaluation.metrics.items()
            for name, value in metrics.items()
        }
        row["total"] = score
        self.objective.evaluated(evaluation.accuracy(self.data.tasks))
        self.schedule.evaluated(score)
        if score >= self.state.best["total"]:
            self.state.best = {"total": score, "epoch": epoch}
            measured = {"epoch": epoch, "validation": evaluation.metrics}
            state = {**self.header, **measured, "network": network.state_dict()}
            checkpoint.save(self.folder.best, state)
        return evaluation

    def _name_unmeasured(self, evaluation: Evaluation) -> None:
        """Logs the tasks that the validation images cannot measure, each once."""
        scores = evaluation.scores(self.data.tasks)
        unmeasured = {name for name, score in scores.items() if math.isnan(score)}
        for name in sorted(unmeasured - self.unmeasured):
            self.log(
                f"{name} cannot be measured on the validation images: it is left out of the "
                "choice of the checkpoint"
            )
        self.unmeasured |= unmeasured

    def _record_groups(self, epoch: int) -> None:
        groups, step = self.objective.grouping, epoch * len(self.train_loader)
        self.records.add_affinity(epoch, step, self.objective.affinity, groups)
        if sorted(groups) != sorted(self.groups):
            self.log(f"groups of tasks updated together: {groups_in_words(groups)}")
        self.groups = groups

    def _name_skipped(self) -> None:
        """Logs the files that could not be read, each once."""
        skipped = self.train_loader.skipped + self.val_loader.skipped
        if skipped:
            self.log(f"{len(skipped)} images were left out, whose files cannot be read:")
        for error, times in skipped.items():
            self.log(f"  {error} (met {times} times)")

    def _describe(self, epoch: int, losses: Tensor) -> str:
        weights = self.objective.weights
        parts = [
            f"{name} {loss:.3f}×{weights[name]:.2f}"
            for name, loss in zip(self.objective.tasks, losses.tolist(), strict=True)
            if not math.isnan(loss)
        ]
        return f"epoch {epoch}/{self.options.max_epoch}  " + "  ".join(parts)
