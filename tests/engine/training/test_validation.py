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

    def make(labelled=(True,) * 4, tasks=("depth",), both=False):
        tasks = make_tasks(*tasks)
        network, lines = make_network(tasks), []
        loader = Batches(make_batch(tasks, {"depth": list(labelled)}))
        keeper = Keeper(RunFolder(tmp_path), HEADER, lines.append)
        validation = Validation(
            network,
            tasks,
            loader,
            Precision(CPU, False),
            Ranks(),
            keeper,
            lines.append,
            make_network(tasks) if both else None,
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


def test_the_better_of_weights_and_average_counts(make_validation):
    """The targets lie around 3.5 m. Of equals the average is kept."""
    validation, _ = make_validation(both=True)
    averaged, raw = validation.network, validation.raw
    kept = []
    for epoch, metres in enumerate(((8.0, 7.0), (3.5, 8.0), (8.0, 3.5), (3.5, 3.5), (9.0, 9.5)), 1):
        predict(averaged, metres[0])
        predict(raw, metres[1])
        evaluation = validation(epoch)
        scores = validation.scores
        assert evaluation.selection_score(validation.tasks) == max(scores.values())
        best = validation.keeper.load_best(CPU)
        kept.append((best["epoch"], best["network"]["heads.depth.layer.bias"].item()))
        if best["epoch"] == epoch:
            assert best["validation"] == evaluation.metrics
    assert kept == [(1, 7.0), (2, 3.5), (3, 3.5), (4, 3.5), (4, 3.5)]
    assert validation.best_epoch == 4


def test_which_of_the_two_is_kept_is_what_best_holds(make_validation):
    validation, _ = make_validation(both=True)
    for epoch, (first, second) in enumerate(((3.4, 9.0), (9.0, 3.5)), 1):
        predict(validation.network, first)
        predict(validation.raw, second)
        validation(epoch)
        best = validation.keeper.load_best(CPU)["network"]["heads.depth.layer.bias"].item()
        assert best == pytest.approx((3.4, 3.5)[epoch - 1])
        assert set(validation.scores) == {"averaged", "raw"}
