"""A run is a folder: what is in it, whose it is, and what it is called."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import losses
from utils.config import Config, read_file
from utils.errors import ConfigError, UserError
from utils.files import replacing


class RunFolder:
    """The folder of one run, and the names of what it holds.

    Nothing is written before :meth:`claim`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config = path / "config.cfg"
        self.log = path / "log.txt"
        self.steps = path / "steps.csv"
        self.epochs = path / "epochs.csv"
        self.gradients = path / "gradients.csv"
        self.affinity = path / "affinity.csv"
        self.last = path / "last.pt"
        self.best = path / "best.pt"
        self.results = path / "results.json"
        self.pictures = path / "pictures"
        self.events = path / "tensorboard"

    def check(self, config: Config) -> None:
        """Checks that the folder holds no run of another configuration.

        Raises:
            ConfigError: it does; names the options that differ.
        """
        if not self._begun():
            return
        try:
            other = read_file(self.config, [], losses.methods())
        except ConfigError as reason:
            raise UserError(f"{self.path} holds a run whose cfg is damaged: {reason}") from None
        if names := config.differences(other):
            raise UserError(
                f"{self.path} holds a run with other values of {', '.join(names)}; "
                "`--run NAME` puts this one beside it"
            )

    @contextlib.contextmanager
    def claim(self, config: Config) -> Iterator[None]:
        """Makes the folder this process's own for a while, waiting until no other one's it is. The
        claim ends with the process, however that ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(
                    f"{self.path} is being trained by another process; waiting for it", flush=True
                )
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._begun():
                write_text(self.config, config.text())
            yield

    def _begun(self) -> bool:
        """Whether there is anything to lose: a run that failed before its first checkpoint, for
        want of weights or baselines, may be started again with other options."""
        return self.config.exists() and (self.last.exists() or self.results.exists())

    def finished(self) -> dict | None:
        """The results of a run that is done, else None."""
        return read_results(self.results)


def read_results(path: Path) -> dict | None:
    """The contents of a `results.json` that says it is finished, else None."""
    try:
        results = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return results if isinstance(results, dict) and results.get("finished") else None


def multi_task_folder(config: Config) -> RunFolder:
    """`<runs>/<cfg path without .cfg>/<loss>/seed<N>`; `--run NAME` makes it `seed<N>-NAME`."""
    name = f"seed{config.seed}" + (f"-{config.run}" if config.run else "")
    return RunFolder(cfg_folder(config) / config.loss / name)


def cfg_folder(config: Config) -> Path:
    """`<runs>/<cfg path without .cfg>`, the path counted from the folder `cfg` where the file lies
    below one."""
    path = Path(config.path).with_suffix("")
    parts = path.absolute().parts
    if "cfg" in parts:
        last = len(parts) - 1 - parts[::-1].index("cfg")
        path = Path(*parts[last + 1 :])
    elif path.is_absolute() or ".." in path.parts:
        path = Path(path.name)
    return Path(config.runs) / path


def baseline_folder(config: Config, task: str) -> RunFolder:
    """`<runs>/baselines/<task>-<hash of what decides it>`."""
    return RunFolder(
        Path(config.runs) / "baselines" / f"{task.replace(':', '-')}-{config.key(task)}"
    )


def find_finished(runs: Path, key: str) -> RunFolder | None:
    """The folder of a finished single-task run with this key, wherever below `runs` it lies."""
    for path in sorted(runs.glob("**/results.json")):
        results = read_results(path)
        if results and results.get("baseline_key") == key:
            return RunFolder(path.parent)
    return None


def checkpoint_to_use(config: Config, tasks: Sequence[str]) -> Path:
    """The checkpoint to test or export: `ckpt`, else the best of the cfg's run. The network of a
    cfg with one task may have been trained as a baseline of another cfg."""
    if config.ckpt:
        return Path(config.ckpt)
    baseline = find_finished(Path(config.runs), config.key(tasks[0])) if len(tasks) == 1 else None
    return (baseline or multi_task_folder(config)).best


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text)


def write_rows(path: Path, rows: list[dict]) -> None:
    """Writes a CSV of rows with the same keys; an empty list leaves the header of nothing."""
    with replacing(path) as beside, open(beside, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
