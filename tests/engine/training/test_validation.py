"""The choice of the best checkpoint."""

import math

import pytest
import torch

from engine.runs import checkpoint
from engine.runs.folder import RunFolder
from engine.runs.keeper import Keeper
from engine.training.precision import Precision
from engine.training.validation import Validation
from tests.engine.training.test_evaluation import Batches
from tests.engine.training.tiny import make_batch, make_network, make_tasks
from tests.running import CPU
from utils.ranks import Ranks

HEADER = {"format": checkpoint.FORMAT}


@pytest.fixture
def make_validation(tmp_path):
    """A validation of depth alone, and the lines that it logs."""

    def make(labelled=(True,) * 4, tasks=("depth",)):
        tasks = make_tasks(*tasks)
        network, lines = make_network(tasks), []
        loader = Batches(make_batch(tasks, {"depth": list(labelled)}))
        keeper = Keeper(RunFolder(tmp_path), HEADER, lines.append)
        validation = Validation(
            network, tasks, loader, Precision(CPU, False), Ranks(), keeper, lines.append
        )
        return validation, lines

    return make


def predict(network, metres):
    """Makes a network predict a depth everywhere; the true ones lie between 1 and 6 m."""
    head = network.heads["depth"].layer
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, metres)


def test_the_best_checkpoint_is_the_last_of_the_best_score(make_validation):
    validation, lines = make_validation()
    for epoch, metres in enumerate((8.0, 3.5, 8.0, 3.5, 7.0), 1):
        predict(validation.network, metres)
        validation(epoch)
    best = validation.keeper.load_best(CPU)
    assert best["epoch"] == validation.best_epoch == 4
    assert best["network"]["heads.depth.layer.bias"].item() == 3.5
    predict(validation.network, 3.5)
    assert best["validation"] == validation(5).metrics
    assert lines == []


def test_the_choice_goes_on_from_its_state(make_validation):
    first, _ = make_validation()
    predict(first.network, 3.5)
    first(1)
    second, _ = make_validation()
    second.load_state_dict(first.state_dict())
    predict(second.network, 8.0)
    second(2)
    assert second.keeper.load_best(CPU)["epoch"] == second.best_epoch == 1


def test_a_task_without_validation_images_is_told_once_and_decides_nothing(make_validation):
    validation, lines = make_validation([False] * 4, ("segmentation", "depth"))
    for epoch in (1, 2):
        evaluation = validation(epoch)
    assert math.isnan(evaluation.metrics["depth"]["d1"])
    assert validation.best_score == evaluation.scores(validation.tasks)["segmentation"] > 0
    [line] = lines
    assert line.startswith("depth cannot be measured on the validation images")
