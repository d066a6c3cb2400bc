"""What a dataset is to the rest of the program: images, and their labels in files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from datasets.locate import folder_in_words, require_dataset
from datasets.naming import Naming
from datasets.samples import Sample, Samples, SampleTuple
from utils.errors import DataError
from utils.part import Part

__all__ = ["Dataset", "Sample", "Split", "Unmatched", "declared_split"]


@dataclass(frozen=True)
class Unmatched:
    """Labels that belong to no image of a split: how many, the name of the first, and what may be
    the reason, in words, where there is one."""

    count: int
    example: str
    reason: str = ""


@dataclass(frozen=True)
class Split:
    """A split of one dataset.

    Attributes:
        name: the dataset's name in a cfg.
        samples: its images, in a fixed order; given as any sequence of them.
        classes: the class names of its tasks that have classes, by task type, as in its files.
        root: the folder that the ids of the images count from.
        unmatched: by task type, the labels that belong to no image of the dataset.
        decided: what was decided about the dataset as a whole, in words, by subject ('split', …);
            what the numbers of a label mean is told by its format.
        naming: what the names of its classes mean in merged data.
        lacking: by task type, the folder that is not there in which its labels would lie.
    """

    name: str
    samples: Samples | Sequence[Sample]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    root: Path = Path()
    unmatched: Mapping[str, Unmatched] = field(default_factory=dict)
    decided: Mapping[str, str] = field(default_factory=dict)
    naming: Naming = field(default_factory=Naming)
    lacking: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.samples, Samples):
            object.__setattr__(self, "samples", SampleTuple(self.samples))

    def id_of(self, image: Path) -> str:
        """The place of an image in the dataset, the same wherever the dataset lies."""
        inside = image.is_relative_to(self.root)
        return image.relative_to(self.root).as_posix() if inside else image.name

    def ids_of(self, samples: Samples) -> Iterator[str]:
        """The places of several images."""
        for folder, names in samples.folders():
            place = self.id_of(Path(folder, names[0])).removesuffix(names[0])
            yield from (place + name for name in names)


class Dataset(Part):
    """One dataset: where its files lie, and which labels they hold. Its options stand in [data].

    Args:
        name: the name in a cfg.
    """

    section = "data"

    folder: ClassVar[str]
    """The folder below `dataset_root`."""
    other_folders: ClassVar[tuple[str, ...]] = ()
    """Other names in use for the folder, which count where it is not there."""
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    """The splits of its images: to train and to test on, and others that `val` may name."""
    signs: ClassVar[tuple[str, ...]] = ()
    """Files or folders that only this dataset has in its folder; any of them identifies it."""
    foreign_signs: ClassVar[tuple[str, ...]] = ()
    """Files or folders that a dataset with the same signs has; any of them identifies that one."""
    labels: ClassVar[Mapping[str, tuple[str, ...]]]
    """The task types that the dataset has labels for, each with the names of its classes (none for
    types without). A network can be built from this alone."""
    expected: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    """The number of images of the whole dataset by split, and of the labels of each type."""
    list_columns: ClassVar[tuple[str, ...]] = ()
    """The task types of the columns of MTPSL's lists of the labels to keep, of which row n is for
    the training image that is called n; none where there are no such lists of the dataset."""
    refused_protocols: ClassVar[Mapping[str, str]] = {}
    """The protocols of partial labels that make no sense for the dataset, each with the reason."""

    def __init__(self, name: str, **options):
        super().__init__(**options)
        self.name = name

    def read(self, root: Path, split: str, missing_allowed: bool = False) -> Split:
        """Lists the files of a split, one of `splits`.

        Args:
            root: the folder of all datasets.
            missing_allowed: whether to list files that do not exist, for callers that read every
                file and name the missing ones.

        Raises:
            DataError: the dataset is not there, or files of it are missing; says which, and where.
        """
        folder = require_dataset(self, root)
        listed = self.list(folder, split)
        other = {"train": "test", "test": "train"}.get(split)
        if len(listed.samples) == self.expected.get(other, {}).get("images"):
            raise DataError(
                f"{self.name} has {len(listed.samples):,} images to {split} on, as many as it "
                f"should have to {other} on: are its lists of {split} and {other} swapped?"
            )
        if not missing_allowed:
            listed.samples.require_files()
        if not self.other_folders:
            return listed
        return replace(listed, decided={**listed.decided, "folder": folder_in_words(self, folder)})

    @abstractmethod
    def list(self, folder: Path, split: str) -> Split:
        """Lists the files of a split below the dataset's folder, whether they exist or not.

        Raises:
            DataError: the files do not tell what the split consists of.
        """

    def declared(self, root: Path) -> Split:
        """The dataset as it is known without its files: one image without a name, with all its
        labels."""
        return declared_split(self.name, self.labels)


def declared_split(name: str, classes: Mapping[str, tuple[str, ...]]) -> Split:
    """A split of one image without a name, with labels of these types that cannot be read."""
    return Split(name, (Sample(Path(), dict.fromkeys(classes)),), classes)
