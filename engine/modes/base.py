"""What a mode is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from utils.part import Part

if TYPE_CHECKING:
    from engine.config import Config


class Mode(Part, ABC):
    """Something that the program does with a cfg. What takes long to import is imported when the
    mode runs, so that `--help` need not wait for it."""

    section = "run"

    processes = 1
    """How many processes on this machine do it together; see `engine.launch`."""
    needs: Literal["cfg", "checkpoint", "network", "folders"] = "cfg"
    """The least that it can do with: a cfg; a checkpoint, whose cfg it takes where none is given;
    the network of one that has no cfg, as weights to give away; or folders of runs, for its option
    `folders`, and no cfg at all."""
    by_all_processes = False
    """Whether all processes that a launcher has started do it together, or the first one alone."""

    @abstractmethod
    def run(self, config: Config) -> int:
        """Does it; returns the exit status.

        Raises:
            UserError: something the user can mend; see `utils.errors`.
        """
