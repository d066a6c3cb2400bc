"""How a list spells a file, and how the disk does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from datasets.custom.patterns import composed
from datasets.listing import require_inside
from utils.errors import DataError

Simplified = Callable[[str], str]

_SUFFIX = re.compile(r"\.[A-Za-z]\w*$")


class Spelling:
    """The names that lists use for files below a dataset's folder. A name need not have a suffix
    where one file alone has it before its own; suffixes may be in another case, and letters with
    accents in another of Unicode's forms.

    Args:
        folder: the dataset's.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._listed: dict[str, frozenset[str]] = {}
        self._similar: dict[tuple[str, Simplified], dict[str, list[str]]] = {}

    def on_disk(self, name: str, place: str) -> str:
        """The file of a name, as it is called below the folder; the name itself where there is no
        such file.

        Args:
            name: relative, or absolute and below the folder.
            place: of the name, for the error.

        Raises:
            DataError: the name leads out of the folder, or may be one of several files.
        """
        name = self._relative(name)
        require_inside(self.folder, [name], place)
        return self.find(name, place) or name

    def find(self, name: str, place: str) -> str | None:
        """The file of a name below the folder, as :meth:`on_disk`; None where there is none."""
        parent, slash, base = name.rpartition("/")
        if parent and not self._names_in(parent):
            parent = self.find(parent, place) or parent
        if base in self._names_in(parent):
            return parent + slash + base
        similar = self._similar_in(parent, _with_any_case_of_suffix)
        names = similar.get(_with_any_case_of_suffix(composed(base)), [])
        if not names and not _SUFFIX.search(base):
            names = self._similar_in(parent, _without_suffix).get(composed(base), [])
        if len(names) > 1:
            raise DataError(
                f"{place}: {name} may be {parent + slash + names[0]} or {names[1]}: write the "
                "name in full"
            )
        return parent + slash + names[0] if names else None

    def _relative(self, name: str) -> str:
        if name.startswith("/"):
            for folder in (os.path.abspath(self.folder), os.path.realpath(self.folder)):
                name = name.removeprefix(f"{folder}/")
        return os.path.normpath(name) if "./" in name or "//" in name else name

    def _names_in(self, parent: str) -> frozenset[str]:
        if parent not in self._listed:
            try:
                names = frozenset(os.listdir(self.folder / parent))
            except (FileNotFoundError, NotADirectoryError):
                names = frozenset()
            self._listed[parent] = names
        return self._listed[parent]

    def _similar_in(self, parent: str, simplified: Simplified) -> dict[str, list[str]]:
        """The names in a folder by what is left of them when they are simplified."""
        if (parent, simplified) not in self._similar:
            similar: dict[str, list[str]] = {}
            for name in sorted(self._names_in(parent)):
                similar.setdefault(simplified(composed(name)), []).append(name)
            self._similar[parent, simplified] = similar
        return self._similar[parent, simplified]


def _with_any_case_of_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem + suffix.lower()


def _without_suffix(name: str) -> str:
    return os.path.splitext(name)[0]
