import pytest

from losses.options import Option, complete, require
from utils.errors import ConfigError

OPTIONS = {
    "gamma": Option(float, 2.0, "a number"),
    "mode": Option(str, "sum", "a choice", ("sum", "none")),
}


def test_given_values_take_the_place_of_the_defaults():
    assert complete(OPTIONS, {}, "x") == {"gamma": 2.0, "mode": "sum"}
    assert complete(OPTIONS, {"mode": "none"}, "x") == {"gamma": 2.0, "mode": "none"}


@pytest.mark.parametrize(
    ("given", "match"),
    [({"gama": 1.0}, "did you mean gamma"), ({"mode": "mean"}, "sum, none")],
)
def test_a_wrong_name_or_choice_names_the_right_ones(given, match):
    with pytest.raises(ConfigError, match=match):
        complete(OPTIONS, given, "x")


def test_a_value_out_of_range_is_named_with_what_is_wanted():
    require(True, "gamma", 1.0, "at least 0")
    with pytest.raises(ConfigError, match="gamma = -1: must be at least 0"):
        require(False, "gamma", -1.0, "at least 0")
