"""What the names of a dataset's classes mean in merged data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from utils.errors import ConfigError


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
        """The names of the classes that the dataset labels, each once; none where of several the
        background alone is left.

        Args:
            stored: the classes in the dataset's files.
            background: the names of the class of what is no object.
        """
        names = [name for name in map(self.name, stored) if name not in self.left_out]
        names = tuple(n for n in dict.fromkeys(names) if self._is_labelled(n, background))
        nothing_left = len(names) < len(stored) and set(names) <= set(background)
        return () if nothing_left else names

    def _is_labelled(self, name: str, background: Sequence[str]) -> bool:
        return self.labelled is None or name in self.labelled or name in background


def read_naming(
    aliases: Iterable[str], left_out: Iterable[str], coarse_classes: Iterable[str]
) -> Naming:
    """The naming that the words of three options give.

    Args:
        aliases: `tv:tvmonitor`.
        left_out: `van`.
        coarse_classes: `vehicle:car,bus`.

    Raises:
        ConfigError: a word has another form, or words contradict one another; names the option.
    """
    renamed: dict[str, str] = {}
    for name, names in read_lists("aliases", aliases, "tv:tvmonitor").items():
        if len(names) > 1 or names[0] == name:
            raise ConfigError(f"aliases: '{name}' wants one other name", "aliases")
        renamed[name] = names[0]
    for name, other in renamed.items():
        if other in renamed:
            raise ConfigError(
                f"aliases: '{name}' stands for '{other}', which stands for another name", "aliases"
            )
    naming = Naming(aliases=renamed)
    coarse = {
        naming.name(name): tuple(map(naming.name, names))
        for name, names in read_lists(
            "coarse_classes", coarse_classes, "vehicle:car,bus,truck"
        ).items()
    }
    naming = Naming(renamed, frozenset(map(naming.name, left_out)), coarse)
    _check_coarse_classes(naming)
    return naming


def read_lists(option: str, words: Iterable[str], example: str) -> dict[str, tuple[str, ...]]:
    """The names that words such as `vehicle:car,bus` give to a name.

    Raises:
        ConfigError: a word has another form, or a name is given twice; names the option.
    """
    lists: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, _, names = word.partition(":")
        given = tuple(names.split(","))
        if not name or not all(given):
            raise ConfigError(f"{option} wants words such as {example}, not '{word}'", option)
        if name in lists:
            raise ConfigError(f"{option} names '{name}' twice", option)
        lists[name] = given
    return lists


def _check_coarse_classes(naming: Naming) -> None:
    """Checks that the finer classes are classes that something can be learnt of.

    Raises:
        ConfigError: one is coarse itself, or left out.
    """
    for coarse, finer in naming.coarse_classes.items():
        for name in (coarse, *finer):
            fault = None
            if name in naming.left_out:
                fault = "is left out (left_out)"
            elif name is not coarse and name in naming.coarse_classes:
                fault = "holds finer classes itself"
            if fault:
                raise ConfigError(f"coarse_classes: '{name}' {fault}", "coarse_classes")
