"""Which runs a report finds."""

import math
import shutil

import pytest

from engine.modes.report.runs import find_runs
from tests.engine.modes.report.writing import write_rows, write_run
from utils.errors import UserError


def names(found):
    return [f"{run.results.loss} {run.seed}" for run in found.runs]


def test_runs_are_found_at_any_depth_and_once(tmp_path):
    write_rows(tmp_path / "a/runs/cfg", {"amtl": 0, "uw": 0}, (0, 1))
    shutil.copytree(tmp_path / "a/runs/cfg/uw", tmp_path / "b/uw")
    found = find_runs([tmp_path / "a", tmp_path / "a/runs", tmp_path / "a/runs/cfg/amtl/seed0"])
    assert names(found) == ["amtl 0", "amtl 1", "uw 0", "uw 1"]
    assert not found.notes
    assert len(find_runs([tmp_path]).runs) == 6, "a copy is another folder"


def test_what_is_left_out_is_named(tmp_path):
    write_rows(tmp_path, {"amtl": 0}, (0, 1, 2))
    (tmp_path / "amtl/seed1/results.json").unlink()
    (tmp_path / "amtl/seed2/results.json").write_text("{}")
    (tmp_path / "constants").mkdir()
    found = find_runs([tmp_path, tmp_path / "constants"])
    assert names(found) == ["amtl 0"]
    assert found.notes == [
        f"{tmp_path}/amtl/seed1 is left out: it is no finished run",
        f"{tmp_path}/amtl/seed2/results.json is left out: it is damaged, or of another version",
        f"{tmp_path}/constants holds no finished run",
    ]


def test_pruned_trials_are_not_unfinished_and_restarts_are_no_runs(tmp_path):
    write_run(tmp_path / "amtl/seed0")
    write_run(tmp_path / "amtl/seed0/restarts/1")
    write_run(tmp_path / "amtl/seed0-search-amtl-3").results.unlink()
    found = find_runs([tmp_path])
    assert names(found) == ["amtl 0"]
    assert not found.notes


def test_records_are_numbers_and_a_gap_is_nan(tmp_path):
    write_run(tmp_path / "r", epochs=[{"epoch": 1, "depth d1": ""}, {"epoch": 2, "depth d1": 0.5}])
    [run] = find_runs([tmp_path]).runs
    assert run.epochs["epoch"] == [1, 2]
    assert math.isnan(run.epochs["depth d1"][0])
    assert run.gradients == {}


def test_a_mistake_is_told_in_a_line(tmp_path):
    write_run(tmp_path / "runs/amtl/seed0").results.unlink()
    (tmp_path / "a.cfg").touch()
    with pytest.raises(UserError, match=f"no folder {tmp_path}/rnus; did you mean {tmp_path}/runs"):
        find_runs([tmp_path / "rnus"])
    with pytest.raises(UserError, match=r"a\.cfg is a file: --mode report wants folders of runs"):
        find_runs([tmp_path / "a.cfg"])
    with pytest.raises(UserError, match="there is no finished run in it; 1 have begun"):
        find_runs([tmp_path / "runs"])
