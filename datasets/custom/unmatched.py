"""Labels that belong to no image, and what their names have in common with an image's."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import PurePath
from unicodedata import normalize

from datasets.base import Unmatched
from datasets.custom.patterns import Names

_CLASS_LISTS = ("classes.txt", "notes.json")
"""What LabelImg and Label Studio write beside the labels, and which is none."""

Simplified = Callable[[str], str]


def unmatched_files(labels: Names, images: Names, others: Iterable[Hashable]) -> Unmatched | None:
    """The labels whose key no image has; None where there are none.

    Args:
        labels: the files of the labels.
        images: the images of the split.
        others: the keys of the section's other images, which the same labels serve.
    """
    alone = labels.keys() - images.keys() - set(others)
    names = {k: labels[k] for k in labels if k in alone and not _is_class_list(labels[k])}
    if not names:
        return None
    free = {key: name for key, name in images.items() if key not in labels}
    for simplified, words in _SIMILAR.items():
        similar = {_simple(key, simplified): name for key, name in free.items()}
        for key, name in names.items():
            if image := similar.get(_simple(key, simplified)):
                return Unmatched(len(names), name, f"it differs from {image} {words}")
    return Unmatched(len(names), next(iter(names.values())))


def _is_class_list(name: str) -> bool:
    return PurePath(name).name in _CLASS_LISTS


def _simple(key: Hashable, simplified: Simplified) -> Hashable:
    """A key with the texts of its wildcards simplified; the row of a list stands as it is."""
    return tuple(map(simplified, key)) if isinstance(key, tuple) else key


def _without_zeros(text: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def _letters_and_digits(text: str) -> str:
    return "".join(filter(str.isalnum, normalize("NFKC", text).casefold()))


_SIMILAR: Mapping[Simplified, str] = {
    str.casefold: "in the case of its letters alone",
    _without_zeros: "in the zeros before its numbers alone",
    _letters_and_digits: "in signs and blanks alone",
}
