"""The protocols of partially annotated multi-task learning: which labels training images keep."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets.base import Split
from datasets.label_lists import read_label_list
from tasks import TASKS
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part, Registry

KeptTypes = dict[Path, frozenset[str]]
"""By image, the task types whose labels it keeps."""


class Protocol(Part):
    """Which of its labels every training image keeps. An image that loses a label stays in the
    training set for its other tasks."""

    section = "data"

    @abstractmethod
    def kept(self, split: Split, columns: Sequence[str]) -> KeptTypes | None:
        """The task types whose labels are kept, by image; None where all are.

        Args:
            split: all training images of a dataset, with all their labels.
            columns: the task types of the columns of MTPSL's lists of the dataset, see
                :attr:`datasets.base.Dataset.list_columns`.

        Raises:
            ConfigError: the protocol is none for these images.
        """


class Full(Protocol):
    """Every image keeps all of its labels."""

    def kept(self, split, columns):
        return None


class Drawn(Protocol):
    """A draw for each image, which depends on the seed of the protocol, the dataset's name and the
    image's place in the dataset alone: not on the other images, their order or the tasks of the
    cfg. So a baseline learns from the labels that the multi-task network has."""

    protocol_seed: int = option(
        0,
        "of the draw of the labels to keep; apart from `seed`, so that runs of several seeds learn "
        "from the same labels",
        at_least=0,
        at_most=2**32 - 1,
    )
    protocol_tasks: tuple[str, ...] = option(
        (),
        "the tasks whose labels are drawn among, where these are not all that the images have "
        "labels for; labels of others are kept",
    )

    def __init__(self, **options: Any):
        super().__init__(**options)
        names = (TASKS.canonical(name, "protocol_tasks") for name in self.protocol_tasks)
        self.settings["protocol_tasks"] = tuple(sorted(set(names)))

    def kept(self, split, columns):
        result = {}
        for sample in split.samples:
            drawn = [
                t for t in sample.labels if t in self.protocol_tasks or not self.protocol_tasks
            ]
            words = (str(self.protocol_seed), split.name, split.id_of(sample.image))
            others = frozenset(sample.labels) - frozenset(drawn)
            result[sample.image] = others | self._draw(drawn, words)
        return result

    def _draw(self, task_types: Sequence[str], words: tuple[str, ...]) -> frozenset[str]:
        """Those of an image's labels that are kept: the first ones of a random order. The place of
        a label in it has nothing to do with which others there are."""
        if not task_types:
            return frozenset()
        ordered = sorted(task_types, key=lambda name: (_hash(*words, name), name))
        return frozenset(ordered[: self._count(len(task_types), words)])

    @abstractmethod
    def _count(self, labels: int, words: tuple[str, ...]) -> int:
        """How many of an image's labels are kept, of one or more."""


class OneLabel(Drawn):
    """Every image keeps one of its labels, each with the same probability."""

    def _count(self, labels, words):
        return 1


class RandomLabel(Drawn):
    """Every image keeps a random number of its T labels, each number from 1 to T - 1 with the same
    probability, and of this number each set of labels. With two labels that is one label."""

    def _count(self, labels, words):
        return 1 + _hash(*words) % max(1, labels - 1)


class Listed(Protocol):
    """Every image keeps the labels that one of MTPSL's lists says (Li et al., CVPR 2022)."""

    protocol_list: str | None = option(
        None, "the file of the list, such as MTPSL's onelabel.pth or randomlabels.pth"
    )

    def __init__(self, **options: Any):
        super().__init__(**options)
        if self.protocol_list is None:
            raise ConfigError("a list wants its file: protocol_list = onelabel.pth", "protocol")

    def kept(self, split, columns):
        if not columns:
            raise ConfigError(
                f"there are no lists for {split.name}; take one-label or random-label", "protocol"
            )
        return read_label_list(self._path).of(split, columns)

    def identity(self):
        """The contents of the list, wherever it lies; nothing where it cannot be read, which is
        told where the list is needed."""
        try:
            return {"protocol_list": read_label_list(self._path).digest()}
        except ConfigError:
            return {}

    @property
    def _path(self) -> Path:
        return Path(os.path.expanduser(self.protocol_list))


def _hash(*words: str) -> int:
    """A random number of 64 bits, the same for the same words."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8], "big")


PROTOCOLS = Registry(
    "protocol",
    {"full": Full, "one-label": OneLabel, "random-label": RandomLabel, "list": Listed},
)
"""Every protocol by its name in a cfg."""
