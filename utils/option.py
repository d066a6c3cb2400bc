"""What an option is: its type, default, limits and help, and how its value is read and written."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from utils.cfg_file import quote
from utils.errors import ConfigError

REQUIRED = MISSING
"""The default of an option that every cfg must give."""

_TRUTH = {"true": True, "yes": True, "on": True, "1": True}
_TRUTH |= {"false": False, "no": False, "off": False, "0": False}
_LIMITS = {
    "at least": operator.ge,
    "above": operator.gt,
    "at most": operator.le,
    "below": operator.lt,
}
_NOUNS = {int: "whole number", float: "number", bool: "true or false", str: "text"}


class MethodOption(NamedTuple):
    """An option of one multi-task loss, such as the focusing factor of amtl.

    `type` is int, float, bool, str or list[float]. With a default of None it may be left empty.
    """

    type: Any
    default: Any
    help: str
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Option:
    """An option of the cfg and of the command line; :func:`option` explains the attributes."""

    default: Any
    section: str
    help: str
    aliases: tuple[str, ...] = ()
    inverse: str | None = None
    choices: tuple | None = None
    decides: str = "weights"
    count: int | None = None
    joined: bool = False
    spellings: dict[str, str] = dataclasses.field(default_factory=dict)
    limits: dict[str, float] = dataclasses.field(default_factory=dict)
    name: str = ""
    type: Any = str

    @classmethod
    def of_method(cls, loss: str, name: str, method: MethodOption) -> Option:
        """The option of a loss as an option of the cfg."""
        default = list(method.default) if isinstance(method.default, tuple) else method.default
        return cls(
            default=default,
            section=f"loss.{loss}",
            help=method.help,
            choices=method.choices,
            decides="run",
            name=name,
            type=method.type,
        )

    @property
    def many(self) -> bool:
        """Whether it is a list."""
        return get_origin(self.type) is list

    @property
    def item(self) -> type:
        """The type of its value, or of each value of a list."""
        if self.many:
            return get_args(self.type)[0]
        if isinstance(self.type, UnionType):
            return next(kind for kind in get_args(self.type) if kind is not type(None))
        return self.type

    def parse(self, words: list[str], inverted: bool = False) -> Any:
        """The value that the words stand for.

        Raises:
            ValueError: they are not what the option wants; the message says what it does.
        """
        words = [word.strip("`") for word in words]
        for word in words:
            if '"' in word or not word.isprintable():
                raise ValueError(f"{self.name} holds a quotation mark or an invisible character")
        if inverted:
            return self.parse([self._contrary(word) for word in words])
        if not words and self.default in (None, ""):
            return self.default
        if self.joined and words:
            words = [" ".join(words)]
        values = [self._item(word) for word in words]
        if self.count:
            if len(values) not in (1, self.count):
                raise ValueError(f"{self.name} wants {self.wants()}, not {len(values)} of them")
            return values * (self.count // len(values))
        if self.many:
            return values
        if len(values) != 1:
            given = f"{len(values)} of them" if values else "nothing"
            raise ValueError(f"{self.name} wants one value ({self.wants()}), not {given}")
        return values[0]

    def format(self, value: Any) -> str:
        """The value as it stands in a cfg; :meth:`parse` gives it back."""
        if value is None:
            return ""
        if self.many:
            return " ".join(self._word(item) for item in value)
        return value if self.joined else self._word(value)

    def wants(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        noun = _NOUNS[self.item]
        if self.item in (int, float):
            noun = f"{noun}s" if self.many else f"a {noun}"
        if self.count:
            noun = f"1 or {self.count} {noun}"
        limits = " and ".join(f"{name} {limit}" for name, limit in self.limits.items())
        return f"{noun}, {limits}" if limits else noun

    def _item(self, word: str) -> Any:
        word = self.spellings.get(word.lower(), word)
        if self.many and "," in word and (self.item is not str or word.endswith(",")):
            raise ValueError(f"{self.name}: blanks separate several values, not commas: '{word}'")
        try:
            value = _convert(self.item, word)
        except ValueError:
            raise ValueError(f"{self.name} wants {self.wants()}, not '{word}'") from None
        if self.choices and value not in self.choices:
            allowed = nearest(word, map(str, self.choices))
            raise ValueError(f"{self.name} cannot be '{word}'{allowed}")
        if any(not _LIMITS[name](value, limit) for name, limit in self.limits.items()):
            raise ValueError(f"{self.name} wants {self.wants()}, not '{word}'")
        return value

    def _contrary(self, word: str) -> str:
        if word.lower() not in _TRUTH:
            raise ValueError(f"{self.inverse} wants true or false, not '{word}'")
        return str(not _TRUTH[word.lower()])

    def _word(self, value: Any) -> str:
        if self.item is bool:
            return str(value).lower()
        return repr(self.item(value)) if self.item in (int, float) else quote(str(value))


class Methods(dict[str, Mapping[str, MethodOption]]):
    """The options of each multi-task loss, by the loss's name.

    Args:
        own: those of each loss as it is.
        with_parts: `(loss, values) -> options`. A value may put another part into a loss, as
            `weighting` and `gradient` do, and a part brings options of its own.
    """

    def __init__(
        self,
        own: Mapping[str, Mapping[str, MethodOption]] | None = None,
        with_parts: Callable[[str, Mapping[str, Any]], Mapping[str, MethodOption]] | None = None,
    ):
        super().__init__(own or {})
        self.with_parts = with_parts

    def of(self, loss: str, values: Mapping[str, Any]) -> dict[str, Option]:
        """The options of a loss with the parts that the values give it.

        Raises:
            ConfigError: there is no such part.
        """
        options = self.with_parts(loss, values) if self.with_parts and values else self[loss]
        return {name: Option.of_method(loss, name, one) for name, one in options.items()}

    def known(self, loss: str, values: Mapping[str, Any]) -> dict[str, Option]:
        """Every option that a cfg may state for a loss: those of :meth:`of`, and those of parts
        that others took the place of. Without :meth:`of` where there is no such part, which is told
        when the loss is to run."""
        own = self.of(loss, {})
        try:
            return own | self.of(loss, values)
        except ConfigError:
            return own


def option(
    default: Any,
    section: str,
    help: str,
    *,
    aliases: tuple[str, ...] = (),
    inverse: str | None = None,
    choices: tuple | None = None,
    decides: str = "weights",
    count: int | None = None,
    joined: bool = False,
    spellings: dict[str, str] | None = None,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:
    """Declares a field of a dataclass as an option; its annotation is the type.

    Args:
        default: the value, a function without arguments that gives it, or `REQUIRED`. An option
            with the default None may be left empty.
        section: where it stands in a cfg.
        help: one line.
        aliases: other names; with a dash (`-b`), a short one for flags.
        inverse: an alias that means the contrary.
        choices: the values allowed.
        decides: 'weights' when a single-task network comes out different with another value (its
            baseline is then trained anew), 'run' when only the multi-task run does, else 'nothing'.
        count: a list of that many values; a single one stands for all.
        joined: several words are one text.
        spellings: other ways to write a value, in lower case.
        at_least, above, at_most, below: the limits of each number.
    """
    limits = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    details = Option(
        default=default,
        section=section,
        help=help,
        aliases=aliases,
        inverse=inverse,
        choices=choices,
        decides=decides,
        count=count,
        joined=joined,
        spellings=spellings or {},
        limits={name: limit for name, limit in limits.items() if limit is not None},
    )
    metadata = {"option": details}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options_of(schema: type) -> dict[str, Option]:
    """The options that a dataclass declares, by name, in its order."""
    types = get_type_hints(schema)
    return {
        field.name: dataclasses.replace(
            field.metadata["option"], name=field.name, type=types[field.name]
        )
        for field in dataclasses.fields(schema)
        if "option" in field.metadata
    }


def closest(name: str, allowed) -> str | None:
    """The allowed name that looks most like `name`, if any does."""
    by_lower = {other.lower(): other for other in allowed}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def nearest(name: str, allowed) -> str:
    """The end of an error about an unknown name: '; did you mean X?', else what is allowed."""
    allowed = list(allowed)
    close = closest(name, allowed)
    if close:
        return f"; did you mean {close}?"
    return f"; it is one of {', '.join(allowed)}" if allowed else "; there are none"


def _convert(kind: type, word: str) -> Any:
    if kind is bool:
        if word.lower() not in _TRUTH:
            raise ValueError
        return _TRUTH[word.lower()]
    if kind in (int, float) and word.lower() in ("true", "false"):
        word = "1" if word.lower() == "true" else "0"
    value = kind(word)
    if kind is float and not math.isfinite(value):
        raise ValueError
    return value
