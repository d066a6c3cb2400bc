"""What a cfg chooses: parts that declare their own options, and the registries that name parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from utils.errors import ConfigError
from utils.option import REQUIRED, Option, nearest


class Part:
    """The base of everything that a cfg chooses or sets: a task, a weighting, an architecture.

    A subclass declares its options as attributes with :func:`utils.option.option`, and is built
    from its context and the values of its options:

        class Achievement(Weighting):
            margin: float = option(0.05, "the potential is raised by this share", above=-1)

        Achievement(tasks, total, potential, generator, margin=0.1).margin    # 0.1

    Attributes:
        settings: the value of each option, by name.

    Raises:
        ConfigError: a value outside of the option's limits.
    """

    section: ClassVar[str] = ""
    """The section of a cfg in which the options stand."""
    version: ClassVar[int] = 1
    """Raised when the computation or a default changes: runs of another version are other runs."""
    options: ClassVar[Mapping[str, Option]] = {}
    """The options by name, in the order of their declaration; those of base classes come first."""

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        declared: dict[str, Option] = {}
        for base in reversed(cls.__mro__):
            for name, attribute in vars(base).items():
                if isinstance(attribute, Option):
                    declared[name] = attribute
                elif name in declared:  # a subclass has done away with the option
                    del declared[name]
        cls.options = declared

    def __init__(self, **values: Any):
        if unknown := values.keys() - self.options.keys():
            raise TypeError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}")
        self.settings = {}
        for name, declared in self.options.items():
            value = values[name] if name in values else declared.default_value()
            if value is REQUIRED:
                raise ConfigError(f"{name} is missing", name)
            if declared.parts is not None:
                value = _chosen(declared, value)
            else:
                declared.check(value)
            self.settings[name] = value

    def with_values(self, **values: Any) -> Any:
        """The same part with other values; for parts that are built without a context."""
        return type(self)(**{**self.settings, **values})

    def identity(self) -> dict[str, Any]:
        """What the part computes; see :meth:`Choice.identity`."""
        return identity(type(self), self.settings)


@dataclass(frozen=True)
class Variant:
    """A part under a name of its own, with other defaults: a paper's name for a combination.

    `help` says in one line what it does, and `paper` who proposed it.
    """

    part: type[Part]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    help: str = ""
    paper: str = ""


@dataclass(frozen=True)
class Choice:
    """The part that a cfg chose for one place, and the values that it gave to the part's options.

    Attributes:
        name: the part's name in its registry.
        part: its class.
        settings: the values that the cfg gave, by option; names of parts are choices.
    """

    name: str
    part: type[Part]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def build(self, *context: Any, **named_context: Any) -> Any:
        """Builds the part from its context: the arguments that no cfg gives.

        Raises:
            ConfigError: as the part's constructor.
        """
        return self.part(*context, **named_context, **self.settings)

    def with_values(self, **values: Any) -> Choice:
        """The same part with other values."""
        return replace(self, settings={**self.settings, **values})

    def value(self, name: str) -> Any:
        """The value of an option, its default where the cfg gave none."""
        declared = self.part.options[name]
        value = self.settings[name] if name in self.settings else declared.default_value()
        return _chosen(declared, value) if declared.parts is not None else value

    def all_values(self) -> dict[str, Any]:
        """The value of every option, by name."""
        return {name: self.value(name) for name in self.part.options}

    def identity(self) -> dict[str, Any]:
        """What the part computes, as JSON has it: its name, its version where that is above 1, and
        the values that count and are not the defaults."""
        return {"name": self.name, **identity(self.part, self.all_values())}


def identity(part: type[Part], values: Mapping[str, Any]) -> dict[str, Any]:
    """The version of a part where it is above 1, and the values that affect the result and are not
    the defaults of the class. A part that is chosen stands with an identity of its own."""
    result: dict[str, Any] = {"version": part.version} if part.version > 1 else {}
    for name, declared in part.options.items():
        value = values[name]
        if declared.affects != "result" or not has_effect(declared, values):
            continue
        if declared.parts is not None:
            result[name] = _identities(value)
        elif value != declared.default_value():
            result[name] = list(value) if isinstance(value, tuple) else value
    return result


def has_effect(declared: Option, values: Mapping[str, Any]) -> bool:
    """Whether the option that this one needs is set, and the one that it needs unset is not."""
    needed, other = declared.only_with, declared.only_without
    return (needed is None or bool(values[needed])) and not (other and values[other])


class Registry(Mapping[str, type[Part] | Variant]):
    """Parts by name.

    Names are compared by their letters and digits, in lower case: `ResNet-50` is `resnet50`.

    Args:
        noun: what a part is called in errors, such as 'backbone'.
        parts: the parts by name.
        aliases: other names, and the name that each stands for.
        prefixes: functions that give the part of a name with this beginning, such as 'timm/' in
            'timm/vit_tiny'.
    """

    def __init__(
        self,
        noun: str,
        parts: Mapping[str, type[Part] | Variant] | None = None,
        aliases: Mapping[str, str] | None = None,
        prefixes: Mapping[str, Callable[[str], type[Part]]] | None = None,
    ):
        self.noun = noun
        self.parts = dict(parts or {})
        self.aliases = dict(aliases or {})
        self.prefixes = dict(prefixes or {})

    def __getitem__(self, name: str) -> type[Part] | Variant:
        for prefix, part_of in self.prefixes.items():
            if name.startswith(prefix):
                return part_of(name)
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def add(self, name: str, part: type[Part], aliases: tuple[str, ...] = ()) -> None:
        """Adds a part, in the place of an earlier one of the same name."""
        self.parts[name] = part
        self.aliases |= dict.fromkeys(aliases, name)

    def canonical(self, name: str, option: str | None = None) -> str:
        """The name as the registry spells it.

        Raises:
            ConfigError: there is no such part; names the nearest one. `option` is the option whose
                value the name is.
        """
        for prefix in self.prefixes:
            if name.lower().startswith(prefix):
                return prefix + name[len(prefix) :]
        known = {_letters(alias): target for alias, target in self.aliases.items()}
        known |= {_letters(spelling): spelling for spelling in self.parts}
        if _letters(name) not in known:
            names = [*self.parts, *self.aliases, *(f"{prefix}…" for prefix in self.prefixes)]
            raise ConfigError(f"there is no {self.noun} '{name}'{nearest(name, names)}", option)
        return known[_letters(name)]

    def choose(self, name: str, values: Mapping[str, Any] | None = None) -> Choice:
        """The part of a name, in any of its spellings, with the values of some of its options.

        Raises:
            ConfigError: there is no such part.
        """
        name = self.canonical(name)
        entry = self[name]
        if isinstance(entry, Variant):
            return Choice(name, entry.part, {**entry.defaults, **(values or {})})
        return Choice(name, entry, dict(values or {}))

    def choose_nested(self, name: str, options: Mapping[str, Any]) -> Choice:
        """The part of a name, with options of it and of the parts that it chooses.

        Raises:
            ConfigError: there is no such part, or none of these parts has an option.
        """
        used: set[str] = set()
        choice = self._nested(name, options, used)
        if unknown := [option for option in options if option not in used]:
            raise ConfigError(
                f"{name} has no option '{unknown[0]}'{nearest(unknown[0], sorted(used))}"
            )
        return choice

    def _nested(self, name: str, options: Mapping[str, Any], used: set[str]) -> Choice:
        choice = self.choose(name)
        settings = dict(choice.settings)
        used.update(choice.part.options)
        for option, declared in choice.part.options.items():
            if option in options:
                settings[option] = options[option]
            chosen = settings.get(option, declared.default_value())
            if declared.parts is not None and isinstance(chosen, str):
                settings[option] = declared.parts._nested(chosen, options, used)
        return Choice(choice.name, choice.part, settings)


def _chosen(declared: Option, value: Any) -> Any:
    """A part's name, or a list of names, as choices; choices as they are."""
    if declared.is_list:
        return tuple(_chosen_one(declared, item) for item in value)
    return None if value is None else _chosen_one(declared, value)


def _chosen_one(declared: Option, value: str | Choice) -> Choice:
    return value if isinstance(value, Choice) else declared.parts.choose(value)


def _identities(value: Any) -> Any:
    if isinstance(value, tuple):
        return [choice.identity() for choice in value]
    return None if value is None else value.identity()


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
