"""The readers of the paper's datasets (VOC, NYU and NYUD_MT), on the layouts of the real ones and
on rendered ones; `test_readers_others.py` has the others."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from datasets import DATASETS
from datasets.listing import read_list
from datasets.nyud_mt import CLASSES as NYU40
from datasets.voc import OBJECTS
from tests.labels import read_split
from utils.errors import ConfigError, DataError


def touch(root, *paths):
    """Files of one letter: readers look at names, and whether there is something at all."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("-")


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def refusal(name, root, split="train"):
    """What is said of a dataset that cannot be read: one line."""
    with pytest.raises(DataError) as caught:
        read_split(name, root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def images(source, below):
    return [str(sample.image.relative_to(below)) for sample in source.samples]


def files(sample):
    return {kind: label.file for kind, label in sample.labels.items()}


class TestReadList:
    def test_words_of_lines_that_have_any(self, tmp_path):
        write(tmp_path / "a.txt", "one", "", "  two  1 ", "three")
        assert read_list(tmp_path / "a.txt") == [["one"], ["two"], ["three"]]
        write(tmp_path / "b.txt", "one 1 x", "two 2")
        assert read_list(tmp_path / "b.txt", ("name", "number")) == [["one", "1"], ["two", "2"]]

    def test_a_line_with_too_few_words_is_named(self, tmp_path):
        write(tmp_path / "a.txt", "one 1", "", "two")
        with pytest.raises(DataError, match=r"a\.txt:3: .*'two'.*<name> <number>"):
            read_list(tmp_path / "a.txt", ("name", "number"))

    @pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe\x81"])
    def test_missing_empty_and_unreadable_lists_are_named(self, tmp_path, content):
        path = tmp_path / "a.txt"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_list(path)
        assert str(caught.value).startswith(f"{path}:")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["../a", "/../a", "b/../../a", "x" * 256, "x" * 2**20, "a\0"])
    def test_a_name_that_leads_out_of_its_folder(self, tmp_path, name):
        write(tmp_path / "a.txt", "one", name)
        with pytest.raises(
            DataError, match=r"a\.txt:2: .*(leads out of|cannot be the name|is not UTF-8)"
        ) as caught:
            read_list(tmp_path / "a.txt")
        assert len(str(caught.value)) <= 600

    def test_a_folder_in_its_place(self, tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_list(tmp_path)


def test_spellings_lead_to_readers():
    assert DATASETS.canonical("NYU_MT") == "NYUD_MT"
    assert DATASETS.canonical("PASCAL-Context") == "PASCALContext"
    with pytest.raises(ConfigError, match="there is no dataset 'NUY'; did you mean NYU"):
        DATASETS.canonical("NUY")


def test_a_dataset_that_is_not_public_is_known_by_its_classes():
    with pytest.raises(DataError, match="cannot be had"):
        read_split("HME", Path(), "train")
    split = DATASETS["HME"]("HME").declared(Path())
    assert len(split.classes["detection"]) == 20


@pytest.fixture
def voc(tmp_path):
    """VOC with two images of 2007 to test on, and four in trainval, of which 2012 has 000033 and
    000007 in its segmentation sets as 2007_000033 (val) and 2007_000007 (train); of 2012, six in
    trainval, of which two are in segmentation val."""
    root = tmp_path / "VOC"
    ids07 = ["000001", "000002", "000007", "000033"]
    ids12 = [f"2008_{n:06d}" for n in range(6)]
    of_both = ["2007_000007", "2007_000033"]
    write(root / "VOC2007/ImageSets/Main/trainval.txt", *ids07)
    write(root / "VOC2007/ImageSets/Main/test.txt", "000003", "000004")
    write(root / "VOC2012/ImageSets/Main/trainval.txt", *ids12)
    write(root / "VOC2012/ImageSets/Segmentation/train.txt", ids12[2], of_both[0])
    write(root / "VOC2012/ImageSets/Segmentation/val.txt", *ids12[:2], of_both[1])
    for name in (*ids07, "000003", "000004"):
        touch(root / "VOC2007", f"JPEGImages/{name}.jpg", f"Annotations/{name}.xml")
    for name in ("000003", "000033"):
        touch(root / "VOC2007", f"SegmentationClass/{name}.png")
    for name in (*ids12, *of_both):
        touch(root / "VOC2012", f"JPEGImages/{name}.jpg", f"Annotations/{name}.xml")
    for name in (*ids12[:3], *of_both):
        touch(root / "VOC2012", f"SegmentationClass/{name}.png")
    for name in (*ids12[:5], *of_both):
        touch(root / "VOC2012", f"SegmentationClassAug/{name}.png")
    return tmp_path


def masks(source, below):
    """Each image's mask, by the image's id."""
    return {
        sample.image.stem: str(sample.labels["segmentation"].file.relative_to(below))
        for sample in source.samples
        if "segmentation" in sample.labels
    }


class TestVoc:
    def test_training_leaves_out_2012_s_segmentation_val_in_both_years(self, voc):
        source = read_split("VOC", voc, "train")
        assert source.name == "VOC"
        assert images(source, voc / "VOC") == [
            *(f"VOC2007/JPEGImages/{name}.jpg" for name in ("000001", "000002", "000007")),
            *(f"VOC2012/JPEGImages/2008_{n:06d}.jpg" for n in (2, 3, 4, 5)),
        ]
        assert all(sample.labels["detection"].file.suffix == ".xml" for sample in source.samples)

    def test_masks_are_voc_s_own_else_those_of_sbd(self, voc):
        assert masks(read_split("VOC", voc, "train"), voc / "VOC") == {
            "000007": "VOC2012/SegmentationClass/2007_000007.png",
            "2008_000002": "VOC2012/SegmentationClass/2008_000002.png",
            "2008_000003": "VOC2012/SegmentationClassAug/2008_000003.png",
            "2008_000004": "VOC2012/SegmentationClassAug/2008_000004.png",
        }
        touch(voc / "VOC/VOC2007/SegmentationClass", "000007.png")
        result = masks(read_split("VOC", voc, "train"), voc / "VOC")
        assert result["000007"] == "VOC2007/SegmentationClass/000007.png"

    def test_tested_on_boxes_of_2007_test_and_both_of_2012_segmentation_val(self, voc):
        source = read_split("VOC", voc, "test")
        val = ("2008_000000", "2008_000001", "2007_000033")
        assert [sample.image.stem for sample in source.samples] == ["000003", "000004", *val]
        assert masks(source, voc / "VOC/VOC2012") == {
            name: f"SegmentationClass/{name}.png" for name in val
        }
        assert all("detection" in sample.labels for sample in source.samples)

    def test_no_image_is_both_trained_and_tested_on(self, voc):
        train, test = (
            {s.image.stem.removeprefix("2007_") for s in read_split("VOC", voc, split).samples}
            for split in ("train", "test")
        )
        assert not train & test

    def test_the_paper_s_lists_are_honoured(self, voc):
        sets = voc / "VOC/VOC2012/ImageSets"
        write(voc / "VOC/VOC2007/ImageSets/Main/trainvalsegdet.txt", "000002", "000033")
        write(sets / "Main/trainvalsegdet.txt", "2008_000004", "2008_000005", "2008_000003")
        write(sets / "Segmentation/segval.txt", "2008_000003", "2007_000033")
        train = [s.image.stem for s in read_split("VOC", voc, "train").samples]
        test = [s.image.stem for s in read_split("VOC", voc, "test").samples]
        assert train == ["000002", "000033", "2008_000004", "2008_000005"]
        assert test == ["000003", "000004", "2008_000003", "2007_000033"]

    def test_classes(self, voc):
        source = read_split("VOC", voc, "train")
        assert source.classes["detection"] == OBJECTS
        assert source.classes["segmentation"] == ("background", *OBJECTS)
        assert len(OBJECTS) == 20

    @pytest.mark.parametrize(
        ("gone", "split"),
        [
            ("VOC2007/ImageSets/Main/trainval.txt", "train"),
            ("VOC2012/ImageSets/Main/trainval.txt", "train"),
            ("VOC2012/ImageSets/Segmentation/val.txt", "train"),
            ("VOC2007/ImageSets/Main/test.txt", "test"),
            ("VOC2012/JPEGImages/2008_000004.jpg", "train"),
            ("VOC2007/Annotations/000002.xml", "train"),
            ("VOC2012/Annotations/2007_000033.xml", "test"),
        ],
    )
    def test_what_is_missing_is_named(self, voc, gone, split):
        (voc / "VOC" / gone).unlink()
        assert str(voc / "VOC" / gone) in refusal("VOC", voc, split)

    @pytest.mark.parametrize(("gone", "left"), [("2007", "2012"), ("2012", "2007")])
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_one_year_is_missing(self, voc, gone, left, split):
        shutil.rmtree(voc / f"VOC/VOC{gone}")
        message = refusal("VOC", voc, split)
        assert f"VOC{gone}: the folder is missing" in message
        assert f"VOC{left} alone is there; both years are read" in message

    def test_no_images_at_all(self, voc):
        shutil.rmtree(voc / "VOC/VOC2012/JPEGImages")
        message = refusal("VOC", voc)
        assert "JPEGImages: the folder is missing or empty" in message
        assert "VOC2012/ImageSets/Main/trainval.txt lists 4 images" in message

    def test_the_list_of_another_dataset(self, voc):
        path = voc / "VOC/VOC2012/ImageSets/Main/trainval.txt"
        write(path, *(f"{n:012d}" for n in range(9)))
        message = refusal("VOC", voc)
        assert message.startswith(f"none of the 9 images that {path} lists, such as 000000000000.")
        assert "is it the list of another dataset?" in message


class TestNyu:
    @pytest.fixture
    def nyu(self, tmp_path):
        root = tmp_path / "NYU"
        write(
            root / "nyudepthv2_train_files_with_gt.txt",
            "/bath_0001/rgb_0.jpg /bath_0001/sync_depth_0.png 518.8579",
            "/bath_0001/rgb_1.jpg None 518.8579",
            "",
            "/den/rgb_7.jpg /den/sync_depth_7.png 518.8579",
        )
        write(
            root / "nyudepthv2_test_files_with_gt.txt",
            "bath/rgb_5.jpg bath/sync_depth_5.png 518.8579",
        )
        touch(root / "sync", "bath_0001/rgb_0.jpg", "bath_0001/sync_depth_0.png")
        touch(root / "sync", "den/rgb_7.jpg", "den/sync_depth_7.png")
        touch(root / "official_splits/test", "bath/rgb_5.jpg", "bath/sync_depth_5.png")
        return tmp_path

    def test_slashes_and_images_without_depth(self, nyu):
        source = read_split("NYU", nyu, "train")
        assert images(source, nyu / "NYU/sync") == ["bath_0001/rgb_0.jpg", "den/rgb_7.jpg"]
        depth = nyu / "NYU/sync/den/sync_depth_7.png"
        assert files(source.samples[1]) == {"depth": depth}

    def test_the_test_set_lies_elsewhere(self, nyu):
        source = read_split("NYU", nyu, "test")
        assert images(source, nyu / "NYU/official_splits/test") == ["bath/rgb_5.jpg"]

    def test_depth_is_stored_in_millimetres(self, nyu):
        (label,) = read_split("NYU", nyu, "train").samples[0].labels.values()
        assert label.format.unit == 1e-3

    def test_a_line_without_a_depth_map_is_named(self, nyu):
        path = nyu / "NYU/nyudepthv2_train_files_with_gt.txt"
        write(path, "/den/rgb_7.jpg /den/sync_depth_7.png 518", "", "/den/rgb_8.jpg")
        assert refusal("NYU", nyu).startswith(f"{path}:3: ")

    def test_lists_of_train_and_test_are_swapped(self, nyu, monkeypatch):
        train, test = (
            nyu / f"NYU/nyudepthv2_{part}_files_with_gt.txt" for part in ("train", "test")
        )
        counts = {"train": {"images": 2}, "test": {"images": 1}}
        monkeypatch.setattr(DATASETS["NYU"], "expected", counts)
        lists = train.read_text(), test.read_text()
        train.write_text(lists[1])
        test.write_text(lists[0])
        for split in ("train", "test"):  # and not that its images are missing, which they are
            assert "are its lists of" in refusal("NYU", nyu, split)

    def test_the_list_of_another_dataset(self, nyu):
        path = nyu / "NYU/nyudepthv2_train_files_with_gt.txt"
        write(path, "/kitchen/a.jpg /kitchen/a.png 1", "/den/b.jpg /den/b.png 1")
        message = refusal("NYU", nyu)
        assert f"none of the 2 images that {path} lists" in message

    @pytest.mark.parametrize("gone", ["rgb_7.jpg", "sync_depth_7.png"])
    def test_a_missing_file_is_named(self, nyu, gone):
        (nyu / "NYU/sync/den" / gone).unlink()
        message = refusal("NYU", nyu)
        assert message == f"{nyu / 'NYU/sync/den' / gone}: the file is missing (1 of 4 are)"

    def test_a_missing_list_is_named(self, nyu):
        path = nyu / "NYU/nyudepthv2_test_files_with_gt.txt"
        path.unlink()
        assert str(path) in refusal("NYU", nyu, "test")


class TestNyudMt:
    @pytest.fixture
    def nyud(self, tmp_path):
        root = tmp_path / "NYUD_MT"
        write(root / "gt_sets/train.txt", "0001", "0003")
        write(root / "gt_sets/val.txt", "0002")
        for name in ("0001", "0002", "0003"):
            touch(root, f"images/{name}.jpg", f"segmentation/{name}.png")
            touch(root, f"depth/{name}.npy", f"normals/{name}.npy")
        return tmp_path

    def test_every_image_has_every_label(self, nyud):
        train, test = (read_split("NYUD_MT", nyud, split) for split in ("train", "test"))
        assert [s.image.stem for s in train.samples] == ["0001", "0003"]
        assert [s.image.stem for s in test.samples] == ["0002"]
        folder = nyud / "NYUD_MT"
        assert test.samples[0].image == folder / "images/0002.jpg"
        assert files(test.samples[0]) == {
            "segmentation": folder / "segmentation/0002.png",
            "depth": folder / "depth/0002.npy",
            "normal": folder / "normals/0002.npy",
        }

    def test_forty_classes_counted_from_one(self, nyud):
        source = read_split("NYUD_MT", nyud, "train")
        assert source.classes == {"segmentation": NYU40}
        assert len(set(NYU40)) == 40
        stored = source.samples[0].labels["segmentation"].format
        assert (stored.first, stored.void) == (1, 0)

    def test_normals_may_be_png(self, nyud):
        folder = nyud / "NYUD_MT/normals"
        (folder / "0001.npy").unlink()
        touch(folder, "0001.png", "0003.png")
        samples = read_split("NYUD_MT", nyud, "train").samples
        # Where there are both, .npy, which is exact.
        assert [s.labels["normal"].file.name for s in samples] == ["0001.png", "0003.npy"]

    def test_images_may_be_png_and_edges_may_be_there(self, nyud):
        folder = nyud / "NYUD_MT"
        assert read_split("NYUD_MT", nyud, "train").decided["images"] == ".jpg"
        touch(folder, "images/0003.png", *(f"edge/{name}.png" for name in ("0001", "0003")))
        split = read_split("NYUD_MT", nyud, "train")
        assert [s.image.name for s in split.samples] == ["0001.jpg", "0003.png"]
        assert split.decided["images"] == ".jpg and .png"
        assert split.samples[0].labels["edge"].file == folder / "edge/0001.png"
        assert "edge/0002.png: the file is missing" in refusal("NYUD_MT", nyud, "test")

    def test_what_is_missing_has_the_ending_of_its_preparation(self, nyud):
        (nyud / "NYUD_MT/images/0001.jpg").unlink()
        assert "images/0001.jpg: the file is missing" in refusal("NYUD_MT", nyud)
        assert "images/0001.png: the file is missing" in refusal("NYUDv2", nyud)

    @pytest.mark.parametrize(
        "gone",
        [
            "gt_sets/train.txt",
            "images/0003.jpg",
            "segmentation/0001.png",
            "depth/0003.npy",
            "normals/0001.npy",
        ],
    )
    def test_what_is_missing_is_named(self, nyud, gone):
        (nyud / "NYUD_MT" / gone).unlink()
        assert str(nyud / "NYUD_MT" / gone) in refusal("NYUD_MT", nyud)

    def test_the_list_of_another_dataset(self, nyud):
        write(nyud / "NYUD_MT/gt_sets/train.txt", "2008_000001", "2008_000002")
        message = refusal("NYUD_MT", nyud)
        assert "none of the 2 images that" in message
        assert "which has 0001.jpg and 2 others: is it the list of another dataset?" in message

    def test_lists_swapped_are_told_by_their_lengths(self, nyud, monkeypatch):
        counts = {"train": {"images": 2}, "test": {"images": 1}}
        monkeypatch.setattr(DATASETS["NYUD_MT"], "expected", counts)
        assert len(read_split("NYUD_MT", nyud, "train").samples) == 2
        write(nyud / "NYUD_MT/gt_sets/train.txt", "0002")
        write(nyud / "NYUD_MT/gt_sets/val.txt", "0001", "0003")
        for split in ("train", "test"):
            assert "are its lists of" in refusal("NYUD_MT", nyud, split)


class TestRendered:
    """Rendered datasets are read as the real ones are, every label of every image."""

    def test_voc_has_boxes_on_all_and_masks_on_two_thirds(self, scenes_root):
        samples = read_split("VOC", scenes_root, "train").samples
        assert all("detection" in sample.labels for sample in samples)
        share = np.mean(["segmentation" in sample.labels for sample in samples])
        assert abs(share - 2 / 3) < 0.1

    def test_depth_and_normals_have_the_sizes_of_a_room(self, scenes_root):
        source = read_split("NYUD_MT", scenes_root, "train")
        labels = source.samples[0].labels
        depth = labels["depth"].read((48, 64))
        normals = labels["normal"].read((48, 64))
        assert 0.2 < depth.min() < depth.max() < 10
        np.testing.assert_allclose(np.linalg.norm(normals, axis=2), 1, atol=1e-5)
        assert (normals[..., 2] < 0.2).mean() > 0.9  # they face the camera

    def test_nyu_reads_millimetres_of_the_same_kind_of_room(self, scenes_root):
        source = read_split("NYU", scenes_root, "train")
        depth = source.samples[0].labels["depth"].read((48, 64))
        assert 0.5 < np.median(depth[depth > 0]) < 8
