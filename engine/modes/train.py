"""`--mode train`: the main job."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.base import Mode
from utils.errors import DataError
from utils.option import option

if TYPE_CHECKING:
    from engine.config import Config


class Train(Mode):
    """Trains the single-task networks and the multi-task network, and compares them."""

    by_all_processes = True

    ckpt: str | None = option(
        None,
        "the checkpoint that the weights of the multi-task network start from, to test, to predict "
        "with or to export (empty: none; the run's best)",
    )

    restart: bool = option(
        False,
        "begin a run with other options again, from the best network that it had so far",
        affects="start",
    )

    processes: int = option(
        1,
        "processes on this machine that train one network together; several machines: torchrun",
        at_least=1,
        largest=1024,
        affects="start",
    )

    quiet: bool = option(
        False, "print the table of the results, notes and errors alone", affects="start"
    )

    json: bool = option(
        False,
        "print what results.json holds, and all lines for people on the standard error",
        affects="start",
    )

    def run(self, config):
        from engine.launch import joined_processes
        from engine.runs.experiment import run_experiment
        from engine.runs.tables import results_table

        self._check_files(config)
        with self._lines_for_people(), joined_processes(config) as ranks:
            results = run_experiment(config, ranks)
        if ranks.first and self.json:
            print(json.dumps(results.as_json(), indent=2))
        elif ranks.first and self.quiet:
            print(results_table(results))
        return 0

    @contextlib.contextmanager
    def _lines_for_people(self) -> Iterator[None]:
        """Within it, what is printed goes where the options say."""
        if self.quiet:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                yield
        elif self.json:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        else:
            yield

    def _check_files(self, config: Config) -> None:
        """Checks the files that weights start from, before anything is trained.

        Raises:
            ConfigError: one is missing or damaged, or holds something else.
        """
        from engine.runs.checkpoint import load
        from models.backbones import weights

        if self.ckpt and not os.path.isfile(self.ckpt):
            raise config.error("ckpt", f"there is no checkpoint {self.ckpt}")
        backbone = config.network.backbone
        pretrained = backbone.value("pretrained")
        with config.located():
            if os.path.isfile(pretrained):  # else it is told where it is needed
                weights.read(Path(pretrained), backbone.name)
        try:
            if self.ckpt:
                load(self.ckpt)
        except DataError as reason:
            raise config.error("ckpt", str(reason)) from None
