"""The cfgs of papers: their single-task networks are trained as their multi-task network is."""

from pathlib import Path

import pytest

from engine.config import read

ROOT = Path(__file__).resolve().parents[2]
HEADS_RATE = {  # the published loss alone trains its heads faster
    "cfg/edge+seg+parts+normal+saliency/PASCALContext/plain_vit_tiny.cfg": 5,
    "cfg/edge+seg+depth+normal/NYUDv2/plain_vit_tiny.cfg": 4,
}


def trained(config):
    """What the cfg of a network says of how it is trained, without its tasks."""
    parts = config.identity()
    return {
        "dataset": [choice.name for choice in config.data.train_dataset],
        "size": config.data.size,
        "aspect": config.data.aspect,
        "val": config.data.val,
        **{name: parts[name] for name in ("network", "loading", "augmentation", "training")},
    }


@pytest.mark.parametrize("path", HEADS_RATE)
def test_single_task_networks_differ_by_the_rate_of_their_heads_alone(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = read([path])
    shown = trained(config)
    assert shown["training"]["optimizer"].pop("multiple_lr") == HEADS_RATE[path]
    tasks = {choice.name: choice for choice in config.run.tasks}
    assert len(config.comparison.baselines) == len(tasks)
    for single_path in config.comparison.baselines:
        single = read([single_path])
        [task] = single.run.tasks
        assert task.identity() == tasks.pop(task.name).identity()
        assert trained(single) == shown
    assert not tasks
