"""A dataset in another place than it is looked for: the user is told where it was found."""

import pytest

from datasets import DATASETS
from tests.labels import read_split
from utils.errors import DataError


def make(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("-")


def refusal(name, root):
    with pytest.raises(DataError) as caught:
        read_split(name, root, "train")
    assert "\n" not in str(caught.value)
    return str(caught.value)


VOC = ("VOC2007/JPEGImages/1.jpg", "VOC2012/JPEGImages/1.jpg")


@pytest.mark.parametrize("below", ["VOCdevkit", "pascal/VOCdevkit", "data/VOC2012_and_7"])
def test_a_folder_of_another_name_is_to_be_linked(tmp_path, below):
    make(tmp_path / below, *VOC)
    message = refusal("VOC", tmp_path)
    assert f"looked for the folder {tmp_path / 'VOC'} (dataset_root is {tmp_path})" in message
    assert f"it was found in {tmp_path / below}: " in message
    assert message.endswith(f"ln -s {tmp_path / below} {tmp_path / 'VOC'}")
    (tmp_path / "VOC").symlink_to(tmp_path / below)
    assert "it was found in" not in refusal("VOC", tmp_path)  # it goes on to the lists


def test_years_lie_in_dataset_root_itself(tmp_path):
    root = tmp_path / "downloads"
    make(root, *VOC)
    assert f"ln -s {root} {root / 'VOC'}" in refusal("VOC", root)


@pytest.mark.parametrize("root", ["data/VOC", "data/NYU", "data/VOC/VOC2012", ""])
def test_dataset_root_is_too_deep_or_too_high(tmp_path, root):
    make(tmp_path / "data/VOC", *VOC)
    make(tmp_path / "data/NYU", "sync/a.jpg")
    message = refusal("VOC", tmp_path / root)
    assert message.endswith(
        f"found in {tmp_path / 'data/VOC'}: say --dataset_root {tmp_path / 'data'}"
    )


def test_a_folder_too_many(tmp_path):
    make(tmp_path / "VOC/VOCdevkit", *VOC)
    message = refusal("VOC", tmp_path)
    inner = tmp_path / "VOC/VOCdevkit"
    assert message.endswith(f"found in {inner}: move what is in it to {tmp_path / 'VOC'}")


@pytest.mark.parametrize(
    ("name", "result", "sign"),
    [
        ("COCO", "coco", "annotations/instances_train2017.json"),
        ("Cityscapes", "cityscapes", "leftImg8bit/train/aachen/a_leftImg8bit.png"),
        ("NYU", "nyu_depth_v2", "nyudepthv2_train_files_with_gt.txt"),
        ("NYUD_MT", "NYUD", "gt_sets/train.txt"),
        ("NYUv2", "nyuv2", "train/normal/0.npy"),
        ("PASCAL_MT", "pascal", "normals_distill/2008_000001.png"),
    ],
)
def test_every_dataset_is_known_by_what_is_in_it(tmp_path, name, result, sign):
    make(tmp_path / result, sign)
    message = refusal(name, tmp_path)
    assert f"found in {tmp_path / result}: link it: ln -s {tmp_path / result} " in message
    assert message.endswith("/mscoco" if name == "COCO" else f"/{name}")


def test_other_data_is_not_taken_for_it(tmp_path):
    make(tmp_path / "photos", "JPEGImages/1.jpg", "train/1.jpg")
    message = refusal("VOC", tmp_path)
    assert "found in" not in message
    assert "scripts/render_scenes.py" in message


def test_a_root_that_does_not_exist(tmp_path):
    assert "looked for the folder" in refusal("COCO", tmp_path / "no" / "such" / "place")


PAIRS = [
    ("NYUD_MT", "NYUDv2", ("gt_sets/train.txt",)),
    ("NYUDv2", "NYUD_MT", ("gt_sets/train.txt",)),
    ("PASCAL_MT", "PASCALContext", ("normals_distill/1.png", "ImageSets/Context/train.txt")),
    ("PASCALContext", "PASCAL_MT", ("normals_distill/1.png", "ImageSets/Context/train.txt")),
]


@pytest.mark.parametrize(("name", "other", "files"), PAIRS)
class TestTwoNamesInUse:
    def listed(self, name, root):
        dataset = DATASETS[name](name)
        return dataset.read(root, "train", missing_allowed=True)

    def test_the_folder_of_the_other_name_will_do(self, tmp_path, name, other, files):
        make(tmp_path / other, *files)
        split = self.listed(name, tmp_path)
        assert split.root == tmp_path / other
        assert split.decided["folder"] == other

    def test_where_there_are_both_it_is_the_one_that_the_cfg_names(
        self, tmp_path, name, other, files
    ):
        make(tmp_path / other, *files)
        make(tmp_path / name, *files)
        split = self.listed(name, tmp_path)
        assert split.root == tmp_path / name
        assert split.decided["folder"] == f"{name}, not {other}"

    def test_an_empty_folder_is_none(self, tmp_path, name, other, files):
        make(tmp_path / other, *files)
        (tmp_path / name).mkdir()
        assert self.listed(name, tmp_path).root == tmp_path / other

    def test_where_there_is_none_both_are_named(self, tmp_path, name, other, files):
        message = refusal(name, tmp_path)
        assert f"looked for the folder {tmp_path / name} or {tmp_path / other} (" in message

    def test_one_of_the_other_name_elsewhere_is_found(self, tmp_path, name, other, files):
        make(tmp_path / "data" / other, *files)
        assert refusal(name, tmp_path).endswith(f"say --dataset_root {tmp_path / 'data'}")
