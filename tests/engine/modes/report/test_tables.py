"""The tables of a report, and the files that they are written to."""

import csv
import io

import pytest

from engine.modes.report.contents import contents_of
from engine.modes.report.experiments import experiments_of
from engine.modes.report.runs import find_runs
from engine.modes.report.tables import Cell, Chapter, Table, as_csv, latex, markdown
from tests.engine.modes.report.writing import write_rows, write_run

TABLE = Table(
    "Results",
    ["", "depth d1 % ↑"],
    [
        [Cell("amtl_x"), Cell("61.20 ± 1.00", 61.2, 60.2, 62.2, best=True)],
        [Cell("uw"), Cell("60.00", 60.0, untold=True)],
    ],
    "How it is read.",
)


def test_markdown_has_warnings_first_and_marks():
    text = markdown([Chapter("a_b", ["Beware of *this*."], [TABLE])])
    assert text.splitlines() == [
        r"# a\_b", "", r"- Beware of \*this\*.", "", "## Results", "", "How it is read.", "",
        "|  | depth d1 % ↑ |", "| --- | ---: |", r"| amtl\_x | **61.20 ± 1.00** |",
        "| uw | *60.00* |",
    ]  # fmt: skip


def test_latex_has_the_same_marks():
    text = latex([Chapter("a_b", [], [TABLE], [TABLE])])
    assert r"amtl\_x & \textbf{61.20 $\pm$ 1.00} \\" in text
    assert r"uw & \textit{60.00} \\" in text
    assert text.startswith("% a_b: Results\n\\begin{tabular}{lr}")
    assert text.count("tabular}") == 2, "where numbers come from is no table of a paper"


def test_csv_has_a_line_a_cell_with_its_interval():
    rows = list(csv.DictReader(io.StringIO(as_csv([Chapter("a", [], [TABLE], [TABLE])]))))
    assert rows[0] == {
        "experiment": "a", "table": "Results", "row": "amtl_x", "column": "depth d1 % ↑",
        "value": "61.2", "low": "60.2", "high": "62.2", "text": "61.20 ± 1.00",
    }  # fmt: skip
    assert rows[1]["low"] == ""
    assert len(rows) == 4


@pytest.fixture
def contents(tmp_path):
    """Two losses and two seeds, one of which has taken twice the time."""
    write_rows(tmp_path, {"weighted-sum": 0}, (0, 1), peak_memory=3 * 10**9)
    write_rows(tmp_path, {"amtl": 0.1}, (0, 1), seconds_per_epoch=4.0)
    [experiment] = experiments_of(find_runs([tmp_path]).runs)
    return contents_of(experiment)


def cell(contents, table, row, column):
    [found] = [t for t in (*contents.tables, *contents.provenance) if t.title == table]
    [cells] = [cells for cells in found.rows if cells[0].text == row]
    return cells[found.columns.index(column)]


def test_means_with_intervals_and_the_best_marked(contents):
    amtl = cell(contents, "Results", "amtl", "depth d1 % ↑")
    assert (amtl.text, amtl.best) == ("90.50 ± 6.35", True)
    assert (amtl.low, amtl.high) == pytest.approx((90.5 - 6.353, 90.5 + 6.353), abs=1e-3)
    assert cell(contents, "Results", "single-task", "depth d1 % ↑").text == "80.00 ± 0.00"
    assert cell(contents, "Results", "single-task", "Δ_MTL % ↑").text == "–"
    assert cell(contents, "Other metrics", "amtl", "depth rmse ↓").text == "0.605 ± 0.064"


def test_differences_have_signs_and_the_noise_a_row(contents):
    table = "Differences from weighted-sum"
    assert cell(contents, table, "amtl", "depth d1 % ↑").text == "+10.00 ± 0.00"
    assert cell(contents, table, "amtl", "seeds").value == 2
    assert cell(contents, table, "noise", "depth d1 % ↑").value == pytest.approx(0, abs=1e-9)


def test_delta_by_every_definition(contents):
    table = "Δ by every definition"
    key = cell(contents, table, "amtl", "Δ_MTL key % ↑").value
    assert key == cell(contents, "Results", "amtl", "Δ_MTL % ↑").value
    assert cell(contents, table, "amtl", "Δ depth paper % ↑").value == pytest.approx(-21)
    assert cell(contents, table, "amtl", "Δ_MTL flat % ↑").text == "–", "not all was measured"


def test_ranks_over_the_seeds(contents):
    assert cell(contents, "Ranks", "amtl", "mean rank").text == "1.0"
    assert cell(contents, "Ranks", "weighted-sum", "first %").value == 0


def test_costs_over_those_of_weighted_sum(contents):
    assert cell(contents, "Costs", "amtl", "× weighted-sum").text == "2.00"
    assert cell(contents, "Costs", "weighted-sum", "memory GB").text == "3.00"
    assert cell(contents, "Costs", "amtl", "memory GB").text == "–"


def test_times_of_other_machines_are_not_compared(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", "weighted-sum", threads=8)
    [experiment] = experiments_of(find_runs([tmp_path]).runs)
    contents = contents_of(experiment)
    assert cell(contents, "Costs", "amtl", "× weighted-sum").text == "–"
    assert cell(contents, "Costs", "weighted-sum", "× weighted-sum").text == "1.00"
    assert "memory GB" not in contents.tables[-1].columns


def test_one_run_has_no_differences_and_no_ranks(tmp_path):
    write_run(tmp_path / "a")
    [experiment] = experiments_of(find_runs([tmp_path]).runs)
    titles = [table.title for table in contents_of(experiment).tables]
    assert titles == ["Results", "Δ by every definition", "Other metrics", "Costs"]


def test_where_the_numbers_come_from(tmp_path):
    write_run(tmp_path / "a", initial_checkpoint={"sha256": "ab" * 32}, selection_images=40)
    images = {"NYUD_MT": {"images": 18, "ids": "c0ffee"}}
    write_run(
        tmp_path / "b", "weighted-sum", tasks=("depth",), baseline_key="0123",
        identity={"train": images, "validation": images, "test": images},
    )  # fmt: skip
    [experiment] = experiments_of(find_runs([tmp_path]).runs)
    contents = contents_of(experiment)
    chosen = "Which network was tested"
    assert cell(contents, chosen, "amtl, seed 0", "network of").text == "epoch 2 of 3"
    assert cell(contents, chosen, "amtl, seed 0", "images").value == 40
    files = "Files that runs began with"
    assert cell(contents, files, "amtl, seed 0", "SHA-256 of the initial weights").text == "ab" * 8
    single = "single-task depth, seed 0"
    assert cell(contents, "Lists of images", single, "test").text == "NYUD_MT 18 c0ffee"
    folder = cell(contents, "Versions and devices", single, "folder").text
    assert folder == str(tmp_path / "b")
    assert contents.commands == [
        ("amtl, seed 0", f"python3 train_test.py {tmp_path}/a/config.cfg --run again")
    ]
