"""Cfg files of the official repository are read as they are."""

import pytest

from engine.config import read
from tests.settings import of_loss, settings
from utils.errors import ConfigError
from utils.official import SHORT, UNUSED

# In the manner of the official files: flags, comments, the two spellings that its parser refused.
CFG = """\
--app segmentation depth normal

# The network
--arch `DeepLab`
--basenet resnet50
--size 480 640  # height width
--normal_type aspp
--normal_size 256
--skip_connection True
--shared_head True
--output_stride 8
--head_type conv

--loss_weight 1 1 1
--loss_metric amtl
--margin 0.1
--focusing 2.5
--potential 0.4443 0.8082 0.4553
# --potential 0.4453 0.8087 0.3560

--optim adam
--weight_decay 5e-6
# --tencent_trick
--scheduler poly
--train_dataset NYU_MT
--test_dataset NYU_MT
--year 2012
--warmup_epoch 0
--model-ema
--model-ema-momentum 0.999
--random_seed 100
--remove_ckpt True
--amp
"""

EVERY_OPTION = """
app applications arch basenet frozen_stages sync_bn normal_type normal_size head_type
activation cls_head use_FPN output_stride skip_connection shared_head from_scratch size
training_size train_dataset test_dataset year dataset_root min_scale max_scale batch_size
optim num_workers momentum weight_decay tencent_trick multiple_lr model-ema
model-ema-momentum cls_loss_type loc_loss_type iou_aware_cls loc_weight lr learning_rate
scheduler patience factor fine_tune fine_tune_iter resume resume_epoch loss_metric
focusing_factor potential margin loss_weight alpha max_epoch warmup_epoch cold_epoch
freeze_epoch ckpt teacher output root_folder subfolder save_freq test_freq display_freq
remove_ckpt mix_up label_smoothing dist_url world_size local_rank random_seed amp
"""
VALUES = {
    "app": "depth",
    "applications": "depth",
    "arch": "VMM",
    "basenet": "resnet50",
    "use_FPN": "bifpn",
    "train_dataset": "VOC",
    "test_dataset": "VOC",
    "loss_metric": "weighted_sum",
    "optim": "sgd",
    "scheduler": "plateau",
    "output_stride": "16",
    "factor": "0.5",
    "momentum": "0.9",
    "model-ema-momentum": "0.9",
    "label_smoothing": "0",
}


@pytest.fixture
def cfg(tmp_path):
    path = tmp_path / "DeepLab.cfg"
    path.write_text(CFG)
    return str(path)


def test_an_official_cfg(cfg):
    config = read([cfg])
    assert (
        settings(config).items()
        >= {
            "tasks": ("segmentation", "depth", "normal"),
            "arch": "DeepLab",
            "backbone": "resnet50",
            "channels": 256,
            "size": (480, 640),
            "output_stride": 8,
            "skip_connection": 48,
            "shared_head": True,
            "optimizer": "adam",
            "scheduler": "polynomial",
            "weight_decay": 5e-6,
            "warmup_epoch": 0,
            "train_dataset": ("NYUD_MT",),
            "seed": 100,
            "amp": True,
            "ema": True,
            "ema_momentum": 0.999,
            "potential": (0.4443, 0.8082, 0.4553),
        }.items()
    )
    assert of_loss(config).items() >= {"focusing_factor": 2.5, "margin": 0.1}.items()
    assert config.places["arch"] == f"{cfg}:4"
    weighted = read([cfg, "--loss", "weighted-sum"])
    assert of_loss(weighted)["loss_weight"] == (1.0, 1.0, 1.0)


def test_images_keep_their_aspect_ratio_unless_the_file_says_otherwise(cfg):
    assert read([cfg]).data.aspect == "keep"
    assert read([cfg, "--aspect", "stretch"]).data.aspect == "stretch"


def test_options_that_are_not_used_are_told_once(cfg):
    config = read([cfg, "--year", "2007", "--mix_up", "True"])
    of_code = " is an option of the official code"
    told = [notice.split(of_code)[0] for notice in config.notices if of_code in notice]
    assert told == [
        f"note: {cfg}:7: --normal_type",
        f"note: {cfg}:12: --head_type",
        "note: --year",
        f"note: {cfg}:32: --remove_ckpt",
        "note: --mix_up",
    ]
    assert any(f"that is not used here ({UNUSED['year']})" in notice for notice in config.notices)


def test_options_that_are_not_used_in_an_ini_cfg(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text("[run]\ntasks = depth\n[network]\nhead_type = conv\n")
    told = read([str(path)]).notices
    assert told == [
        f"note: {path}:4: --head_type is an option of the official code that is not used here "
        f"({UNUSED['head_type']})"
    ]


@pytest.mark.parametrize("name", EVERY_OPTION.split())
def test_every_official_option_is_known(tmp_path, name):
    path = tmp_path / "x.cfg"
    tasks = "" if name in ("app", "applications") else "--app depth\n"
    path.write_text(f"{tasks}--{name} {VALUES.get(name, '1')}\n")
    config = read([str(path)])
    told = any("is an option of the official code" in notice for notice in config.notices)
    assert told == (name in UNUSED)


def test_short_flags(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text(
        "--app depth\n-a DeepLab\n-s 64\n-b 4\n-sched poly\n-max 3\n-wi 1\n-ci 2\n-fi 3"
    )
    config = read([str(path)])
    result = settings(config)
    assert (result["arch"], result["size"], result["batch_size"]) == ("DeepLab", (64, 64), 4)
    assert (result["scheduler"], result["max_epoch"], result["warmup_epoch"]) == (
        "polynomial",
        3,
        1,
    )
    assert len(config.notices) == len(SHORT)


def test_a_mistake_in_an_official_cfg(cfg):
    with open(cfg, "a") as file:
        file.write("--batchsize 8\n")
    with pytest.raises(ConfigError, match=r"cfg:34: .*'--batchsize'; did you mean --batch_size\?"):
        read([cfg])
