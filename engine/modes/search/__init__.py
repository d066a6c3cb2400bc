"""`--mode search`: the options of a loss, tuned at a budget that is the same for every loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.modes.train import Train
from utils.option import option

if TYPE_CHECKING:
    from engine.config import Config


class Search(Train):
    """Searches the learning rate, the weight decay, and the weights or the options of the loss, on
    the validation images. The same command on other processes or machines joins in."""

    by_all_processes = False

    budget: int | None = option(
        None,
        "epochs, or evaluations with max_iterations, of all trials of a search together",
        at_least=1,
        affects="start",
    )
    tune_baselines: bool = option(
        False, "search for each baseline first, with the same budget", affects="start"
    )

    def run(self, config):
        from engine.modes.search.report import report
        from engine.modes.search.search import prepare_search, run_trials

        self._check_budget(config)
        with self._lines_for_people():
            search = prepare_search(config, self.budget, self.tune_baselines)
            run_trials(search)
        return report(search)

    def _check_budget(self, config: Config) -> None:
        epochs = config.training.periods
        if self.budget is None:
            raise config.error("budget", f"--mode search wants one, as in --budget {30 * epochs}")
        if self.budget < epochs:
            raise config.error(
                "budget",
                f"{self.budget} epochs are fewer than the {epochs} of one training",
            )
        if config.data.val == "test":
            raise config.error("val", "a search on the test set would tell nothing of other images")
