"""From entries to values: what each name means, and which of several entries counts.

Defaults < cfg < command line. Options of the losses are the business of `utils/cfg_losses.py`, and
what the keys of a section `[dataset.<name>]` mean is that of `datasets/custom.py`.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from utils.cfg_file import Entry
from utils.cfg_losses import LossEntries, LossOptions, read_value
from utils.errors import ConfigError
from utils.official import SHORT, UNUSED
from utils.option import Methods, Option, closest, nearest

PLAIN = "loss"
"""The section of the options that belong to losses, to every one that has them."""
DATASET = "dataset"
"""What the name of a section about a dataset begins with, before a dot."""

_DATASET_NAME = re.compile(r"\w[\w-]*")


class Place(NamedTuple):
    """What an entry is about: `group` is 'option', 'unused', 'loss', 'loss.<name>' or
    'dataset.<name>'; of the latter's header the name is ''."""

    group: str
    name: str


@dataclass
class Merged:
    """The values given, none of them a default.

    Attributes:
        values: by option.
        method_values: by loss, then by option of that loss; defaults are left out.
        datasets: the words given for each key of each dataset's section.
        wheres: the place of each value, by option, by `<loss>.<option>`, by `dataset.<name>` and
            by `dataset.<name>.<key>`.
        notices: a line for each option that is known and not used.
    """

    values: dict[str, Any] = field(default_factory=dict)
    method_values: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    wheres: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


class Merger:
    """Merges the entries of a cfg and of a command line.

    Args:
        options: the options of the cfg, by name.
        methods: the options of each loss, by the loss's name.
    """

    def __init__(self, options: dict[str, Option], methods: Methods):
        self.options = options
        self.losses = LossOptions(methods)
        self.sections = list(dict.fromkeys(option.section for option in options.values()))
        self.names = {name: name for name in UNUSED} | SHORT
        self.names |= {_plain(name): name for name in self.losses.names()}
        for option in options.values():
            for alias in (option.name, option.inverse, *option.aliases):
                if alias:
                    self.names[_plain(alias)] = option.name

    def merge(self, cfg: list[Entry], flags: list[Entry], baseline: bool = False) -> Merged:
        """The values given in a cfg and, before those, on the command line.

        For a baseline, the flags that are about the multi-task run alone are left out.

        Raises:
            ConfigError: a name, a section or a value that is not right.
        """
        self._change_parts(cfg, [] if baseline else flags)
        in_cfg: dict[Place, Entry] = {}
        for entry in cfg:
            place = self._place(entry)
            if place in in_cfg and place.name:
                first = in_cfg[place].where
                raise ConfigError(f"{entry.where}: {place.name} is given twice, first in {first}")
            if place:
                in_cfg[place] = entry
        in_line = {self._place(entry): entry for entry in flags}
        if baseline:
            in_line = {place: in_line[place] for place in in_line if self._for_baseline(place)}

        merged = Merged()
        for place, entry in (in_cfg | in_line).items():
            if place.group == "option":
                merged.values[place.name] = self._value(self.options[place.name], entry)
                merged.wheres[place.name] = entry.where
            elif place.group == "unused":
                merged.notices.append(_notice(place.name, entry.where))
            elif place.group.startswith(f"{DATASET}."):
                _add_to_dataset(merged, place, entry)
        running = merged.values.get("loss", self.options["loss"].default)
        running = self.losses.loss(running, merged.wheres.get("loss", "--loss (default)"))
        merged.values["loss"] = running
        merged.method_values, wheres = self.losses.merge(_for_losses(in_cfg, in_line), running)
        merged.wheres |= wheres
        return merged

    def _place(self, entry: Entry) -> Place | None:
        """Where an entry belongs; None for a section's header. Checks names and sections."""
        if dataset := _dataset_section(entry):
            return Place(f"{DATASET}.{dataset}", _plain(entry.name))
        loss = self._check_section(entry)
        if not entry.name:
            return None
        if loss:
            name = _plain(entry.name)
            known = self.losses.known[loss]
            if name not in known:
                allowed = nearest(name, known)
                raise ConfigError(f"{entry.where}: the loss {loss} has no option '{name}'{allowed}")
            return Place(f"{PLAIN}.{loss}", name)
        name = self.names[self._full_name(entry)]
        if name in self.options:
            group, home = "option", self.options[name].section
        elif name in self.losses.names():
            group, home = PLAIN, PLAIN
        else:
            group, home = "unused", entry.section
        if entry.section not in (None, home):
            wrong = f", not in [{entry.section}]" if entry.section else ", which it stands before"
            raise ConfigError(f"{entry.where}: {name} belongs in [{home}]{wrong}")
        return Place(group, name)

    def _check_section(self, entry: Entry) -> str | None:
        """The loss whose section the entry stands in, if it is one."""
        section = entry.section
        if not section or section == PLAIN or section in self.sections:
            return None
        prefix, _, loss = section.partition(".")
        if prefix != PLAIN:
            allowed = nearest(
                section, [*self.sections, PLAIN, f"{PLAIN}.<name>", f"{DATASET}.<name>"]
            )
            raise ConfigError(f"{entry.where}: there is no section [{section}]{allowed}")
        return self.losses.loss(loss, entry.where)

    def _full_name(self, entry: Entry) -> str:
        """The name in `self.names` that the entry gives, of which a flag may leave out the end."""
        dashes = "--" if entry.section is None else ""
        name = _plain(entry.name)
        if name in self.names:
            return name
        if entry.name.startswith("--") and name:
            starts = {self.names[other]: other for other in self.names if other.startswith(name)}
            if len(starts) == 1:
                return next(iter(starts.values()))
            if starts:
                several = " or ".join(f"--{other}" for other in sorted(starts.values()))
                raise ConfigError(f"{entry.where}: {entry.name} may mean {several}")
        close = closest(name, [other for other in self.names if other not in UNUSED])
        hint = f"did you mean {dashes}{close}?" if close else "--help lists the options"
        raise ConfigError(f"{entry.where}: there is no option '{entry.name}'; {hint}")

    def _value(self, option: Option, entry: Entry) -> Any:
        inverse = option.inverse
        inverted = inverse is not None and self._full_name(entry) == _plain(inverse)
        return read_value(option, entry, inverted)

    def _for_baseline(self, place: Place) -> bool:
        return place.group == "option" and self.options[place.name].decides != "run"

    def _change_parts(self, cfg: list[Entry], flags: list[Entry]) -> None:
        """Lets the losses know the parts that they are given."""
        in_cfg, in_line = self._passable(cfg), self._passable(flags)
        loss = (in_cfg | in_line).get(Place("option", "loss"))
        running = " ".join(loss.words) if loss else self.options["loss"].default
        self.losses.change_parts(_for_losses(in_cfg, in_line), running.replace("_", "-"))
        self.names = {_plain(name): name for name in self.losses.names()} | self.names

    def _passable(self, entries: list[Entry]) -> dict[Place, Entry]:
        """The entries that are right without the options of changed parts."""
        places = {}
        for entry in entries:
            with contextlib.suppress(ConfigError):
                places[self._place(entry)] = entry
        places.pop(None, None)
        return places


def _for_losses(in_cfg: dict[Place, Entry], in_line: dict[Place, Entry]) -> LossEntries:
    start = f"{PLAIN}."
    return LossEntries(
        plain={place.name: entry for place, entry in in_cfg.items() if place.group == PLAIN},
        own={
            (place.group.removeprefix(start), place.name): entry
            for place, entry in in_cfg.items()
            if place.group.startswith(start)
        },
        line={place.name: entry for place, entry in in_line.items() if place.group == PLAIN},
    )


def _dataset_section(entry: Entry) -> str | None:
    """The dataset whose section the entry stands in, if it is one."""
    prefix, dot, name = (entry.section or "").partition(".")
    if prefix != DATASET or not dot:
        return None
    if not _DATASET_NAME.fullmatch(name):
        raise ConfigError(
            f"{entry.where}: a dataset's name has letters, digits, _ and -, not '{name}'"
        )
    return name


def _add_to_dataset(merged: Merged, place: Place, entry: Entry) -> None:
    values = merged.datasets.setdefault(place.group.removeprefix(f"{DATASET}."), {})
    if not place.name:
        merged.wheres[place.group] = entry.where
        return
    if any('"' in word or not word.isprintable() for word in entry.words):
        raise ConfigError(
            f"{entry.where}: {place.name} holds a quotation mark or an invisible character"
        )
    values[place.name] = entry.words
    merged.wheres[f"{place.group}.{place.name}"] = entry.where


def _plain(name: str) -> str:
    """A name without dashes, but for the first one of a short flag (`-b`)."""
    if name.startswith("-") and not name.startswith("--"):
        return name
    return name.removeprefix("--").replace("-", "_")


def _notice(name: str, where: str) -> str:
    place = "" if where.startswith("-") else f"{where}: "
    return (
        f"note: {place}--{name} is an option of the official code that is not used here "
        f"({UNUSED[name]})"
    )
