"""Whole runs on batches in parts."""

from tests.running import run


def test_a_run_in_parts_says_so(make_config, partial):
    options = ("--loss", "imtl", "--potential", "0.5", "0.5", "0.5", "--max_epoch", "2")
    options += ("--micro_batches", "2", "--recompute", "true", "--backbone", "mobilenet_v2")
    config = make_config(partial, *options)
    results = run(config)
    assert results["micro_batches"] == 2
    assert all(
        value is not None for metrics in results["metrics"].values() for value in metrics.values()
    )
