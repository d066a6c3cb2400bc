"""The text of `--help`."""

from __future__ import annotations

from utils.option import REQUIRED, Option

_TYPES = {int: "INT", float: "FLOAT", bool: "BOOL", str: "TEXT"}
_WIDTH = 34


def help_lines(options: list[Option]) -> list[str]:
    """A line for each option, below a line for each section: name, type, help, default."""
    lines = []
    section = None
    for option in options:
        if option.section != section:
            section = option.section
            lines += ["", f"[{section}]"]
        head = f"  --{option.name} {_type(option)}"
        notes = [option.help, _choices(option), _default(option), _aliases(option)]
        lines.append(f"{head:<{_WIDTH}} {' '.join(note for note in notes if note)}")
    return lines


def _type(option: Option) -> str:
    name = _TYPES[option.item]
    if option.count:
        return " ".join([name] * option.count)
    return f"{name} …" if option.many else name


def _choices(option: Option) -> str:
    return f"({', '.join(map(str, option.choices))})" if option.choices else ""


def _default(option: Option) -> str:
    if option.default is REQUIRED:
        return "(required)"
    default = option.default() if callable(option.default) else option.default
    if isinstance(default, float):
        return f"[{default:.4g}]"
    return f"[{option.format(default)}]" if default not in ([], None, "") else ""


def _aliases(option: Option) -> str:
    names = [name if name.startswith("-") else f"--{name}" for name in option.aliases]
    names += [f"the contrary of --{option.inverse}"] if option.inverse else []
    return f"(also {', '.join(names)})" if names else ""
