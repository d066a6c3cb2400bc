"""Trains one network, single-task or multi-task, from a cfg to its best checkpoint."""

from __future__ import annotations

import math
import time
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from datasets.batch import Batch
from datasets.loader import Loader
from datasets.photometric import normalised_images
from engine import checkpoint
from engine.affinity import groups_in_words
from engine.data import Data
from engine.evaluator import Evaluation, evaluate
from engine.optimizer import Schedule, make_optimizer
from engine.precision import Precision
from engine.progress import Progress, duration
from engine.records import Records
from engine.run_folder import RunFolder
from engine.teachers import Lessons, Teachers
from losses.objective import Objective
from models import Network
from utils.config import Config
from utils.errors import UserError


class Trainer:
    """The training of one run, which goes on where its folder's last checkpoint left it.

    Args:
        teachers: for an objective that needs them; else None.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        data: Data,
        objective: Objective,
        folder: RunFolder,
        device: torch.device,
        teachers: Teachers | None = None,
    ):
        self.config, self.data, self.folder, self.device = config, data, folder, device
        self.names = [task.name for task in data.tasks]
        self.network = network.to(device)
        if config.channels_last:
            self.network.to(memory_format=torch.channels_last)
        self.objective = objective
        self.teachers = teachers
        self.model = teachers.student if teachers else network  # as the objective sees it
        self.precision = Precision(device, config.amp)
        self.train_loader = Loader(
            data.train,
            config.batch_size,
            training=True,
            workers=config.num_workers,
            pin=device.type == "cuda",
            seed=config.seed,
            sampling=data.sampling,
            skip=config.on_bad_sample == "skip",
        )
        # What is tested is tested whole.
        skip = config.on_bad_sample == "skip" and data.selected_on != "test"
        self.val_loader = self.test_loader(data.val, skip)
        projections = teachers.distillation.parameters() if teachers else ()
        self.optimizer = make_optimizer(config, self.network, beside=projections)
        self.schedule = Schedule(config, self.optimizer, len(self.train_loader))
        self.averaged = _averaged(self.network, config.ema_momentum) if config.ema else None
        self.history: list[dict] = []
        self.best = {"total": -math.inf, "epoch": 0}
        self._restore()
        self.groups = objective.grouping
        self.records = Records(folder, self.names, len(self.history), len(self.train_loader))

    def test_loader(self, images, skip=False):
        return Loader(
            images,
            self.config.batch_size,
            training=False,
            workers=self.config.num_workers,
            pin=self.device.type == "cuda",
            skip=skip,
        )

    def fit(self) -> None:
        """Trains the epochs that are left. Afterwards the folder holds the best checkpoint.

        Raises:
            UserError: a loss is no longer a number.
        """
        config, first = self.config, len(self.history)
        if first:
            self.records.log(f"goes on after epoch {first} of {config.max_epoch}")
        images = len(self.train_loader) * min(config.batch_size, len(self.data.train))
        progress = Progress(images * config.max_epoch, images * first, config.display_freq)
        try:
            for epoch in range(first + 1, config.max_epoch + 1):
                row = self._epoch(epoch, progress)
                started = time.perf_counter()
                self._finish_epoch(epoch, row)
                progress.pause(time.perf_counter() - started)
            self._name_skipped()
        finally:
            progress.close()
            self.records.close()

    def _name_skipped(self) -> None:
        """Logs the files that could not be read, each once."""
        skipped = self.train_loader.skipped + self.val_loader.skipped
        if skipped:
            self.records.log(f"{len(skipped)} images were left out, whose files cannot be read:")
        for what, times in skipped.items():
            self.records.log(f"  {what} (met {times} times)")

    def step(self, batch: Batch, figures: dict[str, float] | None = None) -> dict[str, Tensor]:
        """One step on a batch; returns the losses before it, of the tasks that take part.

        Args:
            figures: takes those of the gradients (see `losses.diagnose`), where they are wanted.
        """
        images = normalised_images(batch)
        lessons = self.teachers.lessons(images) if self.teachers else None
        for group in self.objective.groups():
            if not (lessons or any(batch.labelled[task].any() for task in group)):
                continue
            losses = self._task_losses(images, batch, lessons)
            if figures == {}:
                figures |= self.objective.diagnose(losses, self.model, self.precision.scale())
            self.optimizer.zero_grad(set_to_none=True)
            self.objective.backward(losses, self.model, group, scale=self.precision.scale())
            self._update()
        self.objective.after_step(lambda: self._task_losses(images, batch, lessons))
        return losses

    def _task_losses(
        self, images: Tensor, batch: Batch, lessons: Lessons | None
    ) -> dict[str, Tensor]:
        with self.precision.autocast():
            predictions = self.network(images)
        losses = {}
        for task in self.data.tasks:
            labelled = batch.labelled[task.name]
            if labelled.any():
                total, count = task.criterion(
                    predictions[task.name], batch.targets[task.name], labelled
                )
                losses[task.name] = total / count.clamp(min=1)
        if lessons:
            return self.teachers.teach(losses, predictions, self.network.features, lessons)
        return losses

    def _update(self) -> None:
        scaler = self.precision.scaler
        scaler.unscale_(self.optimizer)
        if self.config.clip_grad:
            trained = [p for group in self.optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(trained, self.config.clip_grad)
        scaler.step(self.optimizer)
        scaler.update()
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def _epoch(self, epoch: int, progress: Progress) -> dict:
        """Trains an epoch; returns its row of the records."""
        # All randomness of an epoch is its own, so that a run that goes on is the run that did not
        # stop.
        torch.manual_seed(self.config.seed * 1_000_003 + epoch)
        self.network.train()
        started, images, rates, losses, diagnosed = time.perf_counter(), 0, [], [], []
        for step, batch in enumerate(
            self.train_loader.epoch(epoch), (epoch - 1) * len(self.train_loader)
        ):
            rates.append(self.schedule.set(step))
            figures = {} if self.config.diagnose and step % self.config.diagnose == 0 else None
            losses.append(self._in_order(self.step(batch.to(self.device), figures)))
            if figures:
                diagnosed.append({"epoch": epoch, "step": step + 1, **figures})
            images += len(batch.images)
            progress.step(len(batch.images), partial(self._describe, epoch, losses[-1]))
        losses = torch.stack(losses).cpu()
        seconds = time.perf_counter() - started
        self._require_numbers(epoch, losses)
        self._record_steps(epoch, rates, losses)
        self.records.add_gradients(diagnosed)
        row = {"epoch": epoch, "lr": rates[-1]}
        row |= {"seconds": seconds, "images_per_second": images / seconds}
        means = losses.nanmean(0).tolist()
        row |= {f"loss {name}": mean for name, mean in zip(self.names, means, strict=True)}
        return row | {f"weight {name}": w for name, w in self.objective.weights.items()}

    def _in_order(self, losses: dict[str, Tensor]) -> Tensor:
        """(T) the losses of a step, NaN for the tasks that took no part."""
        absent = torch.full((), math.nan, device=self.device)
        return torch.stack([losses.get(name, absent).detach() for name in self.names])

    def _record_steps(self, epoch: int, rates: list[float], losses: Tensor) -> None:
        first = (epoch - 1) * len(self.train_loader) + 1
        rows = []
        for step, (rate, values) in enumerate(zip(rates, losses.tolist(), strict=True), first):
            named = {f"loss {name}": v for name, v in zip(self.names, values, strict=True)}
            rows.append({"epoch": epoch, "step": step, "lr": rate, **named})
        self.records.add_steps(rows)

    def _require_numbers(self, epoch: int, losses: Tensor) -> None:
        # A loss that was not a number shows in the weights: in `losses`, NaN is a task's absence.
        finite = all(bool(p.isfinite().all()) for p in self.network.parameters())
        if not finite or losses.isinf().any():
            raise UserError(
                f"{self.folder.path}: training diverged in epoch {epoch}; lower --lr, lengthen "
                "--warmup_epoch or set --clip_grad. The checkpoint of the epoch before is kept"
            )

    def _finish_epoch(self, epoch: int, row: dict) -> None:
        """Evaluates where it is time to, and saves."""
        self.objective.end_epoch()
        line = f"epoch {epoch}/{self.config.max_epoch}  " + "  ".join(
            f"{task.name} {row[f'loss {task.name}']:.4f}" for task in self.data.tasks
        )
        last = epoch == self.config.max_epoch
        if epoch % self.config.test_freq == 0 or last:
            evaluation = self._evaluate(epoch, row)
            line += "  |  " + "  ".join(
                f"{task.name} {task.accuracy} {evaluation.metrics[task.name][task.accuracy]:.4f}"
                for task in self.data.tasks
            )
        self.history.append(row)
        if epoch % self.config.save_freq == 0 or last:
            checkpoint.save(self.folder.last, self._state())
        self.records.set_epochs(self.history, epoch * len(self.train_loader))
        self.records.log(
            f"{line}  |  {row['images_per_second']:.1f} images/s, {duration(row['seconds'])}"
        )
        if self.objective.affinity is not None:
            self._record_groups(epoch)

    def _record_groups(self, epoch: int) -> None:
        groups, step = self.objective.grouping, epoch * len(self.train_loader)
        self.records.add_affinity(epoch, step, self.objective.affinity, groups)
        if sorted(groups) != sorted(self.groups):
            self.records.log(f"groups of tasks updated together: {groups_in_words(groups)}")
        self.groups = groups

    def _evaluate(self, epoch: int, row: dict) -> Evaluation:
        network = self.averaged.module if self.averaged else self.network
        evaluation = evaluate(
            network, self.data.tasks, self.val_loader, self.device, self.precision
        )
        total = evaluation.total(self.data.tasks)
        row |= {
            f"{task} {name}": value
            for task, metrics in evaluation.metrics.items()
            for name, value in metrics.items()
        }
        row["total"] = total
        self.objective.evaluated(evaluation.accuracy(self.data.tasks))
        self.schedule.evaluated(total)
        if total >= self.best["total"]:
            self.best = {"total": total, "epoch": epoch}
            state = {
                "network": network.state_dict(),
                "epoch": epoch,
                "validation": evaluation.metrics,
                "config": self.config.text(),
            }
            checkpoint.save(self.folder.best, state)
        return evaluation

    def _describe(self, epoch: int, losses: Tensor) -> str:
        weights = self.objective.weights
        parts = [
            f"{name} {loss:.3f}×{weights[name]:.2f}"
            for name, loss in zip(self.names, losses.tolist(), strict=True)
            if not math.isnan(loss)
        ]
        return f"epoch {epoch}/{self.config.max_epoch}  " + "  ".join(parts)

    def _state(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.precision.scaler.state_dict(),
            "schedule": self.schedule.state_dict(),
            "objective": self.objective.state_dict(),
            "projections": self.teachers.distillation.state_dict() if self.teachers else None,
            "history": self.history,
            "best": self.best,
            "config": self.config.text(),
        }

    def _restore(self) -> None:
        if not self.folder.last.exists():
            return
        state = checkpoint.load(self.folder.last, self.device)
        checkpoint.load_network(self.network, state["network"], self.folder.last)
        if self.averaged:
            self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.scaler.load_state_dict(state["scaler"])
        self.schedule.load_state_dict(state["schedule"])
        self.objective.load_state_dict(state["objective"])
        if self.teachers:
            self.teachers.distillation.load_state_dict(state["projections"])
        self.history, self.best = state["history"], state["best"]


def _averaged(network: nn.Module, momentum: float) -> AveragedModel:
    """The exponential moving average of a network's weights and statistics. In the first steps it
    averages over fewer, so that it soon forgets the random start."""

    def average(means: list[Tensor], values: list[Tensor], count: Tensor) -> None:
        if means[0].is_floating_point():
            decay = min(momentum, (1 + int(count)) / (10 + int(count)))
            torch._foreach_lerp_(means, values, 1 - decay)
        else:  # BatchNorm's number of batches
            torch._foreach_copy_(means, values)

    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)
