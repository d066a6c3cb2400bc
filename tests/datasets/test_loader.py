"""Batches: their order, their content with and without workers, and what is said of bad files."""

import numpy as np
import pytest
import torch

import datasets
from datasets.augment import Augmentation
from datasets.loader import Loader
from datasets.merge import MultiTaskDataset
from datasets.unite import build_tasks
from utils.errors import DataError

SIZE = (32, 40)
TASKS = ("segmentation", "detection", "depth", "normal")


def merged(root, names=("VOC", "NYU"), kinds=("segmentation", "detection", "depth")):
    sources = [datasets.read(name, root, "train") for name in names]
    return MultiTaskDataset(sources, build_tasks(kinds, sources, {}), SIZE, Augmentation(SIZE), seed=3)


def loader(data, workers, batch_size=4, training=True):
    return Loader(data, batch_size, training=training, workers=workers, pin=False, seed=5)


def content(batch):
    """Everything in a batch, as bytes."""
    tensors = [batch.images, batch.colours, batch.sharpness, *batch.labelled.values()]
    for target in batch.targets.values():
        tensors += target if isinstance(target, list) else [target]
    return [batch.indices, *(np.ascontiguousarray(tensor).tobytes() for tensor in tensors)]


class TestContent:
    def test_is_the_same_with_and_without_workers_whatever_the_number_of_epochs_before(
        self, scenes_root
    ):
        data = merged(scenes_root)
        alone, helped = loader(data, workers=0), loader(data, workers=2)
        epochs = {}
        for epoch in (1, 2):
            epochs[epoch] = [content(batch) for batch in alone.epoch(epoch)]
            assert [content(batch) for batch in helped.epoch(epoch)] == epochs[epoch]
        again = [content(batch) for batch in loader(data, workers=0).epoch(2)]
        assert again == epochs[2]
        assert epochs[1] != epochs[2]

    @pytest.mark.parametrize("workers", [0, 2])
    def test_reading_takes_none_of_the_network_s_random_numbers(self, scenes_root, workers):
        """Dropout is the same whatever the number of workers, and after a run was interrupted."""
        one = loader(merged(scenes_root, ["NYU"], ["depth"]), workers)
        for epoch in (1, 2):
            torch.manual_seed(9)
            expected = torch.rand(3)
            torch.manual_seed(9)
            assert len(list(one.epoch(epoch))) == 4
            torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)

    def test_a_batch_is_what_the_data_say(self, scenes_root):
        data = merged(scenes_root, ["NYUD_MT"], TASKS[:1] + TASKS[2:])
        for batch in loader(data, workers=0).epoch(7):
            expected = data.collate([data[7, i] for i in batch.indices])
            found, exact = batch.targets.pop("normal"), expected.targets.pop("normal")
            torch.testing.assert_close(found.float(), exact, atol=5e-4, rtol=0)
            assert content(batch) == content(expected)

    def test_length(self, scenes_root):
        data = merged(scenes_root)
        assert len(data) == 26
        for training in (True, False):
            one = loader(data, 0, training=training)
            assert len(one) == len(list(one.epoch())) == (6 if training else 7)


class TestDamage:
    """A file that cannot be read is one line that names it, from this process and from a worker."""

    @pytest.fixture
    def torn(self, scenes_root, tmp_path):
        """NYU with half a depth map, the last of all."""
        data = merged(scenes_root, ["NYU"], ["depth"])
        source, sample = data.entries[-1]
        path = tmp_path / "torn.png"
        path.write_bytes(sample.labels["depth"].read_bytes()[:300])
        data.entries[-1] = (source, type(sample)(sample.image, {"depth": path}))
        return data, path

    @pytest.mark.parametrize("workers", [0, 2])
    def test_is_named(self, torn, workers):
        data, path = torn
        with pytest.raises(DataError) as caught:
            list(loader(data, workers).epoch())
        message = str(caught.value)
        assert message.startswith(f"{path}: cannot be read")
        assert "\n" not in message
        assert "Traceback" not in message

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_missing_image(self, torn, tmp_path, workers):
        data, _ = torn
        source, sample = data.entries[0]
        data.entries[:] = [(source, type(sample)(tmp_path / "gone.jpg", sample.labels))] * 4
        with pytest.raises(DataError, match=r"^\S*gone\.jpg: the file is missing$"):
            list(loader(data, workers, training=False).epoch())
