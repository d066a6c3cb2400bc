"""The script of docs/use.md, exactly as it stands there, on a photo of another shape."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from datasets.formats.images import read_image
from tasks.boxes.nms import detect
from utils.canvas import Canvas

PAGE = Path(__file__).parents[4] / "docs" / "use.md"
PADDING = (128, 128, 128)  # the mean of the backbone, rounded
SIZE = (32, 64)


@pytest.fixture(scope="module")
def script():
    export = PAGE.read_text().partition("## Export")[2]
    return re.search(r"```python\n(.*?)```", export, re.DOTALL)[1]


@pytest.fixture(scope="module", params=["keep", "pad"])
def aspect(request):
    return request.param


@pytest.fixture(scope="module")
def used(script, onnx_file, aspect, scenes_root, tmp_path_factory):
    """The folder in which the script ran, what it printed, and the photo."""
    folder = tmp_path_factory.mktemp("elsewhere")
    model = onnx.load(onnx_file[0])
    [given] = [entry for entry in model.metadata_props if entry.key == "aspect"]
    given.value = aspect
    onnx.save(model, folder / "best.onnx")
    picture = next((scenes_root / "VOC").rglob("*.jpg"))
    photo = cv2.resize(cv2.imread(str(picture))[:, :50], (130, 150))  # upright, and larger
    cv2.imwrite(str(folder / "photo.png"), photo)
    (folder / "run_onnx.py").write_text(script)
    result = subprocess.run(
        [sys.executable, "-I", "run_onnx.py", "best.onnx", "photo.png"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result.stdout, read_image(folder / "photo.png")


@pytest.fixture(scope="module")
def predicted(used, aspect, trained):
    """What the network itself predicts for the photo, and the part of the input that shows it."""
    photo = used[2]
    warp = Canvas.of(photo.shape[:2], SIZE, aspect).resize(SIZE)
    image = torch.from_numpy(warp.image(photo, PADDING)).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        return trained.network(image), warp.crop.shown(SIZE[1])


def test_it_is_short_and_needs_no_other_package(script):
    assert len(script.splitlines()) <= 60
    imports = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    assert names == {"json", "sys", "cv2", "numpy", "onnxruntime"}
    assert "from " not in script


def test_its_maps_are_those_of_the_network_at_the_size_of_the_photo(used, predicted, trained):
    folder, _, photo = used
    predictions, (left, top, right, bottom) = predicted
    for task in trained.tasks:
        if task.name == "detection":
            continue
        [decoded] = task.decode(predictions[task.name])
        wanted = cv2.resize(
            decoded[top:bottom, left:right],
            photo.shape[1::-1],
            interpolation=cv2.INTER_NEAREST_EXACT,
        )
        given = np.load(folder / f"{task.name}.npy")
        assert given.shape == photo.shape[:2]
        if task.classes:
            assert (given == wanted).mean() > 0.999
        else:
            np.testing.assert_allclose(given, wanted, rtol=1e-3, atol=1e-3)


def test_its_boxes_are_those_of_the_network_in_pixels_of_the_photo(used, predicted, trained):
    _, printed, photo = used
    predictions, shown = predicted
    [task] = [task for task in trained.tasks if task.name == "detection"]
    [found] = detect(task.within(predictions["detection"], torch.tensor([shown])))
    confident = found[found[:, 6] > 0.3].numpy()
    assert len(confident) > 3
    lines = [line.split() for line in printed.splitlines()]
    given = {(name, *map(float, numbers)) for name, *numbers in lines}
    left, top, right, bottom = shown
    scale = photo.shape[1] / (right - left), photo.shape[0] / (bottom - top)
    boxes = (confident[:, :4] - [left, top, left, top]) * [*scale, *scale]
    for box, row in zip(boxes[:50], confident[:50], strict=True):
        name, score = task.classes[int(row[4])], row[6]
        assert any(
            other == name
            and abs(number - score) < 2e-3
            and np.abs(np.subtract(corners, box)).max() < 0.2
            for other, number, *corners in given
        ), (name, score, box)
