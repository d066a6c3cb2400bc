"""The figures of a report: what is drawn, in the colours of the page, with text as text."""

import math
import re
import sys
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from engine.modes.report.figures.bars import Interval, draw_differences, draw_shares
from engine.modes.report.figures.curves import Curve, draw_curves
from engine.modes.report.figures.gradients import draw_gradients
from engine.modes.report.figures.pareto import Axis, draw_pareto, front_of
from engine.modes.report.figures.predictions import choose_losses, compare_predictions
from engine.modes.report.figures.styles import assign_styles
from engine.modes.report.figures.task_groups import Affinities, draw_affinities, draw_groups
from utils.errors import UserError

pytest.importorskip("matplotlib")

FEW = ["amtl", "weighted-sum"]
MANY = [f"loss{k}" for k in range(60)]


def test_a_line_a_seed_and_one_for_the_mean_all_named():
    curves = [Curve("amtl", seed, [1, 2, 3], [3 + seed, 2, 1]) for seed in (0, 1)]
    panel = draw_curves("depth", curves, assign_styles(FEW, "weighted-sum"))
    assert _names(panel) == ["amtl, seed 0", "amtl, seed 1", "amtl, mean of 2 seeds"]
    assert "amtl 1" in panel.alt


def test_the_mean_is_drawn_where_every_seed_has_a_value():
    short, long = Curve("amtl", 0, [1, 2], [1, 1]), Curve("amtl", 1, [1, 2, 3], [3, 3, 9])
    panel = draw_curves("depth", [short, long], assign_styles(FEW, None))
    *_, mean = _paths(panel, "named")
    assert mean.count("L") == 1  # from epoch 1 to epoch 2
    assert len({y for _, y in re.findall(r"([\d.]+) ([\d.]+)", mean)}) == 1  # level, at 2


def test_what_was_not_measured_is_no_point_and_nothing_at_all_no_panel():
    gap = Curve("amtl", 0, [1, 2, 3], [1, math.nan, 3])
    [line] = _paths(draw_curves("depth", [gap], assign_styles(FEW, None)), "named")
    assert line.count("L") == 1
    nothing = Curve("amtl", 0, [1, 2], [math.nan, math.nan])
    assert draw_curves("depth", [nothing], assign_styles(FEW, None)) is None


def test_a_run_of_one_epoch_is_a_point():
    panel = draw_curves("depth", [Curve("amtl", 0, [1], [2.0])], assign_styles(FEW, None))
    assert "<use" in panel.svg


def test_a_logarithmic_axis_where_values_differ_much():
    wide, narrow = [1e-3, 1e-2, 1.0], [0.5, 0.7, 1.0]
    labels = [
        _texts(draw_curves("w", [Curve("amtl", 0, [1, 2, 3], values)], assign_styles(FEW, None)))
        for values in (wide, narrow)
    ]
    assert {"0.001", "0.01", "0.1", "1"} <= set(labels[0])
    assert "0.001" not in labels[1]


def test_a_long_training_makes_no_larger_picture():
    steps = range(20_000)
    noise = np.random.default_rng(0).random(20_000).tolist()
    panel = draw_curves("norm", [Curve("amtl", 0, steps, noise)], assign_styles(FEW, None), "step")
    assert len(panel.svg) < 10_000


def test_of_sixty_losses_five_and_the_reference_are_coloured_and_the_others_grey():
    styles = assign_styles(MANY, "loss40")
    coloured = [loss for loss in MANY if styles[loss].coloured]
    assert coloured == ["loss0", "loss1", "loss2", "loss3", "loss4", "loss40"]
    assert len({styles[loss].colour for loss in coloured}) == 6
    assert styles["loss5"] == styles["loss59"]


def test_few_losses_differ_in_line_and_mark_too():
    styles = [*assign_styles(MANY[:6], "loss0").values()]
    assert len({style.dashes for style in styles[1:]}) == 5
    assert len({style.marker for style in styles[1:]}) == 5


def test_figures_follow_the_theme_and_keep_their_text():
    curves = [Curve("amtl", 0, [1, 2], [1.0, 2.0])]
    panel = draw_curves("depth", curves, assign_styles(FEW, None))
    assert "var(--loss-1)" in panel.svg
    assert "currentColor" in panel.svg
    assert not re.search(r"#[0-9a-f]{6}\b|<style|<image|xmlns", panel.svg)
    assert "epoch" in _texts(panel)
    ElementTree.fromstring(panel.svg.replace("xlink:", ""))


def test_a_name_is_escaped():
    panel = draw_shares("first", {'<b> & "c"': 1.0}, assign_styles(['<b> & "c"'], None), "%")
    assert "<b>" not in panel.svg
    ElementTree.fromstring(panel.svg.replace("xlink:", ""))


def test_the_pareto_plot_names_losses_front_and_baselines():
    x, y = Axis("depth d1 %", 1, 60.0), Axis("normal mean", -1)
    points = {"amtl": [(58, 20), (60, 22)], "weighted-sum": [(59, 25)], "none": []}
    styles = assign_styles([*FEW, "none"], "weighted-sum")
    panel = draw_pareto(x, y, points, styles, fixed=[(50, 19), (57, 20)])
    names = " ".join(_names(panel))
    assert "amtl: 59, 21" in names
    assert "weighted-sum: 59, 25" in names
    assert "single-task network: depth d1 % 60" in names
    assert "front of fixed weights" in names
    assert draw_pareto(x, y, {"amtl": []}, styles) is None


def test_the_front_is_what_no_other_point_beats():
    points = [(1, 5), (2, 4), (2, 3), (3, 4), (3, 4)]
    assert front_of(points, 1, 1) == [(1, 5), (3, 4), (3, 4)]
    assert front_of(points, -1, 1) == [(1, 5)]
    assert front_of(points, 1, -1) == [(2, 3), (3, 4), (3, 4)]


def test_better_is_above_and_to_the_right_also_where_lower_is_better():
    axis = Axis("rmse", -1)
    panel = draw_pareto(
        axis, axis, {"amtl": [(1, 1)], "worse": [(2, 2)]}, assign_styles([*FEW, "worse"], None)
    )
    places = {}
    for named in re.findall(r'<g class="named">.*?</g>', panel.svg):
        name = re.search(r"<title>(\w+)", named)[1]
        places[name] = [float(re.search(rf' {c}="([\d.]+)"', named)[1]) for c in "xy"]
    assert places["amtl"][0] > places["worse"][0]
    assert places["amtl"][1] < places["worse"][1]  # from the top


def test_differences_tell_value_and_interval():
    intervals = [Interval("amtl", 2.0, 0.5, 3.5, [1.0, 3.0]), Interval("weighted-sum", -1.0)]
    panel = draw_differences("Δ", intervals, assign_styles(FEW, None), "points", floor=1.2)
    assert _names(panel) == ["amtl +2.00 (+0.50 to +3.50)", "weighted-sum -1.00"]
    assert "var(--shade)" in panel.svg
    without = draw_differences("Δ", intervals, assign_styles(FEW, None), "points")
    assert "var(--shade)" not in without.svg


def test_long_names_are_cut_in_ticks_and_whole_in_descriptions():
    long = "kd-amtl, missing = teacher, optimizer adamw, lr 1e-3"
    panel = draw_shares("first", {long: 0.5}, assign_styles([long], None), "%")
    assert long not in _texts(panel)
    assert long in panel.alt


def test_gradients_have_a_panel_a_pair_and_one_a_task():
    columns = {"epoch": [1, 2], "norm/depth": [1, 2], "norm/normal": [3, 4], "norm_of_sum": [4, 5],
               "cosine/depth|normal": [0.5, -0.5], "condition": [1, 2]}  # fmt: skip
    cosines, norms = draw_gradients([("amtl", 0, columns)], assign_styles(FEW, None))
    assert [panel.title for panel in cosines] == ["depth and normal"]
    assert [panel.title for panel in norms] == ["depth", "normal", "sum of all tasks"]


def test_groups_of_tasks_over_the_epochs():
    affinities = Affinities(
        "sel-update, seed 0", [1, 2, 3], {"depth": [0, 0, 1], "normal": [0, 0, 0]},
        {"depth": {"depth": 0.02, "normal": -0.01}, "normal": {"depth": math.nan, "normal": 0.01}},
    )  # fmt: skip
    names = _names(draw_groups(affinities))
    assert "depth: group A, epochs 1 to 2" in names
    assert "depth: group B, epochs 3 to 3" in names
    assert "normal: group A, epochs 1 to 3" in names
    matrix = draw_affinities(affinities)
    assert {"2.00", "-1.00", "1.00"} <= set(_texts(matrix))
    assert "1e-2" in matrix.title


def test_predictions_side_by_side_small_and_without_files(tmp_path):
    for loss in FEW:
        _pictures(tmp_path / loss, seed=0)
    folders = {loss: tmp_path / loss for loss in FEW}
    [comparison] = compare_predictions(folders, {"depth": "depth"})
    assert [name for name, _ in comparison.rows] == ["truth", *FEW]
    assert comparison.image.uri.startswith("data:image/")
    assert comparison.image.width < 320
    assert comparison.rows[1][1][0].alt == "Test image 1, depth: amtl"


def test_a_missing_prediction_is_empty_and_other_images_are_left_out(tmp_path):
    for loss, seed in (("amtl", 0), ("weighted-sum", 0), ("other-images", 1)):
        _pictures(tmp_path / loss, seed)
    (tmp_path / "amtl/0/depth_prediction.png").unlink()
    (tmp_path / "weighted-sum/0/depth_prediction.png").write_bytes(b"damaged")
    folders = {loss: tmp_path / loss for loss in [*FEW, "other-images", "without"]}
    [comparison] = compare_predictions(folders, {"depth": "depth"})
    assert comparison.rows[1:] == [("amtl", [None]), ("weighted-sum", [None])]


def test_predictions_of_the_best_the_reference_and_the_worst():
    assert choose_losses(FEW, "amtl") == FEW
    chosen = choose_losses(MANY, "loss40")
    assert chosen == [*MANY[:6], "loss40", "loss59"]
    assert len(choose_losses(MANY, "loss2")) <= 8
    assert len(choose_losses(MANY, None)) == 8


def test_without_matplotlib_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"^a report needs matplotlib: pip install matplotlib$"):
        draw_curves("depth", [Curve("amtl", 0, [1], [1.0])], assign_styles(FEW, None))


def _pictures(folder, seed):
    """The pictures of one test image."""
    (folder / "0").mkdir(parents=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), np.uint8)
    for name in ("image", "depth_truth", "depth_prediction"):
        cv2.imwrite(str(folder / "0" / f"{name}.png"), pixels)


def _names(panel):
    return re.findall(r"<title>([^<]*)</title>", panel.svg)


def _texts(panel):
    return re.findall(r"<text[^>]*>([^<]*)</text>", panel.svg)


def _paths(panel, group):
    return re.findall(rf'<g class="{group}"><title>[^<]*</title><path d="([^"]*)"', panel.svg)
