import subprocess
import sys

import pytest

import losses
from losses.weighting import WEIGHTINGS
from utils.errors import ConfigError

POTENTIAL = {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_builds_by_its_name_with_its_defaults(name):
    choice = losses.LOSSES.choose(name)
    stated = {option: choice.value(option) for option in choice.part.options}
    built = losses.build(name, ["a", "b"], POTENTIAL)
    given = choice.part(**stated).objective(["a", "b"], POTENTIAL)
    assert built.weights == given.weights
    assert set(built.weights) == {"a", "b"}


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_says_what_it_does_who_proposed_it_and_what_a_step_costs(name):
    entry = losses.LOSSES[name]
    assert entry.help
    assert "\n" not in entry.help
    assert entry.paper
    assert "forward" in losses.LOSSES.choose(name).build().cost


def test_a_part_of_a_preset_can_be_changed_and_brings_its_options():
    with pytest.raises(ConfigError, match="geometric has no option 'margin'"):
        losses.build("geometric", ["a", "b"], POTENTIAL, {"margin": 0.1})
    changed = {"weighting": "achievement", "margin": 0.1}
    objective = losses.build("geometric", ["a", "b"], POTENTIAL, changed)
    assert objective.weighting.margin == 0.1


def test_weights_by_achievement_need_a_potential():
    with pytest.raises(ConfigError, match="no potential is given for a"):
        losses.build("amtl", ["a", "b"])


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("amtll", {}, "did you mean amtl"),
        ("amtl", {"nonsense": 1}, "nonsense"),
        ("weighted-sum", {"focusing_factor": 1.0}, "focusing_factor"),
        ("amtl", {"normalize": "max"}, "did you mean softmax"),
        ("amtl", {"focusing_factor": -1.0}, "at least 0"),
        ("amtl", {"smoothing": 0.0}, "above 0 and at most 1"),
        ("cagrad", {"c": -0.5}, "at least 0"),
        ("grad-norm", {"weight_lr": 0.0}, "above 0"),
        ("sel-update", {"affinity_decay": 2.0}, "above 0 and at most 1"),
        ("kd-amtl", {"distance_weight": -1.0}, "at least 0"),
        ("amtl", {"distance_weight": 1.0}, "distance_weight"),
        ("kd-mtl", {"distance_weight": 0.0}, "nothing to say"),
        ("weighted-sum", {"gradient_at": "features"}, "no gradient rule"),
        ("graddrop", {"gradient_at": "last_layer"}, "take features"),
        ("graddrop", {"gradient_at": "parameters"}, "take features"),
        ("graddrop", {"leak": (0.1, 0.2, 0.3)}, "3 numbers for 2 tasks"),
        ("graddrop", {"leak": (1.5,)}, "at most 1"),
        ("sel-update", {"weighting": "famo"}, "groups"),
        ("amtl", {"mean": "geometrik"}, "did you mean geometric"),
        ("amtl", {"weighting": "achievment"}, "did you mean achievement"),
    ],
)
def test_a_wrong_name_is_one_line_that_names_the_right_ones(name, options, match):
    with pytest.raises(ConfigError, match=match) as error:
        losses.build(name, ["a", "b"], POTENTIAL, options)
    assert "\n" not in str(error.value)


def test_a_geometric_mean_is_refused_where_it_has_no_meaning():
    for name, weighting in WEIGHTINGS.items():
        if weighting.no_geometric:
            with pytest.raises(ConfigError, match="geometric"):
                losses.build("weighted-sum", ["a"], {}, {"weighting": name, "mean": "geometric"})


def test_an_upper_bound_takes_its_rule_at_the_features_unless_told_otherwise():
    def place(loss, **options):
        return losses.build(loss, ["a"], options=options).aggregation.place

    assert place("mgda-ub") == "features"
    assert place("mgda") == "parameters"
    assert place("imtl-g") == "last_layer"
    assert place("mgda", gradient="imtl-g") == "last_layer"
    assert place("mgda-ub", gradient_at="parameters") == "parameters"
    assert losses.build("mgda-ub", ["a"], options={"gradient": "none"}).aggregation is None


def test_the_losses_need_no_package_that_takes_long_to_import():
    slow = ["torchvision", "scipy.optimize", "sklearn", "torchjd"]
    code = f"import losses, sys; print([m for m in sys.modules if m in {slow}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
