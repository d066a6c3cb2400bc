"""Which images of a section serve to train, and which to test."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets.custom.patterns import Names
from datasets.custom.tables import cells_of, list_path
from datasets.holdout import stratified_holdout
from utils.errors import ConfigError, DataError

SPLIT = "{split}"
"""In a pattern: one of the two words of `split`."""

_MOST_NAMED = 5


@dataclass(frozen=True)
class Division:
    """What `split` says.

    Attributes:
        share: the share of the images to test on, where the section gives one.
        words: what stands for the images to train and to test on, where the section says so.
    """

    share: float | None = None
    words: tuple[str, str] | None = None

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Division:
        """The division that the words of `split` ask for.

        Raises:
            ConfigError: they ask for none.
        """
        if not words:
            return cls()
        if len(words) == 2 and words[0] != words[1]:
            return cls(words=words)
        try:
            share = float(words[0]) if len(words) == 1 else 0.0
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise ConfigError(
                "split wants a share to test on, above 0 and below 1, or two words that stand for "
                f"{SPLIT} to train and to test, not '{' '.join(words)}'",
                "split",
            )
        return cls(share)

    def word(self, split: str) -> str | None:
        """The word for 'train' or 'test'."""
        return self.words and self.words[split == "test"]

    def fill(self, pattern: str, split: str) -> str:
        """A pattern to train or to test: the word in the place of `SPLIT`."""
        return pattern.replace(SPLIT, self.word(split)) if self.words else pattern

    def check(self, pattern: str, key: str) -> None:
        """Checks that there are words for `SPLIT` in the value of a key.

        Raises:
            ConfigError: there are none.
        """
        if SPLIT in pattern and not self.words:
            raise ConfigError(f"what {SPLIT} stands for is missing: `split = train val`", key)

    def by_share(
        self, images: Names, labels: Mapping[str, Mapping[Hashable, Any]], split: str
    ) -> Names:
        """The images of a split of which the test set is a share of those labelled alike, at least
        one and not all. They are chosen by their names, so that images that come later displace
        hardly any of them."""
        labelled = {key: tuple(key in by_key for by_key in labels.values()) for key in images}
        tested = stratified_holdout(labelled, self.share, partial(_by_name, images))
        return {key: name for key, name in images.items() if (key in tested) == (split == "test")}

    def by_column(self, images: Names, folder: Path, source: str, split: str) -> tuple[Names, str]:
        """The images of the rows whose cell is the split's word, and in words which rows those are.

        Args:
            source: the column, of the list that names the images.

        Raises:
            DataError: there is no such column, or no such row.
        """
        word = self.word(split)
        _, cells = cells_of(folder, source)
        rows = {row for row, cell in enumerate(cells, 1) if cell == word}
        counts = Counter(cells)
        if not rows:
            raise DataError(
                f"no row of {list_path(folder, source)} has '{word}' in the column "
                f"{source.rpartition(':')[2]}, but {_some(counts)}"
            )
        unused = {cell: count for cell, count in counts.items() if cell not in self.words}
        described = f"rows whose {source.rpartition(':')[2]} is {word}"
        if unused:
            count = sum(unused.values())
            rows_serve = "row of {} serves" if count == 1 else "rows of {} serve"
            described += f"; {count:,} {rows_serve.format(_some(unused))} for nothing"
        return {key: name for key, name in images.items() if key in rows}, described


def _by_name(images: Names, keys: Collection[Hashable], count: int) -> list[Hashable]:
    by_hash = sorted(keys, key=lambda key: hashlib.sha256(os.fsencode(images[key])).digest())
    return by_hash[:count]


def _some(cells: Collection[str]) -> str:
    shown = [f"'{cell}'" for cell in cells][:_MOST_NAMED]
    return ", ".join(shown) + (" and others" if len(cells) > _MOST_NAMED else "")
