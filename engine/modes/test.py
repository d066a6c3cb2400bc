"""`--mode test`: a checkpoint on the test sets."""

from __future__ import annotations

from engine.modes.base import Mode
from engine.modes.train import Train


class Test(Mode):
    """Evaluates a checkpoint on the test sets, per class too."""

    needs = "checkpoint"

    ckpt = Train.ckpt

    def run(self, config):
        from engine.runs.experiment import checkpoint_to_use, test_checkpoint
        from engine.runs.tables import metrics_table

        path = checkpoint_to_use(config)
        data, evaluation = test_checkpoint(config, path)
        print(f"{path}, on {len(data.test)} test images\n\n{metrics_table(evaluation)}")
        return 0
