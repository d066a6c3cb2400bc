"""A cfg and a command line become parts with options, and text again."""

import dataclasses
import pickle
import random
import string

import pytest

from engine.config import ROOTS, read
from engine.runs.identity import differences
from losses import LOSSES
from tests.settings import of_loss, settings
from utils.cfg_file import parse_cfg
from utils.errors import ConfigError
from utils.option import nearest

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
TASKS = "[run]\ntasks = depth\n"


@pytest.fixture
def path(tmp_path):
    """Writes a cfg and returns its path."""

    def write(text=CFG, name="x.cfg"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    return write


def error(*argv):
    with pytest.raises(ConfigError) as caught:
        read(list(argv))
    message = str(caught.value)
    assert "\n" not in message
    return message


def is_read_again(path, config):
    """Whether the text of a cfg gives the same run."""
    again = read([path(config.text(), "again.cfg")])
    same = not differences(config.identity(), again.identity())
    return same and again.text() == config.text() and not again.notices


def test_defaults_then_cfg_then_command_line(path):
    cfg = path()
    config = read([cfg, "--seed", "5", "--size", "96", "128", "--amp"])
    result = settings(config)
    assert result["tasks"] == ("segmentation", "depth")
    assert (result["lr"], result["milestones"]) == (4e-4, (10, 20))
    assert (result["seed"], result["size"], result["amp"]) == (5, (96, 128), True)
    assert (result["backbone"], result["loss"]) == ("efficientnet_v2_s", "amtl")
    assert config.comparison.potential == ()
    assert config.places["lr"] == f"{cfg}:7"
    assert config.places["seed"] == "--seed"
    assert "backbone" not in config.places
    assert config.path == cfg


def test_command_line_forms(path):
    cfg = path()
    words = "--lr=2 -b 8 --multiple-lr 3 --max_ep 7 --potential .5 .25 --size=64 --run a"
    result = settings(read([cfg, *words.split(), "--test_dataset", "VOC", "--test_dataset"]))
    assert (result["lr"], result["batch_size"], result["multiple_lr"], result["max_epoch"]) == (
        (2, 8, 3, 7)
    )
    assert (result["potential"], result["size"], result["run"]) == ((0.5, 0.25), (64, 64), "a")
    assert result["test_dataset"] == ()
    assert settings(read([cfg, "--lr=2", "--lr", "0.5"]))["lr"] == 0.5, "the last one counts"
    assert read([cfg, "--run", ""]).run.run is None
    assert read([cfg, "--dataset_root", "/my data"]).data.dataset_root == "/my data"


def test_dataset_root_comes_from_the_environment(path, monkeypatch):
    monkeypatch.setenv("datasets", "/there")
    assert read([path()]).data.dataset_root == "/there"
    monkeypatch.delenv("datasets")
    assert read([path()]).data.dataset_root == "data"


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("[training]\noptimizer = sgd\ntencent_trick = yes", {"tencent_trick": True}),
        ("[training]\namp = OFF", {"amp": False}),
        ("[training]\nwarmup_epoch = 0.5", {"warmup_epoch": 0.5}),
        ("[training]\nscheduler = poly", {"scheduler": "polynomial"}),
        ("[network]\narch = DeepLab\nskip_connection = True", {"skip_connection": 48}),
        ("[network]\narch = DeepLab\nskip_connection = false", {"skip_connection": 0}),
        ("[network]\narch = DeepLab\nskip_connection = 1", {"skip_connection": 1}),
        ("[network]\npretrained = True", {"pretrained": "true"}),
        ("[network]\npretrained = a/b.pt", {"pretrained": "a/b.pt"}),
        ("[network]\nfrom_scratch = True", {"pretrained": "false"}),
        ("[network]\nfrom_scratch = 0", {"pretrained": "true"}),
        ("[network]\narch = `DeepLab`", {"arch": "DeepLab"}),
        ('[data]\ndataset_root = "/my data #1"', {"dataset_root": "/my data #1"}),
        ("[data]\nsize = 480\t640", {"size": (480, 640)}),
        ("[data]\nval = NYU:test  VOC:test", {"val": "NYU:test VOC:test"}),
        ("[data]\nval = test", {"val": "test"}),
        ("[data]\ntest_dataset =", {"test_dataset": ()}),
        ("ckpt =", {"ckpt": None}),
        ("--from_scratch", {"pretrained": "false"}),
        ("--amp --model-ema\n--lr=3 -s 32", {"amp": True, "ema": True, "size": (32, 32)}),
    ],
)
def test_values(path, line, values):
    result = settings(read([path(f"{TASKS}{line}\n")]))
    assert {name: result[name] for name in values} == values
    assert [type(result[name]) for name in values] == [type(value) for value in values.values()]


def test_bytes_of_other_systems(path):
    config = read([path()])
    text = CFG.replace("\n", "\r\n").encode()
    assert read([path(b"\xef\xbb\xbf" + text)]).identity() == config.identity()
    assert read([path(CFG.replace("\n", "\r"))]).places["lr"].endswith(":7")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[training]\nlearning_rat = 1", "4: there is no option 'learning_rat'; did you mean lear"),
        ("[training]\nLR = 1", "4: there is no option 'LR'; did you mean lr"),
        ("[training]\nmax_epo = 1", "4: there is no option 'max_epo'; did you mean max_epoch"),
        ("[training]\nqqqqqqqq = 1", "4: there is no option 'qqqqqqqq'; --help lists the options"),
        ("--max 3", "3: --max may mean --max_depth or --max_epoch or --max_"),
        ("--qqqqqqqq 1", "3: there is no option '--qqqqqqqq'; --help"),
        ("-loss amtl", "3: there is no option '-loss'; did you mean --loss?"),
        ("[trainig]\nlr = 1", "3: there is no section [trainig]; did you mean training?"),
        ("[trainig]", "3: there is no section [trainig]; did you mean training?"),
        ("[data]\nlr = 1", "4: lr belongs in [training], not in [data]"),
        ("[data]\nmargin = 1", "4: margin belongs in [loss], not in [data]"),
        ("[loss.amlt]\nmargin = 1", "3: there is no loss 'amlt'; did you mean amtl?"),
        ("[loss.amtl]\nmarginn = 1", "4: there is no option 'marginn'; did you mean margin?"),
        (
            "[loss.amtl]\nnormalize = mean",
            "4: normalize cannot be 'mean'; it is one of softmax, sum",
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
        (
            "[training]\nscheduler = plateau\nfactor = 1",
            "5: factor wants a number, above 0 and bel",
        ),
        ("[training]\namp = maybe", "amp wants true or false, not 'maybe'"),
        ("[training]\noptimizer = Adm", "4: there is no optimizer 'Adm'; did you mean adam"),
        (
            "[training]\noptimizer = x",
            "4: there is no optimizer 'x'; it is one of sgd, adam, adamw",
        ),
        ("[training]\nscheduler = multistep", "4: multistep needs milestones"),
        (
            "[training]\nscheduler = multistep\nmilestones = 1, 2",
            "5: milestones: blanks separate several values, not commas: '1,'",
        ),
        ("[network]\nfrom_scratch = maybe", "from_scratch wants true or false, not 'maybe'"),
        (
            "[network]\narch = DeepLab\noutput_stride = 7",
            "5: output_stride cannot be '7'; it is on",
        ),
        (
            "[network]\nbackbone = resnet5",
            "4: there is no backbone 'resnet5'; did you mean resnet5",
        ),
        ("[network]\narch = DeepLb", "4: there is no architecture 'DeepLb'; did you mean DeepLab?"),
        ("[network]\nneck = bifpm", "4: there is no neck 'bifpm'; did you mean bifpn?"),
        ("[data]\nbatch_size = 0", "batch_size wants a whole number, at least 1, not '0'"),
        ("[data]\nsize = 1 2 3", "size wants 1 or 2 whole numbers, at least 1, not 3 of them"),
        ("[data]\nsize = 0", "not '0'"),
        ("[data]\nsize =", "not 0 of them"),
        ("[data]\ntrain_dataset = VOC, NYU", "blanks separate several values, not commas: 'VOC,'"),
        ("[data]\ntrain_dataset = NUY", "4: there is no dataset 'NUY'; did you mean NYU?"),
        ("[data]\ntrain_dataset =", "4: names no dataset to train on"),
        ("[data]\nval = 1.5", "4: val wants a share above 0 and below 1, datasets as NAME:split"),
        ("[data]\nval = NYU", "4: val wants a share"),
        ("[data]\nval = NYU:val", "4: NYU has the splits train and test, not 'val'"),
        ("[data]\nval = Taskonomy:v", "4: Taskonomy has the splits train, val and test, not 'v'"),
        (
            "[data]\ntrain_dataset = Taskonomy\nsubset = tniy",
            "5: subset cannot be 'tniy'; did you mean tiny?",
        ),
        ("[data]\nsampling = eqal", "4: there is no sampl"),
        ("[data]\nmin_scale = 2", "4: min_scale is above max_scale, 1.33333"),
        ('[data]\ndataset_root = a"b', "holds a quotation mark"),
        ("[data]\ndataset_root = a\x07b", "invisible character"),
        ("[baselines]\npotential = 0.5 57.3", "4: potential wants numbers, above 0 and at most 1"),
        ("seed = -1", "3: seed wants a whole number, at least 0 and at most 4294967295"),
        ("loss = amlt", "3: there is no loss 'amlt'; did you mean amtl?"),
        ("loss = qqq", "3: there is no loss 'qqq'; it is one of weighted-sum, "),
        ("weighting = amlt", "3: weighting belongs in [loss], not in [run]"),
        (
            "[loss]\nweighting = achievment",
            "4: there is no weighting 'achievment'; did you mean ac",
        ),
        ("[loss]\ngradient = cagrd", "4: there is no gradient rule 'cagrd'; did you mean cagrad?"),
        ("[loss]\nmean = x", "4: mean cannot be 'x'; it is one of"),
        ("mode = tets", "3: there is no mode 'tets'; did you mean test?"),
        ("[data]\nsize = 1e20", "size wants 1 or 2 whole numbers, at least 1, not '1e20'"),
        (f"[data]\nsize = 1{'0' * 20}", f"size wants a number of at most 8,192, not '1{'0' * 20}'"),
        ("[data]\nsize = 32 9000", "4: size wants a number of at most 8,192, not '9000'"),
        (
            "[data]\nepoch_images = 1e12",
            "a number of images above 0 and at most 10,000,000, not '1e",
        ),
        ("[data]\nepoch_images = 1000000000000", "at most 10,000,000, not '1000000000000'"),
        (f"[data]\nepoch_images = {'9' * 5000}", "epoch_images is too long: a text of 5,000 bytes"),
        ("[data]\nbatch_size = 1000000", "batch_size wants a number of at most 65,536"),
        ("[network]\nchannels = 100000000", "channels wants a number of at most 4,096"),
        (
            "[training]\nmax_depth = 1e300",
            "max_depth wants a number of at most 1,000,000,000, not '1",
        ),
        ("[training]\nmax_epoch = 10000000", "max_epoch wants a number of at most 1,000,000, not"),
        (f"seed = {'9' * 4000}", "3: seed wants a whole number, at least 0 and at most 42949672"),
        (f"[data]\ndataset_root = {'x' * 5000}", "4: dataset_root is too long: a text of 5,000 b"),
        (f"runs = {'é' * 128}/y", "3: runs is too long: a text of 258 bytes"),
        (f"ckpt = {'x/' * 2048}", "3: ckpt is too long: a text of 4,096 bytes"),
        (
            "run = /../../x",
            "3: run wants a plain name of up to 100 letters, digits, . _ and -, not '/",
        ),
        ("run = a b", "3: run wants one value"),
        (f"run = {'x' * 101}", "3: run wants a plain name"),
        ("device = meta", "3: device wants auto, cpu, mps, cuda, or cuda:1 and so on, not 'meta'"),
        *(
            (f"device = {name}", f"not '{name}'")
            for name in ("cpu:5", "cuda:", "cuda:01", "gpu", "xla")
        ),
    ],
)
def test_a_mistake_gets_one_line_with_its_place(path, line, says):
    cfg = path(f"{TASKS}{line}\n")
    message = error(cfg)
    assert message.startswith(f"{cfg}:")
    assert says in message


def test_mistakes_on_the_command_line(path):
    cfg = path()
    assert error(cfg, "--lr", "x") == "--lr: lr wants a number, above 0, not 'x'"
    assert error(cfg, "--learning_rate", "x").startswith("--learning_rate: lr wants")
    assert "lr wants a number, above 0, not '-0.001'" in error(cfg, "--lr", "-1e-3")
    assert "did you mean --max_epoch?" in error(cfg, "--max_epochs", "3")
    ambiguous = "--test may mean --test_after_warmup or --test_dataset or --test_freq"
    assert ambiguous in error(cfg, "--test", "1")
    assert "there is no option '--'" in error(cfg, "--", "1")
    assert "'other.cfg' stands before the first --option" in error(cfg, "other.cfg", "--lr", "1")
    assert "not 2 of them" in error(cfg, "--loss", "amtl", "other.cfg")
    assert error(cfg, "--loss", "amtll").startswith("--loss: there is no loss 'amtll'; did you")
    assert "command line: an invisible character in '--l\\nr'" in error(cfg, "--l\nr")
    for argv in ([], ["--lr", "1"], [""]):
        assert "the cfg comes first: python3 train_test.py CFG [--option value …]" in error(*argv)


@pytest.mark.parametrize("run", ["a", "A-b_c.9", "x" * 100, "..."])
@pytest.mark.parametrize("device", ["cpu", "auto", "cuda", "cuda:0", "cuda:12", "mps"])
def test_names_of_runs_and_devices(path, run, device):
    config = read([path(), "--run", run, "--device", device])
    assert (config.run.run, config.run.device) == (run, device)


def test_a_file_in_the_place_of_the_folder_for_runs(path, tmp_path):
    (tmp_path / "file").touch()
    for runs in ("file", "file/runs/of/mine"):
        says = f"--runs: {tmp_path / 'file'} is a file, and no folder for runs"
        assert error(path(), "--runs", str(tmp_path / runs)) == says


def test_what_is_quoted_keeps_to_its_line(path):
    cfg = path(f"{TASKS}\x1b[31m = 1\n")
    assert r"'\x1b[31m = 1' is no [section]" in error(cfg)
    message = error(path(f"{TASKS}{'y' * 10**6} = 1\n"))
    assert len(message) <= 600
    assert message.endswith("--help lists the options")
    assert "has more than 1,048,576 bytes, so it is no cfg" in error(path("#" * 2**20 + TASKS))
    assert error("a\0b.cfg") == r"command line: an invisible character in 'a\x00b.cfg'"


def test_files_that_are_no_cfg(path, tmp_path, monkeypatch):
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
    assert "x.cfg: the cfg is empty" in error(path(""))
    assert "the cfg is empty" in error(path("# nothing\n\n[run]\n"))
    assert "no text file" in error(path(b"\x89PNG\0\0"))
    assert "x.cfg:2: a character is not UTF-8" in error(path(b"[run]\ntasks = \xff\n"))
    assert "cannot be read" in error("x" * 5000)
    assert "x.cfg: it names no tasks" in error(path("[run]\nseed = 1\n"))
    assert "x.cfg:2: it names no tasks" in error(path("[run]\ntasks =\n"))


def test_the_nearest_cfg_is_looked_for_in_its_own_folder_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cfg/normal/NYU/DeepLab_resnet50.cfg", "mycfg/lab.cfg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(CFG)
    assert error("mycfg/labb.cfg").endswith("did you mean mycfg/lab.cfg?")


def test_many_cfgs_are_counted(tmp_path):
    for number in range(13):
        (tmp_path / f"{number}.cfg").write_text(CFG)
    assert error(str(tmp_path)).endswith(" and 3 more")


def test_a_key_before_any_section(path):
    says = "x.cfg:1: lr belongs in [training], which it stands before"
    assert says in error(path("lr = 1\n" + CFG))


def test_options_of_the_losses(path):
    cfg = path()
    config = read([cfg])
    assert of_loss(config)["focusing_factor"] == 3.0
    assert of_loss(config)["margin"] == 0.05
    assert config.places["focusing_factor"] == f"{cfg}:12"

    other = read([cfg, "--loss", "dtp"])
    assert of_loss(other)["focusing_factor"] == 0.25, "its own section comes first"
    assert other.places["focusing_factor"] == f"{cfg}:15"
    other = read([cfg, "--loss", "dtp", "--focusing", "7"])
    assert of_loss(other)["focusing_factor"] == 7.0
    assert other.places["focusing_factor"] == "--focusing"


def test_loss_names_of_the_official_code(path):
    config = read([path("--app depth\n--loss_metric weighted_sum\n--loss_weight 1")])
    assert config.run.loss.name == "weighted-sum"
    assert of_loss(config)["loss_weight"] == (1.0,)
    section = f"{TASKS}loss = weighted-sum\n[loss.weighted_sum]\nloss-weight = 3\n"
    assert of_loss(read([path(section)]))["loss_weight"] == (3.0,)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("weighted-sum --weighting achievement --margin 0.1", {"margin": 0.1, "smoothing": 0.1}),
        ("mgda-ub --gradient cagrad --c 0.3", {"c": 0.3, "gradient_at": "paper"}),
        ("amtl --weighting dtp", {"focusing_factor": 0.5, "mean": "geometric"}),
        ("weighted-sum --gradient torchjd:CAGrad --c 0.2 --norm_eps 0.1", {"norm_eps": 0.1}),
    ],
)
def test_a_changed_part_brings_its_own_options(path, words, values):
    if "torchjd" in words:
        pytest.importorskip("torchjd")
    config = read([path(TASKS), "--loss", *words.split()])
    assert {name: of_loss(config).get(name) for name in values} == values
    assert is_read_again(path, config)


def test_an_option_that_is_left_empty_is_another_than_its_default(path):
    limited = read([path(TASKS)])
    unlimited = read([path(f"{TASKS}[training]\nmax_depth =\n")])
    assert settings(limited)["max_depth"] == 10
    assert settings(unlimited)["max_depth"] is None
    assert is_read_again(path, unlimited)
    depths = [config.run.tasks[0].identity() for config in (limited, unlimited)]
    assert differences(*depths) == differences(*reversed(depths)) == ["max_depth"]


def test_a_part_may_be_changed_in_the_cfg(path):
    plain = f"{TASKS}loss = mgda\n[loss]\nweighting = dwa\ntemperature = 3\n"
    named = f"{TASKS}loss = mgda\n[loss.mgda]\nweighting = dwa\ntemperature = 3\n"
    first, second = read([path(plain, "a.cfg")]), read([path(named, "b.cfg")])
    assert of_loss(first)["temperature"] == 3
    assert first.identity() == second.identity()
    assert differences(first.identity(), read([path(plain), "--temperature", "2"]).identity()) == [
        "temperature"
    ]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_text_of_every_loss_can_be_read(path, loss):
    config = read(
        [path(f"{TASKS}loss = {loss}\n[loss.{loss}]\nweighting = dwa\ntemperature = 3\n")]
    )
    assert of_loss(config)["temperature"] == 3
    assert is_read_again(path, config)


def test_an_option_that_nothing_uses_is_named(path):
    cfg = path(f"{TASKS}[loss]\nloss_weight = 1\n[training]\nscheduler = poly\npatience = 3\n")
    assert read([cfg]).notices == [
        f"note: {cfg}:4: nothing in this cfg uses loss_weight; it is an option of fixed",
        f"note: {cfg}:7: nothing in this cfg uses patience; it is an option of plateau",
    ]
    told = read([cfg, "--neck", "bifpn", "--arch", "DeepLab"]).notices
    assert any(notice.startswith("note: --neck: nothing in this cfg uses neck") for notice in told)


def test_an_option_without_effect_where_it_stands_is_named(path):
    cfg = path(f"{TASKS}[training]\nema_momentum = 0.9\n")
    assert read([cfg]).notices == [f"note: {cfg}:4: ema_momentum has no effect without ema"]
    assert read([cfg, "--ema"]).notices == []


LENGTHS = "[run]\ntasks = depth\n[training]\nmax_epoch = 5\n"


def test_epochs_and_iterations_exclude_one_another(path):
    cfg = path(f"{LENGTHS}max_iterations = 70\n")
    assert error(cfg) == (
        f"{cfg}:4: max_iterations ({cfg}:5) stands in the place of max_epoch; leave max_epoch out"
    )
    cfg = path(LENGTHS)
    says = "--max_epoch: max_iterations (--max_iterations) stands in the place of max_epoch; "
    assert error(cfg, "--max_epoch", "2", "--max_iterations", "7").startswith(says)
    assert read([path(f"{LENGTHS}max_iterations = 0\n")]).training.length == ("epoch", 5)


def test_of_epochs_and_iterations_the_command_line_s_count(path):
    cfg = path(LENGTHS)
    config = read([cfg, "--max_iterations", "7"])
    assert config.training.length == ("iteration", 7)
    assert config.notices == [f"note: {cfg}:4: max_epoch has no effect with max_iterations"]
    assert "max_epoch" not in config.text()
    assert is_read_again(path, config)
    cfg = path(LENGTHS.replace("max_epoch = 5", "max_iterations = 7\ntest_iterations = 2"))
    config = read([cfg, "--max_epoch", "3"])
    assert config.training.length == ("epoch", 3)
    assert config.notices[0] == f"note: {cfg}:4: max_iterations has no effect with --max_epoch"
    assert is_read_again(path, config)


def test_the_network_of_a_single_task_does_not_teach_itself(path):
    cfg = path(f"{TASKS}[data]\nmissing = teacher\nmissing_weight = 2\n")
    both = read([cfg, "--tasks", "depth", "normal"])
    assert both.notices == []
    assert both.data.missing.build().weight == 2
    alone = read([cfg, "--tasks", "depth"])
    assert alone.notices == [
        f"note: {cfg}:4: missing has no effect with one task, whose network would have to teach "
        "itself"
    ]
    single = alone.single_task(alone.run.tasks[0])
    assert single.data.missing.name == "ignore"
    assert "missing_weight" not in single.text()


def test_nearest():
    assert nearest("resnet5", ["resnet50", "vgg"]) == "; did you mean resnet50?"
    assert nearest("DEEPLAB", ["DeepLab"]) == "; did you mean DeepLab?"
    assert nearest("q", ["a", "b"]) == "; it is one of a, b"
    assert nearest("q", []) == "; there are none"


def random_words(declared, draw):
    """A random value that an option admits, as a user would type it."""
    if declared.choices:
        return [str(draw.choice(declared.choices))]
    low = max(declared.limits.get("at least", 0), declared.limits.get("above", 0))
    high = min(declared.limits.get("at most", 50), declared.limits.get("below", 50))
    count = declared.count or (draw.randrange(4) if declared.is_list else 1)
    letters = string.ascii_letters + "/._-#;=[] :éλ"
    make = {
        int: lambda: str(draw.randint(low, high)),
        float: lambda: repr(draw.uniform(low, high) or 0.5),
        bool: lambda: draw.choice(["true", "False", "1", "no"]),
        str: lambda: "x" + "".join(draw.choices(letters, k=6)),
    }
    return [make[declared.item_type]() for _ in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_the_text_gives_the_same_run(path, seed):
    draw = random.Random(seed)
    checked = (
        *(
            "val",
            "size",
            "min_scale",
            "max_scale",
            "baselines",
            "dataset_root",
            "run",
            "device",
            "freeze",
            "compile",
            "max_epoch",  # which a number of iterations excludes
        ),
        *("aliases", "left_out", "coarse_classes", "labelled_classes"),
    )
    argv = ["--size", "64", "96", "--min_scale", "0.1", "--loss", draw.choice(list(LOSSES))]
    argv += ["--scheduler", draw.choice(["polynomial", "plateau"]), "--arch", "DeepLab"]
    for root in ROOTS.values():
        for name, declared in root.options.items():
            if declared.parts is None and name not in checked and draw.random() < 0.5:
                argv += [f"--{name}", *random_words(declared, draw)]
    config = read([path(CFG), *argv])
    assert is_read_again(path, config)


def test_the_text_says_what_has_an_effect(path):
    lines = read([path()]).text().splitlines()
    for line in ("lr = 0.0004", "milestones = 10 20", "margin = 0.05", "focusing_factor = 3.0"):
        assert line in lines
    assert not any(line.startswith("patience") for line in lines)


def test_a_damaged_value_in_a_choice_is_told_at_its_line(path):
    cfg = path(f"{TASKS}[loss]\nmargin = -2\n")
    assert error(cfg) == f"{cfg}:4: margin wants a number, above -1, not '-2'"


def test_every_option_of_every_part_is_told_at_its_own_line(path):
    """A value of the wrong kind, given to each option that has a kind."""
    config = read([path(TASKS)])
    for name, part in config.parts.items():
        for option, declared in part.options.items():
            if declared.item_type in (int, float, bool) or declared.choices:
                section = declared.section or part.section
                cfg = path(f"{TASKS}[{section}]\n{option} = nonsense\n")
                assert error(cfg).startswith(f"{cfg}:4: {option} "), (name, option)


def test_a_config_can_be_sent_to_another_process(path):
    config = read([path()])
    assert pickle.loads(pickle.dumps(config)).identity() == config.identity()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.path = ""


def test_the_entries_of_a_file_know_their_lines(path):
    cfg = path()
    assert [(entry.where, entry.name) for entry in parse_cfg(cfg)][:3] == [
        (f"{cfg}:2", ""),
        (f"{cfg}:3", "tasks"),
        (f"{cfg}:4", "seed"),
    ]
