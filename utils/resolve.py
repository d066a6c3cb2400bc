"""From the entries of a cfg and of a command line to the parts that they choose and set.

A cfg is resolved from a few root parts downwards. Each key that chooses a part brings the options
of that part; every other key is read once, by the part that owns it. Defaults < cfg < command line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from utils.cfg_file import Entry
from utils.errors import ConfigError
from utils.official import MILESTONES, milestones
from utils.option import REQUIRED, SAME, Option, nearest
from utils.option_names import DATASET, OptionNames, plain, plain_names
from utils.part import Choice, Part, Registry, Variant, has_effect

_DATASET_NAME = re.compile(r"\w[\w-]{0,59}")


@dataclass
class Resolution:
    """What a cfg and a command line say.

    Attributes:
        values: the values of each root part; the names of parts are choices.
        datasets: the datasets that the cfg describes itself, by name.
        places: where each option got its value, by option and by `dataset.<name>.<key>`.
        notices: a line for each option that was given and has no effect.
    """

    values: dict[type[Part], dict[str, Any]] = field(default_factory=dict)
    datasets: dict[str, Choice] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def resolve(
    roots: Sequence[type[Part]],
    cfg: Sequence[Entry],
    flags: Sequence[Entry],
    datasets: Registry,
    dataset_section: type[Part],
    skipped_flags: Sequence[str] = (),
    skipped_sections: Sequence[str] = (),
    official: bool = False,
) -> Resolution:
    """Resolves the entries of a cfg, and those of a command line, which come first.

    Args:
        roots: the parts that every cfg sets.
        cfg, flags: the entries.
        datasets: the registry that the sections [dataset.<name>] add to.
        dataset_section: the part that such a section describes; its `spelled` says which key a name
            in a section means.
        skipped_flags, skipped_sections: options of the command line, and sections of options, that
            are passed over.
        official: whether the cfg is one of the official repository, so that what it does not say
            has the official meaning.

    Raises:
        ConfigError: a name, a section or a value that is not right; the message begins with its
            place.
    """
    words = [word for entry in (*cfg, *flags) for word in entry.words]
    names = OptionNames(roots, words, official)
    skipped = {*skipped_flags, *names.in_sections(skipped_sections)}
    flags = [entry for entry in flags if names.key(entry)[1] not in skipped]
    return _Resolver(roots, names, cfg, flags, datasets, dataset_section, official).resolve()


class _Resolver:
    def __init__(self, roots, names, cfg, flags, datasets, dataset_section, official):
        self.roots = roots
        self.names = names
        self.datasets = datasets
        self.dataset_section = dataset_section
        self.official = official
        self.fixed: dict[str, Any] = {}
        self.result = Resolution()
        sections = [entry for entry in cfg if _dataset_name(entry) is not None]
        self.in_cfg = self._by_key([entry for entry in cfg if _dataset_name(entry) is None])
        self.on_line = self._on_line(flags)
        self.local = self._local_datasets(sections)

    def resolve(self) -> Resolution:
        for root in self.roots:
            self.result.values[root] = self._values(root, {}, scope=None)
        for (scope, name), entry in {**self.in_cfg, **self.on_line}.items():
            if scope is None and name and name not in self.result.places:
                self.result.notices.append(self._notice(name, entry))
        return self.result

    def _notice(self, name: str, entry: Entry) -> str:
        if name in self.fixed:
            return (
                f"note: {entry.where}: {name} is {self.fixed[name]} here whatever the cfg says, as "
                "in the official code"
            )
        return self.names.notice(name, entry)

    def _values(self, part: type[Part], defaults: Mapping[str, Any], scope: str | None) -> dict:
        """The values of a part: those of its entries over the defaults of a variant."""
        values = dict(defaults)
        for name, declared in part.options.items():
            if entry := self._entry(part, declared, scope):
                values[name] = self._value(declared, entry)
            elif self.official and declared.official is not SAME:
                values.setdefault(name, declared.official)
            names = values.get(name, declared.default_value())
            if declared.parts is not None and names is not REQUIRED:
                values[name] = self._choices(declared, names, scope)
        for declared in part.options.values():
            if declared.excludes and values.get(declared.name):
                self._choose_one(part, declared, part.options[declared.excludes], values, scope)
        self._note_options_without_effect(part, values, scope)
        return values

    def _choose_one(self, part, declared: Option, other: Option, values: dict, scope) -> None:
        """Leaves the command line's value of an option and the one in whose place it stands.

        Raises:
            ConfigError: one place gives both.
        """
        entry, theirs = (self._entry(part, each, scope) for each in (declared, other))
        if entry is None or theirs is None:
            return
        on_line = [each in self.on_line.values() for each in (entry, theirs)]
        if on_line[0] == on_line[1]:
            raise ConfigError(
                f"{theirs.where}: {declared.name} ({entry.where}) stands in the place of "
                f"{other.name}; leave {other.name} out"
            )
        if on_line[1]:
            del values[declared.name]
            self.result.notices.append(
                f"note: {entry.where}: {declared.name} has no effect with --{other.name}"
            )

    def _entry(self, part: type[Part], declared: Option, scope: str | None) -> Entry | None:
        """The entry that gives an option. Parts of different sections may have options of one name:
        in a cfg, each has its own."""
        name, home = declared.name, declared.section or part.section
        sources = [self.on_line.get((None, name))]
        if self.official and declared.official_fixed:
            self.fixed[name] = declared.official
        else:
            given = [self.in_cfg.get(key) for key in ((scope, name), (None, name))]
            sources += [entry for entry in given if entry and _stands_in(entry, home)]
        if self.official and name == "milestones":
            sources.append(self._official_milestones())
        entry = next((entry for entry in sources if entry is not None), None)
        if entry is not None:
            self.result.places[name] = entry.where
        return entry

    def _official_milestones(self) -> Entry | None:
        given = {**self.in_cfg, **self.on_line}
        entries = {name: given[None, name] for name in MILESTONES if (None, name) in given}
        self.result.places |= {name: entry.where for name, entry in entries.items()}
        return milestones(entries)

    def _value(self, declared: Option, entry: Entry) -> Any:
        declared = replace(declared, parts=self._registry(declared.parts))
        told = (declared.notes.get(word.lower()) for word in entry.words)
        self.result.notices += [f"note: {entry.where}: {note}" for note in told if note]
        return read_value(declared, entry, self.names.is_inverse(declared, entry))

    def _choices(self, declared: Option, names: Any, scope: str | None) -> Any:
        if declared.is_list:
            return tuple(self._choice(declared, name, scope) for name in names)
        return None if names is None else self._choice(declared, names, scope)

    def _choice(self, declared: Option, name: str, scope: str | None) -> Choice:
        choice = self._registry(declared.parts).choose(name)
        if choice.name in self.result.datasets and declared.parts is self.datasets:
            return choice
        scope = choice.name if declared.name in self.names.scoped else scope
        settings = self._values(choice.part, choice.settings, scope)
        for option, needed in choice.part.options.items():
            if needed.default is REQUIRED and option not in settings:
                place = self.result.places.get(declared.name, f"--{declared.name} (default)")
                raise ConfigError(f"{place}: {choice.name} needs {option}")
        return replace(choice, settings=settings)

    def _registry(self, registry: Registry | None) -> Registry | None:
        return self.local if registry is self.datasets else registry

    def _note_options_without_effect(self, part, values, scope) -> None:
        complete = {name: values.get(name, o.default_value()) for name, o in part.options.items()}
        for name, declared in part.options.items():
            entry = self._entry(part, declared, scope) if name in values else None
            if entry and not has_effect(declared, complete):
                needed = declared.only_with
                needed = f"without {needed}" if needed else f"with {declared.only_without}"
                self.result.notices.append(f"note: {entry.where}: {name} has no effect {needed}")

    def _by_key(self, entries: Sequence[Entry]) -> dict[tuple[str | None, str], Entry]:
        by_key: dict[tuple[str | None, str], Entry] = {}
        for entry in entries:
            key = self.names.key(entry)
            if key in by_key and key[1]:
                raise ConfigError(
                    f"{entry.where}: {key[1]} is given twice, first in {by_key[key].where}"
                )
            by_key[key] = entry
        return by_key

    def _on_line(self, flags: Sequence[Entry]) -> dict[tuple[str | None, str], Entry]:
        """The entry of each option that the command line gives: the last one, or all together of an
        option whose flag adds to its values."""
        by_key: dict[tuple[str | None, str], Entry] = {}
        for entry in flags:
            key = self.names.key(entry)
            adds = any(declared.repeated for _, declared in self.names.declared.get(key[1], ()))
            if adds and key in by_key:
                entry = entry._replace(words=[*by_key[key].words, *entry.words])
            by_key[key] = entry
        return by_key

    def _local_datasets(self, entries: Sequence[Entry]) -> Registry:
        """The registry of the datasets together with those that the cfg describes."""
        values: dict[str, dict[str, Any]] = {}
        given_names: dict[str, set[str]] = {}
        for entry in entries:
            given_names.setdefault(_dataset_name(entry), set()).add(plain(entry.name))
        for entry in entries:
            name = _dataset_name(entry)
            given = values.setdefault(name, {})
            scope = f"{DATASET}.{name}"
            if not entry.name:
                self.result.places.setdefault(scope, entry.where)
                continue
            key = self._dataset_key(entry, given_names[name])
            place = f"{scope}.{key}"
            if key in given:
                first = self.result.places[place]
                raise ConfigError(f"{entry.where}: {key} is given twice, first in {first}")
            given[key] = read_value(self.dataset_section.options[key], entry)
            self.result.places[place] = entry.where
        for name in values:
            if name in self.datasets.parts or name in self.datasets.aliases:
                raise ConfigError(
                    f"{self.result.places[f'{DATASET}.{name}']}: the dataset {name} comes along "
                    "and is read as it is; give your own another name"
                )
        local = Registry(self.datasets.noun, self.datasets.parts, self.datasets.aliases)
        for name, given in values.items():
            local.add(name, Variant(self.dataset_section, given))
            self.result.datasets[name] = Choice(name, self.dataset_section, given)
        return local

    def _dataset_key(self, entry: Entry, given: Collection[str]) -> str:
        """The key of a section that an entry gives.

        Args:
            given: the names of all entries of the section.
        """
        name = plain(entry.name)
        try:
            key = self.dataset_section.spelled(name, given)
        except ConfigError as mistake:
            raise ConfigError(f"{entry.where}: {mistake}") from None
        if key is None:
            hint = nearest(name, plain_names(self.dataset_section))
            raise ConfigError(f"{entry.where}: a dataset has no key '{name}'{hint}")
        return key


def read_value(declared: Option, entry: Entry, inverted: bool = False) -> Any:
    """The value that an entry gives to an option.

    Raises:
        ConfigError: the words are no value of the option; the message begins with their place.
    """
    words = entry.words
    if entry.section is None and not words and (inverted or declared.type is bool):
        words = ["true"]
    try:
        return declared.parse(words, inverted)
    except ConfigError as error:
        raise ConfigError(f"{entry.where}: {error}") from None


def _stands_in(entry: Entry, section: str) -> bool:
    """Whether an entry is about the options of a section: a flag is about those of any."""
    return entry.section is None or entry.section.partition(".")[0] == section


def _dataset_name(entry: Entry) -> str | None:
    """The dataset whose section the entry stands in, if it is one."""
    prefix, dot, name = (entry.section or "").partition(".")
    if prefix != DATASET or not dot:
        return None
    if not _DATASET_NAME.fullmatch(name):
        raise ConfigError(
            f"{entry.where}: a dataset's name has letters, digits, _ and -, not '{name}', and no "
            "more than 60"
        )
    return name
