"""The text of `--help`: one screen, and the rest by name."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datasets import DATASETS
from engine.config import ROOTS, USAGE
from engine.modes import MODES
from losses import LOSSES
from utils.errors import ConfigError
from utils.option import REQUIRED, Option, closest
from utils.option_names import parts_of
from utils.part import Part, Registry, Variant

_TYPES = {int: "INT", float: "FLOAT", bool: "BOOL", str: "TEXT"}
_COLUMN = 28
_WIDTH = 100

_CFG = "cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg"
_EXAMPLES = {
    "train": f"{_CFG} --loss amtl --seed 1",
    "baselines": "CFG --mode baselines",
    "sweep": 'CFG --mode sweep --over loss="amtl dtp" --over seed="0 1 2"',
    "search": "CFG --mode search --loss amtl --budget 3000",
    "test": f"{_CFG} --mode test",
    "predict": "--mode predict --ckpt runs/…/best.pt --input photos --output out",
    "export": f"{_CFG} --mode export",
    "check": f"{_CFG} --mode check",
    "summary": f"{_CFG} --mode summary",
    "report": "--mode report runs",
}
_FREQUENT = (
    *("tasks", "loss", "seed", "device", "run", "runs", "ckpt"),
    *("dataset_root", "train_dataset", "test_dataset", "val", "size", "batch_size", "num_workers"),
    *("cache", "arch", "backbone", "pretrained", "optimizer", "lr", "scheduler", "max_epoch"),
    *("amp", "ema", "baselines", "potential"),
)


def help_text(argv: Sequence[str]) -> str:
    """The answer to `--help`, `--help all` or `--help PART`.

    Raises:
        ConfigError: there is no such part.
    """
    flag = "--help" if "--help" in argv else "-h"
    names = [word for word in argv[argv.index(flag) + 1 :][:1] if not word.startswith("-")]
    if not names:
        return _screen()
    return _everything() if names == ["all"] else _of_part(names[0])


def _screen() -> str:
    options = {declared.name: declared for _, declared in _options_of_roots()}
    lines = [
        f"usage: {USAGE}",
        "",
        "Trains the single-task networks and the multi-task network of CFG, and compares them.",
        "Several values are separated by blanks. The command line counts before the cfg, and the",
        "cfg before the defaults, which stand in brackets. In a cfg, an option is `name = value`.",
        "",
        "modes:",
        *(f"  {mode:<10}python3 train_test.py {words}" for mode, words in _EXAMPLES.items()),
        "",
        "options that most people need:",
        *(_wrapped(options[name], _short(options[name])) for name in _FREQUENT),
        "",
        "more:",
        "  --help all           every option, by section of a cfg",
        "  --help NAME          one part with its own options: a loss (amtl), an architecture",
        "                       (DeepLab), a task (depth), an optimizer, a schedule, a mode …",
        "  --list losses        the losses with their papers and costs",
        "  --list tasks         the tasks with their channels, losses and metrics",
        "  --debug              shows the traceback of a fault of the program",
        "  docs/                runs.md, sweeps.md, use.md, datasets.md, losses.md, networks.md …",
    ]
    return "\n".join(lines)


def _everything() -> str:
    """Every option by section; those of parts that are chosen below the part's name."""
    sections: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for owners, declared, section in _all_options():
        key = (declared.name, declared.help)
        if key not in seen:
            seen.add(key)
            sections.setdefault(section, []).append(_line(declared, owners))
    lines = [f"usage: {USAGE}"]
    for section, rows in sections.items():
        lines += ["", f"[{section}]", *rows]
    names = ", ".join(LOSSES)
    return "\n".join([*lines, "", *textwrap.wrap(f"losses: {names}", _WIDTH)])


def _of_part(name: str) -> str:
    for registry in _registries():
        try:
            canonical = registry.canonical(name)
        except ConfigError:
            continue
        return _described(registry, canonical)
    close = closest(name, [name for registry in _registries() for name in registry])
    hint = f"did you mean {close}?" if close else "--help all lists the options and the losses"
    raise ConfigError(f"--help: there is no part '{name}'; {hint}")


def _described(registry: Registry, name: str) -> str:
    entry = registry[name]
    lines = [f"{registry.noun} {name}"]
    if isinstance(entry, Variant):
        lines += [f"  {entry.help}", f"  paper: {entry.paper}"]
    else:
        lines += textwrap.indent(inspect.getdoc(entry) or "", "  ").splitlines()
    choice = registry.choose(name)
    sections: dict[str, list[str]] = {}
    for declared, section in _nested(choice.part, choice.all_values()):
        home = f"loss.{name}" if section == "loss" and registry is LOSSES else section
        sections.setdefault(home, []).append(_line(declared))
    for section, rows in sections.items():
        lines += ["", f"[{section}]", *rows]
    return "\n".join(lines if sections else [*lines, "", "It has no options."])


def _nested(part: type[Part], values: Mapping[str, Any]) -> Iterator[tuple[Option, str]]:
    """The options of a part, and of the parts that it chooses, each with the default that holds
    under that choice."""
    for name, declared in part.options.items():
        value = values[name]
        choices = value if isinstance(value, tuple) else (value,)
        if declared.parts is None or value is None:
            yield replace(declared, default=value), declared.section or part.section
            continue
        names = tuple(choice.name for choice in choices)
        yield (
            replace(declared, default=names if declared.is_list else names[0]),
            declared.section or part.section,
        )
        for choice in choices:
            yield from _nested(choice.part, choice.all_values())


def _options_of_roots() -> Iterator[tuple[type[Part], Option]]:
    """The options of the root parts, of the modes and of the default choices."""
    for root in ROOTS.values():
        for declared in root.options.values():
            yield root, declared
            default = declared.default_value()
            if declared.parts is not None and isinstance(default, str):
                part = declared.parts.choose(default).part
                yield from ((part, inner) for inner in part.options.values())
                if declared.name == "backbone":
                    break


def _all_options() -> Iterator[tuple[str, Option, str]]:
    """(owners, option, section) of every part."""
    yield from _walk(list(ROOTS.items()), set())


def _walk(parts: list[tuple[str, type[Part]]], seen: set) -> Iterator[tuple[str, Option, str]]:
    for owner, part in parts:
        if part in seen:
            continue
        seen.add(part)
        for declared in part.options.values():
            names = "" if owner in ROOTS else owner
            yield names, declared, declared.section or part.section
            if declared.parts is not None:
                yield from _walk(list(parts_of(declared.parts)), seen)


def _registries() -> list[Registry]:
    """Every registry that an option chooses from."""
    result: dict[int, Registry] = {}
    for _, declared, _ in _all_options():
        if declared.parts is not None:
            result[id(declared.parts)] = declared.parts
    return [*result.values(), *([] if id(DATASETS) in result else [DATASETS]), MODES]


def _line(declared: Option, owners: str = "") -> str:
    """An option with all that is known of it, wrapped below its help."""
    notes = [declared.help, _choices(declared), _default(declared), _aliases(declared)]
    notes.append(f"(of {owners})" if owners else "")
    return _wrapped(declared, " ".join(note for note in notes if note))


def _short(declared: Option) -> str:
    """The first clause of the help, and the default."""
    clause = re.split(r"[:;] (?![^(]*\))", declared.help)[0]
    return " ".join(note for note in (clause, _choices(declared), _default(declared)) if note)


def _wrapped(declared: Option, text: str) -> str:
    head = f"  --{declared.name} {_type(declared)}"
    lines = textwrap.wrap(text, _WIDTH - _COLUMN, break_long_words=False, break_on_hyphens=False)
    return f"\n{'':{_COLUMN}}".join([f"{head:<{_COLUMN - 1}} {lines[0]}", *lines[1:]])


def _type(declared: Option) -> str:
    name = "NAME" if declared.parts is not None else _TYPES[declared.item_type]
    if declared.count:
        return " ".join([name] * declared.count)
    return f"{name} …" if declared.is_list else name


def _choices(declared: Option) -> str:
    if declared.parts is not None and len(declared.parts) <= 8:
        return f"({', '.join(declared.parts)})"
    return f"({', '.join(map(str, declared.choices))})" if declared.choices else ""


def _default(declared: Option) -> str:
    default = declared.default_value()
    if default is REQUIRED:
        return "(required)"
    if isinstance(default, float):
        return f"[{default:.4g}]"
    return f"[{declared.format(default)}]" if default not in ((), None, "") else ""


def _aliases(declared: Option) -> str:
    names = [name if name.startswith("-") else f"--{name}" for name in declared.aliases]
    names += [f"the contrary of --{declared.inverse}"] if declared.inverse else []
    return f"(also {', '.join(names)})" if names else ""
