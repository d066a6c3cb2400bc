"""What a user wants next when a run is done."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from engine.runs.folder import RunFolder

if TYPE_CHECKING:
    from engine.config import Config

_COMMAND = "python3 train_test.py"


def next_steps(config: Config, folder: RunFolder) -> list[str]:
    """Where the pictures are, and the commands that use the network or train another one."""
    path = shlex.quote(str(folder.path))
    # The cfg of the run has the options of the command line too.
    cfg = shlex.quote(str(folder.config if config.flags else config.path))
    lines = [
        f"pictures: {folder.pictures}",
        "next:",
        f"  {_COMMAND} --mode predict --ckpt {path} --input photo.jpg --output predictions",
        f"  {_COMMAND} {cfg} --mode export",
    ]
    if len(config.run.tasks) > 1:
        is_plain = config.run.loss.name == "weighted-sum"
        lines.append(f"  {_COMMAND} {cfg} --loss {'amtl' if is_plain else 'weighted-sum'}")
    return lines
