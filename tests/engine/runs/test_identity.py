"""A baseline is known by what its run builds: by no more, and by no less."""

import pytest

from engine.runs.baselines import single_task
from engine.runs.data import build_data


@pytest.fixture
def key(make_config, dense, scenes_root):
    """The key of a task's baseline under some options."""

    def of(*options, task="depth"):
        text = dense.replace("ema = true\n", "").replace("ema_momentum = 0.9\n", "")
        config = make_config(text, *options)
        [choice] = [choice for choice in config.run.tasks if choice.name == task]
        single = config.single_task(choice)
        return single_task(single, build_data(single)).key

    return of


@pytest.mark.parametrize(
    "options",
    [
        ("--loc_weight", "5"),
        ("--label_smoothing", "0.2"),
        ("--neck", "fpn"),
        ("--head_type", "dsconv"),
        ("--activation", "relu"),
        ("--patience", "3"),
        ("--render_seed", "4"),
        ("--ema_momentum", "0.5"),
        ("--ema_test", "--ema_warmup", "false"),
        ("--keep_unlabelled",),  # each of these images has a depth
        ("--warmup_start", "0", "--test_after_warmup"),  # there is no warm-up
        ("--classes", "unite"),
        ("--loss", "dwa", "--temperature", "3"),
        ("--loss", "kd-amtl", "--margin", "0.1"),
        ("--missing", "teacher", "--missing_weight", "2", "--missing_threshold", "0.9"),
        ("--num_workers", "3"),
        ("--cache", "disk"),
        ("--device", "cpu"),
        ("--aspect", "stretch"),
        ("--save_freq", "3", "--save_minutes", "1", "--diagnose", "5", "--display_freq", "2"),
        ("--augmentation", "window", "--zooms", "2", "--photometric", "full", "--flip", "0.5"),
        ("--test_iterations", "7"),  # epochs are counted
        ("--max_depth", "10", "--lr", "0.008", "--momentum", "0.5"),
        ("--delta_metrics", "flat"),
    ],
    ids=lambda options: options[0],
)
def test_what_it_does_not_use_changes_no_key(key, options):
    assert key(*options) == key()


def test_where_its_data_lie_changes_no_key(key, scenes_root, tmp_path):
    assert key("--dataset_root", f"{scenes_root}/.") == key()
    (tmp_path / "elsewhere").symlink_to(scenes_root)
    assert key("--dataset_root", str(tmp_path / "elsewhere")) == key()


@pytest.mark.parametrize(
    "options",
    [
        ("--lr", "1e-3"),
        ("--max_depth", "8"),
        ("--max_depth",),
        ("--seed", "1"),
        ("--size", "32", "96"),
        ("--aspect", "keep"),
        ("--batch_size", "2"),
        ("--max_epoch", "3"),
        ("--max_iterations", "6"),
        ("--amp",),
        ("--ema",),
        ("--channels", "24"),
        ("--activation", "relu6"),
        ("--backbone", "resnet34"),
        ("--max_scale", "1.2"),
        ("--augmentation", "zoom"),
        ("--photometric", "none"),
        ("--flip", "0"),
        ("--aspect", "pad"),
        ("--sampling", "balanced"),
        ("--val", "0.3"),
        ("--scheduler", "cosine"),
        ("--on_nan", "skip"),
        ("--warmup_epoch", "1", "--test_after_warmup"),
        ("--ema", "--ema_test"),
    ],
    ids=lambda options: options[0],
)
def test_what_it_uses_changes_its_key(key, options):
    assert key(*options) != key()


def test_an_option_of_one_task_changes_the_key_of_that_one_alone(key):
    smoothed = ("--label_smoothing", "0.2")
    assert key(*smoothed, task="segmentation") != key(task="segmentation")
    for task in ("depth", "normal"):
        assert key(*smoothed, task=task) == key(task=task)


def test_images_without_a_label_count_where_they_are_kept(key):
    voc = ("--train_dataset", "VOC", "--tasks", "segmentation")
    assert key(*voc, "--keep_unlabelled", task="segmentation") != key(*voc, task="segmentation")
    both = ("--train_dataset", "NYUD_MT", "VOC")
    kept = (*both, "--keep_unlabelled")
    assert key(*kept) == key(*both), "a dataset without any depth adds none to a run of depth"
