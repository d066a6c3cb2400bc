"""The options of a run that belong to no part of another room: what is run, on which data, with
which network, against which baselines."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from datasets import DATASETS, Dataset
from datasets.naming import read_lists, read_naming
from datasets.protocols import PROTOCOLS
from datasets.sampling import SAMPLERS
from engine.modes import MODES
from engine.runs.deltas import DEFINITIONS
from engine.training.missing import MISSING
from losses import LOSSES
from models import ARCHITECTURES, BACKBONES
from tasks import TASKS
from utils.errors import ConfigError
from utils.option import REQUIRED, option
from utils.part import Part

_PLAIN_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:(0|[1-9]\d?))?", re.ASCII)


class Run(Part):
    """What is run, and where."""

    section = "run"

    tasks: tuple[str, ...] = option(
        REQUIRED,
        "what to learn: segmentation, detection, depth, normal, or a short name (seg, det); --list "
        "tasks names all",
        parts=TASKS,
        aliases=("app", "applications"),
        official=("detection", "segmentation"),
    )
    loss: str = option(
        "amtl",
        "the multi-task loss",
        parts=LOSSES,
        aliases=("loss_metric",),
        official="weighted-sum",
    )
    seed: int = option(
        0, "of everything random", aliases=("random_seed",), at_least=0, at_most=2**32 - 1
    )
    mode: str = option(
        "train",
        "train: baselines, multi-task network, results; baselines: these alone; sweep: train with "
        "each of some losses, seeds or other values; search: tune learning rate, weight decay and "
        "the loss's own options; report: one page over finished runs, whose folders take the "
        "place of the cfg; test: a checkpoint on the test sets; "
        "predict: a checkpoint on images or videos; export: a checkpoint as ONNX, pt2 or weights "
        "to give away; check: read all data and say what is there; summary: parameters and "
        "multiply-adds, without data",
        parts=MODES,
        affects="nothing",
    )
    device: str = option("auto", "cpu, cuda, cuda:1, mps, or the best there is", affects="nothing")
    run: str | None = option(
        None, "a name that puts the run beside the one without", affects="nothing"
    )
    runs: str = option(
        "runs", "the folder of all runs", aliases=("root_folder",), affects="nothing"
    )

    def __init__(self, **values: Any):
        super().__init__(**values)
        if self.run and not _PLAIN_NAME.fullmatch(self.run):
            raise ConfigError(
                f"run wants a plain name of up to 100 letters, digits, . _ and -, not '{self.run}'",
                "run",
            )
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(
                f"device wants auto, cpu, mps, cuda, or cuda:1 and so on, not '{self.device}'",
                "device",
            )
        names = [choice.name for choice in self.tasks]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"names the task {name} twice", "tasks")


class DataOptions(Part):
    """What a network is trained, validated and tested on.

    Attributes:
        naming: what the names of classes mean, for all datasets.
        labelled_by_dataset: the classes that `labelled_classes` gives to a dataset, by its name as
            the user spelt it.
    """

    section = "data"

    dataset_root: str = option(
        lambda: os.environ.get("datasets") or "data",  # noqa: SIM112 (its name elsewhere)
        "the folder of the datasets; the environment variable `datasets` is its default",
        affects="nothing",
    )
    train_dataset: tuple[str, ...] = option(
        ("VOC",), "the datasets to train on, merged", parts=DATASETS
    )
    test_dataset: tuple[str, ...] = option(
        (),
        "the datasets to test on (empty: the training ones)",
        parts=DATASETS,
        official=("VOC",),
    )
    val: str = option(
        "0.1",
        "what weights, schedule and checkpoint go by: a share held out of the training set, "
        "datasets as NAME:split, or test, as in the official code",
        joined=True,
        official="test",
    )
    size: tuple[int, ...] = option(
        (640, 640),
        "height and width of the images in pixels; one number: square",
        aliases=("-s",),
        count=2,
        at_least=1,
        largest=8192,
    )
    aspect: str = option(
        "stretch",
        "how an image of another aspect ratio comes to size: stretch it; keep its aspect ratio and "
        "pad it, as the official code does; or pad it all round and leave its scale as it is, "
        "where it is not larger than size",
        choices=("stretch", "keep", "pad"),
        official="keep",
    )
    classes: str = option(
        "separate",
        "where datasets of one task have other classes: separate, a head each, or unite them by "
        "name in one head",
        choices=("separate", "unite"),
    )
    aliases: tuple[str, ...] = option(
        (), "names of classes that mean the same, as in tv:tvmonitor: the second takes the place"
    )
    left_out: tuple[str, ...] = option(
        (), "classes of which nothing is learnt: void in masks, and boxes that count for no class"
    )
    coarse_classes: tuple[str, ...] = option(
        (),
        "classes that hold finer ones, which labels may have and the united head does not, as in "
        "vehicle:car,bus,truck",
    )
    labelled_classes: tuple[str, ...] = option(
        (),
        "the classes that a dataset labels, where these are not all of its list, as in "
        "VOC:car,person; in the section of a dataset, the names alone",
    )
    sampling: str = option(
        "concat",
        "how often merged datasets are drawn from: concat, by their sizes; balanced, all alike; "
        "temperature, in between",
        parts=SAMPLERS,
    )
    protocol: str = option(
        "full",
        "which of its labels a training image keeps: full, all; one-label, one of them; "
        "random-label, some of them; list, those that a file says",
        parts=PROTOCOLS,
    )
    missing: str = option(
        "ignore",
        "training images without a label for a task: ignore, the task learns nothing from them, or "
        "teacher, its single-task network labels them",
        parts=MISSING,
    )
    keep_unlabelled: bool = option(
        False,
        "keep training images without a label in the epoch, of the datasets that label a task: "
        "BatchNorm sees them, and no loss",
        official=True,
    )

    def __init__(self, **values: Any):
        super().__init__(**values)
        if not self.train_dataset:
            raise ConfigError("names no dataset to train on", "train_dataset")
        self.naming = read_naming(self.aliases, self.left_out, self.coarse_classes)
        self.labelled_by_dataset = read_lists(
            "labelled_classes", self.labelled_classes, "VOC:car,person"
        )
        if self.coarse_classes and self.classes != "unite":
            raise ConfigError("coarse_classes wants classes = unite", "coarse_classes")
        if self.val != "test" and self.held_out is None:
            for word in self.val.split():
                dataset, _, split = word.partition(":")
                if not (dataset and split):
                    raise ConfigError(
                        "val wants a share above 0 and below 1, datasets as NAME:split, or test, "
                        f"not '{self.val}'",
                        "val",
                    )
                if split not in (splits := _splits_of(dataset)):
                    words = f"{', '.join(splits[:-1])} and {splits[-1]}"
                    raise ConfigError(f"{dataset} has the splits {words}, not {split!r}", "val")

    @property
    def root(self) -> Path:
        """The folder of the datasets; `~` stands for the user's own."""
        return Path(os.path.expanduser(self.dataset_root))

    @property
    def held_out(self) -> float | None:
        """The share of the training images to validate on; None where `val` is something else."""
        try:
            share = float(self.val)
        except ValueError:
            return None
        return share if 0 < share < 1 else None

    def validation_splits(self) -> list[tuple[str, str]]:
        """The (dataset, split) pairs that `val` names, the datasets as the user spelt them."""
        if self.val == "test" or self.held_out is not None:
            return []
        return [tuple(word.split(":", 1)) for word in self.val.split()]


def _splits_of(dataset: str) -> tuple[str, ...]:
    """The splits of a dataset by its name, as a user spelt it."""
    try:
        return DATASETS[DATASETS.canonical(dataset)].splits
    except ConfigError:  # one of the cfg's own, or told where datasets are looked up
        return Dataset.splits


class NetworkOptions(Part):
    """The architecture and the backbone."""

    section = "network"

    arch: str = option(
        "VMM", "the architecture: VMM, DeepLab, …", parts=ARCHITECTURES, aliases=("-a",)
    )
    backbone: str = option(
        "efficientnet_v2_s",
        "the backbone: resnet50, mobilenet_v2, …",
        parts=BACKBONES,
        aliases=("basenet",),
    )


class Comparison(Part):
    """What a multi-task network is compared with."""

    section = "baselines"

    baselines: tuple[str, ...] = option(
        (), "cfgs of the single-task networks (empty: this one, a task each)"
    )
    potential: tuple[float, ...] = option(
        (),
        "accuracy of each task's single-task network (empty: measured)",
        above=0,
        at_most=1,
    )
    delta_metrics: str = option(
        "key",
        "the metrics that Δ_MTL is the mean of: key, one a task, its accuracy; paper, one a task, "
        "that of Selective Task Group Updates; task, those of the usual protocol, averaged within "
        "a task and then over the tasks; flat, all of them alike",
        choices=tuple(DEFINITIONS),
        affects="nothing",
    )
