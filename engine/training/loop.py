"""The loop around the steps: epochs, evaluations, records, checkpoints.

Where the cfg counts iterations, a period of them takes the place of an epoch; see `Length`.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from datasets.batch import Batch
from engine.runs.data import Data
from engine.runs.folder import RunFolder
from engine.runs.keeper import Keeper
from engine.runs.network import SINGLE_IMAGE, trains_on_single_images
from engine.training.affinity import groups_in_words
from engine.training.ema import MovingAverage
from engine.training.epoch import EpochSteps
from engine.training.evaluation import Evaluation
from engine.training.length import Length
from engine.training.log import Log
from engine.training.parts import StepInParts
from engine.training.progress import Progress, duration
from engine.training.records import NoRecords, Records
from engine.training.same import check_same
from engine.training.state import TrainingState
from engine.training.step import Step
from engine.training.task_losses import TaskLosses
from engine.training.undo import SkippedSteps
from engine.training.validation import Validation
from engine.training.whole_batch import Shares, WholeBatch, whole_batch
from losses import Objective
from utils import signals
from utils.errors import DataError, UserError

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
        later_images: how many images cost as much as what is trained after this run.

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
        later_images: float = 0.0,
    ):
        self.config, self.later_images = config, later_images
        options = self.options = config.training
        self.tasks, self.folder, self.log = data.tasks, folder, log
        self.selected_on = data.selected_on
        self.ranks = task_losses.ranks
        self.keeper = Keeper(folder, header, log)
        self.network, self.objective = task_losses.network, objective
        self.precision, self.device = task_losses.precision, task_losses.precision.device
        self.train_loader, val_loader = data.loaders(config, self.device, self.ranks)
        self.loaders = (self.train_loader, val_loader)
        self.length = Length.of(options, self.train_loader.epoch_batches)
        task_losses.steps = self.length.total

        temporary = task_losses.components()
        optimizer = options.optimizer.build().optimizer(
            self.network,
            config.loading.batch_size,
            [parameter for module in temporary.values() for parameter in module.parameters()],
        )
        self.schedule = options.scheduler.build(optimizer, self.length)
        self.averaged = self._average()
        self.skipped = self._undo(optimizer, temporary) if options.on_nan == "skip" else None
        self.parts = config.batch_parts
        kind = StepInParts if self.parts > 1 else Step
        self.step = kind(
            task_losses,
            objective,
            optimizer,
            self.precision,
            options.clip_grad,
            self.averaged,
            self.skipped,
        )
        self.validation = Validation(
            self.averaged.module if self.averaged else self.network,
            data.tasks,
            val_loader,
            self.precision,
            self.ranks,
            self.keeper,
            log,
            self.network if self.averaged and options.ema_test else None,
        )
        self.epoch_steps = EpochSteps(objective.tasks)
        self.records = Records(folder, objective.tasks, log) if self.ranks.first else NoRecords()
        self.shares = Shares()
        self.state = TrainingState(
            {
                "network": self.network,
                "averaged": self.averaged,
                "optimizer": optimizer,
                "scaler": self.precision.scaler,
                "schedule": self.schedule,
                "objective": objective,
                **temporary,
                "skipped": self.skipped,
                "best": self.validation,
                "epoch": self.epoch_steps,
                "records": self.records,
                "shares": self.shares,
            }
        )
        self.resumed = self._resume()
        self.records.begin(self.steps_done)
        self.groups = objective.grouping
        self.saved = time.monotonic()

    @cached_property
    def single_images(self) -> bool:
        """Whether a batch of one image can train the network."""
        return trains_on_single_images(self.config, self.tasks)

    def _resume(self) -> bool:
        """Goes on from the folder's last state; returns whether there is one."""

        def load() -> bool:
            if self.keeper.load(self.state.load, self.device) is None:
                return False
            if self.validation.best_epoch:
                self.keeper.load_best(self.device)  # which restores it where it is damaged
            return True

        return self.ranks.first_before_others(load)

    @property
    def steps_done(self) -> int:
        """The number of steps of all epochs so far."""
        return self.length.until(self.state.epoch) + self.epoch_steps.batches

    def run(self) -> None:
        """Trains the epochs that are left. Afterwards the folder holds the best checkpoint.

        Raises:
            UserError: a loss is no longer a number.
            Stopped: a signal has come; the state is saved.
        """
        batch_size = self.train_loader.batch_size
        if self.resumed:
            self.log(f"goes on after {self._place()}")
            self.records.write_epochs(self.state.history)
        progress = Progress(
            self.length.total * batch_size,
            self.steps_done * batch_size,
            self.options.display_freq,
            self.ranks.first and not self.config.run.mode.all_values().get("quiet"),
            self.later_images,
        )
        try:
            with signals.deferred(), self._saved_when_stopped():
                for epoch in range(self.state.epoch + 1, self.length.periods + 1):
                    self._train(epoch, progress)
                    with progress.paused():
                        self._finish(epoch)
            self._log_left_out()
        finally:
            progress.close()
            self.records.close()

    @contextlib.contextmanager
    def _saved_when_stopped(self) -> Iterator[None]:
        try:
            yield
        except signals.Stopped as stop:
            self._save()
            self.log(f"{stop} after {self._place()}; the same command goes on from there")
            stop.told = True
            raise

    def _average(self) -> MovingAverage | None:
        options = self.options
        if not options.ema:
            return None
        return MovingAverage(self.network, options.ema_momentum, options.ema_warmup)

    def _undo(self, optimizer, temporary: Mapping[str, Any]) -> SkippedSteps:
        """What takes everything that a step changes back to before it."""
        parts = [self.network, *temporary.values(), optimizer, self.precision.scaler]
        averaged = [self.averaged] if self.averaged else []
        return SkippedSteps([*parts, self.objective, *averaged])

    def _train(self, epoch: int, progress: Progress) -> None:
        """Trains the batches of an epoch that are left."""
        self.network.train()
        diagnose, steps = self.options.diagnose, self.epoch_steps
        first = self.length.until(epoch - 1)
        steps.go_on()
        for parts, whole in self._batches(epoch):
            self._check_images(whole)
            step = first + self.train_loader.taken - 1
            rate = self.schedule.set(step)
            statistics: dict | None = {} if diagnose and step % diagnose == 0 else None
            parts = [part.to(self.device) for part in parts]
            batch = parts if self.parts > 1 else parts[0]
            losses = self.step(batch, step + 1, statistics, whole)
            self.shares.add(whole.counts)
            steps.add(step + 1, rate, losses, whole.images, statistics)
            steps.batches = self.train_loader.taken
            progress.step(whole.images, partial(self._describe, epoch, step + 1, losses))
            if self._save_is_due():
                self._save()
        self._record_steps()

    def _batches(self, epoch: int) -> Iterator[tuple[list[Batch], WholeBatch]]:
        """This process's shares of the parts of the batches of an epoch that are left, and what is
        known of the whole ones, those without any image left out.

        Raises:
            UserError: a share cannot be read, or not one image can be.
            Stopped: a signal has come.
        """
        done, last = self.epoch_steps.batches, self.length.steps(epoch)
        shares = self.train_loader.epoch(epoch, done, last)
        images = 0
        for _ in range(done, last):
            parts, error = [None] * self.parts, None
            try:
                parts = [next(shares, None) for _ in parts]
            except UserError as reason:
                error = reason
            whole = whole_batch(self.ranks, self.tasks, parts, error)
            images += whole.images
            if whole.images:
                yield parts, whole

        if not images:
            self.ranks.together(self.train_loader.refuse_unreadable)

    def _check_images(self, whole: WholeBatch) -> None:
        """Checks that a batch of which images were skipped can train the network.

        Raises:
            DataError: a single image is left of a part, which cannot.
        """
        fewest = min(images for images in map(sum, whole.parts) if images)
        if fewest == 1 < self.train_loader.batch_size and not self.single_images:
            skipped = ", ".join(list(self.train_loader.skipped)[-1:])
            raise DataError(
                f"one image is left of a batch, others cannot be read ({skipped}): {SINGLE_IMAGE}"
            )

    def _finish(self, epoch: int) -> None:
        """Evaluates where it is time to, completes the records of the epoch, and saves."""
        options, last = self.options, epoch == self.length.periods
        step = self.length.until(epoch)
        row = {"epoch": epoch, "step": step, **self.epoch_steps.summary(self.objective.weights)}
        line = f"{self.length.title(epoch, step)}  |  training loss "
        line += "  ".join(f"{task.name} {row[f'loss {task.name}']:.4f}" for task in self.tasks)
        # Nothing has changed yet when a signal ends the evaluation.
        due = self.schedule.allows_evaluation(step)
        due = due and (self.length.in_iterations or epoch % options.test_freq == 0)
        evaluation = self.validation(epoch, self.length.place(epoch, 0)) if due or last else None
        self.objective.end_epoch()
        if evaluation:
            accuracy = self._evaluated(evaluation, row)
            line += f"  |  {self.selected_on} " + "  ".join(
                f"{task.name} {task.format_accuracy(accuracy[task.name])}" for task in self.tasks
            )
        self.state.history.append(row)
        self.epoch_steps.begin(epoch + 1)
        self._record_groups(epoch)
        self.records.add_epoch(row, self.steps_done)
        if epoch % options.save_freq == 0 or last:
            self._save()
        self.records.write_epochs(self.state.history)
        self.log(f"{line}  |  {row['images_per_second']:.1f} images/s, {duration(row['seconds'])}")

    def _save(self) -> None:
        """Saves the state. The order of the writes is this one everywhere: the best network, rows
        of the records, the state, which says how long the records are, and what is made of it."""
        self._record_steps()
        check_same(self.ranks, self.network, self.objective)
        # The others wait: a launcher ends all processes soon after one has ended.
        self.ranks.from_first(lambda: self.keeper.save(self.state.state_dict()))
        self.saved = time.monotonic()

    def _save_is_due(self) -> bool:
        minutes = self.options.save_minutes
        if not minutes:
            return False
        return self.ranks.from_first(lambda: time.monotonic() - self.saved >= 60 * minutes)

    def _record_steps(self) -> None:
        """Records the steps since the last time.

        Raises:
            UserError: the training cannot go on from these steps.
        """
        rows, gradients = self.epoch_steps.take_rows()
        if reason := self.step.divergence.reason(self.network):
            counted = not self.length.in_iterations
            epoch = f" in epoch {self.epoch_steps.epoch}" if counted else ""
            raise UserError(
                f"{self.folder.path}: training diverged{epoch}: {reason}; lower --lr, lengthen "
                "--warmup_epoch or set --clip_grad, with --restart to begin again from the best "
                "network so far or with --run NAME to begin anew, or undo such steps by --on_nan "
                "skip"
            )
        self.records.add_steps(rows)
        self.records.add_gradients(gradients)

    def _place(self) -> str:
        """Where the training is, in words."""
        return self.length.place(self.state.epoch, self.epoch_steps.batches)

    def _evaluated(self, evaluation: Evaluation, row: dict) -> dict[str, float]:
        """Hands on an evaluation, adds the metrics to the row of the epoch, and returns the
        accuracies. Where the weights and their average were tested, the schedule goes by the score
        of the average, which is the steadier one, and as the official code does."""
        accuracy, score = evaluation.accuracy(self.tasks), evaluation.selection_score(self.tasks)
        for task, metrics in evaluation.metrics.items():
            row |= {f"{task} {name}": value for name, value in metrics.items()}
        row["total"] = score
        row |= {f"total {name}": each for name, each in self.validation.scores.items()}
        self.objective.evaluated(accuracy)
        self.schedule.evaluated(self.validation.scores.get("averaged", score))
        return accuracy

    def _record_groups(self, epoch: int) -> None:
        """Records the affinities and the groups after an epoch, where the objective has groups."""
        if self.objective.affinity is None:
            return
        groups = self.objective.grouping
        self.records.add_affinity(epoch, self.steps_done, self.objective.affinity, groups)
        if sorted(groups) != sorted(self.groups):
            self.log(f"groups of tasks updated together: {groups_in_words(groups)}")
        self.groups = groups

    def _log_left_out(self) -> None:
        """Logs how many steps were undone, and the files that could not be read, each once."""
        if self.skipped is not None and self.skipped.count:
            self.log(f"{self.skipped.count} steps were undone, whose losses were not numbers")
        ours = self.loaders[0].skipped + self.loaders[1].skipped
        if skipped := sum(self.ranks.gather(ours), Counter()):
            self.log(f"{len(skipped)} images were left out, whose files cannot be read:")
        for error, times in skipped.items():
            self.log(f"  {error} (met {times} times)")

    def _describe(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> str:
        weights = self.objective.weights
        parts = (f"{task} {loss:.3f}×{weights[task]:.2f}" for task, loss in losses.items())
        return f"{self.length.title(epoch, step)}  loss×weight " + "  ".join(parts)
