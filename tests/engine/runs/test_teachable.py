"""Losses whose teachers compare features, on networks whose maps cannot be compared."""

import pytest

from engine.runs.baselines import single_tasks
from engine.runs.network import declared_tasks
from utils.errors import ConfigError


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        (
            "cross_stitch",
            r"segmentation, has 3 and cross_stitch \S+ has 9; take an arch",
        ),
        ("PLE", "compares shared features map by map"),
    ],
)
def test_maps_that_grow_with_the_tasks_are_refused_before_any_training(
    make_config, arch, message, dense
):
    config = make_config(dense, "--loss", "kd-mtl", "--arch", arch, "--decoder", "plain")
    with pytest.raises(ConfigError, match=message):
        single_tasks(config, declared_tasks(config))
