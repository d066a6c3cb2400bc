"""Statistics of the labels of a dataset, counted before anything is trained on them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np


class LabelStatistics:
    """Counts what the labels of one task hold, over the images of one split. A subclass counts what
    its kind of label holds beside their number and sizes.

    Parts of a split may be counted apart and merged in their order: the result is the same.

    Attributes:
        labels: how many were added.
        warnings: what is odd about single labels and can still be used, each with its file.
        decided: what the numbers in the files are taken to mean, by subject ('unit', …): how many
            labels each meaning has.
    """

    def __init__(self):
        self.labels = 0
        self.warnings: list[str] = []
        self.decided: dict[str, Counter[str]] = {}
        self._resized = 0
        self._resized_first: str | None = None

    def add(self, label: Any, target: np.ndarray, size: tuple[int, int]) -> None:
        """Adds a label (a `datasets.formats.base.Label`), and the target that it gave for an image
        of `size` (height, width)."""
        self.labels += 1
        for subject, meaning in label.format.decided(label).items():
            self.decided.setdefault(subject, Counter())[meaning] += 1
        stored = label.format.stored_size(label)
        if stored not in (None, size):
            self._resized += 1
            if self._resized == 1:
                first = f"{label.file}: {_size(stored)} for an image of {_size(size)}"
                self._resized_first = first
        self.count(label, target)

    def merge(self, later: LabelStatistics) -> None:
        """Adds the statistics of a later part of the same split."""
        self.labels += later.labels
        self.warnings += later.warnings
        for subject, meanings in later.decided.items():
            self.decided.setdefault(subject, Counter()).update(meanings)
        self._resized += later._resized
        self._resized_first = self._resized_first or later._resized_first
        self.merge_counts(later)

    def result(self) -> dict:
        """All counts, as JSON has them: shares in [0, 1], None where nothing was counted."""
        return {"counted": self.labels, **self.counts()}

    def notes(self) -> list[str]:
        """What a user may want to know and need not mend, a line each."""
        if not self._resized:
            return []
        are = "label is" if self._resized == 1 else "labels are"
        return [
            f"{self._resized:,} {are} of another size than the image, and stretched to it; the "
            f"first is {self._resized_first}"
        ]

    def count(self, label: Any, target: np.ndarray) -> None:
        """Adds one label to the counts of this kind of label."""

    def merge_counts(self, later: LabelStatistics) -> None:
        """Adds the counts of a later part."""

    def counts(self) -> dict:
        """The counts of this kind of label, as :meth:`result` has them."""
        return {}

    def lines(self) -> list[str]:
        """The counts in words, a few lines."""
        return []


def share(part: int, whole: int) -> float | None:
    """`part` / `whole`, or None where there is no whole."""
    return int(part) / int(whole) if whole else None


def most_first(counts: dict[str, float]) -> list[tuple[str, float]]:
    """The counts from the highest on, equal ones in their order."""
    return sorted(counts.items(), key=lambda item: -item[1])


def never(names: list[str], classes: int) -> list[str]:
    """The line that names the classes that do not occur, if there are any."""
    return [f"never ({len(names)} of {classes} classes): {', '.join(names)}"] if names else []


def percent(value: float | None) -> str:
    """A share in words, so that a small one does not look like none: '12.3 %', '< 0.1 %', '0 %'."""
    if value is None:
        return "–"
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    if value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if value > 0.999 else f"{100 * value:.1f} %"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
