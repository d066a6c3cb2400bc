"""`--mode baselines`: the single-task networks of a cfg, and nothing else."""

from __future__ import annotations

import json

from engine.modes.train import Train
from utils.option import option


class TrainBaselines(Train):
    """Trains those single-task networks of a cfg that no run has finished."""

    only: tuple[str, ...] = option(
        (), "the tasks whose baselines are trained (empty: all)", affects="start"
    )

    def run(self, config):
        from engine.launch import joined_processes
        from engine.runs.experiment import train_baselines
        from engine.runs.tables import results_table

        self._check_files(config)
        with self._lines_for_people(), joined_processes(config) as ranks:
            results = train_baselines(config, ranks, self.only)
        if ranks.first and self.json:
            print(json.dumps({name: r.as_json() for name, r in results.items()}, indent=2))
        elif ranks.first:
            print("\n\n".join(results_table(of_task) for of_task in results.values()))
        return 0
