"""Detection as a detector: a network that sees the same eight images again and again finds all
that is in them."""

import pytest
import torch

from datasets import scenes
from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from datasets.photometric import float_images
from engine.runs.network import make_network
from engine.training.evaluation import evaluate
from engine.training.precision import Precision
from tests.labels import read_split, tasks_of

SIZE = (96, 128)


@pytest.mark.slow
def test_eight_images_can_be_learnt_by_heart(make_config, partial, tmp_path):
    scenes.write(tmp_path, ["VOC"], train=13, val=2, size=SIZE, seed=0, processes=1)
    source = read_split("VOC", tmp_path, "train")
    (task,) = tasks_of(["detection"], [source])
    loader = Loader(
        MultiTaskDataset([source], [task], SIZE),
        Loading(batch_size=8, num_workers=0),
        training=False,
    )
    (batch,) = loader.epoch()
    assert len(batch.images) == 8
    torch.manual_seed(0)
    config = make_config(partial, "--size", *map(str, SIZE))
    network = make_network(config, {task.name: task.head})
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for step in range(120):
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - step / 120)
        prediction = network(float_images(batch))[task.name]
        total, count = task.criterion(prediction, *_labels(batch, task))
        optimizer.zero_grad()
        (total / count).backward()
        optimizer.step()
    cpu = torch.device("cpu")
    result = evaluate(network, [task], loader, Precision(cpu, False))
    assert result.metrics[task.name]["AP50"] > 0.95


def _labels(batch, task):
    return batch.targets[task.name], batch.labelled[task.name]
