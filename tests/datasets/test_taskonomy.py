"""The reader of Taskonomy, on the layout of the real one and on rendered scenes."""

import shutil

import cv2
import numpy as np
import pytest

from datasets import DATASETS
from datasets.formats import Label
from datasets.scenes import render, write
from datasets.scenes.taskonomy_layout import Taskonomy as Layout
from datasets.scenes.taskonomy_layout import _windows
from datasets.taskonomy import FORMATS
from tests.labels import read_split
from utils.errors import DataError

SIZE = (48, 64)
CSV = "id,train,val,test\nadrian,1,0,0\nbeechwood,1,0,0\ncorozal,0,1,0\nmuleshoe,0,0,1\n"


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("-")


def view(kind, building, name="point_0_view_1", domain=None):
    return f"Taskonomy/{kind}/taskonomy/{building}/{name}_domain_{domain or kind}.png"


@pytest.fixture
def root(tmp_path):
    touch(tmp_path, "Taskonomy/splits_taskonomy/train_val_test_tiny.csv")
    (tmp_path / "Taskonomy/splits_taskonomy/train_val_test_tiny.csv").write_text(CSV)
    for kind in ("rgb", "edge_texture", "depth_zbuffer"):
        for building in ("adrian", "beechwood", "corozal", "muleshoe"):
            touch(tmp_path, view(kind, building), view(kind, building, "point_0_view_0"))
    return tmp_path


def refusal(root, split="train"):
    with pytest.raises(DataError) as caught:
        read_split("Taskonomy", root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_list_says_which_buildings_serve_for_what(root):
    for split, buildings in (
        ("train", ["adrian", "adrian", "beechwood", "beechwood"]),
        ("val", ["corozal"] * 2),
        ("test", ["muleshoe"] * 2),
    ):
        samples = read_split("Taskonomy", root, split).samples
        assert [sample.image.parent.name for sample in samples] == buildings
    (root / "Taskonomy/splits_taskonomy/train_val_test_medium.csv").write_text(
        "id,train,val,test\nbeechwood,1,0,0\n"
    )
    medium = DATASETS.choose("Taskonomy", {"subset": "medium"}).build("Taskonomy")
    listed = medium.read(root, "train")
    assert len(listed.samples) == 2
    assert listed.decided["split"] == (
        "1 building of train_val_test_medium.csv, where the published list has 98"
    )


def test_labels_belong_to_the_image_of_their_point_and_view(root):
    samples = read_split("Taskonomy", root, "train").samples
    assert samples[1].image == root / view("rgb", "adrian")
    assert {kind: label.file for kind, label in samples[1].labels.items()} == {
        "edge_texture": root / view("edge_texture", "adrian"),
        "depth_zbuffer": root / view("depth_zbuffer", "adrian"),
    }


def test_a_type_s_files_may_be_called_by_another_name(root):
    """As segment_semantic's are, `…_domain_segmentsemantic.png`."""
    for path in (root / "Taskonomy/edge_texture").rglob("*.png"):
        path.rename(path.with_name(path.name.replace("edge_texture", "edgetexture")))
    [sample, *_] = read_split("Taskonomy", root, "train").samples
    assert sample.labels["edge_texture"].file.name == "point_0_view_0_domain_edgetexture.png"


class TestMissing:
    def test_a_label_is_named(self, root):
        path = root / view("edge_texture", "beechwood")
        path.unlink()
        assert refusal(root) == f"{path}: the file is missing (1 of 12 are)"

    def test_a_building_is_named(self, root):
        folder = root / "Taskonomy/rgb/taskonomy/beechwood"
        shutil.rmtree(folder)
        csv = root / "Taskonomy/splits_taskonomy/train_val_test_tiny.csv"
        assert refusal(root) == f"{folder}: the folder is missing or empty; {csv} lists it"
        assert len(read_split("Taskonomy", root, "test").samples) == 2

    def test_a_building_of_a_type_is_told_by_its_first_file(self, root):
        shutil.rmtree(root / "Taskonomy/edge_texture/taskonomy/adrian")
        first = root / view("edge_texture", "adrian", "point_0_view_0")
        assert refusal(root) == f"{first}: the file is missing (2 of 12 are)"

    def test_a_list_is_named(self, root):
        csv = root / "Taskonomy/splits_taskonomy/train_val_test_tiny.csv"
        csv.unlink()
        assert refusal(root).startswith(f"{csv}: the file is missing")

    def test_no_type_at_all_is_there(self, root):
        for kind in ("edge_texture", "depth_zbuffer"):
            shutil.rmtree(root / "Taskonomy" / kind)
        assert "has no labels: none of depth_euclidean, depth_zbuffer, " in refusal(root)

    def test_what_was_never_published_is_not_missed(self, root):
        csv = root / "Taskonomy/splits_taskonomy/train_val_test_tiny.csv"
        csv.write_text(CSV + "woodbine,1,0,0\nwiconisco,1,0,0\n")
        for kind in ("rgb", "depth_zbuffer", "edge_texture"):
            touch(root, view(kind, "wiconisco"))
        for kind in ("rgb", "depth_zbuffer"):
            touch(root, view(kind, "wiconisco", "point_0_view_0"))
        listed = read_split("Taskonomy", root, "train")
        assert listed.decided["not published"] == "woodbine"
        types = [set(sample.labels) for sample in listed.samples[-2:]]
        assert types == [{"depth_zbuffer"}, {"depth_zbuffer", "edge_texture"}]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("adrian,1,0", "tiny.csv:2: has 'adrian,1,0', a line says <building>,0|1,0|1,0|1"),
        ("adrian,yes,0,0", "tiny.csv:2: has 'adrian,yes,0,0', a line says"),
        ("../..,1,0,0", "tiny.csv:2: ../.. leads out of the dataset's folder"),
        ("corozal,0,1,0", "tiny.csv: has no building of the split train"),
    ],
)
def test_a_list_that_is_none_is_told(root, line, complaint):
    csv = root / "Taskonomy/splits_taskonomy/train_val_test_tiny.csv"
    csv.write_text(f"id,train,val,test\n{line}\n")
    assert complaint in refusal(root)


def test_another_file_among_the_images_is_named(root):
    touch(root, "Taskonomy/rgb/taskonomy/adrian/thumbs.db")
    assert refusal(root).startswith(str(root / "Taskonomy/rgb/taskonomy/adrian/thumbs.db"))


# What the numbers mean


def stored(tmp_path, kind, numbers):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), numbers[..., ::-1] if numbers.ndim == 3 else numbers)
    return Label(FORMATS[kind], (path,)).read(numbers.shape[:2])


MOST = 2**16
VALUES = {
    "depth_euclidean": lambda v: np.log(1 + v) / np.log(MOST),
    "depth_zbuffer": lambda v: np.log(1 + v) / np.log(MOST),
    "edge_texture": lambda v: 2 * np.clip(v, 0, 0.08 * MOST) / (0.08 * MOST) - 1,
    "keypoints2d": lambda v: 2 * np.clip(v, 0, 0.005 * MOST) / (0.005 * MOST) - 1,
    "keypoints3d": lambda v: 2 * v / MOST - 1,
    "reshading": lambda v: 2 * v / 255 - 1,
    "segment_unsup2d": lambda v: 2 * v / 255 - 1,
    "segment_unsup25d": lambda v: 2 * v / 255 - 1,
    "principal_curvature": lambda v: (v[..., :2] - [123.572, 120.1]) / [31.922, 21.658],
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_those_of_the_published_scales(tmp_path, kind):
    rng = np.random.default_rng(0)
    if kind in ("reshading", "principal_curvature"):
        numbers = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    elif kind.startswith("segment"):
        numbers = rng.integers(0, 256, SIZE).astype(np.uint8)
    else:
        numbers = rng.integers(0, MOST - 1, SIZE).astype(np.uint16)
    expected = VALUES[kind](numbers.astype(np.float64))
    np.testing.assert_allclose(stored(tmp_path, kind, numbers), expected, atol=1e-5)


def test_a_depth_of_the_largest_number_is_none(tmp_path):
    values = stored(tmp_path, "depth_zbuffer", np.uint16([[MOST - 1, MOST - 2]]))
    assert np.isnan(values[0, 0])
    assert values[0, 1] == pytest.approx(1, abs=1e-4)


# Rendered scenes


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    write(folder, ["Taskonomy"], train=4, val=2, size=SIZE, seed=3, processes=1)
    return folder


def test_rendered_files_hold_the_scene(rendered):
    jobs = {(job.part, job.name): job for job in Layout.jobs(4, 2)}
    images, windows = 0, 0
    for split in ("train", "val", "test"):
        for sample in read_split("Taskonomy", rendered, split).samples:
            building, name = sample.image.parent.name, sample.image.name.partition("_domain")[0]
            scene = render(3, jobs[building, name].scene, SIZE)
            images, windows = images + 1, windows + _windows(scene).sum()
            none = _windows(scene)
            target = {kind: label.read(SIZE) for kind, label in sample.labels.items()}
            metres = np.expm1(target["depth_zbuffer"] * np.log(MOST)) / 512
            np.testing.assert_allclose(metres[~none], scene.depth[~none], rtol=0.01)
            assert np.isnan(metres[none]).all()
            assert (target["depth_euclidean"] >= target["depth_zbuffer"])[~none].all()
            np.testing.assert_allclose(target["normal"][~none], scene.normals[~none], atol=0.01)
            assert not target["normal"][none].any()
            assert set(target) == set(FORMATS)
    assert images == 4 + 1 + 2
    used = {path for path in (rendered / "Taskonomy").rglob("*.png")}
    assert len(used) == images * (1 + len(FORMATS))
