"""The resolved cfg of a run: the parts that a file and a command line choose, and their options."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from datasets import DATASETS
from datasets.augment import Augmentation
from datasets.custom import section_part
from datasets.loader import Loading
from datasets.scenes.rendering import Rendering
from engine.modes import MODES
from engine.official import add_official_potential
from engine.options import Comparison, DataOptions, NetworkOptions, Run
from engine.runs.datasets import check_divided
from engine.runs.identity import file_digest, protocol_of
from engine.runs.naming import check_declared_naming
from engine.training.missing import MISSING, TeacherLabels
from engine.training.options import Training
from losses import LOSSES
from utils.cfg_file import Entry, parse_cfg, parse_flags, parse_text
from utils.cfg_text import cfg_text
from utils.errors import ConfigError
from utils.official import is_official
from utils.option_names import DATASET, OptionNames
from utils.part import Choice, Part, Registry
from utils.resolve import resolve

USAGE = "python3 train_test.py CFG [--option value …]"
SINGLE_TASK_LOSS = "weighted-sum"
"""The loss of a network with one task: the task's own."""

# What is about the multi-task run alone, and is not handed on to the cfg of a baseline.
_MULTI_TASK_OPTIONS = ("tasks", "loss", "mode", "ckpt", "format", "json", "run")
_MULTI_TASK_OPTIONS += ("missing", *TeacherLabels.options)
_MULTI_TASK_SECTIONS = ("loss", "baselines")


@dataclass(frozen=True)
class Config:
    """A resolved cfg.

    Attributes:
        run, data, loading, augmentation, rendering, network, training, comparison: the root parts,
            with the options that each declares on itself.
        datasets: the datasets that the cfg describes itself, by name.
        path: the cfg as the user named it.
        flags: the command line after the cfg.
        places: where each option got its value.
        notices: a line for each option that was given and has no effect.
    """

    run: Run
    data: DataOptions = field(default_factory=DataOptions)
    loading: Loading = field(default_factory=Loading)
    augmentation: Augmentation = field(default_factory=Augmentation)
    rendering: Rendering = field(default_factory=Rendering)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    training: Training = field(default_factory=Training)
    comparison: Comparison = field(default_factory=Comparison)
    datasets: Mapping[str, Choice] = field(default_factory=dict)
    path: str = ""
    flags: Sequence[Entry] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()

    def dataset(self, name: str, option: str) -> Choice:
        """The dataset of a name in any of its spellings, one of the cfg's own or one that comes
        along.

        Raises:
            ConfigError: there is none; `option` is where the name was given.
        """
        if name in self.datasets:
            return self.datasets[name]
        known = Registry("dataset", {**DATASETS.parts, **self.datasets}, DATASETS.aliases)
        return DATASETS.choose(known.canonical(name, option))

    @property
    def parts(self) -> dict[str, Part]:
        """The root parts, by the attribute that holds each."""
        return {name: getattr(self, name) for name in ROOTS}

    @property
    def batch_parts(self) -> int:
        """How many parts each batch is computed in: `micro_batches`, of each half where the loss
        compares the halves."""
        halves = self.run.loss.value("weighting").part.by_halves
        return self.training.micro_batches * (2 if halves else 1)

    def error(self, option: str, message: str) -> ConfigError:
        """A mistake in the value of an option, to be raised: `<place>: <message>`."""
        place = self.places.get(option, f"--{option} (default)")
        return ConfigError(f"{place}: {message}")

    @contextlib.contextmanager
    def located(self, scope: str = "") -> Iterator[None]:
        """Within it, a mistake in an option gets the place where the option was given.

        Args:
            scope: the section of a dataset, `dataset.<name>`, whose keys the options are.
        """
        try:
            yield
        except ConfigError as mistake:
            if mistake.option is None:
                raise
            if scope and mistake.option:
                scope = self._scoped(scope, mistake.option)
            raise self.error(scope or mistake.option, str(mistake)) from None

    def _scoped(self, scope: str, key: str) -> str:
        place = f"{scope}.{key}"
        return place if place in self.places else scope

    def text(self) -> str:
        """The resolved cfg: every option that has an effect, with its value. Read again, it gives
        the same run."""
        values = {type(part): part.settings for part in self.parts.values()}
        return cfg_text(values, self.used_datasets())

    def used_datasets(self) -> dict[str, Choice]:
        """Those datasets of the cfg's own that the run is trained, validated or tested on."""
        names = {choice.name for choice in (*self.data.train_dataset, *self.data.test_dataset)}
        names |= {name for name, _ in self.data.validation_splits()}
        return {name: choice for name, choice in self.datasets.items() if name in names}

    def identity(self) -> dict[str, Any]:
        """What decides how the run comes out, as JSON has it: of each root part the values that
        are not the defaults, and the datasets that the cfg describes."""
        result = {name: part.identity() for name, part in self.parts.items()}
        if ckpt := self.run.mode.all_values().get("ckpt"):
            result["ckpt"] = file_digest(Path(ckpt)) if Path(ckpt).is_file() else None
        for option in ("train_dataset", "test_dataset"):  # those of the cfg's own follow
            result["data"][option] = [
                {"name": choice.name} if choice.name in self.datasets else choice.identity()
                for choice in getattr(self.data, option)
            ]
        result["data"]["protocol"] = protocol_of(self)
        result[DATASET] = {name: c.identity() for name, c in self.used_datasets().items()}
        return result

    def flags_without(self, options: Collection[str]) -> list[str]:
        """The words of the command line after the cfg, without those about some options."""
        names = OptionNames(list(ROOTS.values()), [w for entry in self.flags for w in entry.words])
        kept = (entry for entry in self.flags if names.key(entry)[1] not in options)
        return [word for entry in kept for word in (entry.name, *entry.words)]

    def single_task(self, task: Choice, run: str | None = None, ckpt: str | None = None) -> Config:
        """The same cfg with one task alone, compared with nothing. Its network has no teacher: it
        would label for itself.

        Args:
            run: the name that puts the run beside the one without.
            ckpt: the checkpoint that the weights start from.
        """
        quiet = self.run.mode.all_values().get("quiet", False)
        values = {
            "tasks": (task,),
            "loss": LOSSES.choose(SINGLE_TASK_LOSS),
            "mode": MODES.choose("train", {"ckpt": ckpt, "quiet": quiet}),
            "run": run,
        }
        return replace(
            self,
            run=self.run.with_values(**values),
            data=self.data.with_values(missing=MISSING.choose("ignore")),
            comparison=Comparison(),
        )


ROOTS: dict[str, type[Part]] = {
    "run": Run,
    "data": DataOptions,
    "loading": Loading,
    "augmentation": Augmentation,
    "rendering": Rendering,
    "network": NetworkOptions,
    "training": Training,
    "comparison": Comparison,
}
"""The parts that every cfg sets, by the attribute of :class:`Config` that holds each."""
assert set(ROOTS) <= {attribute.name for attribute in fields(Config)}


class _ModeAlone(Part):
    """What the command line of a mode without a cfg sets."""

    section = Run.section
    mode: str = Run.mode


def read(argv: Sequence[str]) -> Config:
    """The cfg and the options of a command line: `CFG [--option value …]`. Modes that do not need
    the cfg take the one that a checkpoint holds, `--ckpt`, where there is no CFG; those about
    finished runs take folders in its place.

    Raises:
        UserError: a mistake, in one line that says where it is and what is right.
    """
    if (config := _read_folders(argv)) is not None:
        return config
    if not argv or argv[0][:1] in ("", "-"):
        return _read_from_checkpoint(argv)
    if not argv[0].isprintable():
        raise ConfigError(f"command line: an invisible character in {argv[0]!r}")
    return _read(argv[0], parse_flags(argv[1:]))


def read_baseline(path: str, config: Config) -> Config:
    """The cfg of a single-task network, under the command line of the multi-task run without the
    options that are about the multi-task run alone, such as the loss.

    Raises:
        ConfigError: as in :func:`read`.
    """
    return _read(path, config.flags, baseline=True)


def _read_folders(argv: Sequence[str]) -> Config | None:
    """What a command line says whose mode takes folders of runs, which stand before the first
    option or after the name of the mode; None where the mode takes none.

    Raises:
        ConfigError: there is no folder, or an option that the mode does not have.
    """
    first = next((k for k, word in enumerate(argv) if word.startswith("-")), len(argv))
    flags = parse_flags(argv[first:])
    modes = [entry for entry in flags if entry.name == "--mode" and entry.words]
    if not modes or (part := MODES.get(modes[-1].words[0])) is None or part.needs != "folders":
        return None
    name, *after = modes[-1].words
    if not (folders := [*argv[:first], *after]):
        raise ConfigError(f"--mode {name} wants folders of runs, as in --mode {name} runs")
    given = [entry for entry in flags if entry is not modes[-1]]
    given += [Entry("--mode", None, "--mode", [name]), Entry(name, None, "--folders", folders)]
    result = resolve([_ModeAlone], [], given, datasets=DATASETS, dataset_section=section_part())
    run = Run(tasks=(), mode=result.values[_ModeAlone]["mode"])
    return Config(run, flags=flags, places=result.places, notices=result.notices)


def _read_from_checkpoint(argv: Sequence[str]) -> Config:
    wrong = ConfigError(f"the cfg comes first: {USAGE}; --help lists the options")
    flags = parse_flags(argv) if "".join(argv[:1]).startswith("-") else []
    ckpt = next((entry.words for entry in flags if entry.name == "--ckpt"), [])
    if len(ckpt) != 1:
        raise wrong
    from engine.runs.checkpoint import checkpoint_file, load  # which take a while to import

    path = str(checkpoint_file(ckpt[0]))
    state = load(path)
    tasks = dict.fromkeys(task["task_type"] for task in state["tasks"])
    text = state.get("config", f"[run]\ntasks = {' '.join(tasks)}")
    config = _read(path, flags, parse_text(text, path))
    mode = config.run.mode
    if mode.part.needs == "cfg":
        raise wrong
    if mode.part.needs == "checkpoint" and "config" not in state:
        raise ConfigError(
            f"{path} holds weights without a cfg, which --mode {mode.name} needs: {USAGE}"
        )
    unused = "note: --ckpt: "  # of a mode that takes nothing but the cfg from a checkpoint
    return replace(config, notices=[n for n in config.notices if not n.startswith(unused)])


def _read(
    path: str,
    flags: Sequence[Entry],
    entries: Sequence[Entry] | None = None,
    baseline: bool = False,
) -> Config:
    """Resolves the entries of a cfg, by default those in the file, under a command line."""
    entries = parse_cfg(path) if entries is None else entries
    official = is_official(entries)
    result = resolve(
        list(ROOTS.values()),
        entries,
        flags,
        datasets=DATASETS,
        dataset_section=section_part(),
        skipped_flags=_MULTI_TASK_OPTIONS if baseline else (),
        skipped_sections=_MULTI_TASK_SECTIONS if baseline else (),
        official=official,
    )
    if official:
        add_official_potential(result, path)
    if not result.values[Run].get("tasks"):
        place = result.places.get("tasks", path)
        raise ConfigError(
            f"{place}: it names no tasks, as in `tasks = segmentation depth` in [run]"
        )
    with Config(Run(tasks=()), places=result.places).located():
        parts = {name: part(**result.values[part]) for name, part in ROOTS.items()}
    config = Config(
        **parts,
        datasets=result.datasets,
        path=path,
        flags=flags,
        places=result.places,
        notices=[*result.notices, *_circular(parts, result.places)],
    )
    _check_parts(config)
    return config


def _circular(parts: Mapping[str, Part], places: Mapping[str, str]) -> list[str]:
    """A notice where the network of a single task would be its own teacher."""
    if len(parts["run"].tasks) > 1 or not parts["data"].missing.build().weight:
        return []
    return [
        f"note: {places['missing']}: missing has no effect with one task, whose network would have "
        "to teach itself"
    ]


def _check_parts(config: Config) -> None:
    """Builds the parts that need no context, so that their mistakes are told before anything else
    is built.

    Raises:
        ConfigError: a part cannot be built, or options contradict one another.
    """
    with config.located():
        data = config.data
        for choice in (config.run.loss, data.sampling, data.protocol, config.network.arch):
            choice.build()
    check_divided(config)
    check_declared_naming(config)
    runs = Path(config.run.runs)
    place = next(place for place in (runs, *runs.parents) if os.path.exists(place))
    if not os.path.isdir(place):
        raise config.error("runs", f"{place} is a file, and no folder for runs")
    tasks, cfgs = len(config.run.tasks), len(config.comparison.baselines)
    if cfgs and 1 < tasks != cfgs:
        raise config.error("baselines", f"names {cfgs} cfgs for the {tasks} tasks of the cfg")
