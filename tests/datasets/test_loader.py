"""Batches: their order, their content with and without workers, and what is said of bad files."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.augment import Augmentation
from datasets.formats.depth_maps import DepthMap
from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from datasets.sampling import BatchSampler
from tests.labels import read_split, tasks_of
from utils.errors import DataError

SIZE = (32, 40)
TASKS = ("segmentation", "detection", "depth", "normal")


def merged(root, names=("VOC", "NYU"), kinds=("segmentation", "detection", "depth")):
    return of_splits([read_split(name, root, "train") for name in names], kinds)


def of_splits(sources, kinds):
    return MultiTaskDataset(sources, tasks_of(kinds, sources), SIZE, Augmentation(), seed=3)


def loader(data, workers, batch_size=4, training=True):
    loading = Loading(batch_size=batch_size, num_workers=workers)
    return Loader(data, loading, training=training, seed=5)


def content(batch):
    """Everything in a batch, as bytes."""
    tensors = [batch.images, batch.colours, batch.sharpness, *batch.labelled.values()]
    for target in batch.targets.values():
        tensors += target if isinstance(target, list) else [target]
    return [*(np.ascontiguousarray(tensor).tobytes() for tensor in tensors)]


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
        item = loader(merged(scenes_root, ["NYU"], ["depth"]), workers)
        for epoch in (1, 2):
            torch.manual_seed(9)
            expected = torch.rand(3)
            torch.manual_seed(9)
            assert len(list(item.epoch(epoch))) == 4
            torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)

    def test_a_batch_is_what_the_data_say(self, scenes_root):
        data = merged(scenes_root, ["NYUD_MT"], TASKS[:1] + TASKS[2:])
        keys = BatchSampler(data.sizes, 4, training=True, seed=5)
        keys.epoch = 7
        batches = loader(data, workers=0).epoch(7)
        for batch, drawn in zip(batches, keys, strict=True):
            assert content(batch) == content(data.collate([data[key] for key in drawn]))

    def test_length(self, scenes_root):
        data = merged(scenes_root)
        assert len(data) == 26
        for training in (True, False):
            item = loader(data, 0, training=training)
            assert len(item) == len(list(item.epoch())) == (6 if training else 7)


def test_a_program_ends_though_an_epoch_was_not_read_to_its_end(scenes_root):
    """Whatever still refers to the epoch, as the traceback of a fault does."""
    code = f"""
from pathlib import Path
from tests.datasets.test_loader import loader, merged
epoch = loader(merged(Path({str(scenes_root)!r}), ["NYU"], ["depth"]), workers=1).epoch(1)
next(epoch)
print("read")
"""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "read\n"), result.stderr


class TestDamage:
    """A file that cannot be read is one line that names it, from this process and from a worker."""

    @pytest.fixture
    def torn(self, scenes_root, tmp_path):
        """NYU with half a depth map, the last of all."""
        split = read_split("NYU", scenes_root, "train")
        *others, last = split.samples
        stored = last.labels["depth"]
        path = tmp_path / "torn.png"
        path.write_bytes(stored.file.read_bytes()[:300])
        last = replace(last, labels={"depth": replace(stored, files=(path,))})
        return of_splits([replace(split, samples=(*others, last))], ["depth"]), path

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
        [split] = torn[0].splits
        gone = replace(split.samples[0], image=tmp_path / "gone.jpg")
        data = of_splits([replace(split, samples=(gone,) * 4)], ["depth"])
        with pytest.raises(DataError, match=r"^\S*gone\.jpg: the file is missing$"):
            list(loader(data, workers, training=False).epoch())

    @pytest.mark.parametrize("workers", [0, 1])
    @pytest.mark.parametrize("fault", [TypeError, RuntimeError])
    def test_a_fault_of_the_program_is_not_one_of_a_file(self, torn, workers, fault, monkeypatch):
        def read(*_):
            raise fault("of ours")

        monkeypatch.setattr(DepthMap, "read", read)
        with pytest.raises(fault, match="of ours"):
            list(loader(torn[0], workers).epoch())
