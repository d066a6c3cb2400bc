"""The options of finished runs, and in which of them runs differ.

The text of a run's cfg is compared, and not the cfg that it gives: that would want the files that
the cfg names, which may be on another machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import PurePath

from datasets.custom import section_part
from engine.config import ROOTS
from engine.options import Comparison
from utils.cfg_file import parse_text
from utils.option import REQUIRED, Option
from utils.option_names import DATASET, OptionNames

Key = tuple[str, str]
"""A section and an option."""

Settings = Mapping[Key, str]
"""The values of a run's options, as its cfg writes them."""

LOSS = "loss."
"""What the sections of losses begin with."""

_BASELINES = "baselines"  # the section of what a run is compared with
_NAMES_ROWS = ("loss", "seed", "missing")


def settings_of(options: str) -> Settings:
    """The options that decide how a run comes out, but its loss, its seed and what it is compared
    with. One that every run has, and that an earlier version did not write, is at its default.

    Args:
        options: the text of its `config.cfg`; empty, of results of an early version.
    """
    result = dict(_defaults()) if options else {}
    for entry in parse_text(options, "config.cfg"):
        if entry.name in ("", *_NAMES_ROWS) or entry.section == _BASELINES:
            continue
        declared = _declared(entry.section, entry.name)
        if not declared or any(option.affects == "result" for option in declared):
            result[entry.section, entry.name] = " ".join(map(_portable, entry.words))
    return result


def differing(settings: Sequence[Settings]) -> list[Key]:
    """The options in which runs differ, in the order in which they come. An option that has no
    effect in a run counts as its default there."""
    keys = dict.fromkeys(key for of_run in settings for key in of_run)
    return [key for key in keys if _differs(key, [of_run.get(key) for of_run in settings])]


def in_words(settings: Settings, keys: Iterable[Key]) -> str:
    """', lr 0.001, ema true': some options with their values, those that a run has."""
    return "".join(f", {key[1]} {settings[key] or 'empty'}" for key in keys if key in settings)


def _differs(key: Key, values: Sequence[str | None]) -> bool:
    known = set(values) - {None}
    if None in values:
        known -= {_default(option) for option in _declared(*key)}
        return bool(known)
    return len(known) > 1


def _default(option: Option) -> str | None:
    """The default, as a cfg writes it; None where every cfg gives the option."""
    value = option.default_value()
    return None if value is REQUIRED else option.format(value)


def _declared(section: str, name: str) -> list[Option]:
    """What is declared under a name; an option of several parts may have several defaults."""
    if section.partition(".")[0] == DATASET:
        option = _of_datasets().get(name)
        return [option] if option else []
    return [option for _, option in _names().declared.get(name, ())]


@cache
def _defaults() -> Settings:
    """The defaults of the options that every run has, whatever it chooses."""
    return {
        (option.section or part.section, name): default
        for part in ROOTS.values()
        for name, option in part.options.items()
        if option.affects == "result"
        and not (option.only_with or option.only_without)
        and name not in _NAMES_ROWS
        and part is not Comparison
        and (default := _default(option)) is not None
    }


@cache
def _names() -> OptionNames:
    return OptionNames(list(ROOTS.values()), [])


@cache
def _of_datasets() -> Mapping[str, Option]:
    return section_part().options


def _portable(word: str) -> str:
    """A value without what is of one machine: of an absolute path, the name."""
    return PurePath(word).name if word.startswith("/") else word
