import pytest

import losses
from losses.weighting import WEIGHTINGS
from utils.errors import ConfigError

POTENTIAL = {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("name", losses.PRESETS)
def test_every_loss_builds_by_its_name_with_its_defaults(name):
    defaults = {key: option.default for key, option in losses.methods()[name].items()}
    built = losses.build(name, ["a", "b"], POTENTIAL)
    given = losses.build(name, ["a", "b"], POTENTIAL, defaults)
    assert built.weights == given.weights
    assert set(built.weights) == {"a", "b"}


@pytest.mark.parametrize("name", losses.PRESETS)
def test_every_option_has_a_type_a_default_of_it_and_a_line_of_help(name):
    for option in losses.methods()[name].values():
        kind = list if option.type == list[float] else option.type
        assert kind in (int, float, bool, str, list)
        assert isinstance(option.default, kind)
        assert option.help
        assert "\n" not in option.help
        assert option.choices is None or option.default in option.choices


def test_a_part_of_a_preset_can_be_changed_and_brings_its_options():
    assert "focusing_factor" not in losses.options_of("geometric")
    assert "focusing_factor" in losses.options_of("geometric", {"weighting": "achievement"})
    changed = {"weighting": "achievement", "focusing_factor": 3.0}
    objective = losses.build("geometric", ["a", "b"], POTENTIAL, changed)
    assert objective.needs_potential


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("amtll", {}, "did you mean amtl"),
        ("amtl", {"nonsense": 1}, "nonsense"),
        ("weighted-sum", {"focusing_factor": 1.0}, "focusing_factor"),
        ("amtl", {"normalize": "max"}, "softmax, sum, none"),
        ("amtl", {"focusing_factor": -1.0}, "at least 0"),
        ("amtl", {"smoothing": 0.0}, "above 0 and at most 1"),
        ("cagrad", {"c": -0.5}, "at least 0"),
        ("grad-norm", {"weight_lr": 0.0}, "above 0"),
        ("sel-update", {"affinity_decay": 2.0}, "above 0 and at most 1"),
        ("kd-amtl", {"distance_weight": -1.0}, "at least 0"),
        ("amtl", {"distance_weight": 1.0}, "distance_weight"),
        ("weighted-sum", {"gradient_at": "features"}, "no gradient rule"),
        ("graddrop", {"gradient_at": "last_layer"}, "take parameters or features"),
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


def test_a_rule_of_one_s_own_choice_takes_its_own_place():
    def place(**options):
        return losses.build("mgda-ub", ["a"], options=options).surgery.place

    assert place() == "features"
    assert place(gradient="pcgrad", gradient_at="features") == "parameters"
    assert place(gradient="imtl-g") == "last_layer"
    assert losses.build("mgda-ub", ["a"], options={"gradient": "none"}).surgery is None


def test_a_cfg_that_states_all_options_of_a_preset_may_change_its_parts():
    stated = {key: option.default for key, option in losses.methods()["amtl"].items()}
    objective = losses.build("amtl", ["a", "b"], options={**stated, "weighting": "fixed"})
    assert not objective.needs_potential


def test_only_the_distilled_losses_need_teachers():
    needing = {n for n in losses.PRESETS if losses.build(n, ["a", "b"], POTENTIAL).needs_teachers}
    assert needing == {"kd-mtl", "kd-amtl"}
    for name in needing:
        assert losses.PRESETS[name].cost.endswith("1 forward of each of T single-task networks")
    weighted = losses.build("kd-mtl", ["a", "b"], options={"distance_weight": 0.5})
    assert weighted.distance_weight == 0.5
