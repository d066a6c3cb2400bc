"""The readers of NYUv2, Cityscapes_MTAN, PASCAL_MT, COCO, Cityscapes, on the real ones' layouts."""

import json

import pytest

from datasets.cityscapes import CLASSES as STREET
from datasets.coco import OBJECTS
from tests.labels import read_split
from utils.errors import DataError


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("-")


def refusal(name, root, split="train"):
    with pytest.raises(DataError) as caught:
        read_split(name, root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestNyuV2:
    @pytest.fixture
    def root(self, tmp_path):
        for part, count in (("train", 12), ("val", 3)):
            for below in ("image", "label", "depth", "normal"):
                touch(tmp_path / "NYUv2" / part / below, *(f"{k}.npy" for k in range(count)))
        return tmp_path

    def test_images_are_in_the_order_of_their_numbers(self, root):
        source = read_split("NYUv2", root, "train")
        assert [sample.image.stem for sample in source.samples] == [str(k) for k in range(12)]
        folder = root / "NYUv2/train"
        labels = source.samples[11].labels
        assert {kind: label.file for kind, label in labels.items()} == {
            "segmentation": folder / "label/11.npy",
            "depth": folder / "depth/11.npy",
            "normal": folder / "normal/11.npy",
        }
        assert labels["segmentation"].format.void == -1
        assert len(source.classes["segmentation"]) == 13

    def test_tested_on_val(self, root):
        samples = read_split("NYUv2", root, "test").samples
        assert {sample.image.parent for sample in samples} == {root / "NYUv2/val/image"}

    def test_a_missing_label_is_named(self, root):
        path = root / "NYUv2/val/normal/2.npy"
        path.unlink()
        assert refusal("NYUv2", root, "test").startswith(f"{path}: the file is missing")

    def test_no_images(self, root):
        for path in (root / "NYUv2/train/image").iterdir():
            path.unlink()
        assert f"{root / 'NYUv2/train/image'}: no .npy is there" in refusal("NYUv2", root)


class TestCityscapesMtan:
    @pytest.fixture(params=["label", "label_7"])
    def folder(self, tmp_path, request):
        place = tmp_path / "Cityscapes_MTAN"
        for part, count in (("train", 12), ("val", 3)):
            for below in ("image", request.param, "depth"):
                touch(place / part / below, *(f"{k}.npy" for k in range(count)))
        (place / "train/label_19").mkdir()
        return place / "train" / request.param

    def test_labels_lie_in_folders_beside_the_images(self, folder, tmp_path):
        source = read_split("Cityscapes_MTAN", tmp_path, "train")
        assert [sample.image.stem for sample in source.samples] == [str(k) for k in range(12)]
        labels = source.samples[11].labels
        assert {kind: label.file for kind, label in labels.items()} == {
            "segmentation": folder / "11.npy",
            "inverse_depth": tmp_path / "Cityscapes_MTAN/train/depth/11.npy",
        }
        assert labels["segmentation"].format.void == -1
        assert len(source.classes["segmentation"]) == 7
        assert len(read_split("Cityscapes_MTAN", tmp_path, "test").samples) == 3

    def test_nyuv2_of_the_same_layout_is_not_taken_for_it(self, folder, tmp_path):
        (tmp_path / "Cityscapes_MTAN").rename(tmp_path / "streets")
        touch(tmp_path / "NYUv2/train", *(f"{below}/0.npy" for below in ("label", "normal")))
        assert f"ln -s {tmp_path / 'streets'} " in refusal("Cityscapes_MTAN", tmp_path)
        (tmp_path / "NYUv2").rename(tmp_path / "rooms")
        assert f"ln -s {tmp_path / 'rooms'} " in refusal("NYUv2", tmp_path)


class TestPascalContext:
    @pytest.fixture
    def root(self, tmp_path):
        folder = tmp_path / "PASCAL_MT"
        touch(folder, *(f"JPEGImages/2008_{k:06d}.jpg" for k in range(3)))
        touch(folder, *(f"semseg/pascal-context/2008_{k:06d}.png" for k in range(3)))
        touch(folder, *(f"normals_distill/2008_{k:06d}.png" for k in range(3)))
        touch(folder, "semseg/VOC12/2008_000001.png")
        touch(folder, "ImageSets/Context/train.txt", "ImageSets/Context/val.txt")
        (folder / "ImageSets/Context/train.txt").write_text("2008_000000\n2008_000001\n")
        (folder / "ImageSets/Context/val.txt").write_text("2008_000002\n")
        return tmp_path

    def test_voc_s_own_masks_come_first(self, root):
        source = read_split("PASCAL_MT", root, "train")
        masks = [str(s.labels["segmentation"].file.relative_to(root)) for s in source.samples]
        assert masks == [
            "PASCAL_MT/semseg/pascal-context/2008_000000.png",
            "PASCAL_MT/semseg/VOC12/2008_000001.png",
        ]
        assert source.samples[0].labels["normal"].file.parent.name == "normals_distill"
        assert len(source.classes["segmentation"]) == 21

    def test_normals_count_where_the_classes_are_known(self, root):
        normal = read_split("PASCAL_MT", root, "test").samples[0].labels["normal"]
        assert normal.files == (root / "PASCAL_MT/normals_distill/2008_000002.png",)
        touch(root / "PASCAL_MT/pascal-context/trainval", "2008_000002.mat")
        normal = read_split("PASCAL_MT", root, "test").samples[0].labels["normal"]
        assert normal.file == root / "PASCAL_MT/normals_distill/2008_000002.png"
        assert normal.files[1].name == "2008_000002.mat"
        assert "trainval/2008_000000.mat: the file is missing" in refusal("PASCAL_MT", root)

    def parts(self, root, objects='{"2008_000000": [20], "2008_000001": [3, 15, 15]}'):
        folder = root / "PASCAL_MT"
        touch(folder, *(f"human_parts/2008_{k:06d}.mat" for k in range(3)))
        (folder / "ImageSets/Parts").mkdir()
        (folder / "ImageSets/Parts/train.txt").write_text(objects)

    def test_images_without_a_person_have_no_label_of_human_parts(self, root):
        self.parts(root)
        source = read_split("PASCAL_MT", root, "train")
        first, second = source.samples
        assert "human_parts" not in first.labels
        assert second.labels["human_parts"].file == root / "PASCAL_MT/human_parts/2008_000001.mat"
        assert len(source.classes["human_parts"]) == 7

    def test_without_the_list_of_objects_every_image_is_looked_into(self, root):
        self.parts(root)
        source = read_split("PASCAL_MT", root, "test")
        assert all("human_parts" in sample.labels for sample in source.samples)
        assert source.decided["people"].endswith("as ImageSets/Parts/val.txt is not there")

    @pytest.mark.parametrize(
        ("objects", "says"),
        [
            ("{", "cannot be read as JSON"),
            ("[1]", "should hold an object of lists"),
            ('{"2008_000000": 15}', "should hold an object of lists"),
            ('{"2008_000000": [20]}', "does not say which objects 2008_000001 shows"),
        ],
    )
    def test_a_damaged_list_of_objects_is_named(self, root, objects, says):
        self.parts(root, objects)
        message = refusal("PASCAL_MT", root)
        assert message.startswith(f"{root / 'PASCAL_MT/ImageSets/Parts/train.txt'}: ")
        assert says in message

    def test_a_missing_mat_of_a_person_is_named(self, root):
        self.parts(root)
        path = root / "PASCAL_MT/human_parts/2008_000001.mat"
        path.unlink()
        assert refusal("PASCAL_MT", root).startswith(f"{path}: the file is missing (1 of ")

    def test_edges_are_of_the_classes_and_saliency_of_a_network(self, root):
        folder = root / "PASCAL_MT"
        assert set(read_split("PASCAL_MT", root, "test").samples[0].labels) == {
            "segmentation",
            "normal",
        }
        touch(folder, "pascal-context/trainval/2008_000002.mat", "sal_distill/2008_000002.png")
        labels = read_split("PASCAL_MT", root, "test").samples[0].labels
        assert labels["edge"].files == (folder / "pascal-context/trainval/2008_000002.mat",)
        assert labels["saliency"].files == (folder / "sal_distill/2008_000002.png",)

    def test_tested_on_val(self, root):
        samples = read_split("PASCAL_MT", root, "test").samples
        assert [sample.image.stem for sample in samples] == ["2008_000002"]

    def test_the_list_of_another_dataset(self, root):
        path = root / "PASCAL_MT/ImageSets/Context/train.txt"
        path.write_text("0001\n0002\n")
        assert f"none of the 2 images that {path} lists" in refusal("PASCAL_MT", root)

    def test_missing_normals_are_named(self, root):
        path = root / "PASCAL_MT/normals_distill/2008_000001.png"
        path.unlink()
        assert refusal("PASCAL_MT", root).startswith(f"{path}: the file is missing (1 of ")


class TestCoco:
    @pytest.fixture
    def root(self, tmp_path):
        folder = tmp_path / "mscoco"
        names = [f"{k:012d}.jpg" for k in (139, 285, 632)]
        touch(folder, *(f"train2017/{name}" for name in names))
        images = [
            {"id": k, "file_name": name, "height": 40, "width": 60} for k, name in enumerate(names)
        ]
        # Category numbers have gaps: 80 objects of 90 numbers.
        categories = [{"id": k + 1 + k // 8, "name": name} for k, name in enumerate(OBJECTS)]
        box = {"image_id": 1, "bbox": [1, 2, 30, 20], "segmentation": [[1, 2, 31, 2, 31, 22]]}
        content = {
            "images": images,
            "categories": categories,
            "annotations": [
                {"id": 7, "category_id": categories[79]["id"], "iscrowd": 0, **box},
                {"id": 8, "category_id": categories[0]["id"], "iscrowd": 1, **box},
            ],
        }
        touch(folder, "annotations/instances_train2017.json")
        (folder / "annotations/instances_train2017.json").write_text(json.dumps(content))
        return tmp_path

    def test_all_images_are_labelled_those_without_objects_too(self, root):
        source = read_split("COCO", root, "train")
        assert [sample.image.stem[-3:] for sample in source.samples] == ["139", "285", "632"]
        assert {sample.image.parent for sample in source.samples} == {root / "mscoco/train2017"}
        assert all(set(sample.labels) == {"detection", "segmentation"} for sample in source.samples)
        boxes = [s.labels["detection"].read((40, 60)) for s in source.samples]
        assert [len(result) for result in boxes] == [0, 2, 0]
        assert boxes[1].tolist() == [[1, 2, 31, 22, 79, 0], [1, 2, 31, 22, 0, 1]]
        masks = [s.labels["segmentation"].read((40, 60)) for s in source.samples]
        assert not masks[0].any()
        assert set(masks[1].ravel()) == {0, 80}  # the object lies on the crowd

    @pytest.mark.parametrize("name", ["../x.jpg", "/x.jpg", "x" * 5000, "a\0.jpg", "a\ud800.jpg"])
    def test_an_image_elsewhere(self, root, name):
        path = root / "mscoco/annotations/instances_train2017.json"
        path.write_text(path.read_text().replace("000000000285.jpg", json.dumps(name)[1:-1]))
        message = refusal("COCO", root)
        assert message.startswith(f"{path}: ")
        assert message.endswith(
            ("leads out of the dataset's folder", "cannot be the name of a file")
        )

    def test_classes_are_those_of_coco_in_its_order(self, root):
        source = read_split("COCO", root, "train")
        assert source.classes["detection"] == OBJECTS
        assert source.classes["segmentation"] == ("background", *OBJECTS)
        assert (len(OBJECTS), OBJECTS[0], OBJECTS[79]) == (80, "person", "toothbrush")

    def test_missing_annotations_are_named(self, root):
        assert "instances_val2017.json: the file is missing" in refusal("COCO", root, "test")

    def test_a_missing_image_is_named(self, root):
        path = root / "mscoco/train2017/000000000285.jpg"
        path.unlink()
        assert refusal("COCO", root) == f"{path}: the file is missing (1 of 4 are)"

    def test_images_of_another_year(self, root):
        for path in (root / "mscoco/train2017").iterdir():
            path.rename(path.with_name(f"COCO_train2014_{path.name}"))
        message = refusal("COCO", root)
        assert message.startswith("none of the 3 images that ")
        assert "which has COCO_train2014_000000000139.jpg and 2 others" in message


class TestCityscapes:
    @pytest.fixture
    def root(self, tmp_path):
        folder = tmp_path / "Cityscapes"
        for part, city in (("train", "aachen"), ("train", "bochum"), ("val", "lindau")):
            name = f"{part}/{city}/{city}_000000_000019"
            touch(folder, f"leftImg8bit/{name}_leftImg8bit.png")
            touch(folder, f"gtFine/{name}_gtFine_labelIds.png")
            touch(
                folder, f"gtFine/{name}_gtFine_instanceIds.png", f"gtFine/{name}_gtFine_color.png"
            )
            touch(folder, f"disparity/{name}_disparity.png")
        touch(folder, "camera/train/aachen/aachen_000000_000019_camera.json")
        return tmp_path

    def test_labels_lie_beside_the_images_city_by_city(self, root):
        source = read_split("Cityscapes", root, "train")
        folder = root / "Cityscapes"
        first, second = source.samples
        name = "train/aachen/aachen_000000_000019"
        assert first.image == folder / f"leftImg8bit/{name}_leftImg8bit.png"
        assert first.labels["segmentation"].file == folder / f"gtFine/{name}_gtFine_labelIds.png"
        assert first.labels["depth"].file == folder / f"disparity/{name}_disparity.png"
        assert first.labels["depth"].files[1] == folder / f"camera/{name}_camera.json"
        instance = first.labels["instance"]
        assert instance.files == (folder / f"gtFine/{name}_gtFine_instanceIds.png",)
        assert first.labels["disparity"].files == first.labels["depth"].files[:1]
        assert second.image.parent.name == "bochum"
        assert len(second.labels["depth"].files) == 1

    def test_19_of_34_numbers_are_classes(self, root):
        source = read_split("Cityscapes", root, "test")
        assert source.classes == {"segmentation": STREET}
        numbers = source.samples[0].labels["segmentation"].format.numbers
        assert len(numbers) == len(STREET) == 19
        assert dict(zip(STREET, numbers, strict=True))["bicycle"] == 33

    def test_masks_may_be_of_train_ids(self, root):
        for path in (root / "Cityscapes/gtFine").rglob("*labelIds.png"):
            path.rename(path.with_name(path.name.replace("labelIds", "labelTrainIds")))
        source = read_split("Cityscapes", root, "train")
        assert source.samples[0].labels["segmentation"].file.name.endswith("_labelTrainIds.png")
        assert source.samples[0].labels["segmentation"].format.numbers == ()

    @pytest.mark.parametrize(
        ("gone", "left"),
        [
            ("gtFine", {"depth", "disparity"}),
            ("disparity", {"segmentation", "instance"}),
            ("gtFine/*/*/*_instanceIds.png", {"segmentation", "depth", "disparity"}),
        ],
    )
    def test_either_kind_of_label_may_not_be_there(self, root, gone, left):
        for number, path in enumerate((root / "Cityscapes").glob(gone)):
            path.rename(root / f"elsewhere_{number}")
        source = read_split("Cityscapes", root, "train")
        assert all(set(sample.labels) == left for sample in source.samples)

    def test_neither_is_there(self, root):
        for gone in ("gtFine", "disparity"):
            (root / "Cityscapes" / gone).rename(root / f"without {gone}")
        assert "has no labels: neither gtFine/val nor disparity/val" in refusal(
            "Cityscapes", root, "test"
        )

    def test_a_missing_label_is_named(self, root):
        path = root / "Cityscapes/disparity/train/bochum/bochum_000000_000019_disparity.png"
        path.unlink()
        assert refusal("Cityscapes", root).startswith(f"{path}: the file is missing")

    def test_no_images(self, root):
        (root / "Cityscapes/leftImg8bit/val").rename(root / "elsewhere")
        assert "leftImg8bit/val: no image is there" in refusal("Cityscapes", root, "test")
