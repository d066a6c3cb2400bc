"""What a checkpoint of a training holds."""

import pytest
import torch
from torch import nn

from engine.runs import checkpoint
from engine.training.ema import MovingAverage
from engine.training.state import TrainingState
from tests.engine.training.tiny import assert_same, make_batch, make_network, make_step, make_tasks
from tests.running import CPU
from utils.errors import DataError

import losses  # isort: skip

HEADER = {"format": checkpoint.FORMAT, "size": [4, 6]}


def save(state, path):
    checkpoint.save(path, {**HEADER, **state.state_dict()})


def load(state, path):
    state.load(checkpoint.load(path, CPU), path)


def make(seed, hidden=False):
    """A training of a few steps: its state and its step."""
    tasks = make_tasks()
    network = make_network(tasks, seed)
    objective = losses.build("grad-norm", [task.name for task in tasks])
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    average = MovingAverage(network, 0.9)
    step = make_step(network, tasks, objective, optimizer, averaged=average)
    components = {
        "network": network,
        "averaged": average,
        "optimizer": optimizer,
        "scaler": torch.amp.GradScaler("cpu", enabled=False),
        "objective": objective,
        "projections": nn.Linear(2, 2) if hidden else None,
    }
    return TrainingState(components), step, tasks


def test_a_training_goes_on_from_its_state_as_if_it_had_not_stopped(tmp_path):
    state, step, tasks = make(0)
    for number in (1, 2):
        step(make_batch(tasks, seed=number), number)
        state.history.append({"epoch": number, "lr": 0.5})
    save(state, tmp_path / "last.pt")
    resumed, resumed_step, _ = make(1)
    load(resumed, tmp_path / "last.pt")
    assert (resumed.epoch, resumed.history) == (2, state.history)
    for each in (step, resumed_step):
        each(make_batch(tasks, seed=3), 3)
    for name in ("network", "averaged"):
        first, second = (s.components[name].state_dict() for s in (state, resumed))
        assert_same(first, second, atol=0, rtol=0)
    weights = [s.components["objective"].weights for s in (state, resumed)]
    assert weights[0] == weights[1]


def test_the_file_has_the_header_and_every_component_by_its_name(tmp_path):
    state, _, _ = make(0, hidden=True)
    save(state, tmp_path / "last.pt")
    stored = torch.load(tmp_path / "last.pt", weights_only=True)
    assert set(stored) == {*HEADER, *state.components}
    assert "projections" in stored
    assert stored["history"] == []
    plain, _, _ = make(0)
    assert "projections" not in plain.components


def test_the_state_of_another_network_is_refused(tmp_path):
    state, _, tasks = make(0)
    save(state, tmp_path / "last.pt")
    other = TrainingState({"network": make_network(tasks[:2])})
    with pytest.raises(DataError, match=r"last\.pt: is of another network: its tasks are"):
        load(other, tmp_path / "last.pt")


@pytest.mark.parametrize(
    "damage", [lambda s: s.pop("optimizer"), lambda s: s.update(optimizer={"state": {}})]
)
def test_a_state_that_lacks_something_is_refused_in_one_line(tmp_path, damage):
    state, _, _ = make(0)
    save(state, tmp_path / "last.pt")
    stored = torch.load(tmp_path / "last.pt", weights_only=True)
    damage(stored)
    torch.save(stored, tmp_path / "last.pt")
    with pytest.raises(DataError, match=r"last\.pt: holds no optimizer of [^\n]*$"):
        load(make(1)[0], tmp_path / "last.pt")
