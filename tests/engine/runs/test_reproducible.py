"""What the results of a run depend on, and what not."""

import json

from tests.running import run

SAME = ("metrics", "per_class", "best_epoch", "constant")


def same(results):
    return {key: results[key] for key in SAME}


def single(dense):
    return dense.replace("seg depth normal", "depth").replace("max_epoch = 2", "max_epoch = 4")


def test_results_are_the_same_to_the_last_digit_with_any_number_of_workers(
    make_config, partial, tmp_path
):
    text = partial.replace("seg det depth", "seg det") + "[baselines]\npotential = 0.5 0.5\n"
    runs = [
        run(make_config(text, "--runs", str(tmp_path / workers), "--num_workers", workers))
        for workers in ("0", "2")
    ]
    assert json.dumps(same(runs[0])) == json.dumps(same(runs[1]))


def test_seeds_differ(make_config, dense):
    runs = [
        run(make_config(single(dense), "--max_epoch", "1", "--seed", seed)) for seed in ("0", "1")
    ]
    assert runs[0]["metrics"] != runs[1]["metrics"]
