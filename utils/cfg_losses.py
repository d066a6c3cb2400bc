"""The options of the losses in a cfg: which losses an entry is for, and which options they have.

An option of a loss (see `utils.option.MethodOption`) may stand plainly, and is then for every loss
that has it, or in `[loss.<name>]`, for that one alone; on the command line it is for the loss that
will run. Options that put another part into a loss are looked at first: the part brings options of
its own, and those of the part that it takes the place of are kept for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from utils.cfg_file import Entry
from utils.errors import ConfigError
from utils.option import Methods, Option, nearest


class LossEntries(NamedTuple):
    """What is given for losses: in the cfg by option and by (loss, option), and on the command line
    by option."""

    plain: dict[str, Entry]
    own: dict[tuple[str, str], Entry]
    line: dict[str, Entry]


def read_value(option: Option, entry: Entry, inverted: bool = False) -> Any:
    """The value that an entry gives to an option.

    Raises:
        ConfigError: it is not what the option wants.
    """
    words = entry.words
    if entry.section is None and not words and (inverted or option.type is bool):
        words = ["true"]
    try:
        return option.parse(words, inverted)
    except ValueError as error:
        raise ConfigError(f"{entry.where}: {error}") from None


class LossOptions:
    """The options of every loss, with those of the parts that a cfg gives to it.

    Attributes:
        methods: the options of each loss, by the loss's name.
        known: by loss, every option that a cfg may state for it.
    """

    def __init__(self, methods: Methods):
        self.methods = methods
        self.known = {loss: methods.of(loss, {}) for loss in methods}

    def names(self) -> list[str]:
        """The options that any loss has."""
        return list(dict.fromkeys(name for options in self.known.values() for name in options))

    def loss(self, name: str, where: str) -> str:
        """The loss of that name, which may have underscores.

        Raises:
            ConfigError: there is none.
        """
        name = name.replace("_", "-")
        if name not in self.methods:
            raise ConfigError(f"{where}: there is no loss '{name}'{nearest(name, self.methods)}")
        return name

    def change_parts(self, given: LossEntries, running: str) -> None:
        """Adds to `known` the options of the parts that the entries give to each loss. What is not
        right is passed over here: it may be right once the parts are known."""
        values: dict[str, dict[str, Any]] = {}
        for (loss, name), entry in self._entries(given, running).items():
            if _fits(self.known[loss][name], entry):
                values.setdefault(loss, {})[name] = read_value(self.known[loss][name], entry)
        self.known |= {loss: self.methods.known(loss, own) for loss, own in values.items()}

    def merge(
        self, given: LossEntries, running: str
    ) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The values given to each loss where they are not the defaults, and the place of each by
        `<loss>.<option>`.

        Raises:
            ConfigError: a value is not right, or the command line gives an option that the loss
                that runs does not have.
        """
        values: dict[str, dict[str, Any]] = {}
        wheres = {}
        for (loss, name), entry in self._entries(given, running).items():
            values.setdefault(loss, {})[name] = read_value(self.known[loss][name], entry)
            wheres[f"{loss}.{name}"] = entry.where
        self._check_parts(running, values.get(running, {}), wheres)
        self._check_line(given, running, self.methods.of(running, values.get(running, {})))
        values = {loss: self._without_defaults(loss, own) for loss, own in values.items()}
        return {loss: own for loss, own in values.items() if own}, wheres

    def _entries(self, given: LossEntries, running: str) -> dict[tuple[str, str], Entry]:
        """The entry that counts for each (loss, option)."""
        found = {
            (loss, name): entry
            for name, entry in given.plain.items()
            for loss in self._meant(name, entry, running)
        }
        found |= given.own
        for name, entry in given.line.items():
            if name in self.known.get(running, {}):
                found[running, name] = entry
        return found

    def _meant(self, name: str, entry: Entry, running: str) -> list[str]:
        """The losses that a plain entry is for: those with an option of that name which it fits."""
        having = [loss for loss, options in self.known.items() if name in options]
        fitting = [loss for loss in having if _fits(self.known[loss][name], entry)]
        if running in having and running not in fitting:
            return [running]
        return fitting or having

    def _check_parts(self, loss: str, values: dict[str, Any], wheres: dict[str, str]) -> None:
        for name, value in values.items():
            try:
                self.methods.of(loss, {name: value})
            except ConfigError as reason:
                raise ConfigError(f"{wheres[f'{loss}.{name}']}: {reason}") from None

    def _check_line(self, given: LossEntries, running: str, options: dict[str, Option]) -> None:
        for name, entry in given.line.items():
            if name not in options:
                changed = ", with its parts changed," if name in self.known[running] else ""
                has = f"it is one of {', '.join(options)}" if options else "there are none"
                raise ConfigError(
                    f"{entry.where}: the loss {running}{changed} has no option '{name}'; {has}"
                )

    def _without_defaults(self, loss: str, values: dict[str, Any]) -> dict[str, Any]:
        """The values that are not what they would be if they were not given."""
        for name, value in list(values.items()):
            others = {other: values[other] for other in values if other != name}
            option = self.methods.known(loss, others).get(name)
            if option and option.default == value:
                values = others
        return values


def _fits(option: Option, entry: Entry) -> bool:
    try:
        read_value(option, entry)
    except ConfigError:
        return False
    return True
