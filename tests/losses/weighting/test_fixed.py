import pytest

import losses
from utils.errors import ConfigError


def test_weights_default_to_equal_ones_and_are_otherwise_as_given():
    assert losses.build("weighted-sum", ["a", "b"]).weights == {"a": 0.5, "b": 0.5}
    given = losses.build("weighted-sum", ["a", "b"], options={"loss_weight": [3.0, 1.0]})
    assert given.weights == {"a": 3.0, "b": 1.0}


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_a_wrong_number_of_weights_or_a_negative_one_is_the_users_mistake(weights):
    with pytest.raises(ConfigError, match="loss_weight"):
        losses.build("weighted-sum", ["a", "b"], options={"loss_weight": weights})
