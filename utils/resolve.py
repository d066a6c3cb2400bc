"""From the entries of a cfg and of a command line to the parts that they choose and set.

A cfg is resolved from a few root parts downwards. Each key that chooses a part brings the options
of that part; every other key is read once, by the part that owns it. Defaults < cfg < command line.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from utils.cfg_file import Entry
from utils.errors import ConfigError
from utils.official import SHORT, UNUSED
from utils.option import REQUIRED, Option, closest, nearest
from utils.part import Choice, Part, Registry, Variant, has_effect

DATASET = "dataset"
"""The sections [dataset.<name>] describe datasets of the user's own."""

_DATASET_NAME = re.compile(r"\w[\w-]*")


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
) -> Resolution:
    """Resolves the entries of a cfg, and those of a command line, which come first.

    Args:
        roots: the parts that every cfg sets.
        cfg, flags: the entries.
        datasets: the registry that the sections [dataset.<name>] add to.
        dataset_section: the part that such a section describes.
        skipped_flags, skipped_sections: options of the command line, and sections of options, that
            are passed over.

    Raises:
        ConfigError: a name, a section or a value that is not right; the message begins with its
            place.
    """
    words = [word for entry in (*cfg, *flags) for word in entry.words]
    names = _Names(roots, words)
    skipped = {*skipped_flags, *names.in_sections(skipped_sections)}
    flags = [entry for entry in flags if names.key(entry)[1] not in skipped]
    return _Resolver(roots, names, cfg, flags, datasets, dataset_section).resolve()


class _Resolver:
    def __init__(self, roots, names, cfg, flags, datasets, dataset_section):
        self.roots = roots
        self.names = names
        self.datasets = datasets
        self.dataset_section = dataset_section
        self.result = Resolution()
        sections = [entry for entry in cfg if _dataset_name(entry) is not None]
        self.in_cfg = self._by_key([entry for entry in cfg if _dataset_name(entry) is None])
        self.on_line = {self.names.key(entry): entry for entry in flags}
        self.local = self._local_datasets(sections)

    def resolve(self) -> Resolution:
        for root in self.roots:
            self.result.values[root] = self._values(root, {}, scope=None)
        for (scope, name), entry in {**self.in_cfg, **self.on_line}.items():
            if scope is None and name and name not in self.result.places:
                self.result.notices.append(self.names.notice(name, entry))
        return self.result

    def _values(self, part: type[Part], defaults: Mapping[str, Any], scope: str | None) -> dict:
        """The values of a part: those of its entries over the defaults of a variant."""
        values = dict(defaults)
        for name, declared in part.options.items():
            if entry := self._entry(name, scope):
                values[name] = self._value(declared, entry)
            names = values.get(name, declared.default_value())
            if declared.parts is not None and names is not REQUIRED:
                values[name] = self._choices(declared, names, scope)
        self._note_options_without_effect(part, values, scope)
        return values

    def _entry(self, name: str, scope: str | None) -> Entry | None:
        keys = [(scope, name), (None, name)]
        sources = [self.on_line.get((None, name)), *(self.in_cfg.get(key) for key in keys)]
        entry = next((entry for entry in sources if entry is not None), None)
        if entry is not None:
            self.result.places[name] = entry.where
        return entry

    def _value(self, declared: Option, entry: Entry) -> Any:
        declared = replace(declared, parts=self._registry(declared.parts))
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
            entry = self._entry(name, scope) if name in values else None
            if entry and not has_effect(declared, complete):
                self.result.notices.append(
                    f"note: {entry.where}: {name} has no effect without {declared.only_with}"
                )

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

    def _local_datasets(self, entries: Sequence[Entry]) -> Registry:
        """The registry of the datasets together with those that the cfg describes."""
        values: dict[str, dict[str, Any]] = {}
        keys = _plain_names(self.dataset_section)
        for entry in entries:
            name = _dataset_name(entry)
            given = values.setdefault(name, {})
            scope = f"{DATASET}.{name}"
            if not entry.name:
                self.result.places.setdefault(scope, entry.where)
                continue
            key = _plain(entry.name)
            if key not in keys:
                hint = nearest(key, keys)
                raise ConfigError(f"{entry.where}: a dataset has no key '{key}'{hint}")
            key = keys[key]
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


class _Names:
    """What the keys of a cfg may be called: the options of every part that a cfg can choose."""

    def __init__(self, roots: Sequence[type[Part]], words: Sequence[str]):
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
        return self._full_name(entry, None) == _plain(declared.inverse)

    def notice(self, name: str, entry: Entry) -> str:
        """The line about an option that was given and that no part of the cfg has."""
        if name not in self.declared:
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
                    self.spellings[_plain(spelling)] = name
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
        name = _plain(entry.name)
        if name in self.spellings:
            return name
        if entry.name.startswith("--") and name:
            starts = {self.spellings[s]: s for s in self.spellings if s.startswith(name)}
            if len(starts) == 1:
                return next(iter(starts.values()))
            if starts:
                several = " or ".join(f"--{other}" for other in sorted(starts.values()))
                raise ConfigError(f"{entry.where}: {entry.name} may mean {several}")
        close = closest(name, [spelling for spelling in self.spellings if spelling not in UNUSED])
        hint = f"did you mean {dashes}{close}?" if close else "--help lists the options"
        raise ConfigError(f"{entry.where}: there is no option '{entry.name}'; {hint}")


def parts_of(registry: Registry) -> Iterator[tuple[str, type[Part]]]:
    """Every name of a registry with the class of its part."""
    for name, entry in registry.parts.items():
        yield name, entry.part if isinstance(entry, Variant) else entry


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


def cfg_text(parts: Mapping[type[Part], Mapping[str, Any]], datasets: Mapping[str, Choice]) -> str:
    """A cfg that gives these values: the options that have an effect, by section."""
    sections: dict[str, dict[str, str]] = {}
    for part, values in parts.items():
        _write(part, values, sections)
    for name, choice in datasets.items():
        _write(choice.part, choice.all_values(), sections, f"{DATASET}.{name}")
    return "\n".join(
        f"[{section}]\n" + "".join(f"{line.rstrip()}\n" for line in lines.values())
        for section, lines in sections.items()
    )


def _write(
    part: type[Part],
    values: Mapping[str, Any],
    sections: dict[str, dict[str, str]],
    scope: str | None = None,
) -> None:
    """Adds the lines of a part and of the parts that it chooses. `scope` is the section that takes
    the place of the part's own, such as `loss.amtl` of `loss`."""
    chosen: list[tuple[Choice, str | None]] = []
    for name, declared in part.options.items():
        value = values[name]
        if not has_effect(declared, values):
            continue
        if part.section == DATASET and value == declared.default_value():
            continue
        if declared.parts is not None:
            choices = value if isinstance(value, tuple) else () if value is None else (value,)
            chosen += [
                (c, f"{name}.{c.name}" if name == c.part.section else scope) for c in choices
            ]
            names = tuple(choice.name for choice in choices)
            value = names if declared.is_list else next(iter(names), None)
        home = declared.section or part.section
        home = scope if scope and scope.partition(".")[0] == home else home
        sections.setdefault(home, {})[name] = f"{name} = {declared.format(value)}"
    for choice, inner in chosen:
        if choice.part.section != DATASET:
            _write(choice.part, choice.all_values(), sections, inner)


def _plain_names(part: type[Part]) -> dict[str, str]:
    """Every spelling of the options of a part, and the option that it means."""
    return {
        _plain(spelling): name
        for name, declared in part.options.items()
        for spelling in (name, *declared.aliases)
    }


def _dataset_name(entry: Entry) -> str | None:
    """The dataset whose section the entry stands in, if it is one."""
    prefix, dot, name = (entry.section or "").partition(".")
    if prefix != DATASET or not dot:
        return None
    if not _DATASET_NAME.fullmatch(name):
        raise ConfigError(
            f"{entry.where}: a dataset's name has letters, digits, _ and -, not '{name}'"
        )
    return name


def _plain(name: str) -> str:
    """A name without dashes, but for the first of a short flag (`-b`)."""
    if name.startswith("-") and not name.startswith("--"):
        return name
    return name.removeprefix("--").replace("-", "_")
