"""What decides how a run comes out, and in what two runs differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.base import Split
from datasets.merge import MultiTaskDataset
from datasets.protocols import Full
from datasets.samples import Samples
from datasets.unite import TaskLabels, class_map, class_numbers
from tasks import Task
from tasks.class_maps import LEFT_OUT, UNLABELLED
from utils.option_names import DATASET

if TYPE_CHECKING:
    from engine.config import Config
    from engine.runs.data import Data

KEY_DIGITS = 16
_PACKED = 2**12  # places of images, made an array at once

_LEFT_OUT = object()  # an option at its default; None is a value


def differences(
    identity: Mapping[str, Any], other: Mapping[str, Any], section: str = ""
) -> list[str]:
    """The names of the options in which two identities differ, in the order of the first. Options
    of a dataset's section are called `<option> in [dataset.<name>]`."""
    names = []
    for name in dict.fromkeys((*identity, *other)):
        ours, theirs = identity.get(name, _LEFT_OUT), other.get(name, _LEFT_OUT)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            inner = (
                f"{DATASET}.{name}" if section == DATASET else name if name == DATASET else section
            )
            if ours.get("name") == theirs.get("name"):
                names += differences(ours, theirs, inner)
            else:
                names.append(name)
        elif _plain(ours) != _plain(theirs):
            names.append(f"{name} in [{section}]" if "." in section else name)
    return list(dict.fromkeys(names))


def baseline_identity(config: Config, data: Data) -> dict[str, Any]:
    """What decides how a single-task run comes out, as JSON has it: the parts that the run builds,
    each with its version and the options that are not at their defaults, and its data by what they
    hold. Paths, and what only speeds a run up, are no part of it.

    Args:
        config: the cfg of the single-task network.
        data: its data, for the one task.
    """
    [task] = data.tasks
    [choice] = config.run.tasks
    parts = config.identity()
    network = {name: value for name, value in parts["network"].items()}
    identity = {
        "task": task.name,
        "options": choice.identity(),
        "task_classes": list(task.classes),
        "seed": config.run.seed,
        "network": network,
        "size": list(config.data.size),
        "sampling": config.data.sampling.identity(),
        "val": config.data.val,
        "loading": parts["loading"],
        "augmentation": parts["augmentation"],
        "rendering": parts["rendering"],
        "training": parts["training"],
        "train": _splits(data.train.splits, task),
        "validation": _splits(data.val.splits, task),
        "test": _splits(data.test.splits, task),
    }
    if config.data.aspect != "stretch":
        identity["aspect"] = config.data.aspect
    if protocol_of(config):
        identity["protocol"] = protocol_of(config)
    if unlabelled := _unlabelled(data.train):
        identity["keep_unlabelled"] = unlabelled
    return identity


def protocol_of(config: Config) -> dict[str, Any] | None:
    """What decides which labels the training images keep, as JSON has it; None where they keep all.
    A list counts by what it holds."""
    choice = config.data.protocol
    if choice.part is Full:
        return None
    return {"name": choice.name, **choice.build().identity()}


def key_of(identity: Mapping[str, Any]) -> str:
    """A name for an identity: 16 hexadecimal digits."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's contents."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _splits(splits: Iterable[Split], task: Task) -> dict[str, Any]:
    """By dataset: how its labels of the task are stored, and which of its images have one."""
    result = {}
    for split in splits:
        labels = TaskLabels(task, split)
        if labels.labelled.any():
            samples = split.samples.take(np.flatnonzero(labels.labelled))
            stored = labels.of(samples[0]).format.fingerprint
            result[split.name] = {"format": stored, **_images(samples, split)}
            result[split.name] |= _classes(task, split)
    return result


def _classes(task: Task, split: Split) -> dict[str, list]:
    """What the classes of a dataset are to a task, and by which of them its labels know each class
    of the task; nothing where it labels all of these by their names."""
    if not task.has_classes:
        return {}
    names = dict(enumerate(task.label_classes)) | {LEFT_OUT: "", UNLABELLED: None}
    stored = list(split.classes[task.task_type])
    meanings = [names[number] for number in class_numbers(task, split)]
    known = class_map(task, split).tolist()
    result = {} if meanings == stored else {"classes": meanings}
    if known != list(range(len(known))):
        result["known_as"] = [names[number] for number in known]
    return result


def _unlabelled(data: MultiTaskDataset) -> dict[str, Any]:
    """By dataset: which of its images have no label."""
    result = {}
    for split, part in zip(data.splits, data.entries.parts, strict=True):
        if len(part.unlabelled):
            result[split.name] = _images(part.unlabelled, split)
    return result


def _images(samples: Samples, split: Split) -> dict[str, Any]:
    """The number of images of a dataset, and a digest of their places in it: of these in their
    order, a line each. They are sorted as bytes, which takes no object an image."""
    ids = map(str.encode, split.ids_of(samples))
    packed = []
    while some := list(islice(ids, _PACKED)):
        packed.append(np.array(some))
    ordered = np.concatenate(packed)
    ordered.sort()
    digest, end = hashlib.sha256(), b""
    for begin in range(0, len(ordered), _PACKED):
        digest.update(end + b"\n".join(ordered[begin : begin + _PACKED].tolist()))
        end = b"\n"
    return {"images": len(ordered), "ids": digest.hexdigest()[:KEY_DIGITS]}


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
