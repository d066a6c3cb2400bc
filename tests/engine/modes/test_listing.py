"""`--list`: what there is to choose from."""

import json

import pytest

from engine.modes.listing import listing
from losses import LOSSES
from tasks import TASKS
from utils.errors import ConfigError


def test_losses_with_their_parts_costs_needs_and_papers():
    described = json.loads(listing(["losses", "--json"]))
    assert list(described) == list(LOSSES)
    assert described["pcgrad-amtl"] == {
        "weighting": "achievement",
        "mean": "arithmetic",
        "gradient": "pcgrad",
        "at": "parameters",
        "cost": "1 forward, T backward",
        "memory": "T gradients",
        "needs": "validation, and single-task accuracies",
        "paper": "Yu et al., NeurIPS 2020; Yun and Cho, ICCV 2023",
        "checked": "the paper's formula; TorchJD; the algorithm on the gradients themselves",
    }
    lines = listing(["losses"]).splitlines()
    assert [line.split()[0] for line in lines] == ["loss", *described]


def test_tasks_with_their_channels_loss_and_metrics():
    described = json.loads(listing(["tasks", "--json"]))
    assert list(described) == list(TASKS)
    assert described["normal"] == {
        "aliases": ["normals"],
        "channels": 3,
        "loss": "1 − cosine, or L1 (normal_loss)",
        "accuracy": "11.25",
        "metrics": {"mean": -1, "median": -1, "11.25": 1, "22.5": 1, "30": 1, "l1": -1},
    }
    assert described["segmentation"]["channels"] == "classes"
    assert described["detection"]["channels"] == "boxes of classes"
    assert all(task["loss"] != "–" for task in described.values())
    lines = listing(["tasks"]).splitlines()
    assert [line.split()[0] for line in lines] == ["task", *described]
    [normal] = [line for line in lines if line.startswith("normal ")]
    assert normal.endswith("11.25 ↑, mean ↓, median ↓, 22.5 ↑, 30 ↑, l1 ↓")


def test_json_may_be_given_as_elsewhere():
    assert listing(["losses", "--json", "true"]) == listing(["losses", "--json"])
    assert listing(["losses", "--json", "false"]) == listing(["losses"])


def test_a_list_that_is_not_there():
    with pytest.raises(ConfigError, match="--list: there is no list 'loses'; did you mean losses"):
        listing(["loses"])
