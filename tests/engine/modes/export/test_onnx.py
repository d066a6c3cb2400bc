"""The ONNX file of a run, used as somebody would who has not this program."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch


def open_file(file):
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def require_same_outputs(session, trained, count, size):
    """Checks that a file gives what the network of a run gives."""
    images = torch.rand(count, 3, *size)
    with torch.no_grad():
        predictions = trained.network(images)
    wanted = {}
    for task in trained.tasks:
        wanted |= task.export(predictions[task.name])
    names = [output.name for output in session.get_outputs()]
    given = dict(zip(names, session.run(None, {"images": images.numpy()}), strict=True))
    assert given.keys() == wanted.keys()
    for name, output in wanted.items():
        np.testing.assert_allclose(given[name], output, rtol=1e-3, atol=1e-3)
    boxes = given["detection_boxes"]
    assert boxes.min() >= 0
    assert (boxes.max((0, 1)) <= [size[1], size[0], size[1], size[0]]).all()


@pytest.fixture(scope="module")
def session(onnx_file):
    return open_file(onnx_file[0])


def test_names_and_shapes(session, onnx_file):
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("images", ["batch", 3, 32, 64])]
    anchors = 3 * (4 * 8 + 2 * 4 + 1 * 2)
    assert {o.name: o.shape for o in session.get_outputs()} == {
        "segmentation": ["batch", 21, 32, 64],
        "detection_boxes": ["batch", anchors, 4],
        "detection_scores": ["batch", anchors, 20],
        "depth": ["batch", 1, 32, 64],
    }
    assert [path.name for path in onnx_file[0].parent.iterdir() if "onnx" in path.name] == [
        "best.onnx"
    ], "one file, with the weights in it"


def test_the_metadata_say_what_goes_in_and_what_comes_out(session):
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["tasks"]) == ["segmentation", "detection", "depth"]
    assert json.loads(about["classes"])["segmentation"][:2] == ["background", "aeroplane"]
    assert json.loads(about["units"])["depth"] == "metres"
    assert set(json.loads(about["units"])) == {o.name for o in session.get_outputs()}
    assert about["input"] == "RGB in [0, 1]"
    assert json.loads(about["normalisation"])["mean"] == [0.5, 0.5, 0.5]
    assert json.loads(about["padding"]) == [128, 128, 128]
    assert json.loads(about["size"]) == [32, 64]
    assert about["aspect"] == "keep"


@pytest.mark.parametrize("count", [1, 5])
def test_it_gives_what_the_network_gives_for_any_number_of_images(session, trained, count):
    require_same_outputs(session, trained, count, (32, 64))


@pytest.mark.slow
def test_it_gives_what_the_network_gives_for_any_size(boxes_of_any_size):
    printed = boxes_of_any_size.export()
    assert "size: any height and width that are multiples of 32, from 64 on" in printed
    assert "  a random image of 96 × 160: the largest difference is " in printed
    session = open_file(boxes_of_any_size.best.with_suffix(".onnx"))
    [images] = session.get_inputs()
    assert images.shape == ["batch", 3, "height", "width"]
    shapes = {output.name: output.shape for output in session.get_outputs()}
    assert shapes["depth"] == ["batch", 1, "height", "width"]
    for count, size in ((1, (64, 96)), (2, (128, 64)), (1, (96, 160))):
        require_same_outputs(session, boxes_of_any_size, count, size)


def test_it_is_compared_on_random_and_on_real_images(onnx_file):
    _, printed = onnx_file
    assert "segmentation             batch × 21 × 32 × 64" in printed
    assert "size: this size alone" in printed
    for images in ("3 random images", "3 test images"):
        assert f"  {images}: the largest difference is " in printed


def test_no_path_of_the_machine_is_in_the_file(onnx_file):
    stored = onnx_file[0].read_bytes()
    for folder in (onnx_file[0].parent, Path(__file__).parents[4], "site-packages"):
        assert str(folder).encode() not in stored
