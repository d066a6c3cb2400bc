"""The cfg that gives a run's values again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from utils.option_names import DATASET
from utils.part import Choice, Part, has_effect


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
        if not has_effect(declared, values) or declared.affects == "start":
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
