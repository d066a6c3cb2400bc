"""Losses with other parts, from the command line and the cfg to what is built."""

import pytest

import losses
from engine.baselines import baseline_config
from tasks import KINDS
from utils.config import read

CFG = "[run]\ntasks = seg depth\n"
POTENTIAL = {"a": 0.5, "b": 0.5}


def same_again(config, cfg):
    again = read([str(cfg(config.text(), "again"))], losses.methods())
    return again == config and again.text() == config.text() and not again.differences(config)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("weighted-sum --weighting achievement --margin 0.1", {"margin": 0.1, "smoothing": 0.1}),
        ("mgda-ub --gradient cagrad --c 0.3", {"c": 0.3, "gradient_at": "paper"}),
        ("mgda-ub --gradient cagrad --gradient_at last_layer", {"gradient_at": "last_layer"}),
        ("amtl --weighting dtp", {"focusing_factor": 0.5, "mean": "geometric"}),
        ("weighted-sum --gradient torchjd:CAGrad --c 0.2 --norm_eps 0.1", {"norm_eps": 0.1}),
    ],
)
def test_the_options_of_a_changed_part(cfg, words, values):
    if "torchjd" in words:
        pytest.importorskip("torchjd")
    config = read([str(cfg(CFG)), "--loss", *words.split()], losses.methods())
    options = config.method_options()
    assert options.items() >= values.items()
    assert options.keys() == losses.options_of(config.loss, options).keys()
    assert same_again(config, cfg)


def test_a_loss_is_built_with_the_options_of_its_changed_part(cfg):
    words = ["--loss", "weighted-sum", "--weighting", "achievement", "--margin", "0.3"]
    config = read([str(cfg(CFG)), *words], losses.methods())
    objective = losses.build(config.loss, ["a", "b"], POTENTIAL, config.method_options())
    assert objective.weighting.margin == 0.3


@pytest.mark.parametrize("loss", losses.PRESETS)
def test_the_text_of_every_loss_can_be_read(cfg, loss):
    text = f"{CFG}loss = {loss}\n[loss.{loss}]\nweighting = dwa\ntemperature = 3\n"
    config = read([str(cfg(text))], losses.methods())
    assert config.method_options()["temperature"] == 3
    assert same_again(config, cfg)


def test_a_single_task_network_has_the_loss_of_its_task_alone(make_config, dense):
    words = ["--loss", "weighted-sum", "--weighting", "achievement", "--margin", "0.3"]
    config = make_config(dense, *words)
    single = baseline_config(config, KINDS["depth"]())
    assert (
        single.method_options() == baseline_config(make_config(), KINDS["depth"]()).method_options()
    )
    assert single.method_options()["weighting"] == "fixed"
