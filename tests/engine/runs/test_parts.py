"""Whole runs on batches in parts."""

import pytest

from tests.running import run
from utils.errors import ConfigError


def test_a_run_in_parts_says_so(make_config, partial):
    options = ("--loss", "imtl", "--potential", "0.5", "0.5", "0.5", "--max_epoch", "2")
    config = make_config(partial, *options, "--micro_batches", "2", "--recompute", "true")
    results = run(config)
    assert results["micro_batches"] == 2
    assert all(
        value is not None for metrics in results["metrics"].values() for value in metrics.values()
    )


def test_parts_of_one_image_are_refused_where_they_cannot_train(make_config, dense):
    """The maps of DeepLab shrink to a pixel in its ASPP."""
    config = make_config(dense, "--size", "32", "32", "--micro_batches", "3")
    with pytest.raises(ConfigError, match=r"--micro_batches: .* parts of one image \(4 in 3\)"):
        run(config)
