"""Parts of the official recipe in whole trainings: the warm-up from a rate of 0, evaluations from
its end on, weights beside their average, and epochs over images without labels."""

import copy
import csv

import pytest
import torch

from tests.engine.training.tiny import assert_same
from tests.running import interrupt_in_the_second_epoch, make_loop

DEPTH = ("--tasks", "depth", "--train_dataset", "NYU", "--size", "32", "32")
MASKS = ("--tasks", "segmentation", "--train_dataset", "VOC", "--val", "test")


@pytest.fixture
def make_training(make_config, partial, tmp_path):
    def make(*options, folder="run"):
        return make_loop(make_config(partial, "--loss", "amtl", *options), tmp_path / folder)

    return make


def rows_of(training, table="epochs"):
    with open(getattr(training.folder, table), newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_first_step_of_rate_0_leaves_the_weights(make_training, optimizer):
    training = make_training(*DEPTH, "--optimizer", optimizer, "--warmup_start", "0")
    before = copy.deepcopy(dict(training.network.named_parameters()))
    batches = training.train_loader.epoch(1)
    moved = []
    for step in range(2):
        assert (training.schedule.set(step) == 0) == (step == 0)
        training.step(next(batches), step + 1)
        after = dict(training.network.named_parameters())
        moved.append(any(not torch.equal(before[name], after[name]) for name in before))
    assert moved == [False, True]


@pytest.mark.parametrize(
    ("options", "tested"),
    [
        ((), {1, 2, 3, 4}),
        (("--test_after_warmup",), {2, 3, 4}),
        (("--test_after_warmup", "--test_freq", "3"), {3, 4}),
        (("--test_after_warmup", "--warmup_epoch", "9"), {4}),
    ],
)
def test_evaluation_begins_after_the_warmup(make_training, options, tested):
    """The last epoch is always evaluated: a run has a best network."""
    training = make_training(*DEPTH, "--max_epoch", "4", "--epoch_images", "8", *options)
    training.run()
    rows = rows_of(training)
    assert {int(row["epoch"]) for row in rows if row["total"]} == tested
    assert torch.load(training.folder.best, weights_only=True)["epoch"] in tested


def test_both_networks_are_tested_and_the_better_one_kept(make_training):
    """The average, nearly constant, stays behind the weights, as its figures do."""
    options = ("--ema", "--ema_warmup", "false", "--ema_momentum", "0.999", "--ema_test")
    options += ("--max_epoch", "3", "--warmup_epoch", "0", "--scheduler", "plateau")
    training = make_training(*DEPTH, *options)
    scores, accuracies = [], []
    training.schedule.evaluated = scores.append
    training.objective.evaluated = accuracies.append
    training.run()
    rows = rows_of(training)
    for row, accuracy in zip(rows, accuracies, strict=True):
        both = [float(row["total averaged"]), float(row["total raw"])]
        assert float(row["total"]) == max(both)
        assert both[0] != both[1]
        assert accuracy["depth"] == float(row["depth d1"]), "of the better one, once an evaluation"
    assert scores == [float(row["total averaged"]) for row in rows]
    best = torch.load(training.folder.best, weights_only=True)
    row = rows[best["epoch"] - 1]
    assert float(row["total"]) == max(float(each["total"]) for each in rows)
    assert best["validation"]["depth"]["d1"] == float(row["depth d1"])
    if best["epoch"] == 3:
        better = max(("averaged", "raw"), key=lambda name: float(row[f"total {name}"]))
        kept = training.network if better == "raw" else training.averaged.module
        assert_same(best["network"], kept.state_dict())


def test_a_run_that_tests_both_goes_on_to_the_last_digit(make_training):
    options = ("--ema", "--ema_warmup", "false", "--ema_momentum", "0.9", "--ema_test")
    options += (*DEPTH, "--max_epoch", "3", "--epoch_images", "8")
    whole = make_training(*options)
    whole.run()
    stopped = make_training(*options, folder="stopped")
    interrupt_in_the_second_epoch(stopped)
    resumed = make_training(*options, folder="stopped")
    resumed.run()
    for name in ("last", "best"):
        states = [torch.load(getattr(t.folder, name), weights_only=True) for t in (whole, resumed)]
        assert_same(*(state["network"] for state in states))
    times = ("seconds", "images_per_second")
    tables = [
        [{k: v for k, v in r.items() if k not in times} for r in rows_of(t)]
        for t in (whole, resumed)
    ]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("parts", ["1", "2"])
def test_an_epoch_over_all_images(make_training, parts):
    """10 images, 7 of them with a mask, in batches of 2: 5 steps an epoch, of which some have no
    label at all. Those change nothing, and the rate goes on."""
    options = (*MASKS, "--batch_size", "2", "--keep_unlabelled", "--micro_batches", parts)
    options += ("--size", "64", "64", "--max_epoch", "2", "--scheduler", "polynomial")
    training = make_training(*options)
    data = training.train_loader.data
    assert (len(data), len(data.labelled_for(data.tasks[0]))) == (10, 7)
    assert training.length.epoch == 5
    training.run()
    rows = rows_of(training, "steps")
    assert len(rows) == 2 * 5
    empty = [row for row in rows if row["loss segmentation"] == "nan"]
    assert 0 < len(empty) < len(rows) / 2
    rates = [float(row["lr"]) for row in rows]
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert len(set(rates)) == len(rates)
    assert training.shares.images == [20]


def test_the_epoch_is_as_long_as_its_images_say(make_training):
    for images, steps in (("all", 5), ("4", 2), ("longest", 5)):
        options = (*MASKS, "--batch_size", "2", "--epoch_images", images)
        training = make_training(*options, "--keep_unlabelled", folder=images)
        assert training.length.epoch == steps
    assert make_training(*MASKS, "--batch_size", "2", folder="masks").length.epoch == 3


def test_a_batch_without_a_label_moves_nothing(make_training):
    """Neither weights nor BatchNorm's statistics, nor the average or the optimizer."""
    training = make_training(*MASKS, "--keep_unlabelled", "--ema", "--ema_warmup", "false")
    batch = next(iter(training.train_loader.epoch(1)))
    training.step(batch, 1)
    before = copy.deepcopy(_state(training))
    batch.labelled["segmentation"][:] = False
    assert training.step(batch, 2) == {}
    assert_same(before, _state(training))


def _state(training):
    """Every tensor that a step changes."""
    moments = training.step.optimizer.state.values()
    moments = [tensor for state in moments for tensor in state.values()]
    assert moments
    average = {f"average {name}": t for name, t in training.averaged.state_dict().items()}
    return {**training.network.state_dict(), **average, **dict(enumerate(moments))}
