"""Merging: whose labels an image has, class spaces, and what is not labelled not counting."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from datasets.augment import Augmentation
from datasets.base import Sample, Split
from datasets.formats import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.images import read_image
from datasets.formats.normal_maps import NormalMap
from datasets.formats.voc_xml import VocXml
from datasets.framing import FRAMINGS
from datasets.merge import Batch, MultiTaskDataset
from datasets.photometric import float_images
from tasks.base import BoxPrediction
from tests.labels import tasks_of
from utils.errors import DataError

SIZE = (24, 32)
ROOMS, THINGS = ("wall", "floor", "bed"), ("background", "cat")


def write_files(folder, name, kinds, rng, classes, unit=None, size=(20, 30)):
    """A random image with random labels of these kinds."""
    folder.mkdir(exist_ok=True)
    image = folder / f"{name}.jpg"
    cv2.imwrite(str(image), rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    labels = {}
    if "segmentation" in kinds:
        labels["segmentation"] = folder / f"{name}_seg.png"
        Image.fromarray(rng.integers(0, 2, size, dtype=np.uint8)).save(labels["segmentation"])
    if "depth" in kinds:
        labels["depth"] = folder / f"{name}_depth.npy"
        np.save(labels["depth"], rng.uniform(1, 9, size).astype(np.float32))
    if "normal" in kinds:
        labels["normal"] = folder / f"{name}_normal.npy"
        vectors = rng.normal(size=(*size, 3))
        np.save(labels["normal"], vectors / np.linalg.norm(vectors, axis=2, keepdims=True))
    if "detection" in kinds:
        labels["detection"] = folder / f"{name}.xml"
        labels["detection"].write_text(
            f"<annotation><size><width>{size[1]}</width><height>{size[0]}</height></size><object>"
            "<name>cat</name><bndbox><xmin>4</xmin><ymin>3</ymin><xmax>20</xmax><ymax>15</ymax>"
            "</bndbox></object></annotation>"
        )
    formats = {
        "segmentation": ClassMask(classes.get("segmentation", ())),
        "detection": VocXml(classes.get("detection", ())),
        "depth": DepthMap(unit=unit),
        "normal": NormalMap(),
    }
    stored = {kind: Label(formats[kind], (path,)) for kind, path in labels.items()}
    return Sample(image, stored)


def make_source(root, name, kinds, count, classes=None, unit=None):
    rng = np.random.default_rng(sum(map(ord, name)))
    classes = classes or {}
    samples = [
        write_files(root / name, f"{i:03d}", kinds, rng, classes, unit) for i in range(count)
    ]
    return Split(name, tuple(samples), classes)


@pytest.fixture
def sources(tmp_path):
    """'things' with boxes and masks, 'depths' with depth alone, 'rooms' with masks of other classes
    and the rest."""
    return [
        make_source(
            tmp_path,
            "things",
            ("detection", "segmentation"),
            3,
            {"detection": ("cat",), "segmentation": THINGS},
        ),
        make_source(tmp_path, "depths", ("depth",), 4),
        make_source(
            tmp_path, "rooms", ("segmentation", "depth", "normal"), 2, {"segmentation": ROOMS}
        ),
    ]


def merged(sources, kinds=("segmentation", "detection", "depth", "normal"), **options):
    return MultiTaskDataset(sources, tasks_of(kinds, sources), SIZE, **options)


def whole_batch(data, epoch=0):
    return data.collate([data[epoch, i] for i in range(len(data))])


class TestMultiTaskDataset:
    def test_is_one_dataset_after_the_other(self, sources):
        data = merged(sources)
        assert len(data) == 9
        files = [sample.image for source in sources for sample in source.samples]
        assert [entry.image for entry in data.entries] == files

    def test_images_without_a_label_for_any_task_are_left_out(self, sources):
        data = merged(sources, ["normal"])
        assert [entry.dataset for entry in data.entries] == ["rooms", "rooms"]

    def test_images_without_a_label_may_be_kept(self, sources):
        """Those of the datasets that label one of the tasks: a run of normals sees no others."""
        rooms = sources[2]
        first, second = rooms.samples
        first = dataclasses.replace(first, labels={"depth": first.labels["depth"]})
        sources[2] = dataclasses.replace(rooms, samples=(first, second))
        data = merged(sources, ["normal"], keep_unlabelled=True)
        assert [entry.image for entry in data.entries] == [s.image for s in rooms.samples]
        assert data.sizes == [2]
        assert data.labelled_for(data.tasks[0]).tolist() == [1]
        assert whole_batch(data).labelled["normal"].tolist() == [False, True]

    def test_each_image_is_labelled_for_what_it_came_with(self, sources):
        labelled = whole_batch(merged(sources)).labelled
        assert {name: mask.tolist() for name, mask in labelled.items()} == {
            "segmentation:things": [True] * 3 + [False] * 6,
            "segmentation:rooms": [False] * 7 + [True] * 2,
            "detection": [True] * 3 + [False] * 6,
            "depth": [False] * 3 + [True] * 6,
            "normal": [False] * 7 + [True] * 2,
        }
        data = merged(sources)
        for task in data.tasks:
            assert (
                data.labelled_for(task).tolist() == labelled[task.name].nonzero().flatten().tolist()
            )

    def test_unlabelled_targets_are_void(self, sources):
        batch = whole_batch(merged(sources))
        for name, target in batch.targets.items():
            unlabelled = [
                t for t, known in zip(target, batch.labelled[name], strict=True) if not known
            ]
            assert unlabelled
            for item in unlabelled:
                assert (item == (255 if "segmentation" in name else 0)).all()
                assert name != "detection" or item.shape == (0, 6)

    def test_without_augmentation_images_and_labels_are_resized(self, sources):
        data = merged(sources)
        item = data[0, 8]
        entry = data.entries[8]
        image = read_image(entry.image)
        assert item["image"].shape == (*SIZE, 3)
        assert abs(item["image"].mean() - image.mean()) < 3
        at = [task.name for task in data.tasks].index("depth")
        depth = np.load(entry.labels[at].file)
        rows, columns = (
            ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in ((24, 20), (32, 30))
        )
        same = item["targets"]["depth"] == depth[rows][:, columns]
        assert same.mean() > 0.9
        assert set(np.unique(item["targets"]["depth"])) <= set(np.unique(depth))
        assert item["labelled"]["depth"]
        assert entry.dataset == "rooms"

    def test_boxes_follow_their_image(self, sources):
        boxes = merged(sources)[0, 0]["targets"]["detection"]
        scale = np.array([32 / 30, 24 / 20] * 2)
        np.testing.assert_allclose(boxes[:, :4], [np.array([3, 2, 20, 15]) * scale], rtol=1e-6)

    def test_the_unit_of_a_dataset_reaches_its_labels(self, tmp_path):
        split = make_source(tmp_path, "mm", ("depth",), 1, unit=1e-3)
        data = MultiTaskDataset([split], tasks_of(["depth"], [split]), (20, 30))
        stored = np.load(split.samples[0].labels["depth"].file)
        np.testing.assert_allclose(data[0, 0]["targets"]["depth"], stored / 1000, rtol=1e-6)

    def test_a_label_without_anything_to_learn_from_is_none(self, sources):
        """A depth map without a reading, or whose readings a crop has left outside."""
        data = merged(sources)
        np.save(data.entries[3].labels[2 + 1].file, np.zeros((20, 30), np.float32))
        corner = np.zeros((20, 30), np.float32)
        corner[0, 0] = 3.0
        np.save(data.entries[4].labels[2 + 1].file, corner)
        batch = whole_batch(data)
        assert batch.labelled["depth"].tolist() == [False] * 4 + [True] * 5
        window = FRAMINGS.choose("window", {"min_scale": 0.4, "max_scale": 0.5})
        zoomed = merged(sources, augmentation=Augmentation(augmentation=window))
        flags = [zoomed[epoch, 4]["labelled"]["depth"] for epoch in range(40)]
        assert {True, False} == set(flags)

    def test_an_image_without_objects_is_labelled_all_the_same(self, sources):
        data = merged(sources)
        xml = data.entries[0].labels[2].file
        head, _, _ = xml.read_text().partition("<object>")
        xml.write_text(f"{head}</annotation>")
        item = data[0, 0]
        assert item["labelled"]["detection"]
        assert item["targets"]["detection"].shape == (0, 6)

    def test_labels_of_other_classes_are_none(self, sources):
        """A test set whose classes are not those that were trained has no labels for the task."""
        tasks = tasks_of(["segmentation"], sources[:1])
        assert tasks[0].name == "segmentation"
        assert len(MultiTaskDataset(sources, tasks, SIZE)) == 3

    def test_augmented_items_are_a_function_of_seed_epoch_and_index(self, sources):
        def content(seed, epoch, index):
            data = merged(sources, augmentation=Augmentation(), seed=seed)
            item = data[epoch, index]
            return b"".join(
                np.asarray(part).tobytes()
                for part in (
                    item["image"],
                    item["colour"],
                    item["sharpness"],
                    *item["targets"].values(),
                )
            )

        first = content(0, 1, 8)
        assert first == content(0, 1, 8)
        assert first not in (content(0, 2, 8), content(1, 1, 8))

    def test_a_batch_has_what_the_loader_promises(self, sources):
        plain = whole_batch(merged(sources))
        assert plain.images.shape == (9, *SIZE, 3)
        assert plain.images.dtype == torch.uint8
        assert plain.colours is None
        assert plain.sharpness is None
        augmented = whole_batch(merged(sources, augmentation=Augmentation()))
        assert augmented.colours.shape == (9, 3, 4)
        assert augmented.colours.dtype == augmented.sharpness.dtype == torch.float32
        assert augmented.sharpness.shape == (9,)
        assert augmented.targets["normal"].shape == (9, 3, *SIZE)
        assert len(augmented.targets["detection"]) == 9

    @pytest.mark.parametrize(("light", "has_colours"), [("jitter", True), ("none", False)])
    def test_a_batch_has_the_light_that_changes(self, sources, light, has_colours):
        data = merged(sources, augmentation=Augmentation(photometric=light))
        batch = whole_batch(data)
        assert (batch.colours is not None, batch.sharpness) == (has_colours, None)
        assert not data.empty_batch().has_target("depth")
        if not has_colours:
            plain = batch.images.permute(0, 3, 1, 2) / 255
            assert torch.equal(float_images(batch), plain)

    def test_moving_a_batch_moves_all_but_what_is_labelled(self, sources):
        batch = whole_batch(merged(sources, augmentation=Augmentation()))
        moved = batch.to(torch.device("meta"))
        assert isinstance(moved, Batch)
        tensors = [moved.images, moved.colours, moved.sharpness, *moved.targets["detection"]]
        tensors += [value for name, value in moved.targets.items() if name != "detection"]
        assert all(tensor.is_meta for tensor in tensors)
        assert not any(mask.is_meta for mask in moved.labelled.values())
        assert whole_batch(merged(sources)).to(torch.device("meta")).colours is None


class TestPartialLabels:
    """What stands in the targets and predictions of unlabelled images does not matter."""

    @staticmethod
    def prediction(task, generator):
        if task.task_type == "detection":
            centres = torch.rand(60, 4, generator=generator) * 0.5 + 0.2
            logits = torch.randn(9, 60, 1, generator=generator)
            offsets = torch.randn(9, 60, 4, generator=generator)
            return BoxPrediction(logits, offsets, centres, (60,), SIZE)
        return torch.randn(9, task.head.channels, *SIZE, generator=generator)

    @staticmethod
    def spoilt(value, unlabelled):
        """The same for labelled images, nonsense for the others."""
        if isinstance(value, BoxPrediction):
            spoil = TestPartialLabels.spoilt
            return value._replace(
                logits=spoil(value.logits, unlabelled), offsets=spoil(value.offsets, unlabelled)
            )
        if isinstance(value, list):
            junk = torch.tensor([[1.0, 1, 9, 9, 0, 0]])
            return [junk if bad else each for each, bad in zip(value, unlabelled, strict=True)]
        value = value.clone()
        value[unlabelled] = float("nan") if value.is_floating_point() else 1
        return value

    def test_sum_and_count_and_metrics_are_those_of_the_labelled_images(self, sources):
        data = merged(sources)
        batch = whole_batch(data)
        generator = torch.Generator().manual_seed(0)
        for task in data.tasks:
            labelled = batch.labelled[task.name]
            prediction, target = self.prediction(task, generator), batch.targets[task.name]
            nonsense = self.spoilt(prediction, ~labelled), self.spoilt(target, ~labelled)
            expected = task.criterion(prediction, target, labelled)
            result = task.criterion(*nonsense, labelled)
            assert expected[0] > 0
            assert [value.item() for value in result] == [value.item() for value in expected]
            clean, dirty = task.meter(), task.meter()
            clean.update(prediction, target, labelled)
            dirty.update(*nonsense, labelled)
            assert dirty.compute().metrics == clean.compute().metrics


class TestReadImage:
    def test_rgb(self, tmp_path):
        image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)

    def test_grey_images_have_three_channels(self, tmp_path):
        Image.fromarray(np.full((5, 7), 9, np.uint8)).save(tmp_path / "a.png")
        assert (read_image(tmp_path / "a.png") == np.full((5, 7, 3), 9)).all()

    def test_is_as_stored_whatever_way_up_the_camera_was(self, tmp_path):
        """Label maps are drawn on the stored pixels."""
        turned = Image.Exif()
        turned[0x0112] = 6
        image = Image.fromarray(np.zeros((6, 10, 3), np.uint8))
        image.save(tmp_path / "a.jpg", exif=turned)
        assert read_image(tmp_path / "a.jpg").shape == (6, 10, 3)

    @pytest.mark.parametrize("kept", [0, 10, 700, 0.5, 0.9, 0.99])
    def test_half_a_file_is_refused(self, tmp_path, kept):
        path = tmp_path / "a.jpg"
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(path), noise)
        stored = path.read_bytes()
        path.write_bytes(stored[: int(kept * len(stored)) if kept < 1 else kept])
        with pytest.raises(DataError) as caught:
            read_image(path)
        assert str(caught.value) == f"{path}: cannot be read as an image"

    def test_missing_files_and_folders_are_named(self, tmp_path):
        with pytest.raises(DataError, match=r"none\.jpg: the file is missing"):
            read_image(tmp_path / "none.jpg")
        with pytest.raises(DataError, match="cannot be read as an image"):
            read_image(tmp_path)
