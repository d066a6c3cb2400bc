"""The single-task networks label the training images that their tasks have no label for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from datasets.batch import Batch
from datasets.cache import Cache
from datasets.formats.images import read_image
from datasets.merge import MultiTaskDataset
from datasets.photometric import float_images
from datasets.pseudo_labels import PseudoLabels
from datasets.workers import identity_collate, start_worker, worker_crash_as_error
from engine.runs.checkpoint import open_network
from engine.runs.identity import file_digest
from engine.runs.prediction import InputForm
from engine.training.missing import TeacherLabels
from models import Network
from tasks import Task
from utils import signals
from utils.canvas import without_padding
from utils.errors import DataError
from utils.memory import stack
from utils.ranks import Ranks
from utils.workers import is_first

_IMAGES = 8
"""The images that a network sees at once. Always the same ones: rounding, and so the labels, are
the same for any number of processes, and after a kill."""


_Sized = tuple[Path, tuple[int, int]]  # an image, and its (height, width)


@dataclass(frozen=True)
class Labelling:
    """How images without a label are labelled.

    Attributes:
        rule: the options.
        checkpoints: by task name, that of its single-task network.
        cache: where the pseudo-labels are kept.
        device: of the forward passes, which are in full precision.
        workers: how many processes read so many batches of images.
        skip: whether images that cannot be read are left out.
    """

    rule: TeacherLabels
    checkpoints: Mapping[str, Path]
    cache: Cache
    device: torch.device
    workers: Callable[[int], int]
    skip: bool


def make_pseudo_labels(
    data: MultiTaskDataset, labelling: Labelling, ranks: Ranks, log: Callable[[str], None]
) -> dict[str, int]:
    """Labels the images of a training set that a task has no label for, as far as that has not been
    done, and hands the pseudo-labels to the set. The processes share the work.

    Returns:
        by the name of each task that images lack a label for, how many it has pseudo-labels of:
        those of which its network is sure of something.

    Raises:
        UserError: a checkpoint or an image cannot be read, or the disk is full; on every process
            the same.
    """
    tasks = [task for task in data.tasks if len(data.missing_for(task))]
    paths = {task.name: labelling.checkpoints[task.name] for task in tasks}
    keys = {task.name: _key(task, paths[task.name], labelling.rule) for task in tasks}
    labels = PseudoLabels(labelling.cache, keys)
    counts = {}
    for task in tasks:
        images = list(dict.fromkeys(data.entries[i].image for i in data.missing_for(task)))
        batches = [images[k : k + _IMAGES] for k in range(0, len(images), _IMAGES)]
        maker = _Maker(task, labels, labelling)
        share = batches[ranks.rank :: ranks.size]
        done = ranks.together(lambda maker=maker, share=share: maker.label(share))
        made, counts[task.name] = (sum(numbers) for numbers in zip(*done, strict=True))
        log(
            f"pseudo-labels for {task.name}: {counts[task.name]:,} of the {len(images):,} images "
            f"without a label, by {paths[task.name].parent}; {made:,} of them made now"
        )
    data.pseudo_labels = labels
    return counts


def _key(task: Task, checkpoint: Path, rule: TeacherLabels) -> str:
    """What decides which labels a network gives: its checkpoint, and the threshold where it can be
    heeded."""
    threshold = f", above {rule.missing_threshold!r}" if task.has_confidence else ""
    return f"{file_digest(checkpoint)}{threshold}"


class _Maker:
    """Labels images for one task."""

    def __init__(self, task: Task, labels: PseudoLabels, labelling: Labelling):
        self.task, self.labels, self.labelling = task, labels, labelling

    def label(self, batches: Sequence[Sequence[Path]]) -> tuple[int, int]:
        """Labels batches of images, whole ones; those of which every label is kept are left alone.

        Returns:
            how many images were labelled now, and how many there are of which the network is sure
            of something.
        """
        todo = [batch for batch in batches if not all(map(self._is_kept, batch))]
        if todo:
            self._make(todo)
        kept = [image for batch in batches for image in batch if self._is_kept(image)]
        sure = sum(self.labels.read(self.task, image) is not None for image in kept)
        return sum(map(len, todo)), sure

    def _is_kept(self, image: Path) -> bool:
        return self.labels.is_kept(self.task, image)

    def _make(self, batches: Sequence[Sequence[Path]]) -> None:
        network, _ = open_network(self.labelling.checkpoints[self.task.name], self.labelling.device)
        network.requires_grad_(False).to(memory_format=torch.channels_last)
        for images, batch in self._read(batches, network):
            signals.check()
            targets = self._targets(network, batch, [size for _, size in images])
            for (image, _), target in zip(images, targets, strict=True):
                self.labels.keep(self.task, image, target)

    def _read(
        self, batches: Sequence[Sequence[Path]], network: Network
    ) -> Iterator[tuple[list[_Sized], Batch]]:
        """The images that can be read, and their batch as the network sees them."""
        workers = self.labelling.workers(len(batches))
        loader = DataLoader(
            _View(network),
            batch_sampler=batches,
            collate_fn=identity_collate,
            num_workers=workers,
            worker_init_fn=start_worker,
            generator=torch.Generator(),
        )
        name = f"pseudo-labels for {self.task.name}"
        quiet = not (sys.stderr.isatty() and is_first())
        with worker_crash_as_error("images"), tqdm(loader, name, disable=quiet, leave=False) as bar:
            for images, batch, errors in bar:
                if errors and not self.labelling.skip:
                    raise DataError(*errors[0].args)
                if images:
                    yield images, batch

    @torch.no_grad()
    def _targets(
        self, network: Network, batch: Batch, sizes: Sequence[tuple[int, int]]
    ) -> Iterator[np.ndarray | None]:
        """The targets of images, each of the size of its image."""
        task = self.task
        images = float_images(batch.to(self.labelling.device))
        prediction = task.at_size(next(iter(network(images).values())), images.shape[2:])
        threshold = self.labelling.rule.missing_threshold
        targets = task.pseudo_targets(task.within(prediction, batch.shown), threshold)
        for target, shown, size in zip(targets, batch.shown.tolist(), sizes, strict=True):
            yield None if target is None else task.warp(target, without_padding(shown, size))


class _View(Dataset):
    """Images as a network was trained to see them, without augmentation."""

    def __init__(self, network: Network):
        self.form = InputForm.of(network)

    def __getitems__(
        self, images: Sequence[Path]
    ) -> tuple[list[_Sized], Batch | None, list[DataError]]:
        """The images that can be read, their batch (None: of no image), and what is wrong with the
        others."""
        read, inputs, errors = [], [], []
        for image in images:
            try:
                inputs.append(self.form.input(read_image(image)))
                read.append((image, inputs[-1].size))
            except DataError as error:
                errors.append(error)
        if not read:
            return read, None, errors
        shown = torch.tensor([item.shown for item in inputs])
        batch = Batch(stack([item.pixels for item in inputs]), shown, None, None, {}, {})
        return read, batch, errors
