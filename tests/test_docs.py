"""What the pages promise."""

import json
import re
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np

from engine.config import read
from engine.modes.listing import listing
from engine.runs.experiment import run_experiment
from engine.runs.results import Results
from losses import LOSSES

ROOT = Path(__file__).resolve().parents[1]
BOX = """<annotation><object><name>{}</name><bndbox><xmin>9</xmin><ymin>9</ymin>
<xmax>30</xmax><ymax>36</ymax></bndbox></object></annotation>"""


def rows(page: str) -> set[str]:
    """The names in the first column of all tables of a page."""
    cells = re.findall(r"^\| (`[^|]+) \|", (ROOT / page).read_text(), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_loss_is_in_the_tables():
    assert set(LOSSES) <= rows("docs/losses.md")
    assert set(LOSSES) <= rows("README.md")


def test_every_cfg_that_a_page_names_is_there():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for cfg in re.findall(r"\bcfg/[\w+.-]+/[\w+/.-]+\.cfg", page.read_text()):
            assert (ROOT / cfg).is_file(), f"{page.name}: {cfg}"


def test_every_command_of_the_papers_can_be_read():
    page = (ROOT / "docs/papers.md").read_text()
    cfgs = set(re.findall(r"train_test.py (cfg/\S+\.cfg)", page))
    assert len(cfgs) == 9
    for cfg in cfgs:
        assert read([str(ROOT / cfg)]).comparison.delta_metrics in ("key", "paper", "flat")
    lines = re.findall(r"^(?:\| `|LOSS is).*", page, re.MULTILINE)
    losses = {name for line in lines for name in re.findall(r"`([a-z-]+)`", line)}
    assert "amtl" in losses
    assert "sel-update" in losses
    assert losses <= set(LOSSES)


def test_the_table_of_the_losses_is_what_the_list_says():
    text = (ROOT / "docs/losses.md").read_text()
    [table] = re.findall(r"\n(\| loss \| weighting .*?)\n\n", text, re.S)
    header, _, *lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n")
    ]
    described = json.loads(listing(["losses", "--json"]))
    assert header == ["loss", *next(iter(described.values()))]
    assert lines == [[f"`{name}`", *cells.values()] for name, cells in described.items()]


def test_every_key_of_the_results_is_explained():
    page = (ROOT / "docs/runs.md").read_text()
    missing = {f.name for f in fields(Results)} - set(re.findall(r"`(\w+)`", page))
    assert not missing


def test_the_readme_s_own_data_train(tmp_path):
    """Boxes and some masks in one folder, depth in another; without the download of weights."""
    write_workshop(tmp_path / "data")
    [text] = re.findall(r"```ini\n# mine.cfg\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (tmp_path / "mine.cfg").write_text(text)
    options = "--max_epoch 1 --size 48 64 --batch_size 4 --num_workers 0 --potential 0.5 0.5 0.5"
    folders = ["--dataset_root", str(tmp_path / "data"), "--runs", str(tmp_path / "runs")]
    results = run_experiment(read([str(tmp_path / "mine.cfg"), *options.split(), *folders]))
    assert results.tasks == ["detection", "segmentation", "depth"]
    assert all(results.test_images.values())


def write_workshop(root):
    rng = np.random.default_rng(0)
    for folder in ("workshop/images", "workshop/boxes", "workshop/masks"):
        (root / folder).mkdir(parents=True)
    for folder in ("robot/frames", "robot/depth"):
        (root / folder).mkdir(parents=True)
    for number in range(10):
        image = rng.integers(0, 99, (48, 64, 3), np.uint8)
        cv2.imwrite(str(root / f"robot/frames/{number}.jpg"), image)
        depth = rng.integers(900, 4000, (48, 64)).astype(np.uint16)
        cv2.imwrite(str(root / f"robot/depth/{number}.png"), depth)
        image[9:36, 9:30] = 230
        cv2.imwrite(str(root / f"workshop/images/{number}.jpg"), image)
        kind = number % 3
        name = ("bolt", "nut", "hex key")[kind]
        (root / f"workshop/boxes/{number}.xml").write_text(BOX.format(name))
        if number < 8:
            mask = np.zeros((48, 64), np.uint8)
            mask[9:36, 9:30] = kind + 1
            cv2.imwrite(str(root / f"workshop/masks/{number}.png"), mask)
