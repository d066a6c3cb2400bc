"""What an option is: its type, default, limits and help, and how its value is read and written."""

from __future__ import annotations

import builtins
import math
import operator
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from utils.cfg_file import quote
from utils.errors import ConfigError

if TYPE_CHECKING:
    from utils.part import Registry

REQUIRED = object()
"""The default of an option that every cfg must give."""
SAME = object()
"""The official value of an option whose default is the official one."""

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
_BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}
_LIMITS = {
    "at least": operator.ge,
    "above": operator.gt,
    "at most": operator.le,
    "below": operator.lt,
}
_LARGEST = {int: 1_000_000, float: 10**9}
"""Of the numbers of options that do not say otherwise: larger ones are in no computer's reach."""
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes, of a file
_NOUNS = {int: "whole number", float: "number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Option:
    """One option of a part. :func:`option` declares it and explains the attributes.

    On an instance of its part the option is an attribute that gives the value.
    """

    default: Any
    help: str
    section: str | None = None
    aliases: tuple[str, ...] = ()
    inverse: str | None = None
    choices: tuple | None = None
    parts: Registry | None = None
    count: int | None = None
    empty_is_none: bool = False
    joined: bool = False
    repeated: bool = False
    spellings: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    largest: float | None = None
    search: tuple[float, float] | None = None
    affects: str = "result"
    only_with: str | None = None
    only_without: str | None = None
    excludes: str | None = None
    official: Any = SAME
    official_fixed: bool = False
    name: str = ""
    type: Any = str

    def __set_name__(self, owner: type, name: str) -> None:
        annotation = owner.__annotations__.get(name, "str")
        if isinstance(annotation, str):
            annotation = eval(annotation, dict(vars(builtins)))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "type", annotation)

    def __get__(self, part: Any, owner: type | None = None) -> Any:
        return self if part is None else part.settings[self.name]

    @property
    def is_list(self) -> bool:
        return get_origin(self.type) in (list, tuple)

    @property
    def item_type(self) -> type:
        """The type of the value, or of each value of a list."""
        if self.is_list:
            return get_args(self.type)[0]
        if isinstance(self.type, UnionType):
            return next(kind for kind in get_args(self.type) if kind is not type(None))
        return self.type

    def default_value(self) -> Any:
        """The default; of a function without arguments, what the function returns."""
        return self.default() if callable(self.default) else self.default

    def parse(self, words: list[str], inverted: bool = False) -> Any:
        """The value that the words of a cfg stand for; of a part's name, the canonical name.

        Raises:
            ConfigError: the words are no value of this option.
        """
        words = [word.strip("`") for word in words]
        for word in words:
            if '"' in word or not word.isprintable():
                raise self.error(f"{self.name} holds a quotation mark or an invisible character")
        if inverted:
            return self.parse([self._negate(word) for word in words])
        if not words and self.empty_is_none:
            return None
        if not words and (self.default in (None, "") or isinstance(self.type, UnionType)):
            return self.default
        if self.joined and words:
            words = [" ".join(words)]
        if not self.is_list and len(words) != 1:
            given = f"{len(words)} of them" if words else "nothing"
            raise self.error(f"{self.name} wants one value ({self.wants()}), not {given}")
        values = [self._parse_word(word) for word in words]
        if self.count:
            if len(values) not in (1, self.count):
                raise self.error(f"{self.name} wants {self.wants()}, not {len(values)} of them")
            return tuple(values * (self.count // len(values)))
        if self.is_list:
            return tuple(values)
        return values[0]

    def check(self, value: Any) -> None:
        """Checks a value against choices and limits, and against what a computer can hold.

        Raises:
            ConfigError: the value is outside of them.
        """
        if value is None:
            return
        for item in value if self.is_list else (value,):
            if self.choices and item not in self.choices:
                hint = nearest(str(item), map(str, self.choices))
                raise self.error(f"{self.name} cannot be '{item}'{hint}")
            if any(not _LIMITS[name](item, limit) for name, limit in self.limits.items()):
                shown = f"{item:g}" if isinstance(item, float) else item
                raise self.error(f"{self.name} wants {self.wants()}, not '{shown}'")
            if isinstance(item, str):
                self._check_length(item)
            elif self.item_type in _LARGEST and abs(item) > self._largest():
                raise self.error(
                    f"{self.name} wants a number of at most {self._largest():,}, not '{item}'"
                )

    def format(self, value: Any) -> str:
        """The value as it stands in a cfg; :meth:`parse` gives it back."""
        if value is None:
            return ""
        if self.is_list:
            return " ".join(self._format_item(item) for item in value)
        return str(value) if self.joined else self._format_item(value)

    def wants(self) -> str:
        """Describes what a value must be."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        noun = "name" if self.parts is not None else _NOUNS[self.item_type]
        if self.item_type in (int, float):
            noun = f"{noun}s" if self.is_list else f"a {noun}"
        if self.count:
            noun = f"1 or {self.count} {noun}"
        limits = " and ".join(f"{name} {limit}" for name, limit in self.limits.items())
        return f"{noun}, {limits}" if limits else noun

    def error(self, message: str) -> ConfigError:
        """A mistake in the value of this option, to be raised."""
        return ConfigError(message, self.name)

    def _largest(self) -> float:
        """The largest size of a number; a limit that is stated counts alone."""
        return self.largest or self.limits.get("at most") or _LARGEST[self.item_type]

    def _check_length(self, text: str) -> None:
        """Most texts are paths or become parts of one."""
        size = len(os.fsencode(text))
        if size > _LONGEST_PATH or max(map(len, os.fsencode(text).split(b"/"))) > _LONGEST_NAME:
            raise self.error(f"{self.name} is too long: a text of {size:,} bytes")

    def _parse_word(self, word: str) -> Any:
        word = self.spellings.get(word.lower(), word)
        if self.is_list and "," in word and (self.item_type is not str or word.endswith(",")):
            raise self.error(f"{self.name}: blanks separate several values, not commas: '{word}'")
        if self.parts is not None:
            return self.parts.canonical(word, self.name)
        try:
            value = _convert(self.item_type, word)
        except ValueError:
            raise self.error(f"{self.name} wants {self.wants()}, not '{word}'") from None
        self.check((value,) if self.is_list else value)
        return value

    def _negate(self, word: str) -> str:
        if word.lower() not in _BOOLEANS:
            raise self.error(f"{self.inverse} wants true or false, not '{word}'")
        return str(not _BOOLEANS[word.lower()])

    def _format_item(self, value: Any) -> str:
        if self.item_type is bool:
            return str(value).lower()
        if self.item_type in (int, float):
            return repr(self.item_type(value))
        return quote(str(value))


def option(
    default: Any,
    help: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    limits: Mapping[str, float] | None = None,
    **details: Any,
) -> Any:
    """Declares an attribute of a :class:`utils.part.Part` as an option; the annotation is the type.

        class Depth(Task):
            max_depth: float = option(10.0, "metres; readings from there on do not count", above=0)

    The types are int, float, bool, str, `tuple[int, ...]` (a list) and `float | None`. An option of
    such a union may be left empty, and then has its default.

    Args:
        default: the value, a function without arguments that returns it, or `REQUIRED`.
        help: one line.
        at_least, above, at_most, below: the limits of each number; or all of them as `limits`.
        details: attributes of :class:`Option`.

            section: the section of a cfg, where it is not that of the part.
            aliases: other names; with a dash (`-b`), a short one for flags.
            inverse: an alias that means the contrary.
            choices: the values allowed.
            parts: the registry that the value names a part of. The attribute then gives a
                :class:`utils.part.Choice`, or a tuple of them for a list.
            count: a list of that many values; a single one stands for all.
            empty_is_none: left empty, an option of a union is None whatever its default.
            joined: several words are one text.
            repeated: a list whose flag may be given several times, each with more values.
            largest: of a number, the size beyond which no computer can hold what it is for. It is
                for what stands in no reasonable cfg; limits that matter to a user are stated.
            search: the range in which a search draws it, on a scale of its logarithm where it is
                above 0.
            spellings: other ways to write a value, in lower case.
            notes: what the user is told about a value that is written so, in lower case.
            affects: 'result' where a run with another value comes out different, 'start' where only
                the command that begins it does something else, which its cfg does not remember,
                else 'nothing'.
            only_with: an option of the same part without which, as where it is false or 0, this
                one has no effect.
            only_without: an option of the same part with which, where it is set, this one has no
                effect.
            excludes: an option of the same part in whose place this one stands. A cfg, or a command
                line, gives one of the two; the one on the command line counts.
            official: the value in a cfg of the official repository that does not give the option,
                where it is another than the default; see `utils.official`.
            official_fixed: whether such a cfg cannot give the option.
    """
    stated = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    stated = {name: limit for name, limit in stated.items() if limit is not None}
    return Option(default, help, limits=limits or stated, **details)


def closest(name: str, allowed) -> str | None:
    """The allowed name that looks most like `name`, if any does."""
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def nearest(name: str, allowed) -> str:
    """The end of an error about an unknown name: '; did you mean X?', else what is allowed."""
    allowed = list(allowed)
    close = closest(name, allowed)
    if close:
        return f"; did you mean {close}?"
    return f"; it is one of {', '.join(allowed)}" if allowed else "; there are none"


def _convert(kind: Callable, word: str) -> Any:
    if kind is bool:
        if word.lower() not in _BOOLEANS:
            raise ValueError
        return _BOOLEANS[word.lower()]
    if kind in (int, float) and word.lower() in ("true", "false"):
        word = "1" if word.lower() == "true" else "0"
    value = kind(word)
    if kind is float and not math.isfinite(value):
        raise ValueError
    return value
