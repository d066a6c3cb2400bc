"""What the page of a report shows of runs as they lie on the disk."""

import csv
import re

import cv2
import numpy as np
import pytest

from engine.modes.report.comparison import compare
from engine.modes.report.contents import Contents
from engine.modes.report.experiments import experiments_of
from engine.modes.report.runs import find_runs
from engine.modes.report.sections import report_page
from engine.modes.report.tables import Cell, Table
from tasks import task_class
from tests.engine.modes.report.writing import TASKS, write_run
from utils.errors import UserError

pytest.importorskip("matplotlib")


def test_the_page_of_two_losses_and_two_seeds(tmp_path):
    for loss in ("weighted-sum", "amtl"):
        for seed in (0, 1):
            _write(tmp_path / loss / f"seed{seed}", loss, seed)
    page = _page(tmp_path)
    assert "NYUD_MT, 18 training images" in page
    assert _headings(page) == [
        "Results",
        "segmentation against depth",
        "Paired differences from weighted-sum",
        "How stable the first rank is",
        "Training losses",
        "Accuracies on the validation images",
        "Achievements",
        "Weights of the tasks",
        "Where the numbers come from",
    ]
    names = re.findall(r"<title>([^<]*)</title>", page)
    assert "amtl, seed 1" in names
    assert "weighted-sum, mean of 2 seeds" in names
    assert "single-task network: segmentation mIoU % ↑ 40" in names


def test_gradients_groups_and_pictures_where_there_are_any(tmp_path):
    for loss in ("weighted-sum", "sel-update"):
        folder = _write(tmp_path / loss / "seed0", loss, 0)
        _pictures(folder)
    rows = [{"epoch": 1, "step": k, "norm/depth": 1, "cosine/segmentation|depth": -0.5}
            for k in (1, 2)]  # fmt: skip
    _table(folder.gradients, rows)
    _table(folder.affinity, [
        {"epoch": 1, "source": task, "group": k, "segmentation": 0.1, "depth": -0.2}
        for k, task in enumerate(TASKS)
    ])  # fmt: skip
    page = _page(tmp_path)
    headings = _headings(page)
    assert {"Angles of the tasks' gradients", "Groups of tasks", "Predictions"} <= set(headings)
    assert "segmentation and depth" in page
    assert "sel-update, seed 0: groups" in page
    assert 'alt="Test image 1, depth: sel-update"' in page
    assert page.count("<img") == 1 + 2 * 3  # the image; of both tasks the truth and two losses


def test_a_run_without_pictures_is_named_below_the_predictions(tmp_path):
    _pictures(_write(tmp_path / "amtl/seed0", "amtl", 0))
    _write(tmp_path / "weighted-sum/seed0", "weighted-sum", 0)
    assert "Without these pictures: weighted-sum." in _page(tmp_path)


def test_a_damaged_table_of_affinities_is_told(tmp_path):
    folder = _write(tmp_path / "sel-update/seed0", "sel-update", 0)
    _table(folder.affinity, [{"epoch": 1, "source": "depth", "group": "", "depth": 1}])
    with pytest.raises(UserError, match=r"affinity\.csv is damaged"):
        _page(tmp_path)


def test_one_run_has_no_differences_and_no_ranks(tmp_path):
    _write(tmp_path / "amtl/seed0", "amtl", 0)
    headings = _headings(_page(tmp_path))
    assert "Training losses" in headings
    assert not any("differences" in heading or "rank" in heading for heading in headings)


def test_a_single_task_run_has_neither_delta_nor_a_second_axis(tmp_path):
    for seed in (0, 1):
        _write(tmp_path / f"depth-a{seed}", "weighted-sum", seed, tasks=("depth",))
    page = _page(tmp_path)
    assert "against" not in "".join(_headings(page))
    assert "Achievements" not in _headings(page)
    assert "depth d1 % ↑" in page


def test_rows_that_lack_a_seed_are_named(tmp_path):
    for loss, seeds in (("weighted-sum", (0, 1)), ("amtl", (0, 1)), ("uw", (0,))):
        for seed in seeds:
            _write(tmp_path / loss / f"seed{seed}", loss, seed)
    assert "Not counted, as they lack a seed: uw." in _page(tmp_path)


def test_the_pareto_plot_of_chosen_tasks(tmp_path):
    for loss in ("weighted-sum", "amtl"):
        _write(tmp_path / loss / "seed0", loss, 0)
    assert "depth against segmentation" in _headings(_page(tmp_path, ("depth", "segmentation")))
    message = "--pareto depth edge: no experiment has both tasks; there are segmentation, depth"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        _page(tmp_path, ("depth", "edge"))


def test_what_is_left_out_is_told(tmp_path):
    _write(tmp_path / "amtl/seed0", "amtl", 0)
    _write(tmp_path / "amtl/seed1", "amtl", 1).results.write_text("{", "utf-8")
    page = _page(tmp_path)
    assert "<summary>What is left out: 1</summary>" in page
    assert "seed1" in page


def test_marks_and_missing_numbers_of_a_table(tmp_path):
    _write(tmp_path / "amtl/seed0", "amtl", 0)
    cells = [Cell("amtl"), Cell("61.20", 61.2, best=True), Cell("–"), Cell("0.5", 0.5, untold=True)]
    table = Table("Results", ["loss", "mIoU % ↑", "Δ % ↑", "rmse ↓"], [cells], "How it is read.")
    page = _page(tmp_path, table=table)
    assert '<th scope="row" data-sort="amtl">amtl</th>' in page
    assert '<td data-sort="61.2" class="best">61.20</td>' in page
    assert '<td data-sort="">–</td>' in page
    assert re.search(r'<td data-sort="0.5" class="\s?untold">0.5</td>', page)
    assert "<caption>How it is read.</caption>" in page


def _page(root, pareto=None, table=None):
    """The page over all runs below a folder, with one table of all the report has."""
    found = find_runs([root])
    table = table or Table("Results", ["loss"], [[Cell("amtl")]])
    contents = [
        Contents(one, compare(one), [], [table], [], [("amtl, seed 0", "python3 train_test.py")])
        for one in experiments_of(found.runs)
    ]
    return report_page(found, contents, pareto)


def _headings(page):
    return re.findall(r"<h3>([^<]*)</h3>", page.replace("&#39;", "'"))


def _write(path, loss, seed, tasks=TASKS):
    """A finished run with its records, without checkpoints."""
    better = 0.02 * seed + (0.05 if loss == "amtl" else 0)
    epochs = [_epoch(epoch, tasks, better) for epoch in (1, 2, 3)]
    potential = dict.fromkeys(tasks, 0.5) if len(tasks) > 1 else None
    return write_run(path, loss, seed, better, tasks, epochs, potential=potential)


def _epoch(epoch, tasks, better):
    row = {"epoch": epoch, "step": 4 * epoch}
    for task in tasks:
        row |= {f"loss {task}": 1 / epoch, f"weight {task}": 0.5}
        row[f"{task} {task_class(task).accuracy}"] = 0.1 * epoch + better
    return row


def _table(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _pictures(folder):
    """Pictures of one test image, the same of all runs."""
    (folder.pictures / "0").mkdir(parents=True)
    names = [f"{task}_{kind}" for task in TASKS for kind in ("truth", "prediction")]
    for name in ("image", *names):
        cv2.imwrite(str(folder.pictures / "0" / f"{name}.png"), np.zeros((24, 32, 3), np.uint8))
