"""A run is a folder: what is in it, whose it is, and what it is called."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runs.identity import differences, protocol_of
from engine.runs.results import Results
from utils.errors import ConfigError, DataError, UserError
from utils.files import remove, remove_leftovers, write_text
from utils.locks import locked

if TYPE_CHECKING:
    from engine.config import Config

CONFIG = "config.cfg"


class RunFolder:
    """The folder of one run, and the names of what it holds.

    Nothing is written before :meth:`lock`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config = path / CONFIG
        self.log = path / "log.txt"
        self.protocol = path / "protocol.csv"
        self.steps = path / "steps.csv"
        self.epochs = path / "epochs.csv"
        self.gradients = path / "gradients.csv"
        self.affinity = path / "affinity.csv"
        self.last, self.previous = path / "last.pt", path / "previous.pt"
        self.best, self.best_copy = path / "best.pt", path / "best-copy.pt"
        self.results = path / "results.json"
        self.pictures = path / "pictures"
        self.events = path / "tensorboard"

    @property
    def has_state(self) -> bool:
        """Whether there is a state to go on from."""
        return os.path.lexists(self.last) or os.path.lexists(self.previous)

    def ensure_same_config(self, config: Config) -> None:
        """Checks that the folder holds no run of another configuration.

        Raises:
            UserError: the folder does; names the options that differ.
        """
        if names := self.other_options(config):
            why = not_extended(config, self.stored_config()) if is_longer(names) else ""
            raise UserError(
                f"{self.path} holds a run with other values of {', '.join(names)}{why}; "
                "`--run NAME` puts this one beside it"
            )

    def extend(self, config: Config) -> None:
        """Makes a run longer that differs from a cfg in nothing but a lower `max_epoch`, or
        `max_iterations`, where its training would have been the same up to there. A killed process
        leaves a run that can be extended again."""
        if not is_longer(self.other_options(config)):
            return
        stored = self.stored_config()
        if not_extended(config, stored):
            return
        print(
            "{} goes on to {} {}; it was made for {}".format(
                self.path, *config.training.length, stored.training.length[1]
            )
        )
        remove(self.results)
        write_text(self.config, config.text())

    def stored_config(self) -> Config:
        """The cfg that the folder's run was begun with."""
        from engine.config import read

        return read([str(self.config)])

    def other_options(self, config: Config) -> list[str]:
        """The options in which the run that the folder holds differs from a cfg; none where the
        folder holds no run.

        Raises:
            UserError: the cfg in the folder is damaged or gone, and no checkpoint knows it.
        """
        if not self._has_begun():
            return []
        if names := self._differences(config):  # or the folder's cfg is not what it was
            self._restore_config()
            names = self._differences(config)
        if names == [CONFIG]:
            raise UserError(f"{self.config} is missing or damaged, and no checkpoint is whole")
        return names or self._other_list(config)

    @contextlib.contextmanager
    def lock(self, config: Config | None = None) -> Iterator[None]:
        """Keeps other processes out of the folder, waiting for the one that is in it.

        Args:
            config: of the run that the folder is to hold.

        Raises:
            UserError: the folder holds a run of another configuration.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path / "lock", f"{self.path} is being trained"):
            remove_leftovers(self.path)
            if os.path.lexists(self.results) and not self.finished():
                print(f"{self.results} is damaged, or of another version: the run is tested again")
                remove(self.results)
            if config is not None:
                self.ensure_same_config(config)
                if not self._has_begun():
                    write_text(self.config, config.text())
            yield

    def finished(self) -> Results | None:
        """The results of a run that is done, else None."""
        return Results.read(self.results)

    def _has_begun(self) -> bool:
        """Whether there is anything to lose: a run that failed before its first checkpoint, for
        want of weights or baselines, may be started again with other options."""
        return self.has_state or self.results.exists()

    def _differences(self, config: Config) -> list[str]:
        """The options in which the folder's cfg differs; `config.cfg` where it cannot be read."""
        from engine.config import read

        try:
            return differences(config.identity(), read([str(self.config)]).identity())
        except ConfigError:
            return [CONFIG]

    def _other_list(self, config: Config) -> list[str]:
        """`protocol_list` where the run is done and its list, of the same path, held something else
        than now. Of a run that is not done its `protocol.csv` tells."""
        results = self.finished()
        theirs = ((results and results.protocol) or {}).get("protocol_list")
        ours = (protocol_of(config) or {}).get("protocol_list")
        return ["protocol_list"] if ours and theirs and ours != theirs else []

    def _restore_config(self) -> None:
        """Writes the cfg that a checkpoint of the folder holds, where the folder's is another."""
        from engine.runs import checkpoint

        for path in (self.last, self.previous, self.best, self.best_copy):
            with contextlib.suppress(DataError):
                text = checkpoint.load(path)["config"]
                if not self.config.is_file() or self.config.read_bytes() != text.encode():
                    print(f"{self.config} is missing or damaged: restored from {path.name}")
                    remove(self.config)
                    write_text(self.config, text)
                return


def is_longer(options: list[str]) -> bool:
    """Whether two runs that differ in these options differ in their length alone."""
    return options in (["max_epoch"], ["max_iterations"])


def not_extended(config: Config, stored: Config) -> str:
    """Why a run cannot go on to the length of a cfg, as the rest of a sentence; empty where it
    can."""
    training, (unit, length) = config.training, stored.training.length
    if training.length[0] != unit:
        return ""
    if training.length[1] < length:
        return f" ({length}, which is more)"
    if training.scheduler.part.depends_on_length:
        return f" ({length}, and the rates of {training.scheduler.name} depend on it)"
    freq = "test_freq" if unit == "epoch" else "test_iterations"
    if length % (every := training.settings[freq]):
        return f" ({length}, after which {freq} = {every} has no evaluation)"
    return ""


def run_folder(config: Config) -> RunFolder:
    """`<runs>/<cfg path without .cfg>/<loss>/seed<N>`; `--run NAME` makes it `seed<N>-NAME`.

    The cfg that a run has written belongs to that run: with its loss, seed and name the folder is
    the one in which the cfg lies, with others a folder beside it.
    """
    name = f"seed{config.run.seed}" + (f"-{config.run.run}" if config.run.run else "")
    mine = RunFolder(Path(config.path).parent)
    if Path(config.path).name == CONFIG and mine.log.exists():
        same = {"loss", "seed", "run"}.isdisjoint(_flag_options(config))
        return mine if same else RunFolder(mine.path.parents[1] / config.run.loss.name / name)
    return RunFolder(cfg_folder(config) / config.run.loss.name / name)


def cfg_folder(config: Config) -> Path:
    """`<runs>/<cfg path without .cfg>`; see :func:`cfg_name`."""
    return Path(config.run.runs) / cfg_name(config.path)


def cfg_name(cfg: str) -> Path:
    """The path of a cfg without .cfg, counted from the folder `cfg` where the file lies below
    one."""
    path = Path(cfg).with_suffix("")
    parts = path.absolute().parts
    if "cfg" in parts:
        last = len(parts) - 1 - parts[::-1].index("cfg")
        path = Path(*parts[last + 1 :])
    elif path.is_absolute() or ".." in path.parts:
        path = Path(path.name)
    return path


def _flag_options(config: Config) -> set[str]:
    """The options that were given on the command line."""
    return {option for option, place in config.places.items() if place.startswith("-")}
