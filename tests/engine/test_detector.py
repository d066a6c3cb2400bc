"""Detection as a detector: a network that sees the same eight images again and again finds all
that is in them."""

import torch

from datasets import read, scenes
from datasets.loader import Loader
from datasets.merge import Merged
from datasets.photometric import normalised_images
from datasets.unite import unite_tasks
from engine.evaluator import evaluate
from engine.network import make_network
from engine.precision import Precision

SIZE = (96, 128)


def test_eight_images_can_be_learnt_by_heart(make_config, partial, tmp_path):
    scenes.write(tmp_path, ["VOC"], train=13, val=2, size=SIZE, seed=0, processes=1)
    source = read("VOC", tmp_path, "train")
    (task,) = unite_tasks(["detection"], [source], {})
    loader = Loader(Merged([source], [task], SIZE), 8, training=False, workers=0, pin=False)
    (batch,) = loader.epoch()
    assert len(batch.images) == 8
    torch.manual_seed(0)
    config = make_config(partial, "--size", *map(str, SIZE))
    network = make_network(config, {task.name: task.head}, "false")
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for step in range(120):
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - step / 120)
        prediction = network(normalised_images(batch))[task.name]
        total, count = task.criterion(prediction, *_labels(batch, task))
        optimizer.zero_grad()
        (total / count).backward()
        optimizer.step()
    cpu = torch.device("cpu")
    found = evaluate(network, [task], loader, cpu, Precision(cpu, False))
    assert found.metrics[task.name]["AP50"] > 0.95


def _labels(batch, task):
    return batch.targets[task.name], batch.labelled[task.name]
