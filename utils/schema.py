# ruff: noqa: RUF009 (`option` gives a field of the dataclass, not a value shared by all)
"""Every option of a cfg and of the command line. To add one, add a line."""

from __future__ import annotations

import os
from dataclasses import dataclass

from utils.option import REQUIRED, option, options_of


@dataclass(frozen=True)
class Schema:
    """The options by name, each with its type, default, section of the cfg and line of help.

    What an option may say about itself beyond these stands at :func:`utils.option.option`.
    """

    tasks: list[str] = option(
        REQUIRED,
        "run",
        "what to learn: segmentation, detection, depth, normal, or a short name (seg, det)",
        aliases=("app", "applications"),
        decides="run",
    )
    loss: str = option(
        "amtl", "run", "the multi-task loss", aliases=("loss_metric",), decides="run"
    )
    seed: int = option(
        0,
        "run",
        "of everything random",
        aliases=("random_seed",),
        at_least=0,
        at_most=2**32 - 1,
    )
    mode: str = option(
        "train",
        "run",
        "train: baselines, multi-task network, results; test: a checkpoint on the test sets; "
        "export: a checkpoint as ONNX; check: read all data and say what is there; "
        "summary: parameters and multiply-adds, without data",
        choices=("train", "test", "export", "check", "summary"),
        decides="nothing",
    )
    device: str = option(
        "auto", "run", "cpu, cuda, cuda:1, mps, or the best there is", decides="nothing"
    )
    ckpt: str | None = option(
        None, "run", "the checkpoint to test or export (empty: the run's best)", decides="nothing"
    )
    json: bool = option(False, "run", "print a summary or a check as JSON", decides="nothing")
    run: str | None = option(
        None, "run", "a name that puts the run beside the one without", decides="nothing"
    )
    runs: str = option(
        "runs", "run", "the folder of all runs", aliases=("root_folder",), decides="nothing"
    )

    dataset_root: str = option(
        lambda: os.environ.get("datasets") or "data",  # noqa: SIM112 (its name elsewhere)
        "data",
        "the folder of the datasets; the environment variable `datasets` is its default",
    )
    train_dataset: list[str] = option(["VOC"], "data", "the datasets to train on, merged")
    test_dataset: list[str] = option(
        [], "data", "the datasets to test on (empty: the training ones)"
    )
    val: str = option(
        "0.1",
        "data",
        "what weights, schedule and checkpoint go by: a share held out of the training set, "
        "datasets as NAME:split, or test, as in the official code",
        joined=True,
    )
    size: list[int] = option(
        [640, 640],
        "data",
        "height and width of the images in pixels; one number: square",
        aliases=("-s",),
        count=2,
        at_least=1,
    )
    batch_size: int = option(32, "data", "images a step", aliases=("-b",), at_least=1)
    classes: str = option(
        "separate",
        "data",
        "where datasets of one task have other classes: separate, a head each, or unite them by "
        "name in one head",
        choices=("separate", "unite"),
    )
    sampling: str = option(
        "concat",
        "data",
        "how often merged datasets are drawn from: concat, by their sizes; balanced, all alike; "
        "temperature, in between",
        choices=("concat", "balanced", "temperature"),
    )
    sampling_temperature: float = option(
        2.0,
        "data",
        "of that sampling: a set of n images is drawn from in proportion to n^(1/T)",
        at_least=1,
    )
    epoch_images: str = option(
        "all",
        "data",
        "how long an epoch is: all, as many images as there are; longest or shortest, until that "
        "dataset was seen once; or a number of images",
    )
    num_workers: int = option(
        2, "data", "processes that read images; 0: none", at_least=0, decides="nothing"
    )
    cache: str = option(
        "none",
        "data",
        "where decoded images and labels are kept: none, ram (shared by the workers), disk (below "
        "the folder of all runs)",
        choices=("none", "ram", "disk"),
        decides="nothing",
    )
    on_bad_sample: str = option(
        "stop",
        "data",
        "what a damaged file does while training: stop the run, or skip it and name it at the end",
        choices=("stop", "skip"),
        decides="nothing",
    )
    min_scale: float = option(
        2 / 3, "data", "the smallest window to crop, as a share of the image", above=0
    )
    max_scale: float = option(
        4 / 3, "data", "the largest window; above 1, the image is padded", above=0
    )

    render_train: int = option(
        0,
        "scenes",
        "training images to render when they are not there; 0: the data are real",
        at_least=0,
    )
    render_val: int = option(0, "scenes", "test images to render", at_least=0)
    render_size: list[int] = option(
        [120, 160], "scenes", "height and width of the rendered images", count=2, at_least=1
    )
    render_seed: int = option(0, "scenes", "of the rendered images", at_least=0, at_most=2**32 - 1)

    arch: str = option("VMM", "network", "the architecture: VMM, DeepLab, …", aliases=("-a",))
    backbone: str = option(
        "efficientnet_v2_s",
        "network",
        "the backbone: resnet50, mobilenet_v2, …",
        aliases=("basenet",),
    )
    pretrained: str = option(
        "true",
        "network",
        "ImageNet weights for the backbone: true, false, or the path of a file",
        inverse="from_scratch",
        spellings={"true": "true", "yes": "true", "1": "true"}
        | {"false": "false", "no": "false", "0": "false"},
    )
    neck: str | None = option(
        None,
        "network",
        "what joins the levels of features in VMM and EfficientDet (empty: as in their papers)",
        aliases=("use_FPN",),
    )
    channels: int | None = option(
        None,
        "network",
        "channels of what follows the backbone (empty: as in the architecture's paper)",
        aliases=("normal_size",),
        at_least=1,
    )
    output_stride: int = option(
        16, "network", "of the last features in DeepLab", choices=(8, 16, 32)
    )
    skip_connection: int = option(
        0,
        "network",
        "channels of DeepLabV3+'s skip connection; 0: none, DeepLabV3",
        at_least=0,
        spellings={"true": "48"},
    )
    shared_head: bool = option(True, "network", "one ASPP for all tasks in DeepLab")

    optimizer: str = option(
        "sgd", "training", "the optimizer", aliases=("optim",), choices=("sgd", "adam", "adamw")
    )
    lr: float = option(
        1e-3,
        "training",
        "learning rate for a batch of 32 images; it is multiplied by batch_size / 32",
        aliases=("learning_rate",),
        above=0,
    )
    momentum: float = option(0.9, "training", "of sgd", at_least=0, below=1)
    weight_decay: float = option(5e-4, "training", "weight decay", at_least=0)
    tencent_trick: bool = option(False, "training", "no weight decay on biases and 1-d weights")
    multiple_lr: float = option(
        1.0, "training", "factor of the learning rate outside the backbone", above=0
    )
    scheduler: str = option(
        "plateau",
        "training",
        "how the learning rate falls",
        aliases=("-sched",),
        choices=("polynomial", "plateau", "cosine", "multistep", "constant"),
        spellings={"poly": "polynomial"},
    )
    patience: int = option(
        20, "training", "evaluations without a better metric before plateau lowers it", at_least=0
    )
    factor: float = option(
        0.5, "training", "what plateau and multistep multiply it by", above=0, below=1
    )
    min_lr: float = option(0.0, "training", "the least that plateau and cosine go to", at_least=0)
    milestones: list[int] = option(
        [], "training", "epochs after which multistep lowers it", at_least=1
    )
    warmup_epoch: float = option(
        2.0, "training", "epochs in which it rises from 0", aliases=("-wi",), at_least=0
    )
    max_epoch: int = option(200, "training", "epochs", aliases=("-max",), at_least=1)
    clip_grad: float = option(
        0.0, "training", "largest norm of the gradient; 0: no limit", at_least=0
    )
    ema: bool = option(
        False, "training", "test a moving average of the weights", aliases=("model_ema",)
    )
    ema_momentum: float = option(
        0.9999, "training", "of that average", aliases=("model_ema_momentum",), at_least=0, below=1
    )
    amp: bool = option(False, "training", "mixed precision")
    channels_last: bool = option(
        True, "training", "store images with the channels last, which is faster", decides="nothing"
    )
    label_smoothing: float = option(
        0.0, "training", "of the classes in segmentation", at_least=0, below=1
    )
    max_depth: float = option(
        10.0, "training", "metres; depths from there on do not count", above=0
    )
    loc_weight: float = option(10.0, "training", "factor of the box loss in detection", at_least=0)
    test_freq: int = option(1, "training", "epochs from one evaluation to the next", at_least=1)
    display_freq: int = option(
        100,
        "training",
        "steps from one plain line of progress to the next",
        at_least=1,
        decides="nothing",
    )
    diagnose: int = option(
        0,
        "training",
        "steps from one record of the task gradients' angles and lengths to the next; 0: none",
        at_least=0,
        decides="nothing",
    )
    save_freq: int = option(
        1, "training", "epochs from one checkpoint to the next", at_least=1, decides="nothing"
    )

    baselines: list[str] = option(
        [],
        "baselines",
        "cfgs of the single-task networks (empty: this one, a task each)",
        decides="run",
    )
    potential: list[float] = option(
        [],
        "baselines",
        "accuracy of each task's single-task network (empty: measured)",
        above=0,
        at_most=1,
        decides="run",
    )


OPTIONS = options_of(Schema)
