"""The loop around the steps: epochs, evaluations, records, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from engine.runs.data import Data
from engine.runs.folder import RunFolder
from engine.training.affinity import groups_in_words
from engine.training.ema import moving_average
from engine.training.epoch import EpochSteps
from engine.training.log import Log
from engine.training.progress import Progress, duration
from engine.training.records import Records
from engine.training.state import TrainingState
from engine.training.step import Step
from engine.training.task_losses import TaskLosses
from engine.training.validation import Validation
from losses import Objective
from utils.errors import UserError

if TYPE_CHECKING:
    from engine.config import Config


class Loop:
    """The training of one run. It goes on where the last checkpoint of the folder left it.

    Args:
        config: of the run.
        data: the images to train on and to validate on.
        task_losses: the losses of a batch; its network is on the device.
        objective: of the tasks.
        folder: of the run.
        header: what a checkpoint says of the network; see `engine.runs.checkpoint`.
        log: takes lines for the user.

    Raises:
        DataError: the last checkpoint is damaged, or of another network.
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
        options = self.options = config.training
        self.tasks = data.tasks
        self.folder, self.header, self.log = folder, header, log
        self.network, self.objective = task_losses.network, objective
        self.precision, self.device = task_losses.precision, task_losses.precision.device
        self.train_loader, val_loader = data.loaders(config, self.device)
        self.loaders = (self.train_loader, val_loader)
        self.steps = len(self.train_loader)

        temporary = task_losses.components()
        optimizer = options.optimizer.build().optimizer(
            self.network,
            config.loading.batch_size,
            [parameter for module in temporary.values() for parameter in module.parameters()],
        )
        self.schedule = options.scheduler.build(optimizer, self.steps, options.max_epoch)
        self.averaged = moving_average(self.network, options.ema_momentum) if options.ema else None
        self.step = Step(
            task_losses, objective, optimizer, self.precision, options.clip_grad, self.averaged
        )
        self.validation = Validation(
            self.averaged.module if self.averaged else self.network,
            data.tasks,
            val_loader,
            self.precision,
            task_losses.ranks,
            folder.best,
            header,
            log,
        )
        self.state = TrainingState(
            {
                "network": self.network,
                "averaged": self.averaged,
                "optimizer": optimizer,
                "scaler": self.precision.scaler,
                "schedule": self.schedule,
                "objective": objective,
                **temporary,
                "best": self.validation,
            }
        )
        if folder.last.exists():
            self.state.load(folder.last, self.device)
        self.records = Records(folder, objective.tasks, self.state.epoch, self.steps)

    def run(self) -> None:
        """Trains the epochs that are left. Afterwards the folder holds the best checkpoint.

        Raises:
            UserError: a loss is no longer a number.
        """
        done, epochs = self.state.epoch, self.options.max_epoch
        if done:
            self.log(f"goes on after epoch {done} of {epochs}")
        images = self.steps * self.train_loader.batch_size
        progress = Progress(images * epochs, images * done, self.options.display_freq)
        try:
            for epoch in range(done + 1, epochs + 1):
                groups = self.objective.grouping
                row = self._train(epoch, progress)
                with progress.paused():
                    self._finish(epoch, row)
                    self._record_groups(epoch, groups)
            self._log_skipped()
        finally:
            progress.close()
            self.records.close()

    def _train(self, epoch: int, progress: Progress) -> dict:
        """Trains an epoch; returns its row of the records."""
        self.network.train()
        diagnose, steps = self.options.diagnose, EpochSteps(epoch, self.objective.tasks)
        for step, batch in enumerate(self.train_loader.epoch(epoch), (epoch - 1) * self.steps):
            rate = self.schedule.set(step)
            statistics: dict | None = {} if diagnose and step % diagnose == 0 else None
            losses = self.step(batch.to(self.device), step + 1, statistics)
            steps.add(step + 1, rate, losses, len(batch.images), statistics)
            progress.step(len(batch.images), partial(self._describe, epoch, losses))
        rows, row = steps.finish(self.objective.weights)
        if reason := self.step.divergence.reason(self.network):
            raise UserError(
                f"{self.folder.path}: training diverged in epoch {epoch}: {reason}; lower --lr, "
                "lengthen --warmup_epoch or set --clip_grad. The last checkpoint before is kept"
            )
        self.records.add_steps(rows)
        self.records.add_gradients(steps.gradient_rows)
        self.objective.end_epoch()
        return row

    def _finish(self, epoch: int, row: dict) -> None:
        """Evaluates and saves where it is time to, and completes the records of the epoch."""
        options, last = self.options, epoch == self.options.max_epoch
        line = f"epoch {epoch}/{options.max_epoch}  "
        line += "  ".join(f"{task.name} {row[f'loss {task.name}']:.4f}" for task in self.tasks)
        if epoch % options.test_freq == 0 or last:
            accuracy = self._evaluate(epoch, row)
            line += "  |  " + "  ".join(
                f"{task.name} {task.accuracy} {accuracy[task.name]:.4f}" for task in self.tasks
            )
        self.state.history.append(row)
        if epoch % options.save_freq == 0 or last:
            self.state.save(self.folder.last, self.header)
        self.records.set_epochs(self.state.history, epoch * self.steps)
        self.log(f"{line}  |  {row['images_per_second']:.1f} images/s, {duration(row['seconds'])}")

    def _evaluate(self, epoch: int, row: dict) -> dict[str, float]:
        """Evaluates, adds the metrics to the row of the epoch, and returns the accuracies."""
        evaluation = self.validation(epoch)
        accuracy, score = evaluation.accuracy(self.tasks), evaluation.selection_score(self.tasks)
        for task, metrics in evaluation.metrics.items():
            row |= {f"{task} {name}": value for name, value in metrics.items()}
        row["total"] = score
        self.objective.evaluated(accuracy)
        self.schedule.evaluated(score)
        return accuracy

    def _record_groups(self, epoch: int, before: list[tuple[str, ...]]) -> None:
        """Records the affinities and the groups after an epoch, where the objective has groups."""
        if self.objective.affinity is None:
            return
        groups = self.objective.grouping
        self.records.add_affinity(epoch, epoch * self.steps, self.objective.affinity, groups)
        if sorted(groups) != sorted(before):
            self.log(f"groups of tasks updated together: {groups_in_words(groups)}")

    def _log_skipped(self) -> None:
        """Logs the files that could not be read, each once."""
        skipped = self.loaders[0].skipped + self.loaders[1].skipped
        if skipped:
            self.log(f"{len(skipped)} images were left out, whose files cannot be read:")
        for error, times in skipped.items():
            self.log(f"  {error} (met {times} times)")

    def _describe(self, epoch: int, losses: Mapping[str, Tensor]) -> str:
        weights = self.objective.weights
        parts = (f"{task} {loss:.3f}×{weights[task]:.2f}" for task, loss in losses.items())
        return f"epoch {epoch}/{self.options.max_epoch}  " + "  ".join(parts)
