"""What the keys of a cfg and the flags of a command line may be called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from utils.cfg_file import Entry
from utils.errors import ConfigError
from utils.official import NAMES, SHORT, UNUSED
from utils.option import Option, closest, nearest
from utils.part import Part, Registry, Variant

DATASET = "dataset"
"""The sections [dataset.<name>] describe datasets of the user's own."""


class OptionNames:
    """The options of every part that a cfg can choose, under all their names.

    Args:
        roots: the parts that every cfg sets.
        words: the values of the cfg and the command line, which may name parts by a prefix.
        official: whether the cfg is one of the official repository.
    """

    def __init__(self, roots: Sequence[type[Part]], words: Sequence[str], official: bool = False):
        self.official = official
        self.words = words
        self.declared: dict[str, list[tuple[type[Part], Option]]] = {}
        self.owners: dict[type[Part], list[str]] = {}
        self.scoped: dict[str, Registry] = {}
        self.spellings = {name: name for name in UNUSED} | SHORT
        for root in roots:
            self._add(root, root.__name__)
        self.sections = list(
            dict.fromkeys(
                declared.section or part.section
                for pairs in self.declared.values()
                for part, declared in pairs
            )
        )

    def key(self, entry: Entry) -> tuple[str | None, str]:
        """The scope of an entry (a loss, of [loss.<name>]) and the option that it is about; for the
        header of a section, no option. Checks the names of sections and options.

        Raises:
            ConfigError: there is no such section or option, or the option is in another section.
        """
        scope = self._scope(entry)
        if not entry.name:
            return scope, ""
        name = self.spellings[self._full_name(entry, scope)]
        section = entry.section if scope is None else entry.section.partition(".")[0]
        homes = dict.fromkeys(d.section or part.section for part, d in self.declared.get(name, ()))
        if section is not None and homes and section not in homes:
            home = next(iter(homes))
            wrong = f", not in [{entry.section}]" if section else ", which it stands before"
            raise ConfigError(f"{entry.where}: {name} belongs in [{home}]{wrong}")
        return scope, name

    def in_sections(self, sections: Sequence[str]) -> list[str]:
        """The options that stand in any of these sections."""
        return [
            name
            for name, pairs in self.declared.items()
            if any((declared.section or part.section) in sections for part, declared in pairs)
        ]

    def is_inverse(self, declared: Option, entry: Entry) -> bool:
        """Whether the entry gives the option by the name that means its contrary."""
        if declared.inverse is None:
            return False
        return self._full_name(entry, None) == plain(declared.inverse)

    def notice(self, name: str, entry: Entry) -> str:
        """The line about an option that was given and that no part of the cfg has."""
        if name not in self.declared or (self.official and name in UNUSED):
            place = "" if entry.where.startswith("-") else f"{entry.where}: "
            return (
                f"note: {place}--{name} is an option of the official code that is not used "
                f"here ({UNUSED[name]})"
            )
        owners = dict.fromkeys(
            owner for part, _ in self.declared[name] for owner in self.owners[part]
        )
        return (
            f"note: {entry.where}: nothing in this cfg uses {name}; it is an option of "
            f"{', '.join(owners)}"
        )

    def _add(self, part: type[Part], owner: str) -> None:
        if part in self.owners:
            self.owners[part].append(owner)
            return
        self.owners[part] = [owner]
        for name, declared in part.options.items():
            self.declared.setdefault(name, []).append((part, declared))
            for spelling in (name, declared.inverse, *declared.aliases):
                if spelling:
                    self.spellings[plain(spelling)] = name
            if declared.parts is not None:
                for label, chosen in (*parts_of(declared.parts), *self._prefixed(declared.parts)):
                    self._add(chosen, label)
                    if name == chosen.section:
                        self.scoped[name] = declared.parts

    def _prefixed(self, registry: Registry) -> Iterator[tuple[str, type[Part]]]:
        """The parts that the cfg names by a prefix, such as torchjd:UPGrad."""
        for word in self.words:
            if any(word.startswith(prefix) for prefix in registry.prefixes):
                with contextlib.suppress(ConfigError):  # told where the part is chosen
                    yield word, registry[word]

    def _scope(self, entry: Entry) -> str | None:
        section = entry.section
        if not section or section in self.sections:
            return None
        prefix, dot, name = section.partition(".")
        if not dot or prefix not in self.scoped:
            forms = [f"{name}.<name>" for name in (*self.scoped, DATASET)]
            hint = nearest(section, [*self.sections, *forms])
            raise ConfigError(f"{entry.where}: there is no section [{section}]{hint}")
        try:
            return self.scoped[prefix].canonical(name)
        except ConfigError as error:
            raise ConfigError(f"{entry.where}: {error}") from None

    def _full_name(self, entry: Entry, scope: str | None) -> str:
        """The spelling that the entry gives, of which a flag may leave out the end."""
        dashes = "--" if entry.section is None else ""
        name = plain(entry.name)
        if name in self.spellings:
            return name
        if entry.name.startswith("--") and name:
            starts = self._beginning_with(name, entry)
            if len(starts) == 1:
                return next(iter(starts.values()))
            if starts:
                several = " or ".join(f"--{other}" for other in sorted(starts.values()))
                raise ConfigError(f"{entry.where}: {entry.name} may mean {several}")
        close = closest(name, [spelling for spelling in self.spellings if spelling not in UNUSED])
        hint = f"did you mean {dashes}{close}?" if close else "--help lists the options"
        raise ConfigError(f"{entry.where}: there is no option '{entry.name}'; {hint}")

    def _beginning_with(self, name: str, entry: Entry) -> dict[str, str]:
        """The options that begin with a name, and the spelling that does; in an official cfg those
        of its own, if any."""
        in_official_cfg = self.official and not entry.where.startswith("-")
        for spellings in (NAMES if in_official_cfg else (), self.spellings):
            if starts := {self.spellings[s]: s for s in spellings if s.startswith(name)}:
                return starts
        return {}


def parts_of(registry: Registry) -> Iterator[tuple[str, type[Part]]]:
    """Every name of a registry with the class of its part."""
    for name, entry in registry.parts.items():
        yield name, entry.part if isinstance(entry, Variant) else entry


def plain_names(part: type[Part]) -> dict[str, str]:
    """Every spelling of the options of a part, and the option that it means."""
    return {
        plain(spelling): name
        for name, declared in part.options.items()
        for spelling in (name, *declared.aliases)
    }


def plain(name: str) -> str:
    """A name without dashes, but for the first of a short flag (`-b`)."""
    if name.startswith("-") and not name.startswith("--"):
        return name
    return name.removeprefix("--").replace("-", "_")
