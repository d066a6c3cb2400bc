"""The data of a cfg: classes of several datasets, and how they are drawn from."""

import numpy as np
import pytest

from engine.runs.data import build_data
from engine.runs.network import declared_tasks
from tests.running import run
from utils.errors import ConfigError

MERGED = "VOC NYUD_MT"


def merged(partial, potentials=3):
    """The cfg of VOC and NYUD_MT, which both have masks, but of other classes."""
    given = " ".join(["0.5"] * potentials)
    return partial.replace("VOC NYU", MERGED) + f"[baselines]\npotential = {given}\n"


class TestClasses:
    def test_a_united_task_is_trained_and_tested_on_both_datasets(self, make_config, partial):
        config = make_config(merged(partial), "--classes", "unite")
        results = run(config)
        assert list(results["metrics"]) == ["segmentation", "detection", "depth"]
        assert 0 <= results["metrics"]["segmentation"]["mIoU"] <= 1
        assert results["test_images"]["segmentation"] == 3 + 6  # half of VOC's have masks
        known = results["per_class"]["segmentation"]
        assert {"background", "wall", "chair"} <= set(known)  # VOC's, NYUD_MT's, and of both

    def test_separate_ones_have_a_head_each(self, make_config, partial):
        for classes, names in (
            ("separate", ["segmentation:VOC", "segmentation:NYUD_MT", "detection", "depth"]),
            ("unite", ["segmentation", "detection", "depth"]),
        ):
            config = make_config(merged(partial), "--classes", classes)
            tasks = build_data(config).tasks
            assert [task.name for task in tasks] == names
            # A network can be built before the data are there.
            assert [(t.name, t.classes) for t in declared_tasks(config)] == [
                (t.name, t.classes) for t in tasks
            ]

    def test_the_single_task_network_of_a_united_task_learns_all_its_classes(
        self, make_config, partial
    ):
        config = make_config(
            merged(partial, 1).replace("seg det depth", "seg"), "--classes", "unite"
        )
        (task,) = build_data(config).tasks
        data = build_data(config, only=task)
        assert data.train.sizes == [6, 13]
        assert len(task.classes) == 21 + 40 - 3  # chair, sofa and person are in both


class TestSampling:
    def test_the_cfg_decides_how_many_images_an_epoch_has(self, make_config, partial, tmp_path):
        text = merged(partial, 2).replace("seg det depth", "det depth")
        options = ("--sampling", "balanced", "--epoch_images", "20", "--max_epoch", "2")
        results = run(make_config(text, *options))
        assert results["finished"]
        (steps,) = (tmp_path / "runs").glob("**/steps.csv")
        assert len(steps.read_text().splitlines()) == 1 + 2 * 5  # of 4 images each

    def test_a_wrong_number_of_images_is_told_before_anything_is_built(self, make_config, partial):
        with pytest.raises(ConfigError) as caught:
            make_config(partial, "--epoch_images", "0")
        assert "epoch_images wants all, longest, shortest, or a number of images" in str(
            caught.value
        )
        assert "\n" not in str(caught.value)


def test_a_run_on_padded_images(make_config, partial, tmp_path):
    """In parts. The images of 48×64 fill three quarters of 64×64."""
    options = ("--aspect", "keep", "--micro_batches", "2", "--potential", "0.5", "0.5", "0.5")
    config = make_config(partial.replace("size = 32 64", "size = 64 64"), *options)
    data = build_data(config)
    for part in (data.val, data.test):
        assert all(part[0, n]["shown"] == (0, 0, 64, 48) for n in range(len(part)))
    assert len({data.train[n, 0]["shown"][1] for n in range(20)}) > 5
    assert run(config)["finished"]


@pytest.mark.parametrize(
    ("options", "colour"),
    [
        (["--backbone", "resnet18"], (124, 116, 104)),
        (["--backbone", "efficientnet_lite0"], (127, 127, 127)),
        (["--normalise", "none"], (0, 0, 0)),
    ],
)
def test_images_are_padded_by_what_the_network_takes_for_zero(make_config, dense, options, colour):
    config = make_config(dense, "--min_scale", "1.3", "--max_scale", "1.4", *options)
    train = build_data(config).train
    images = np.stack([train[0, index]["image"] for index in range(len(train))])
    padded = (images == np.array(colour)).all(-1).mean((1, 2))
    # Half of the images are shown in a window of 1.3 to 1.4 times their size.
    assert (padded > 0.35).mean() > 0.2


def test_normals_are_turned_with_the_image_only_where_it_is_known_how(make_config, dense):
    config = make_config(dense, "--tasks", "normal", "--rotation", "10")
    with pytest.raises(ConfigError, match="nothing says which way the vectors of NYU"):
        build_data(config)
    config = make_config(dense, "--tasks", "depth", "--rotation", "10")
    data = build_data(config)
    turned = data.train[1, 0]["targets"]["depth"]
    assert turned.shape == (32, 64)
    assert (turned == 0).any(), "beside the image is no depth"
