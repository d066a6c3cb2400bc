"""A run that is begun again with other options, from the best network that it had."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.runs import checkpoint
from engine.runs.folder import RunFolder
from engine.runs.identity import file_digest
from utils.errors import DataError, UserError
from utils.files import copy, read_json, write_json

if TYPE_CHECKING:
    from engine.config import Config

_ABOUT = "restart.json"


def restart(folder: RunFolder, config: Config) -> None:
    """Moves what a run with other options has left into `restarts/<n>` of its folder. A folder
    without such a run, or whose run was restarted with these options, stays as it is.

    Raises:
        UserError: the run is finished, or its best network is damaged.
    """
    if not (options := folder.other_options(config)):
        return
    if folder.finished():
        raise UserError(
            f"{folder.path} holds a finished run, which is not restarted; `--run NAME` puts this "
            "one beside it"
        )
    earlier = RunFolder(_next(folder))
    earlier.path.mkdir(parents=True)
    about: dict[str, Any] = {"other_options": options}
    if folder.best.exists():
        copy(folder.best, earlier.best)
        about["epoch"] = checkpoint.load(earlier.best)["epoch"]
    write_json(earlier.path / _ABOUT, about)
    # The state last: a process that is killed before finds the run as it was, and restarts it.
    for path in (folder.previous, folder.last):
        _move(path, earlier.path)
    for path in list(folder.path.iterdir()):
        if path.name not in ("lock", "restarts"):
            _move(path, earlier.path)


def initial_checkpoint(config: Config, folder: RunFolder) -> dict[str, Any] | None:
    """The checkpoint that the weights of a run start from: path and SHA-256. Of a run that was
    restarted this is the best network of before; then it has its epoch and the options that were
    changed as well. None where the run starts from none."""
    if latest := _latest(folder):
        path, about = latest
        return {"path": str(path), "sha256": file_digest(path), **about}
    ckpt = config.run.mode.all_values().get("ckpt")
    return {"path": ckpt, "sha256": file_digest(Path(ckpt))} if ckpt else None


def _latest(folder: RunFolder) -> tuple[Path, dict[str, Any]] | None:
    """The network of the last restart, and what is known of it."""
    folders = [path.parent for path in folder.path.glob(f"restarts/*/{_ABOUT}")]
    if not folders:
        return None
    latest = RunFolder(max(folders, key=lambda path: int(path.name)))
    if not latest.best.exists():  # there was none yet
        return None
    try:
        return latest.best, read_json(latest.path / _ABOUT)
    except ValueError as reason:
        raise DataError(f"{latest.path / _ABOUT}: cannot be read ({reason})") from None


def _next(folder: RunFolder) -> Path:
    numbers = [int(path.name) for path in folder.path.glob("restarts/*") if path.name.isdigit()]
    return folder.path / "restarts" / str(max(numbers, default=0) + 1)


def _move(path: Path, folder: Path) -> None:
    if os.path.lexists(path):
        os.replace(path, folder / path.name)
