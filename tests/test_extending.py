"""The examples of docs/extending.md, put into a copy of the project and run there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # whole runs of several processes, or of new parts, take minutes

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("datasets", "engine", "losses", "models", "tasks", "utils")
EXAMPLES = re.findall(
    r"```python\n# (\S+\.py)(, at the end)?\n(.*?)```",
    (ROOT / "docs/extending.md").read_text(),
    re.DOTALL,
)

CFG = """
[run]
tasks = gaze depth
[data]
train_dataset = gallery Museum
rooms = hall
val = 0.25
size = 32 48
batch_size = 4
num_workers = 0
[network]
arch = thin
width = 8
backbone = resnet18
pretrained = false
[training]
gaze_weight = 3
max_epoch = 1
optimizer = adam
[loss]
weighting = largest
power = 2
gradient = shortened
strength = 0.5
[dataset.gallery]
images = images/*.png
gaze = gaze/*.csv
scale = 255
split = 0.25
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the files of the page in it, and data for them."""
    folder = tmp_path_factory.mktemp("extended")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train_test.py", folder)
    for name, at_end, content in EXAMPLES:
        before = (folder / name).read_text() if at_end else ""
        assert bool(at_end) == (folder / name).exists(), name
        (folder / name).write_text(before + content)
    draw(folder / "data")
    (folder / "new.cfg").write_text(CFG)
    return folder


def draw(root):
    """Eight pictures in a gallery, and eight in two rooms of a museum, a square in each."""
    rng = np.random.default_rng(0)
    for number in range(8):
        picture = rng.integers(0, 120, (32, 48, 3), np.uint8)
        y, x = rng.integers(0, 16), rng.integers(0, 32)
        picture[y : y + 14, x : x + 14] = 230
        gazed = np.zeros((32, 48))
        gazed[y : y + 14, x : x + 14] = 255
        save(picture, root / "gallery/images" / f"{number}.png")
        (root / "gallery/gaze").mkdir(exist_ok=True)
        np.savetxt(root / "gallery/gaze" / f"{number}.csv", gazed, "%d", delimiter=",")
        for split in ("train", "test"):
            image = root / "Museum" / split / ("hall", "yard")[number % 2] / f"{number}.png"
            save(picture, image)
            np.save(image.with_suffix(".npy"), 3 - gazed.astype(np.float32) / 255)


def save(picture, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def command(project, *options):
    return subprocess.run(
        [sys.executable, "train_test.py", "new.cfg", *options],
        cwd=project, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(project):
    result = command(project)
    assert result.returncode == 0, result.stderr
    return project / "runs/new/amtl/seed0"


def test_the_page_has_an_example_of_every_kind():
    folders = {str(Path(name).parent) for name, at_end, _ in EXAMPLES if not at_end}
    rooms = {
        "tasks",
        "datasets/formats",
        "losses/weighting",
        "losses/gradient",
        "models",
        "datasets",
    }
    assert folders == rooms
    assert all("option(" in content for _, at_end, content in EXAMPLES if not at_end)


def test_everything_new_trains_together(trained):
    results = json.loads((trained / "results.json").read_text())
    assert results["tasks"] == ["gaze", "depth"]
    assert results["metrics"]["gaze"].keys() == {"similarity", "mae"}
    assert results["baseline"]["gaze"].keys() == {"similarity", "mae"}
    assert results["train_images"] == 6 + 4 - 3, "one room, less what is held out"
    config = (trained / "config.cfg").read_text()
    for line in ("gaze_weight = 3.0", "power = 2.0", "strength = 0.5", "width = 8"):
        assert line in config
    assert "rooms = hall" in config
    assert "gaze_scale = 255.0" in config


def test_what_is_new_is_tested_and_exported(project, trained):
    tested = command(project, "--mode", "test")
    assert tested.returncode == 0, tested.stderr
    assert "similarity" in tested.stdout
    exported = command(project, "--mode", "export")
    assert exported.returncode == 0, exported.stderr
    assert "gaze                     batch × 1 × 32 × 48" in exported.stdout
    assert "3 random images: the largest difference is" in exported.stdout


def test_what_is_new_is_predicted(project, trained):
    result = subprocess.run(
        [sys.executable, "train_test.py", "--mode", "predict", "--ckpt", trained,
         "--input", "data/gallery/images", "--output", "predicted"],
        cwd=project, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    gaze = np.load(project / "predicted/gaze/npy/0.npy")
    assert gaze.shape == (32, 48)
    assert gaze.min() >= 0
    assert gaze.max() <= 1
    assert (project / "predicted/gaze/pictures/0.jpg").exists()


def test_what_is_new_is_checked(project):
    result = command(project, "--mode", "check")
    assert result.returncode == 0, result.stderr
    assert "gaze: 6 labels" in result.stdout


def test_the_run_that_was_written_is_the_same_run(project, trained):
    result = subprocess.run(
        [sys.executable, "train_test.py", str(trained / "config.cfg")],
        cwd=project, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "other values" not in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("gaze_weight", "0", "gaze_weight wants a number, above 0, not '0'"),
        ("scale", "0", "wants a number, above 0, not '0'"),
        ("power", "-1", "power wants a number, at least 0, not '-1'"),
        ("strength", "-1", "strength wants a number, at least 0, not '-1'"),
        ("width", "0", "width wants a whole number, at least 1, not '0'"),
        ("rooms", "cellar", "has no images in cellar"),
    ],
)
def test_a_mistake_in_a_new_option_is_told_at_its_line(project, option, value, says):
    lines = CFG.splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith(f"{option} ="))
    lines[number] = f"{option} = {value}"
    (project / "wrong.cfg").write_text("\n".join(lines))
    result = subprocess.run(
        [sys.executable, "train_test.py", "wrong.cfg"], cwd=project, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    if option != "rooms":  # whether there is such a room, the disk alone knows
        assert f"wrong.cfg:{number + 1}: " in result.stderr


@pytest.mark.parametrize(
    ("part", "option"),
    [("gaze", "gaze_weight"), ("largest", "power"), ("thin", "width"), ("Museum", "rooms")],
)
def test_help_shows_new_options(project, part, option):
    result = subprocess.run(
        [sys.executable, "train_test.py", "--help", part],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert f"--{option} " in result.stdout
