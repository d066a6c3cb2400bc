"""Cfg files of the official repository are read as they are."""

import pytest

from utils.config import MethodOption, Methods, read
from utils.errors import ConfigError
from utils.official import SHORT, UNUSED

METHODS = Methods(
    {
        "amtl": {
            "focusing_factor": MethodOption(float, 2.0, "γ"),
            "margin": MethodOption(float, 0.05, "of the potential"),
        },
        "weighted-sum": {"loss_weight": MethodOption(list[float], None, "of each task")},
    }
)

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
    config = read([cfg], METHODS)
    assert config.tasks == ["segmentation", "depth", "normal"]
    assert (config.arch, config.backbone, config.channels) == ("DeepLab", "resnet50", 256)
    assert (config.size, config.output_stride) == ([480, 640], 8)
    assert (config.skip_connection, config.shared_head) == (48, True)
    assert (config.optimizer, config.scheduler) == ("adam", "polynomial")
    assert (config.weight_decay, config.tencent_trick, config.warmup_epoch) == (5e-6, False, 0)
    assert (config.train_dataset, config.seed, config.amp) == (["NYU_MT"], 100, True)
    assert (config.ema, config.ema_momentum) == (True, 0.999)
    assert config.potential == [0.4443, 0.8082, 0.4553]
    assert config.method_options() == {"focusing_factor": 2.5, "margin": 0.1}
    assert config.method_options("weighted-sum") == {"loss_weight": [1.0, 1.0, 1.0]}
    assert config.where("arch") == f"{cfg}:4"


def test_options_that_are_not_used_are_told_once(cfg):
    config = read([cfg, "--year", "2007", "--mix_up", "True"], METHODS)
    told = [notice.split(" is an option of the official code")[0] for notice in config.notices]
    assert told == [
        f"note: {cfg}:7: --normal_type",
        f"note: {cfg}:12: --head_type",
        "note: --year",
        f"note: {cfg}:32: --remove_ckpt",
        "note: --mix_up",
    ]
    assert f"that is not used here ({UNUSED['year']})" in config.notices[2]


def test_options_that_are_not_used_in_an_ini_cfg(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text("[run]\ntasks = depth\n[network]\nhead_type = conv\n")
    assert read([str(path)], METHODS).notices == [
        f"note: {path}:4: --head_type is an option of the official code that is not used here "
        f"({UNUSED['head_type']})"
    ]


@pytest.mark.parametrize("name", EVERY_OPTION.split())
def test_every_official_option_is_known(tmp_path, name):
    path = tmp_path / "x.cfg"
    tasks = "" if name in ("app", "applications") else "--app depth\n"
    path.write_text(f"{tasks}--{name} {VALUES.get(name, '1')}\n")
    config = read([str(path)], METHODS)
    methods = {option for options in METHODS.values() for option in options}
    assert bool(config.notices) == (name in UNUSED and name not in methods)


def test_short_flags(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text(
        "--app depth\n-a DeepLab\n-s 64\n-b 4\n-sched poly\n-max 3\n-wi 1\n-ci 2\n-fi 3"
    )
    config = read([str(path)], METHODS)
    assert (config.arch, config.size, config.batch_size) == ("DeepLab", [64, 64], 4)
    assert (config.scheduler, config.max_epoch, config.warmup_epoch) == ("polynomial", 3, 1)
    assert len(config.notices) == len(SHORT)


def test_a_mistake_in_an_official_cfg(cfg):
    with open(cfg, "a") as file:
        file.write("--batchsize 8\n")
    with pytest.raises(ConfigError, match=r"cfg:34: .*'--batchsize'; did you mean --batch_size\?"):
        read([cfg], METHODS)
