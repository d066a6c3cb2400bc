"""The runs of a sweep: one for each combination of values."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utils.errors import ConfigError

if TYPE_CHECKING:
    from engine.config import Config

_NAMES_ITS_RUN = ("loss", "seed", "run")
"""The options that the folder of a run is called by."""


@dataclass(frozen=True)
class Run:
    """A run of a sweep.

    Attributes:
        values: of the options that the sweep is over, as the user wrote them.
        argv: its command line, after `train_test.py`.
        config: what that says.
    """

    values: Mapping[str, str]
    argv: tuple[str, ...]
    config: Config

    @property
    def name(self) -> str:
        """'loss amtl, seed 0'."""
        return ", ".join(f"{option} {value}" for option, value in self.values.items())


def product(config: Config, sweep_options: Collection[str]) -> list[Run]:
    """The runs of a sweep, in the order of its options, the last one changing fastest.

    Args:
        config: of the sweep; its mode has the option `over`.
        sweep_options: the options that are about the sweep itself.

    Raises:
        ConfigError: `over` has another form, or a run is none; nothing has been trained then.
    """
    over = _values_by_option(config)
    if given := [name for name in over if config.places.get(name) == f"--{name}"]:
        raise config.error("over", f"--{given[0]} gives one value of {given[0]}; leave it out")
    kept = config.flags_without((*sweep_options, "run"))
    runs = [
        _run(config, kept, dict(zip(over, values, strict=True)))
        for values in itertools.product(*over.values())
    ]
    names: dict[str, str] = {}
    for run in runs:
        identity = json.dumps(run.config.identity(), sort_keys=True)
        if first := names.get(identity):
            raise config.error("over", f"{first} and {run.name} are the same run")
        names[identity] = run.name
    return runs


def _values_by_option(config: Config) -> dict[str, list[str]]:
    """The values of `--over loss="amtl dtp" --over seed="0 1"` by option."""
    result: dict[str, list[str]] = {}
    for text in config.run.mode.value("over"):
        name, equals, values = text.partition("=")
        name, values = name.strip().removeprefix("--").replace("-", "_"), values.split()
        if not (name and equals and values):
            raise config.error(
                "over", f"wants an option and its values, as in --over seed=\"0 1 2\", not '{text}'"
            )
        if name in result:
            raise config.error("over", f"names {name} twice")
        if double := next((value for value in values if values.count(value) > 1), None):
            raise config.error("over", f"names {name} {double} twice")
        result[name] = values
    if not result:
        raise ConfigError(
            '--mode sweep wants what it is over, as in --over loss="amtl weighted-sum" '
            '--over seed="0 1 2"'
        )
    return result


def _run(config: Config, kept: Sequence[str], values: Mapping[str, str]) -> Run:
    from engine.config import read

    argv = [config.path, *kept]
    for name, value in values.items():
        argv += [f"--{name}", *value.split(",")]
    others = {name: value for name, value in values.items() if name not in _NAMES_ITS_RUN}
    names = [config.run.run, *(f"{name}-{value}" for name, value in others.items())]
    if name := "-".join(filter(None, names)):
        argv += ["--run", re.sub(r"[^\w.-]", "-", name)]
    result = read(argv)
    if len(result.run.tasks) == 1:  # every loss of one task is the task's own
        result = result.single_task(result.run.tasks[0], result.run.run)
    return Run(values, tuple(argv), result)
