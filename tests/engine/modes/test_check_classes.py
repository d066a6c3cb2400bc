"""`--mode check` on datasets that label different classes."""

import contextlib
import io
import json

import pytest

import train_test
from engine.modes.check.classes import near_names
from tests.blocks import CFG


@pytest.fixture
def check(blocks_root, tmp_path):
    """What a check prints under some options."""

    def check(*options, cfg=CFG):
        path = tmp_path / "blocks.cfg"
        path.write_text(cfg.format(root=blocks_root))
        argv = [str(path), "--mode", "check", "--runs", str(tmp_path / "runs"), *options]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert train_test.main(argv) == 0
        return printed.getvalue()

    return check


def test_it_says_which_dataset_labels_which_class(check):
    table = json.loads(check("--json"))["classes"]
    assert table == {
        "segmentation": {
            "cars": {"background": "labelled", "car": "labelled", "person": "not labelled"},
            "persons": {"background": "labelled", "car": "not labelled", "person": "labelled"},
        },
        "detection": {
            "cars": {"car": "labelled", "person": "not labelled"},
            "persons": {"car": "not labelled", "person": "labelled"},
        },
    }
    lines = check().splitlines()
    start = lines.index(
        "classes of detection (+ labelled, 0 labelled and never seen, - not labelled):"
    )
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["cars", "persons"],
        ["car", "+", "-"],
        ["person", "-", "+"],
    ]


def test_a_coarse_class_and_aliases_show(check):
    table = json.loads(check("--json", "--coarse_classes", "car:person"))["classes"]
    assert table["detection"] == {
        "cars": {"person": "car", "car": "labelled"},
        "persons": {"person": "labelled", "car": "not labelled"},
    }
    lines = check("--coarse_classes", "car:person").splitlines()
    assert "  person  as car  +" in lines
    assert "classes of detection" not in check("--aliases", "person:car")


def test_a_class_that_is_labelled_and_never_seen(check):
    """The masks of cars, of which one list has a class more."""
    table = json.loads(check("--json", cfg=CFG.replace("background car", "background car bus")))
    assert table["classes"]["segmentation"]["cars"]["bus"] == "never seen"
    assert table["classes"]["segmentation"]["persons"]["bus"] == "not labelled"


@pytest.mark.parametrize(
    ("first", "second", "near"),
    [
        ("tvmonitor", "tv", True),
        ("diningtable", "dining table", True),
        ("Sofa", "sofa", True),
        ("diningtable", "table", True),
        ("book", "books", True),
        ("aeroplane", "airplane", True),
        ("car", "cart", False),
        ("door", "floor", False),
        ("cow", "crow", False),
        ("bus", "car", False),
    ],
)
def test_names_that_may_mean_the_same_are_noted(first, second, near):
    def table(of_first, of_second):
        datasets = {
            "A": {first: "labelled", second: of_second},
            "B": {first: of_first, second: "never seen"},
        }
        return {"detection": datasets}

    notes = near_names(table("not labelled", "not labelled"))
    assert len(notes) == near
    if near:
        assert f"'{first}' (A) and '{second}' (B)" in notes[0]
        alias = f'"{second}:{first}"' if " " in second else f"{second}:{first}"
        assert notes[0].endswith(f"aliases = {alias}")
    assert near_names(table("labelled", "not labelled")) == [], "B tells them apart"
