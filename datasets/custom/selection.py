"""Which of a section's images are taken, and what is decided about them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.custom.division import SPLIT, Division
from datasets.custom.ids import choose
from datasets.custom.keys import told_at
from datasets.custom.patterns import Names
from datasets.custom.repeated import once
from datasets.custom.sources import find
from datasets.custom.tables import has_columns, is_list, other_column
from datasets.custom.yolo_data import YoloData
from datasets.custom.yolo_yaml import is_yaml
from datasets.formats import Label
from utils.errors import ConfigError


@dataclass(frozen=True)
class Selection:
    """What a section says of its images, by the values of the keys that the attributes are called
    by.

    Raises:
        ConfigError: the values contradict each other; names the key.
    """

    images: str
    ids: str | None
    split_column: str | None
    division: Division

    def __post_init__(self):
        if is_yaml(self.images):
            self._check_yaml()
        self._check_words()
        self._check_column()
        self._check_ids()

    @property
    def divides(self) -> bool:
        """Whether it says which images serve to train, and which to test."""
        return self.division != Division() or is_yaml(self.images)

    def all_images(self, folder: Path, split: str) -> tuple[Names, dict[str, str]]:
        """The images that the labels of a split may belong to, and what was decided about them, in
        words, by subject."""
        with told_at("images"):
            if not is_yaml(self.images):
                return find(folder, self.division.fill(self.images, split)), {}
            data = YoloData(folder, self.images)
            images, again = data.images(split)
        return images, {"split": data.described(split), **_twice(again)}

    def taken(
        self,
        folder: Path,
        split: str,
        images: Names,
        labels: Mapping[str, Mapping[Hashable, Label]],
    ) -> tuple[Names, dict[str, str]]:
        """Those of all images that serve to train or to test, and what was decided about them.

        Args:
            images: as :meth:`all_images` gives them.
            labels: by task type and the key of the image.
        """
        source, decided = self.division.fill(self.images, split), {}
        if self.split_column:
            with told_at("split_column"):
                column = other_column(source, self.split_column)
                images, decided["split"] = self.division.by_column(images, folder, column, split)
        if self.ids:
            with told_at("ids"):
                images, again = choose(images, folder, self.division.fill(self.ids, split))
            decided |= _twice(again, "ids")
        if is_list(source):
            with told_at("images"):
                rows, images = len(images), once(images, labels, folder, source)
            decided |= _twice(rows - len(images))
        if self.division.share:
            images = self.division.by_share(images, labels, split)
            decided["split"] = (
                f"{self.division.share:.4g} of the images to test on, by a hash of their names, "
                "evenly of those labelled alike"
            )
        return images, decided

    def _check_yaml(self) -> None:
        given = {"ids": self.ids, "split_column": self.split_column}
        given["split"] = self.division != Division()
        for key, value in given.items():
            if value:
                raise ConfigError(
                    f"{self.images} says itself which images serve to train and to test: remove "
                    f"{key}",
                    key,
                )

    def _check_words(self) -> None:
        for key, source in {"images": self.images, "ids": self.ids or ""}.items():
            self.division.check(source, key)
        used = self.split_column or SPLIT in self.images or SPLIT in (self.ids or "")
        if self.division.words and not used:
            raise ConfigError(f"images = {self.images} has no {SPLIT} for these words", "split")

    def _check_column(self) -> None:
        if self.split_column and not has_columns(self.images):
            raise ConfigError(
                f"split_column is a column of the list of images, and images = {self.images} names "
                "no column: `images = table.csv:image`",
                "split_column",
            )
        if self.split_column and not self.division.words:
            raise ConfigError(
                "the words in the column are missing: `split = train val`", "split_column"
            )

    def _check_ids(self) -> None:
        if self.ids and is_list(self.images):
            raise ConfigError(
                f"ids chooses among the images of a pattern, and images = {self.images} is a list",
                "ids",
            )
        if self.ids and not is_list(self.ids):
            raise ConfigError(f"ids wants a list, as in `ids = train.txt`, not {self.ids}", "ids")


def _twice(count: int, subject: str = "twice") -> dict[str, str]:
    if not count:
        return {}
    lines = "line names" if count == 1 else "lines name"
    return {subject: f"{count:,} {lines} an image again: the first line counts"}
