"""Cfg files of the official repository are read as they are."""

from pathlib import Path

import pytest

from engine.config import read
from tests.settings import of_loss, settings
from utils.errors import ConfigError
from utils.official import MILESTONES, NAMES, SHORT, UNUSED

ROOT = Path(__file__).parents[2]

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
    "head_type": "mbconv",
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


def test_deeplab_has_the_activation_of_the_official_code(cfg, tmp_path):
    def activation(*argv):
        return read(list(argv)).network.arch.value("activation")

    assert activation(cfg) == "relu6"
    assert activation(cfg, "--activation", "relu") == "relu"
    resolved, ours = tmp_path / "resolved.cfg", tmp_path / "ours.cfg"
    resolved.write_text(read([cfg]).text())
    assert activation(str(resolved)) == "relu6"
    assert read([str(resolved)]).identity() == read([cfg]).identity()
    ours.write_text("[run]\ntasks = depth\n[network]\narch = DeepLab\n")
    assert activation(str(ours)) == "relu"


@pytest.mark.parametrize(
    ("arch", "activation"), [("VMM", "relu6"), ("EfficientDet", "swish"), ("EfficientDet", "relu6")]
)
def test_the_activation_of_other_networks_is_told_to_have_no_effect(tmp_path, arch, activation):
    path = tmp_path / "x.cfg"
    path.write_text(f"--app detection\n--arch {arch}\n--activation {activation}\n")
    assert read([str(path)]).notices == [
        f"note: {path}:3: nothing in this cfg uses activation; it is an option of DeepLab"
    ]


@pytest.mark.parametrize(
    ("written", "head_type"), [("dsconv", "dsconv"), ("mbconv", "mbconv"), ("conv", "mbconv")]
)
def test_the_heads_of_vmm(tmp_path, written, head_type):
    path = tmp_path / "x.cfg"
    path.write_text(f"--app detection\n--arch VMM\n--head_type {written}\n")
    config = read([str(path)])
    assert config.network.arch.value("head_type") == head_type
    assert len(config.notices) == (written == "conv")


def test_options_that_are_not_used_are_told_once(cfg):
    config = read([cfg, "--year", "2007", "--mix_up", "True"])
    of_code = " is an option of the official code"
    told = [notice.split(of_code)[0] for notice in config.notices if of_code in notice]
    assert told == [
        f"note: {cfg}:7: --normal_type",
        "note: --year",
        f"note: {cfg}:32: --remove_ckpt",
        "note: --mix_up",
    ]
    assert f"note: {cfg}:12: nothing in this cfg uses head_type; it is an option of VMM" in (
        config.notices
    )
    assert any(f"that is not used here ({UNUSED['year']})" in notice for notice in config.notices)


def test_options_that_are_not_used_in_an_ini_cfg(tmp_path):
    path = tmp_path / "x.cfg"
    path.write_text("[run]\ntasks = depth\n[network]\nnormal_type = conv\n")
    told = read([str(path)]).notices
    assert told == [
        f"note: {path}:4: --normal_type is an option of the official code that is not used here "
        f"({UNUSED['normal_type']})"
    ]


def test_the_names_of_the_official_options_are_complete():
    assert {name.replace("-", "_") for name in EVERY_OPTION.split()} == NAMES


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


SAYS_LITTLE = "--lr 1e-3\n"
INI = "[run]\ntasks = segmentation detection\n"
# What the official code computes with where a file says nothing, by our names.
OFFICIAL = {
    "tasks": ("detection", "segmentation"),
    "loss": "weighted-sum",
    "arch": "VMM",
    "backbone": "efficientnet_v2_s",
    "channels": 64,
    "neck": "triv2-bifpn",
    "size": (640, 640),
    "train_dataset": ("VOC",),
    "test_dataset": ("VOC",),
    "val": "test",
    "keep_unlabelled": True,
    "min_scale": 2 / 3,
    "max_scale": 4 / 3,
    "batch_size": 32,
    "optimizer": "sgd",
    "lr": 1e-3,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "tencent_trick": False,
    "multiple_lr": 1.0,
    "ema": False,
    "loc_weight": 10.0,
    "label_smoothing": 0.0,
    "scheduler": "plateau",
    "patience": 20,
    "factor": 0.5,
    "min_lr": 1e-5,
    "threshold": 1e-4,
    "max_epoch": 200,
    "warmup_epoch": 2.0,
    "warmup_start": 0,
    "test_freq": 1,
    "test_after_warmup": True,
    "seed": 0,
    "amp": False,
}


def test_an_official_file_that_says_nothing_has_the_official_meaning(write):
    config = read([write(SAYS_LITTLE)])
    result = settings(config)
    assert {name: result[name] for name in OFFICIAL} == OFFICIAL
    assert config.notices == []


def test_our_own_defaults_are_as_they_were(write):
    ours = settings(read([write(INI)]))
    assert {
        name: ours[name] for name in ("val", "loss", "threshold", "min_lr", "warmup_start")
    } == {
        "val": "0.1",
        "loss": "amtl",
        "threshold": 0.0,
        "min_lr": 0.0,
        "warmup_start": 1,
    }
    assert (ours["test_after_warmup"], ours["keep_unlabelled"]) == (False, False)
    smoothed = settings(read([write(f"{INI}[training]\nema = true\n")]))
    assert (smoothed["ema_warmup"], smoothed["ema_test"]) == (True, False)


def test_flags_in_a_file_with_a_section_are_ours(write):
    assert settings(read([write(f"--lr 1e-3\n{INI}")]))["val"] == "0.1"


@pytest.mark.parametrize(
    "text",
    [
        CFG,
        SAYS_LITTLE,
        "--app depth\n--scheduler multi-step\n-ci 3\n--factor 0.5\n",
        "--app seg det depth\n--loss_metric amtl-a\n--optim rms_prop\n--model-ema\n",
        "--app detection\n--arch EfficientDet\n--basenet efficientnet_b1\n",
    ],
)
def test_the_resolved_cfg_of_an_official_file_is_the_same_run(write, text):
    config = read([write(text)])
    again = read([write(config.text(), "resolved.cfg")])
    assert again.text() == config.text()
    assert again.identity() == config.identity()
    assert again.notices == []


def test_the_file_and_the_command_line_come_before_the_official_meaning(write):
    path = write("--app depth\n--patience 7\n--lr 1e-3\n")
    result = settings(read([path, "--threshold", "0", "--val", "0.2", "--warmup_start", "1"]))
    expected = {"patience": 7, "threshold": 0.0, "val": "0.2", "warmup_start": 1, "min_lr": 1e-5}
    assert {name: result[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("flags", "milestones"),
    [
        ("", (80, 120)),
        ("--cold_epoch 10", (10, 50)),
        ("-fi 5", (80, 85)),
        ("-ci 10\n-fi 5", (10, 15)),
    ],
)
def test_multi_step_falls_at_cold_epoch_and_after_freeze_epoch(write, flags, milestones):
    path = write(f"--app depth\n--scheduler multi-step\n--loss_metric weighted-sum\n{flags}\n")
    config = read([path])
    result = settings(config)
    assert (result["milestones"], result["factor"]) == (milestones, 0.1)
    assert config.notices == []


def test_the_command_line_sets_the_milestones_of_an_official_file(write):
    path = write("--app depth\n--scheduler multi-step\n-ci 10\n")
    assert settings(read([path, "-fi", "3"]))["milestones"] == (10, 13)
    assert settings(read([path, "--milestones", "4", "6"]))["milestones"] == (4, 6)
    with pytest.raises(ConfigError, match=r"^-fi: freeze_epoch wants a whole number, not 'x'"):
        read([path, "-fi", "x"])


def test_the_factor_of_multi_step_is_fixed_in_an_official_file(write):
    path = write("--app depth\n--scheduler multi-step\n--factor 0.3\n")
    config = read([path])
    assert settings(config)["factor"] == 0.1
    assert config.notices == [
        f"note: {path}:3: factor is 0.1 here whatever the cfg says, as in the official code"
    ]
    assert settings(read([path, "--factor", "0.3"]))["factor"] == 0.3
    plateau = read([path, "--scheduler", "plateau"])
    assert settings(plateau)["factor"] == 0.3
    assert plateau.notices == []


def test_other_schedules_have_no_use_for_the_milestones(write):
    config = read([write("--app depth\n--scheduler cosine\n-ci 3\n-fi 4\n")])
    assert [line.split(" is an")[0][-12:] for line in config.notices] == [
        f"--{name}"[-12:] for name in MILESTONES
    ]
    assert settings(config)["min_lr"] == 0.0, "the official floor is plateau's"


def test_rms_prop(write):
    config = read([write("--app depth\n--optim rms_prop\n--momentum 0.8\n")])
    expected = {"optimizer": "rmsprop", "momentum": 0.8, "square_decay": 0.9}
    assert settings(config).items() >= expected.items()


def test_the_average_is_constant_and_tested_beside_the_weights(write):
    result = settings(read([write("--app depth\n--model-ema\n")]))
    expected = {"ema": True, "ema_momentum": 0.9999, "ema_warmup": False, "ema_test": True}
    assert result.items() >= expected.items()


@pytest.mark.parametrize("loss", ["amtl", "amtl-a", "pcgrad-amtl", "cagrad-amtl"])
def test_losses_by_achievement_have_the_official_numbers(write, loss):
    path = write(f"--app detection segmentation depth\n--loss_metric {loss}\n")
    config = read([path])
    assert of_loss(config).items() >= {"focusing_factor": 0.5, "margin": 0.15}.items()
    assert config.comparison.potential == (0.6411, 0.8089, 0.8557)
    given = read([path, "--potential", "0.5", "0.6", "0.7"])
    assert given.comparison.potential == (0.5, 0.6, 0.7)
    assert read([path, "--baselines", "a", "b", "c"]).comparison.potential == ()


@pytest.mark.parametrize("loss", ["weighted-sum", "dtp", "kd-amtl"])
def test_losses_that_need_the_baselines_or_no_potential_get_none(write, loss):
    config = read([write(f"--app detection segmentation depth\n--loss_metric {loss}\n")])
    assert config.comparison.potential == ()
    assert config.notices == []


def test_three_potentials_are_not_those_of_two_tasks(write):
    path = write("--app detection segmentation\n--loss_metric amtl\n")
    config = read([path])
    assert config.comparison.potential == ()
    assert config.notices == [
        f"note: {path}: the official default of potential has 3 numbers, and the cfg 2 tasks: "
        "the potentials are measured on the baselines"
    ]


def test_frozen_stages_freeze_nothing_there_either(write):
    [line] = read([write("--app depth\n--frozen_stages 4\n")]).notices
    assert "nor does this option freeze any there" in line


def test_a_flag_may_be_cut_short_as_officially(write):
    """Where our own options begin alike, the official one is meant, in the file."""
    path = write("--app depth\n--warm 3\n--test_f 2\n--epoch_im 8\n")
    result = settings(read([path]))
    assert (result["warmup_epoch"], result["test_freq"], result["epoch_images"]) == (3.0, 2, "8")
    with pytest.raises(ConfigError, match="--warm may mean"):
        read([path, "--warm", "3"])


VMM = "--optim adamw --tencent_trick --scheduler plateau --factor 0.1 --model-ema --amp"
DEEPLAB = (
    "--arch DeepLab --optim adam --lr 4e-4 --scheduler poly --warmup_epoch 0 --max_epoch 100 --amp"
)


@pytest.mark.parametrize(
    ("cfg", "flags"),
    [
        (
            "detection/VOC/VMM_efficientnet-v2-s",
            f"--app detection {VMM} --lr 1e-3 --weight_decay 1e-4 --max_epoch 800 --patience 10 "
            "--warmup_epoch 4 --model-ema-momentum 0.999 --test_freq 2",
        ),
        (
            "segmentation/VOC/VMM_efficientnet-v2-s",
            f"--app segmentation {VMM} --lr 1e-4 --weight_decay 1e-4 --max_epoch 400 "
            "--warmup_epoch 4 --model-ema-momentum 0.9999 --test_freq 2",
        ),
        (
            "depth/NYU/VMM_efficientnet-v2-s",
            f"--app depth {VMM} --lr 8e-4 --weight_decay 5e-5 --max_epoch 100 --warmup_epoch 2 "
            "--model-ema-momentum 0.999",
        ),
        (
            "seg+det+depth/NYU/VMM_efficientnet-v2-s",
            f"--app detection segmentation depth {VMM} --lr 1e-4 --weight_decay 5e-5 "
            "--max_epoch 200 --warmup_epoch 2 --model-ema-momentum 0.999",
        ),
        ("segmentation/NYU/DeepLab_resnet50", f"--app segmentation {DEEPLAB} --weight_decay 1e-4"),
        ("depth/NYU/DeepLab_resnet50", f"--app depth {DEEPLAB} --weight_decay 1e-4"),
        ("normal/NYU/DeepLab_resnet50", f"--app normal {DEEPLAB} --weight_decay 1e-4"),
        (
            "seg+depth+normal/NYU/DeepLab_resnet50",
            f"--app segmentation depth normal {DEEPLAB} --weight_decay 5e-6",
        ),
    ],
)
def test_the_cfgs_of_the_published_rows_train_as_the_official_files(write, cfg, flags):
    ours = read([str(ROOT / "cfg" / f"{cfg}.cfg")])
    official = read([write("\n".join(f"--{flag}" for flag in flags.split("--")[1:]))])
    assert ours.training.identity() == official.training.identity()


def test_segmentation_alone_sees_all_images_of_voc_as_officially():
    data = read([str(ROOT / "cfg/segmentation/VOC/VMM_efficientnet-v2-s.cfg")]).data
    assert (data.keep_unlabelled, data.val) == (True, "test")
