"""`--mode check`: reads all data that a cfg would use, and says what is there."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import datasets
from datasets.base import Source, missing_files_allowed
from engine.catalogue import dataset_names, read_dataset, validation_sets
from engine.check_report import report, summary
from engine.contact_sheet import write_contact_sheet
from engine.data import data_root, with_full_names
from engine.examine import Part, examine
from engine.run_folder import cfg_folder
from tasks import KINDS
from utils.config import Config
from utils.errors import DataError


def check(config: Config) -> dict:
    """Reads every file of the training, validation and test sets, writes a sheet of samples, and
    prints and returns what was found: under `damaged`, every file that cannot be used.

    Raises:
        UserError: no dataset can be listed, or none has labels for a task; see `utils.errors`.
    """
    config = with_full_names(config)
    # With `json`, nothing but the JSON goes to stdout.
    with contextlib.redirect_stdout(sys.stderr) if config.json else contextlib.nullcontext():
        parts, unlisted = _list(config)
        examine(parts, config.num_workers)
        sheet = write_contact_sheet(cfg_folder(config) / "check.png", parts)
    found = summary(config, parts, unlisted, sheet)
    told = json.dumps(found, indent=2, ensure_ascii=False) if config.json else report(found, parts)
    print(told, flush=True)
    return found


def _list(config: Config) -> tuple[list[Part], list[str]]:
    """Every split of every dataset of the cfg, each once, and what is wrong with those that cannot
    be listed."""
    splits = _splits(config)
    root = data_root(config, [name for name, _ in splits])
    parts, faults = [], []
    for name, split in splits:
        try:
            parts.append(_part(config, _listed(config, name, root, split), split))
        except DataError as error:
            faults.append(str(error))
    if not parts:
        raise DataError(faults[0])
    for kind in config.tasks:
        if not faults and not any(kind in s.labels for part in parts for s in part.source.samples):
            raise config.error("tasks", f"no dataset of the cfg has labels for {kind}")
    return parts, faults


def _splits(config: Config) -> list[tuple[str, str]]:
    """The (dataset, split)s of the cfg, those of a dataset together."""
    train = dataset_names(config, "train_dataset")
    test = dataset_names(config, "test_dataset") or train
    splits = [(name, "train") for name in train] + [(name, "test") for name in test]
    splits += validation_sets(config)
    names = [name for name, _ in splits]
    return sorted(dict.fromkeys(splits), key=lambda split: names.index(split[0]))


def _listed(config: Config, name: str, root: Path, split: str) -> Source:
    """A split with the files that are missing; but where every image is, the mistake is another,
    and reading it says which."""
    with missing_files_allowed():
        source = read_dataset(config, name, root, split)
    if any(sample.image.exists() for sample in source.samples):
        return source
    return read_dataset(config, name, root, split)


def _part(config: Config, source: Source, split: str) -> Part:
    """The images of a split that the cfg would use, and those of its tasks that they have labels
    for, or should have."""
    full = {} if config.render_train else datasets.EXPECTED
    expected = full.get(source.name, {}).get(split, {})
    having = {kind for sample in source.samples for kind in sample.labels} | set(expected)
    tasks = []
    for kind in config.tasks:
        if kind in having:
            options = {name: getattr(config, name) for name in KINDS[kind].options}
            tasks.append(KINDS[kind](classes=source.classes.get(kind, ()), **options))
    used = tuple(s for s in source.samples if any(kind in s.labels for kind in config.tasks))
    return Part(replace(source, samples=used), len(source.samples), split, tasks, expected)
