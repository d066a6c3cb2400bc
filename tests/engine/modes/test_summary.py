"""What a network costs: the figures of the paper's networks, and of cfg files as they are."""

import json
from pathlib import Path

import pytest

import train_test
from engine.config import read

ROOT = Path(__file__).resolve().parents[3]
DEEPLAB = "cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg"
VMM = "cfg/seg+det+depth/NYU/VMM_efficientnet-v2-s.cfg"

# Files in the manner of the official ones: flags, no section, its names of datasets and options.
FLAGS = {
    "DeepLab": """\
--app segmentation depth normal
--arch `DeepLab`
--basenet resnet50
--size 480 640  # height width
--normal_type aspp
--normal_size 256
--skip_connection True
--shared_head True
--output_stride 8
--head_type conv
--loss_metric amtl
--focusing 2
--potential 0.4443 0.8082 0.4553
--train_dataset NYU_MT
--scheduler poly
""",
    "DeepLabV3Plus_MobileNetV2": """\
--app normal
--arch DeepLab
--basenet mobilenet_v2
--size 480 640
--normal_size 256
--skip_connection 48
--output_stride 32
--train_dataset NYU_MT
""",
    "VMM": """\
--app segmentation depth normal
--arch VMM
--basenet efficientnet_v2_s
--use_FPN triv2-bifpn
--normal_size 64
--size 480 640
--skip_connection True
--shared_head True
--output_stride 32
--head_type conv
--train_dataset NYU_MT
""",
    "EfficientDet": """\
--app detection
--arch EfficientDet
--basenet efficientnet_b1
--size 640
--normal_size 88
--use_FPN bifpn
--head_type dsconv
--activation swish
--cls_head sigmoid
--iou_aware_cls
--train_dataset COCO
--test_dataset COCO
""",
    "HME": """\
--app detection
--arch VMM
--basenet efficientnet_v2_s
--size 640
--head_type dsconv
--train_dataset HME
--test_dataset HME
--year 2007
""",
}


@pytest.fixture
def summary(capsys, monkeypatch):
    """Runs `--mode summary --json` in the project's folder; returns the object and the notes."""
    monkeypatch.chdir(ROOT)

    def run(cfg, *options):
        argv = [str(cfg), "--mode", "summary", "--json", "--dataset_root", "nowhere", *options]
        assert train_test.main(argv) == 0
        captured = capsys.readouterr()
        return json.loads(captured.out), captured.err

    return run


EFFICIENTDET = "--train_dataset COCO --arch EfficientDet --backbone efficientnet_b1"


@pytest.mark.parametrize(
    ("cfg", "options", "parameters", "gmacs"),
    [
        ("cfg/detection/VOC/VMM_efficientnet-v2-s.cfg", "", 20_038_272, 23.55),
        ("cfg/segmentation/VOC/VMM_efficientnet-v2-s.cfg", "", 19_977_786, 23.48),
        ("cfg/depth/NYU/VMM_efficientnet-v2-s.cfg", "", 19_975_186, 23.46),
        (VMM, "", 20_089_132, 23.87),
        (DEEPLAB, "", 40_825_452, 197.39),
        (DEEPLAB, "--skip_connection 48", 41_181_900, 199.10),
        ("cfg/normal/NYU/DeepLab_resnet50.cfg", "", 39_634_243, 191.67),
        (
            "cfg/segmentation/VOC/VMM_efficientnet-v2-s.cfg",
            "--train_dataset COCO",
            19_985_586,
            23.53,
        ),
        ("cfg/detection/VOC/VMM_efficientnet-v2-s.cfg", EFFICIENTDET, 6_744_588, 5.39),
    ],
)
def test_the_official_networks(summary, cfg, options, parameters, gmacs):
    result, _ = summary(cfg, *options.split())
    assert result["parameters"] == parameters
    assert result["gmacs"] == pytest.approx(gmacs, rel=0.01)


def test_three_tasks_for_a_third_of_the_computation(summary):
    result, _ = summary(VMM)
    single = result["single_task_networks"]
    assert single["gmacs"] == pytest.approx(70.49, rel=0.01)
    assert list(single["networks"]) == ["detection", "segmentation", "depth"]
    assert single["networks"]["detection"]["parameters"] == 20_038_272
    assert 0.335 < result["ratio"]["gmacs"] < 0.340
    assert result["ratio"]["gmacs"] == pytest.approx(result["gmacs"] / single["gmacs"])


def test_parts_add_up(summary):
    result, _ = summary(DEEPLAB)
    parts = result["parts"]
    assert list(parts["heads"]) == ["segmentation", "depth", "normal"]
    for key in ("parameters", "gmacs"):
        shared = parts["backbone"][key] + parts["neck"][key]
        heads = sum(head[key] for head in parts["heads"].values())
        assert shared + heads == pytest.approx(result[key])
        assert result["shared"][key] == pytest.approx(shared)
        assert result["shared"]["share"][key] == pytest.approx(shared / result[key])
    # A 3×3 convolution of 256 to 256 channels with BatchNorm, and a 1×1 convolution with bias.
    assert parts["heads"]["depth"]["parameters"] == 256 * 256 * 9 + 2 * 256 + 256 + 1
    at_stride_8 = 60 * 80
    assert parts["heads"]["depth"]["gmacs"] * 1e9 == at_stride_8 * (256 * 256 * 9 + 256)


def test_without_named_baselines_the_network_is_compared_with_itself(summary, cfg, dense):
    result, _ = summary(cfg(dense))
    alone, _ = summary(cfg(dense), "--tasks", "depth")
    assert result["single_task_networks"]["networks"]["depth"]["gmacs"] == alone["gmacs"]
    assert "ratio" not in alone


def test_a_task_a_dataset_where_classes_differ(summary, cfg, partial):
    result, _ = summary(cfg(partial), "--tasks", "seg", "--train_dataset", "VOC", "NYUD_MT")
    assert result["tasks"] == ["segmentation:VOC", "segmentation:NYUD_MT"]
    assert result["parts"]["heads"]["segmentation:VOC"]["gmacs"] > 0


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("DeepLab", 41_181_900),
        ("DeepLabV3Plus_MobileNetV2", 12_760_675),
        ("VMM", 20_028_776),
        ("EfficientDet", 6_744_588),
        ("HME", 19_915_048),  # 20 classes, as VOC
    ],
)
def test_flag_style_cfgs(summary, cfg, name, parameters):
    result, _ = summary(cfg(FLAGS[name]))
    assert result["parameters"] == parameters


def test_options_that_the_network_does_not_have_are_told(cfg):
    def notes(name, *options):
        config = read([str(cfg(FLAGS[name], name)), *options])
        return config.path, "\n".join(config.notices)

    path, told = notes("VMM")
    unused = "nothing in this cfg uses"
    assert f"note: {path}:9: {unused} output_stride; it is an option of DeepLab" in told
    assert f"note: {path}:7: {unused} skip_connection; it is an option of DeepLab" in told
    assert (
        f"note: {path}:10: VMM has no head_type conv, nor in the official code; mbconv is taken"
        in told
    )
    assert unused not in notes("HME")[1], "none of them is given"
    told = notes("DeepLab", "--neck", "bifpn")[1]
    assert f"note: --neck: {unused} neck; it is an option of VMM" in told


def test_what_is_not_used_is_told_on_the_command_line(summary, cfg, dense):
    result, told = summary(cfg(dense), "--arch", "VMM", "--output_stride", "8")
    assert "note: --output_stride: nothing in this cfg uses output_stride" in told
    assert result["arch"] == "VMM"


@pytest.mark.parametrize(("name", "why"), [("HME", "not public"), ("EfficientDet", "is not there")])
def test_data_that_cannot_be_had_are_told_when_they_are_needed(cfg, capsys, tmp_path, name, why):
    argv = [str(cfg(FLAGS[name])), "--runs", str(tmp_path / "runs"), "--dataset_root", "nowhere"]
    assert train_test.main(argv) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: the data")
    assert why in error
    assert not (tmp_path / "runs").exists()


def test_a_task_without_labels_is_refused(cfg, dense, capsys):
    path = cfg(dense)
    argv = [str(path), "--mode", "summary", "--train_dataset", "NYU"]
    assert train_test.main(argv) == 2
    assert capsys.readouterr().err == (
        f"error: {path}:3: no dataset of the cfg has labels for segmentation: it names NYU\n"
    )


def test_the_table(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert train_test.main([DEEPLAB, "--mode", "summary"]) == 0
    rows = {line[:28].strip(): line[28:].split() for line in capsys.readouterr().out.splitlines()}
    assert rows["in all"] == ["40,825,452", "197.385", "G"]
    assert rows["head of depth"] == ["590,593", "1.45", "%", "2.832", "G", "1.43", "%"]
    assert rows["this network, of these"][-2:] == ["34.32", "%"]


@pytest.mark.parametrize(
    ("options", "neck", "total"),
    [
        (["--arch", "PSPNet"], 0, 140.07),
        (["--arch", "SegNet_MTAN", "--backbone", "none"], 178.55, 216.05),
    ],
)
def test_layers_that_a_task_runs_between_its_own_count_once(capsys, options, neck, total):
    size = ["--size", "288", "384", "--train_dataset", "NYUv2", "--json", "true"]
    assert train_test.main([DEEPLAB, "--mode", "summary", *size, *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["parts"]["neck"]["gmacs"] == pytest.approx(neck, abs=0.01)
    assert summary["gmacs"] == pytest.approx(total, abs=0.01)
