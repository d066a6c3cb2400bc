"""The cfg of a run, read from a file and a command line. Its options stand in `utils/schema.py`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from utils.cfg_file import parse_cfg, parse_flags, quote
from utils.cfg_help import help_lines
from utils.cfg_merge import DATASET, Merger
from utils.errors import ConfigError
from utils.option import MethodOption, Methods, Option, nearest
from utils.schema import OPTIONS, Schema

__all__ = [
    "Config",
    "HelpAsked",
    "MethodOption",
    "Methods",
    "help_text",
    "nearest",
    "read",
    "read_file",
]

_USAGE = "python3 train_test.py CFG [--option value …]"
_EXAMPLE = (
    "python3 train_test.py cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg --loss amtl --seed 1"
)


@dataclass(frozen=True)
class Config(Schema):
    """A resolved cfg: the options of `utils.schema.Schema`, and where each has its value from."""

    method_values: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The options given to each loss, where they are not the defaults."""

    datasets: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """The datasets that the cfg itself describes: the words of each key, by name. See
    `datasets.custom`."""

    path: str = field(default="", compare=False)
    """The cfg as the user named it."""
    overrides: list[str] = field(default_factory=list, compare=False, repr=False)
    """The command line after the cfg."""
    notices: list[str] = field(default_factory=list, compare=False, repr=False)
    """Lines to print: options that are known and not used."""
    wheres: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    methods: Methods = field(default_factory=Methods, compare=False, repr=False)

    def where(self, name: str) -> str:
        """Where an option got its value: 'cfg/x.cfg:12', '--loss', or 'default'. A key of a
        dataset's section is called `dataset.<name>.<key>`, the section `dataset.<name>`."""
        return self.wheres.get(name) or self.wheres.get(f"{self.loss}.{name}", "default")

    def error(self, name: str, message: str) -> ConfigError:
        """A mistake in the value of an option, to be raised: `<where>: <message>`."""
        where = self.where(name)
        return ConfigError(f"{f'--{name} (default)' if where == 'default' else where}: {message}")

    def method_options(self, loss: str | None = None) -> dict[str, Any]:
        """All options of a loss, by default of the one that runs, with their values. Those given
        for parts that others took the place of are not among them.

        Raises:
            ConfigError: the loss is given a part that there is not.
        """
        loss = self.loss if loss is None else loss
        if loss not in self.methods:
            return {}
        given = self.method_values.get(loss, {})
        options = self.methods.of(loss, given)
        return {name: given.get(name, option.default) for name, option in options.items()}

    def replace(self, **changes: Any) -> Config:
        """This cfg with other values."""
        return dataclasses.replace(self, **changes)

    def text(self) -> str:
        """The resolved cfg: every option with its value. Read again, it gives an equal Config."""
        sections: dict[str, list[str]] = {}
        for name, declared in OPTIONS.items():
            line = f"{name} = {declared.format(getattr(self, name))}"
            sections.setdefault(declared.section, []).append(line.rstrip())
        for dataset, values in self.datasets.items():
            lines = [f"{key} = {' '.join(map(quote, words))}" for key, words in values.items()]
            sections[f"{DATASET}.{dataset}"] = [line.rstrip() for line in lines]
        for loss in self.methods:
            given = self.method_values.get(loss, {})
            known = self.methods.known(loss, given)
            values = given | (self.method_options() if loss == self.loss else {})
            for name in sorted(values, key=list(known).index):
                line = f"{name} = {known[name].format(values[name])}"
                sections.setdefault(f"loss.{loss}", []).append(line.rstrip())
        return "\n".join(
            f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items()
        )

    def differences(self, other: Config) -> list[str]:
        """The options in which another run comes out different, as far as options decide it."""
        names = [
            name
            for name, declared in OPTIONS.items()
            if declared.decides != "nothing" and getattr(self, name) != getattr(other, name)
        ]
        if self.loss == other.loss:
            mine, others = self.method_options(), other.method_options()
            names += [name for name in mine if mine[name] != others.get(name)]
        mine, others = self.used_datasets(), other.used_datasets()
        for dataset in mine.keys() & others.keys():
            keys = {**mine[dataset], **others[dataset]}
            names += [
                f"{key} in [{DATASET}.{dataset}]"
                for key in keys
                if mine[dataset].get(key) != others[dataset].get(key)
            ]
        return names

    def used_datasets(self) -> dict[str, dict[str, list[str]]]:
        """Those of `datasets` that the run is trained, validated or tested on."""
        val = [word.partition(":")[0] for word in self.val.split() if ":" in word]
        used = {*self.train_dataset, *self.test_dataset, *val}
        return {name: values for name, values in self.datasets.items() if name in used}

    def key(self, task: str) -> str:
        """A name for the single-task network of this cfg: 16 hexadecimal digits that are the same
        wherever the options that decide its weights are."""
        values = {
            name: declared.format(getattr(self, name))
            for name, declared in OPTIONS.items()
            if declared.decides == "weights"
        }
        if own := self.used_datasets():
            values["datasets"] = own
        text = json.dumps({"task": task, **values}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class HelpAsked(Exception):
    """The user wants the help, not a run."""


def read(argv: list[str], methods: Methods) -> Config:
    """The cfg and the options of a command line: `CFG [--option value …]`.

    Args:
        argv: the words after the program's name.
        methods: the options of each multi-task loss, by its name.

    Raises:
        HelpAsked: --help or -h is among them.
        ConfigError: a mistake, in one line that says where it is and what is right.
    """
    if any(word in ("--help", "-h") for word in argv):
        raise HelpAsked
    if not argv or argv[0][:1] in ("", "-"):
        raise ConfigError(f"the cfg comes first: {_USAGE}; --help lists the options")
    return _read(argv[0], argv[1:], methods, baseline=False)


def read_file(path: str, overrides: list[str], methods: Methods) -> Config:
    """The cfg of a baseline, under the command line of the multi-task run (`config.overrides`)
    without what is about the multi-task run alone, such as the loss.

    Raises:
        ConfigError: as in :func:`read`.
    """
    return _read(path, overrides, methods, baseline=True)


def _read(path: str, overrides: list[str], methods: Methods, baseline: bool) -> Config:
    merger = Merger(OPTIONS, methods)
    merged = merger.merge(parse_cfg(path), parse_flags(overrides), baseline)
    if not merged.values.get("tasks"):
        where = merged.wheres.get("tasks", path)
        raise ConfigError(
            f"{where}: it names no tasks, as in `tasks = segmentation depth` in [run]"
        )
    config = Config(
        **merged.values,
        method_values=merged.method_values,
        datasets=merged.datasets,
        path=path,
        overrides=overrides,
        notices=merged.notices,
        wheres=merged.wheres,
        methods=methods,
    )
    _check(config)
    return config


def _check(config: Config) -> None:
    """What options must be to one another, and what `val` must be.

    Raises:
        ConfigError: they are not.
    """
    if config.min_scale > config.max_scale:
        raise config.error("min_scale", f"min_scale is above max_scale, {config.max_scale:g}")
    if config.scheduler == "multistep" and not config.milestones:
        raise config.error("scheduler", "multistep needs milestones, as in `milestones = 60 80`")
    if config.val != "test" and not _is_share(config.val):
        names = config.val.split()
        if not all(dataset and split for dataset, _, split in (n.partition(":") for n in names)):
            raise config.error(
                "val",
                "val wants a share above 0 and below 1, datasets as NAME:split, or test, "
                f"not '{config.val}'",
            )


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def help_text(methods: Methods) -> str:
    """The answer to --help: how to call the program, and every option by section."""
    declared = [
        Option.of_method(loss, name, one)
        for loss, options in methods.items()
        for name, one in options.items()
    ]
    return "\n".join(
        [
            f"usage: {_USAGE}",
            "",
            "Trains the single-task networks and the multi-task network of CFG, and compares them.",
            "",
            f"example: {_EXAMPLE}",
            "",
            "The command line counts before the cfg, and the cfg before the defaults, which stand",
            "in brackets below. Several values are separated by blanks. In a cfg, an option is a",
            "line `name = value` in the section that it stands in here. A section [dataset.NAME]",
            "describes a dataset of your own: docs/datasets.md.",
            *help_lines(list(OPTIONS.values())),
            "",
            "The losses' own options, also as a line in [loss], for every loss that has it.",
            f"Losses: {', '.join(methods)}",
            *help_lines(declared),
            "",
        ]
    )
