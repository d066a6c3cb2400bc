"""A cfg and a command line become values, and back."""

import dataclasses
import pickle
import random
import string

import pytest

from utils.config import (
    Config,
    HelpAsked,
    MethodOption,
    Methods,
    help_text,
    nearest,
    read,
    read_file,
)
from utils.errors import ConfigError
from utils.option import MethodOption as SameMethodOption
from utils.schema import OPTIONS

METHODS = Methods(
    {
        "amtl": {
            "focusing_factor": MethodOption(float, 2.0, "γ"),
            "margin": MethodOption(float, 0.05, "of the potential"),
            "normalise": MethodOption(str, "softmax", "of the weights", ("softmax", "sum", "none")),
        },
        "dtp": {"focusing_factor": MethodOption(float, 0.5, "γ")},
        "weighted-sum": {"loss_weight": MethodOption(list[float], None, "of each task")},
        "grad-norm": {
            "alpha": MethodOption(float, 1.5, "α"),
            "lr_weight": MethodOption(float, 0.025, "η"),
        },
        "stch": {
            "alpha": MethodOption(int, 3, "another α"),
            "warm": MethodOption(bool, True, "early"),
        },
        "mgda": {},
    }
)

CFG = """\
# A comment
[run]
tasks = segmentation depth   ; another
seed = 3

[training]
lr = 4e-4
milestones = 10 20
scheduler = multistep

[loss]
focusing_factor = 3

[loss.dtp]
focusing_factor = 0.25
"""


@pytest.fixture
def cfg(tmp_path):
    """Writes a cfg and returns its path."""

    def write(text, name="x.cfg"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def error(*argv):
    with pytest.raises(ConfigError) as caught:
        read(list(argv), METHODS)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_then_cfg_then_command_line(cfg):
    path = cfg(CFG)
    config = read([path, "--seed", "5", "--size", "96", "128", "--amp"], METHODS)
    assert config.tasks == ["segmentation", "depth"]
    assert (config.lr, config.milestones) == (4e-4, [10, 20])
    assert (config.seed, config.size, config.amp) == (5, [96, 128], True)
    assert (config.backbone, config.loss, config.potential) == ("efficientnet_v2_s", "amtl", [])
    assert config.where("lr") == f"{path}:7"
    assert config.where("seed") == "--seed"
    assert config.where("backbone") == "default"
    assert config.path == path


def test_command_line_forms(cfg):
    path = cfg(CFG)
    words = "--lr=2 -b 8 --multiple-lr 3 --max_ep 7 --potential .5 .25 --lr 0.5 --size=64 --run a"
    config = read([path, *words.split(), "--test_dataset", "VOC", "--test_dataset"], METHODS)
    assert (config.lr, config.batch_size, config.multiple_lr, config.max_epoch) == (0.5, 8, 3, 7)
    assert (config.potential, config.size, config.run) == ([0.5, 0.25], [64, 64], "a")
    assert config.test_dataset == []
    assert read([path, "--run", ""], METHODS).run is None
    assert read([path, "--dataset_root", "/my data"], METHODS).dataset_root == "/my data"


def test_negative_numbers_are_values(cfg):
    assert "weight_decay wants a number, at least 0, not '-1e-3'" in error(
        cfg(CFG), "--weight_decay", "-1e-3"
    )


def test_dataset_root_comes_from_the_environment(cfg, monkeypatch):
    monkeypatch.setenv("datasets", "/there")
    assert read([cfg(CFG)], METHODS).dataset_root == "/there"
    monkeypatch.delenv("datasets")
    assert read([cfg(CFG)], METHODS).dataset_root == "data"


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("[training]\ntencent_trick = yes", {"tencent_trick": True}),
        ("[training]\namp = OFF", {"amp": False}),
        ("[training]\nwarmup_epoch = 0.5", {"warmup_epoch": 0.5}),
        ("[training]\nscheduler = poly", {"scheduler": "polynomial"}),
        ("[network]\nskip_connection = True", {"skip_connection": 48}),
        ("[network]\nskip_connection = false", {"skip_connection": 0}),
        ("[network]\nskip_connection = 1", {"skip_connection": 1}),
        ("[network]\npretrained = True", {"pretrained": "true"}),
        ("[network]\npretrained = a/b.pt", {"pretrained": "a/b.pt"}),
        ("[network]\nfrom_scratch = True", {"pretrained": "false"}),
        ("[network]\nfrom_scratch = 0", {"pretrained": "true"}),
        ("[network]\narch = `DeepLab`", {"arch": "DeepLab"}),
        ('[data]\ndataset_root = "/my data #1"', {"dataset_root": "/my data #1"}),
        ("[data]\nsize = 480\t640", {"size": [480, 640]}),
        ("[data]\nval = NYU:val  VOC:val", {"val": "NYU:val VOC:val"}),
        ("[data]\nval = test", {"val": "test"}),
        ("[data]\ntest_dataset =", {"test_dataset": []}),
        ("[run]\nckpt =", {"ckpt": None}),
        ("--from_scratch", {"pretrained": "false"}),
        ("--amp --model-ema\n--lr=3 -s 32", {"amp": True, "ema": True, "lr": 3, "size": [32, 32]}),
    ],
)
def test_values(cfg, line, values):
    config = read([cfg(f"[run]\ntasks = depth\n{line}\n")], METHODS)
    for name, value in values.items():
        assert getattr(config, name) == value
        assert type(getattr(config, name)) is type(value) or isinstance(value, int)


def test_bytes_of_other_systems(cfg):
    text = CFG.replace("\n", "\r\n").encode()
    config = read([cfg(b"\xef\xbb\xbf" + text)], METHODS)
    assert config == read([cfg(CFG)], METHODS)
    assert read([cfg(CFG.replace("\n", "\r"))], METHODS).where("lr").endswith(":7")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[training]\nlearning_rat = 1", "4: there is no option 'learning_rat'; did you mean lear"),
        ("[training]\nLR = 1", "4: there is no option 'LR'; did you mean lr"),
        ("[training]\nmax_epo = 1", "4: there is no option 'max_epo'; did you mean max_epoch"),
        ("[training]\nqqqqqqqq = 1", "4: there is no option 'qqqqqqqq'; --help lists the options"),
        ("--max 3", "3: --max may mean --max_depth or --max_epoch or --max_scale"),
        ("--qqqqqqqq 1", "3: there is no option '--qqqqqqqq'; --help"),
        ("-loss amtl", "3: there is no option '-loss'; did you mean --loss?"),
        ("[trainig]\nlr = 1", "3: there is no section [trainig]; did you mean training?"),
        ("[trainig]", "3: there is no section [trainig]; did you mean training?"),
        ("[data]\nlr = 1", "4: lr belongs in [training], not in [data]"),
        ("[data]\nmargin = 1", "4: margin belongs in [loss], not in [data]"),
        ("[loss.amlt]\nmargin = 1", "3: there is no loss 'amlt'; did you mean amtl?"),
        ("[loss.amtl]\nmarginn = 1", "4: the loss amtl has no option 'marginn'; did you mean marg"),
        ("[loss.mgda]\nmargin = 1", "4: the loss mgda has no option 'margin'; there are none"),
        (
            "[loss.amtl]\nnormalise = mean",
            "4: normalise cannot be 'mean'; it is one of softmax, sum",
        ),
        ("tasks segmentation", "3: 'tasks segmentation' is no [section], key = value"),
        ("= 3", "3: '= 3' is no [section]"),
        ("word" * 99, f"3: '{'word' * 15}…' is no [section]"),
        ("[training", "3: '[training' is no [section]"),
        ("seed = 1\nseed = 2", "4: seed is given twice, first in "),
        ("seed = 1\nrandom_seed = 2", "4: seed is given twice, first in "),
        ("--year 1\n--year 2", "4: year is given twice"),
        ("[training]\nmax_epoch = ten", "4: max_epoch wants a whole number, at least 1, not 'ten'"),
        ("[training]\nmax_epoch = 1.5", "not '1.5'"),
        ("[training]\nmax_epoch = -1", "not '-1'"),
        ("[training]\nmax_epoch = 1 2", "max_epoch wants one value (a whole number, at least 1), "),
        ("[training]\nmax_epoch =", "at least 1), not nothing"),
        ("[training]\nlr = nan", "lr wants a number, above 0, not 'nan'"),
        ("[training]\nlr = inf", "not 'inf'"),
        ("[training]\nlr = 0", "not '0'"),
        ("[training]\nfactor = 1", "factor wants a number, above 0 and below 1, not '1'"),
        ("[training]\namp = maybe", "amp wants true or false, not 'maybe'"),
        ("[training]\noptimizer = Adam", "optimizer cannot be 'Adam'; did you mean adam?"),
        ("[training]\noptimizer = x", "cannot be 'x'; it is one of sgd, adam, adamw"),
        ("[training]\nscheduler = multistep", "4: multistep needs milestones"),
        ("[training]\nmilestones = 1, 2", "blanks separate several values, not commas: '1,'"),
        ("[network]\nfrom_scratch = maybe", "from_scratch wants true or false, not 'maybe'"),
        ("[network]\noutput_stride = 7", "it is one of 8, 16, 32"),
        ("[data]\nbatch_size = 0", "batch_size wants a whole number, at least 1, not '0'"),
        ("[data]\nsize = 1 2 3", "size wants 1 or 2 whole numbers, at least 1, not 3 of them"),
        ("[data]\nsize = 0", "not '0'"),
        ("[data]\nsize =", "not 0 of them"),
        ("[data]\ntrain_dataset = VOC, NYU", "blanks separate several values, not commas: 'VOC,'"),
        ("[data]\nval = 1.5", "4: val wants a share above 0 and below 1, datasets as NAME:split"),
        ("[data]\nval = NYU", "4: val wants a share"),
        ("[data]\nmin_scale = 2", "4: min_scale is above max_scale, 1.33333"),
        ('[data]\ndataset_root = a"b', "holds a quotation mark"),
        ("[data]\ndataset_root = a\x07b", "invisible character"),
        (
            "[baselines]\npotential = 0.5 57.3",
            "potential wants numbers, above 0 and at most 1, not",
        ),
        ("seed = -1", "3: seed wants a whole number, at least 0 and at most 4294967295"),
        ("loss = amlt", "3: there is no loss 'amlt'; did you mean amtl?"),
        (
            "loss = qqq",
            "3: there is no loss 'qqq'; it is one of amtl, dtp, weighted-sum, grad-norm",
        ),
        ("mode = tets", "3: mode cannot be 'tets'; did you mean test?"),
    ],
)
def test_a_mistake_gets_one_line_with_its_place(cfg, line, says):
    path = cfg(f"[run]\ntasks = depth\n{line}\n")
    message = error(path)
    assert message.startswith(f"{path}:")
    assert says in message


def test_mistakes_on_the_command_line(cfg):
    path = cfg(CFG)
    assert error(path, "--lr", "x") == "--lr: lr wants a number, above 0, not 'x'"
    assert error(path, "--learning_rate", "x").startswith("--learning_rate: lr wants")
    assert "did you mean --max_epoch?" in error(path, "--max_epochs", "3")
    assert "--test may mean --test_dataset or --test_freq" in error(path, "--test", "1")
    assert "there is no option '--'" in error(path, "--", "1")
    assert "'other.cfg' stands before the first --option" in error(path, "other.cfg", "--lr", "1")
    assert "not 2 of them" in error(path, "--loss", "amtl", "other.cfg")
    assert error(path, "--loss", "amtll").startswith("--loss: there is no loss 'amtll'; did you")
    assert "command line: an invisible character in '--l\\nr'" in error(path, "--l\nr")
    for argv in ([], ["--lr", "1"], [""]):
        assert "the cfg comes first: python3 train_test.py CFG [--option value …]" in error(*argv)


def test_files_that_are_no_cfg(cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cfg/depth/NYU").mkdir(parents=True)
    (tmp_path / "cfg/depth/NYU/DeepLab_resnet50.cfg").write_text(CFG)
    missing = error("cfg/depth/NYU/DeepLab_resnet5.cfg")
    assert "there is no such cfg; did you mean cfg/depth/NYU/DeepLab_resnet50.cfg?" in missing
    assert "did you mean cfg/depth" in error("cfg/depth/NYU/DeepLab_resnet50")
    assert "there is no such cfg" in error("cfg/depth/NYU/DeepLab_resnet50.cfg/x")
    assert "a directory, not a cfg; it holds cfg/depth/NYU/DeepLab_res" in error("cfg/depth")
    (tmp_path / "none").mkdir()
    assert "and holds none" in error("none")
    assert "x.cfg: the cfg is empty" in error(cfg(""))
    assert "the cfg is empty" in error(cfg("# nothing\n\n[run]\n"))
    assert "no text file" in error(cfg(b"\x89PNG\0\0"))
    assert "x.cfg:2: a character is not UTF-8" in error(cfg(b"[run]\ntasks = \xff\n"))
    assert "cannot be read" in error("x" * 5000)
    assert "x.cfg: it names no tasks" in error(cfg("[run]\nseed = 1\n"))
    assert "x.cfg:2: it names no tasks" in error(cfg("[run]\ntasks =\n"))


def test_many_cfgs_are_counted(tmp_path):
    for number in range(13):
        (tmp_path / f"{number}.cfg").write_text(CFG)
    assert error(str(tmp_path)).endswith(" and 3 more")


def test_a_key_before_any_section(cfg):
    says = "x.cfg:1: lr belongs in [training], which it stands before"
    assert says in error(cfg("lr = 1\n" + CFG))


def test_options_of_the_losses(cfg):
    path = cfg(CFG)
    config = read([path], METHODS)
    assert config.method_options() == {
        "focusing_factor": 3.0,
        "margin": 0.05,
        "normalise": "softmax",
    }
    assert config.method_options("dtp") == {"focusing_factor": 0.25}
    assert config.method_options("mgda") == {}
    assert config.where("focusing_factor") == f"{path}:12"
    assert config.where("margin") == "default"

    other = read([path, "--loss", "dtp", "--focusing", "7"], METHODS)
    assert other.method_options() == {"focusing_factor": 7.0}
    assert other.method_options("amtl")["focusing_factor"] == 3.0
    assert other.where("focusing_factor") == "--focusing"

    has = "--margin: the loss dtp has no option 'margin'; it is one of focusing_factor"
    assert error(path, "--loss", "dtp", "--margin", "1") == has
    assert "the loss mgda has no option 'margin'; there are none" in error(
        path, "--loss", "mgda", "--margin", "1"
    )


def test_loss_names_of_the_official_code(cfg):
    config = read([cfg("--app depth\n--loss_metric weighted_sum\n--loss_weight 1 2")], METHODS)
    assert config.loss == "weighted-sum"
    assert config.method_options() == {"loss_weight": [1.0, 2.0]}
    section = "[run]\ntasks = depth\n[loss.weighted_sum]\nloss-weight = 3\n"
    assert read([cfg(section)], METHODS).method_options("weighted-sum") == {"loss_weight": [3.0]}


def of_parts(loss, values):
    """The options of a loss of METHODS whose weighting can be another loss's."""
    parts = {"weighting": MethodOption(str, loss, "whose weights")}
    weighting = values.get("weighting", loss)
    if weighting not in METHODS:
        raise ConfigError(f"weighting = {weighting}: no such weighting")
    return METHODS[weighting] | parts


PARTED = Methods({loss: of_parts(loss, {}) for loss in METHODS}, of_parts)


def refused(*argv):
    with pytest.raises(ConfigError) as caught:
        read(list(argv), PARTED)
    return str(caught.value)


def same_again(cfg, config):
    again = read([cfg(config.text(), "again.cfg")], PARTED)
    return again == config and again.text() == config.text() and not again.differences(config)


def test_a_changed_part_brings_its_options(cfg):
    path = cfg("[run]\ntasks = depth\nloss = mgda\n")
    config = read([path, "--margin", "0.1", "--weighting", "amtl"], PARTED)
    values = {"focusing_factor": 2.0, "margin": 0.1, "normalise": "softmax", "weighting": "amtl"}
    assert config.method_options() == values
    assert config.method_options("amtl")["margin"] == 0.05
    assert same_again(cfg, config)
    plain = "[run]\ntasks = depth\nloss = mgda\n[loss]\nweighting = amtl\nmargin = 0.1\n"
    own = "[run]\ntasks = depth\nloss = mgda\n[loss.mgda]\nmargin = 0.1\nweighting = amtl\n"
    for text in (plain, own):
        other = read([cfg(text, "other.cfg")], PARTED)
        assert other.method_options() == values
        assert not other.differences(config)
        assert same_again(cfg, other)
    less = read([path, "--weighting", "amtl"], PARTED)
    assert config.differences(less) == ["margin"]
    assert "weighting" in config.differences(read([path], PARTED))


def test_the_defaults_are_those_of_the_part_that_runs(cfg):
    path = cfg("[run]\ntasks = depth\nloss = amtl\n")
    config = read([path, "--weighting", "dtp"], PARTED)
    assert config.method_options() == {"focusing_factor": 0.5, "weighting": "dtp"}
    assert same_again(cfg, config)
    as_amtl = read([path, "--weighting", "dtp", "--focusing_factor", "2"], PARTED)
    assert as_amtl.method_options()["focusing_factor"] == 2.0
    assert same_again(cfg, as_amtl)
    assert read([path, "--weighting", "dtp", "--focusing_factor", ".5"], PARTED) == config


def test_the_options_of_a_replaced_part_stay_for_it(cfg):
    text = "[run]\ntasks = depth\n[loss.amtl]\nmargin = 0.2\n[loss]\nfocusing_factor = 3\n"
    path = cfg(text)
    config = read([path, "--weighting", "mgda"], PARTED)
    assert config.method_options() == {"weighting": "mgda"}
    assert "margin = 0.2" in config.text()
    assert same_again(cfg, config)
    assert read([path], PARTED).method_options()["margin"] == 0.2
    assert refused(path, "--weighting", "dtp", "--margin", "1") == (
        "--margin: the loss amtl, with its parts changed, has no option 'margin'; it is one of "
        "focusing_factor, weighting"
    )


def test_a_part_that_there_is_not(cfg):
    path = cfg("[run]\ntasks = depth\n[loss.mgda]\nweighting = mgdaa\n")
    assert refused(path, "--weighting", "x") == "--weighting: weighting = x: no such weighting"
    assert f"{path}:4: weighting = mgdaa: no such" in refused(path, "--loss", "mgda")
    other = read([path], PARTED)
    assert "weighting = mgdaa" in other.text(), "it is told when that loss is to run"
    assert same_again(cfg, other)


def test_a_plain_option_of_several_losses_with_different_types(cfg):
    path = cfg("[run]\ntasks = depth\nloss = grad-norm\n[loss]\nalpha = 0.7\n")
    config = read([path], METHODS)
    assert config.method_options() == {"alpha": 0.7, "lr_weight": 0.025}
    assert config.method_options("stch")["alpha"] == 3
    assert "5: alpha wants a whole number, not '0.7'" in error(path, "--loss", "stch")
    assert "alpha wants a number, not 'x'" in error(cfg("--app depth\n--alpha x"))


def test_an_unknown_default_loss(cfg):
    with pytest.raises(ConfigError, match=r"--loss \(default\): there is no loss 'amtl'; it is on"):
        read([cfg(CFG.split("[loss]")[0])], Methods({"x": {}}))


def test_errors_of_others_name_the_place(cfg):
    path = cfg(CFG)
    config = read([path, "--arch", "VM"], METHODS)
    assert str(config.error("arch", "no such")) == "--arch: no such"
    assert str(config.error("lr", "too much")) == f"{path}:7: too much"
    assert str(config.error("backbone", "no such")) == "--backbone (default): no such"
    assert isinstance(config.error("arch", ""), ConfigError)


def test_nearest():
    assert nearest("resnet5", ["resnet50", "vgg"]) == "; did you mean resnet50?"
    assert nearest("DEEPLAB", ["DeepLab"]) == "; did you mean DeepLab?"
    assert nearest("q", ["a", "b"]) == "; it is one of a, b"
    assert nearest("q", []) == "; there are none"


def test_a_baseline_takes_the_command_line_that_concerns_it(cfg):
    path = cfg(CFG)
    words = "--lr 7 --loss dtp --focusing_factor 1 --tasks normal --baselines a --device cpu"
    config = read([path, *words.split(), "--year", "2"], METHODS)
    single = cfg("[run]\ntasks = depth\n[training]\nlr = 2\nmomentum = 0.5\n", "single.cfg")
    baseline = read_file(single, config.overrides, METHODS)
    assert (baseline.lr, baseline.momentum, baseline.device) == (7, 0.5, "cpu")
    assert (baseline.tasks, baseline.loss, baseline.baselines) == (["depth"], "amtl", [])
    assert baseline.method_options("dtp") == {"focusing_factor": 0.5}
    assert baseline.notices == []
    with pytest.raises(ConfigError, match="there is no such cfg"):
        read_file("nowhere.cfg", [], METHODS)


def random_value(option, draw):
    """A random value that the option admits, as it would be typed."""
    if option.choices:
        return [str(draw.choice(option.choices))]
    low = max(option.limits.get("at least", 0), option.limits.get("above", 0))
    high = min(option.limits.get("at most", 50), option.limits.get("below", 50))
    count = option.count or (draw.randrange(4) if option.many else 1)
    letters = string.ascii_letters + "/._-#;=[] :éλ"
    make = {
        int: lambda: str(draw.randint(low, high)),
        float: lambda: repr(draw.uniform(low, high) or 0.5),
        bool: lambda: draw.choice(["true", "False", "1", "no"]),
        str: lambda: "x" + "".join(draw.choices(letters, k=6)),
    }
    return [make[option.item]() for _ in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_text_is_the_same_cfg(cfg, seed):
    draw = random.Random(seed)
    special = ("tasks", "loss", "val", "scheduler", "milestones", "min_scale", "max_scale")
    argv = []
    for name, option in OPTIONS.items():
        if draw.random() < 0.5 and name not in special:
            argv += [f"--{name}", *random_value(option, draw)]
    loss = draw.choice(list(METHODS))
    words = ["--tasks", "a b", "c", "--min_scale", "0.1", "--loss", loss]
    if loss == "stch":
        words += ["--warm", "false", "--alpha", "7"]
    config = read([cfg(CFG), *argv, *words], METHODS)
    again = read([cfg(config.text(), "again.cfg")], METHODS)
    assert again == config
    assert again.text() == config.text()
    assert again.key("depth") == config.key("depth")
    assert not again.differences(config)
    other = config.replace(loss="dtp")
    assert read([cfg(other.text())], METHODS) == other


def test_text_has_every_option(cfg):
    config = read([cfg(CFG)], METHODS)
    lines = config.text().splitlines()
    for name in OPTIONS:
        assert any(line.split(" =")[0] == name for line in lines)
    assert lines.index("[loss.amtl]") < lines.index("focusing_factor = 3.0")
    assert "margin = 0.05" in lines
    assert lines.index("[loss.dtp]") < lines.index("focusing_factor = 0.25")
    assert "[loss.mgda]" not in lines


def test_differences(cfg):
    path = cfg(CFG)
    config = read([path], METHODS)
    assert config.differences(read([path, "--num_workers", "0", "--device", "cpu"], METHODS)) == []
    other = read([path, "--lr", "1", "--potential", ".5", "--margin", "1"], METHODS)
    assert config.differences(other) == ["lr", "potential", "margin"]
    assert config.differences(read([path, "--loss", "dtp"], METHODS)) == ["loss"]
    kept = config.replace(method_values={**config.method_values, "dtp": {"focusing_factor": 9.0}})
    assert config.differences(kept) == []


def test_key_is_what_decides_a_single_task_network(cfg):
    path = cfg(CFG)
    config = read([path], METHODS)
    key = config.key("depth")
    assert len(key) == 16
    assert int(key, 16) >= 0
    same = "--loss dtp --num_workers 0 --tasks depth --potential .5 --run x --device cpu --ckpt c"
    assert read([path, *same.split()], METHODS).key("depth") == key
    assert config.key("normal") != key
    for words in ("--lr 1", "--seed 1", "--train_dataset NYU", "--val test", "--amp", "--arch X"):
        assert read([path, *words.split()], METHODS).key("depth") != key


def test_every_option_says_what_it_is():
    for name, option in OPTIONS.items():
        assert option.help, name
        assert "\n" not in option.help
        assert option.decides in ("weights", "run", "nothing")
        assert option.item in (int, float, bool, str)


def test_help(cfg):
    text = help_text(METHODS)
    assert "python3 train_test.py CFG [--option value …]" in text
    for name, option in OPTIONS.items():
        assert f"  --{name} " in text
        assert f"[{option.section}]" in text
    assert "  --margin FLOAT" in text.split("[loss.amtl]")[1]
    assert "(sgd, adam, adamw) [sgd]" in text
    for argv in (["--help"], ["-h"], [cfg(CFG), "--lr", "x", "--help"], ["nowhere.cfg", "-h"]):
        with pytest.raises(HelpAsked):
            read(argv, METHODS)


def test_a_config_can_be_made_and_sent_to_another_process(cfg):
    assert Config(tasks=["depth"]).size == [640, 640]
    config = read([cfg(CFG)], METHODS)
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.lr = 1
    assert SameMethodOption is MethodOption
