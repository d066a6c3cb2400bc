"""`--mode train`: the main job."""

from __future__ import annotations

from pathlib import Path

from engine.modes.base import Mode
from utils.option import option


class Train(Mode):
    """Trains the single-task networks and the multi-task network, and compares them."""

    ckpt: str | None = option(
        None,
        "the checkpoint that the weights of the multi-task network start from, to test or to "
        "export (empty: none; the run's best)",
    )

    restart: bool = option(
        False, "begin a run with other options again, from the best network that it had so far"
    )

    def run(self, config):
        from engine.runs.experiment import run_experiment

        if self.ckpt and not Path(self.ckpt).is_file():
            raise config.error("ckpt", f"there is no checkpoint {self.ckpt}")
        run_experiment(config)
        return 0
