"""Which checkpoint is tested and exported where the command names none."""

from engine.runs.experiment import checkpoint_to_use
from engine.runs.folder import run_folder
from tests.running import run


def test_the_checkpoint_of_a_single_task_may_be_that_of_a_baseline(tmp_path, make_config, dense):
    config = make_config(dense, "--tasks", "depth", "--max_epoch", "1")
    run(config)
    folder = run_folder(config.single_task(config.run.tasks[0]))
    baseline = tmp_path / "runs" / "baselines" / "depth-1"
    baseline.parent.mkdir()
    folder.path.rename(baseline)
    assert checkpoint_to_use(config) == baseline / "best.pt"
