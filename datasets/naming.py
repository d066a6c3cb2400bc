"""What the names of a dataset's classes mean in merged data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Naming:
    """The names of the classes of one dataset, as the tasks of merged data know them. By default
    they are its own.

    Attributes:
        aliases: names that mean the same: by name, the one that takes its place.
        left_out: the classes of which nothing is to be learnt.
        coarse_classes: by class, the finer ones that it holds.
        labelled: the classes that the dataset labels; None for all of its list. The background, of
            what is not labelled, is always among them.

    All but the keys of `aliases` are names after the aliases.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    coarse_classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labelled: frozenset[str] | None = None

    def name(self, stored: str) -> str:
        """The name of a class that the dataset calls `stored`."""
        return self.aliases.get(stored, stored)

    def labels(self, stored: Sequence[str], background: Sequence[str]) -> tuple[str, ...]:
        """The names of the classes that the dataset labels, each once; none where they would be the
        background alone.

        Args:
            stored: the classes in the dataset's files.
            background: the names of the class of what is no object.
        """
        names = [name for name in map(self.name, stored) if name not in self.left_out]
        names = tuple(n for n in dict.fromkeys(names) if self._is_labelled(n, background))
        is_cut = self.labelled is not None and set(names) <= set(background)
        return () if is_cut else names

    def _is_labelled(self, name: str, background: Sequence[str]) -> bool:
        return self.labelled is None or name in self.labelled or name in background
