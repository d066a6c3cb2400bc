"""The main job: baselines, multi-task network, results."""

import json
import math

import pytest

from engine.config import read
from engine.runs.baselines import single_tasks
from engine.runs.data import build_data
from engine.runs.folder import run_folder
from engine.runs.network import declared_tasks
from tests.running import run
from utils.errors import UserError


@pytest.fixture
def run_names(tmp_path):
    """The folders of all runs below the folder of runs."""
    runs = tmp_path / "runs"
    return lambda: sorted(str(p.parent.relative_to(runs)) for p in runs.glob("**/results.json"))


def test_the_main_job_trains_baselines_then_the_multi_task_network_and_compares(
    make_config, dense, run_names, tmp_path, capsys
):
    config = make_config()
    results = run(config)
    folder = tmp_path / "runs" / "tiny" / "amtl" / "seed0"

    stored = json.loads((folder / "results.json").read_text())
    assert stored["finished"] is True
    assert stored["tasks"] == ["segmentation", "depth", "normal"]
    assert (stored["loss"], stored["seed"], stored["epochs"]) == ("amtl", 0, 2)
    for task, metric in (("segmentation", "mIoU"), ("depth", "d1"), ("normal", "11.25")):
        accuracy = stored["metrics"][task][metric]
        assert stored["accuracy"][task] == accuracy
        baseline = stored["baseline"][task][metric]
        expected = pytest.approx(100 * (accuracy / baseline - 1)) if baseline else None
        assert stored["delta"][task] == expected
        assert 0 <= stored["potential"][task] <= 1
    assert stored["delta"]["depth"] is not None
    assert stored["parameters"] < stored["single_task_networks"]["parameters"]
    assert stored["selected_on"] == "validation"
    assert stored["per_class"]["segmentation"]
    names = run_names()
    assert [name.rsplit("-", 1)[0] for name in names[:3]] == [
        f"baselines/{task}" for task in ("depth", "normal", "segmentation")
    ]
    assert names[3:] == ["tiny/amtl/seed0"]
    for name in ("config.cfg", "log.txt", "steps.csv", "epochs.csv", "last.pt", "best.pt"):
        assert (folder / name).stat().st_size > 0, name
    assert list((folder / "tensorboard").glob("events*"))
    assert len(list((folder / "pictures").glob("*.png"))) == 6
    out = capsys.readouterr().out
    assert "Δ_MTL" in out
    assert "single-task" in out

    again = run(config)
    assert "is done" in capsys.readouterr().out
    assert again["metrics"] == results["metrics"]

    other = run(make_config(dense, "--loss", "weighted-sum"))
    out = capsys.readouterr().out
    assert out.count("there: ") == 3, "every loss shares the baselines"
    assert other["potential"] == results["potential"]
    assert len(run_names()) == 5


def test_partially_annotated_data_train_all_tasks(make_config, partial):
    results = run(make_config(partial))
    assert set(results["metrics"]) == {"segmentation", "detection", "depth"}
    assert all(math.isfinite(v) for m in results["metrics"].values() for v in m.values())
    counts = results["test_images"]
    assert counts["detection"] > counts["segmentation"] > 0
    assert counts["depth"] > 0


def test_potentials_given_as_numbers_are_used_as_they_are(make_config, dense, run_names):
    results = run(make_config(dense, "--potential", "0.5", "0.6", "0.7", "--max_epoch", "1"))
    assert results["potential"] == {"segmentation": 0.5, "depth": 0.6, "normal": 0.7}
    assert results["potential_given"] is True
    assert run_names() == ["tiny/amtl/seed0"], "no baseline is trained"
    assert results["delta"]["depth"] == pytest.approx(
        100 * (results["accuracy"]["depth"] / 0.6 - 1)
    )


def test_as_many_potentials_as_tasks(make_config, dense):
    with pytest.raises(UserError, match=r"--potential.* 2 numbers for the 3 tasks"):
        run(make_config(dense, "--potential", "0.5", "0.6"))


def test_a_single_task_run_is_the_baseline_of_others(make_config, dense, cfg, run_names, capsys):
    single = dense.replace("seg depth normal", "depth")
    alone = run(make_config(single, "--max_epoch", "1", name="depth"))
    assert "delta" not in alone
    both = dense.replace("seg depth normal", "depth normal")
    results = run(make_config(both, "--max_epoch", "1"))
    assert results["baseline"]["depth"] == alone["metrics"]["depth"]
    assert "baseline depth   there: " in capsys.readouterr().out


def test_a_cfg_names_its_baselines(make_config, dense, cfg):
    depth = cfg(dense.replace("seg depth normal", "depth").replace("lr = 8e-3", "lr = 4e-3"), "d")
    normal = cfg(dense.replace("seg depth normal", "normal"), "n")
    text = dense.replace("seg depth normal", "normal depth")
    text += f"[baselines]\nbaselines = {depth} {normal}\n"
    results = run(make_config(text, "--max_epoch", "1"))
    learning_rates = {
        path.parent.name.split("-")[0]: json.loads(path.read_text())["learning_rate"]
        for path in (depth.parents[1] / "runs" / "baselines").glob("*/results.json")
    }
    assert learning_rates == {"depth": pytest.approx(5e-4), "normal": pytest.approx(1e-3)}
    assert results["epochs"] == 1


def test_a_baseline_that_is_measured_on_other_images_is_told(make_config, dense, cfg, capsys):
    text = dense.replace("seg depth normal", "{}")
    depth = cfg(text.format("depth").replace("val = 0.2", "val = test"), "d")
    normal = cfg(text.format("normal"), "n")
    text = text.format("normal depth") + f"[baselines]\nbaselines = {depth} {normal}\n"

    def look_at_baselines(*options):
        config = make_config(text, *options)
        single_tasks(config, declared_tasks(config))

    look_at_baselines()
    [line] = [line for line in capsys.readouterr().out.splitlines() if "measured" in line]
    assert line.startswith("baseline depth: its accuracy is measured with val = test, that of")
    look_at_baselines("--val", "test")
    assert "measured" not in capsys.readouterr().out


def test_a_folder_with_another_configuration_is_not_touched(make_config, dense, tmp_path):
    single = dense.replace("seg depth normal", "depth")
    run(make_config(single, "--max_epoch", "1"))
    with pytest.raises(UserError, match=r"other values of .*weight_decay.*--run NAME"):
        run(make_config(single, "--max_epoch", "1", "--weight_decay", "0.01"))
    temporary = make_config(
        single, "--max_epoch", "1", "--weight_decay", "0.01", "--run", "heavier"
    )
    run(temporary)
    assert (tmp_path / "runs/tiny/weighted-sum/seed0-heavier/results.json").exists()


def test_a_run_that_failed_before_it_trained_can_be_started_with_other_options(
    make_config, dense, tmp_path
):
    single = dense.replace("seg depth normal", "depth")
    with pytest.raises(UserError, match=r"no/such\.pth"):
        run(make_config(single, "--max_epoch", "1", "--pretrained", "no/such.pth"))
    run(make_config(single, "--max_epoch", "1", "--pretrained", "false"))
    resolved = (tmp_path / "runs/tiny/weighted-sum/seed0/config.cfg").read_text()
    assert "pretrained = false" in resolved


def mode_test(config):
    """The output of `--mode test`, by (task, metric)."""
    assert config.run.mode.name == "test"
    return config.run.mode.build().run(config)


def test_mode_test_measures_what_the_run_measured(make_config, dense, capsys):
    single = dense.replace("seg depth normal", "seg")
    results = run(make_config(single, "--max_epoch", "1"))
    capsys.readouterr()
    for name in ("tiny", "elsewhere"):  # the second finds what the first has trained
        mode_test(make_config(single, "--max_epoch", "1", "--mode", "test", name=name))
        out = capsys.readouterr().out
        assert f"{100 * results['metrics']['segmentation']['mIoU']:.2f} %" in out
        assert "wall" in out, "per class"


def test_the_cfg_that_a_run_has_written_is_that_run(make_config, dense, tmp_path, capsys):
    run(make_config(dense.replace("seg depth normal", "seg"), "--max_epoch", "1"))
    written = tmp_path / "runs/tiny/weighted-sum/seed0/config.cfg"
    config = read([str(written), "--mode", "test"])
    assert config.notices == []
    mode_test(config)
    assert str(written.parent / "best.pt") in capsys.readouterr().out
    again = run(read([str(written)]))
    assert "is done" in capsys.readouterr().out
    assert again["tasks"] == ["segmentation"]
    temporary = run_folder(read([str(written), "--seed", "1"]))
    assert temporary.path == tmp_path / "runs/tiny/weighted-sum/seed1"


def test_mode_test_pads_images_as_the_training_did_unless_the_cfg_says_otherwise(
    make_config, dense, tmp_path, capsys
):
    single = dense.replace("seg depth normal", "depth").replace("32 64", "64 64")
    results = run(make_config(single, "--max_epoch", "1", "--aspect", "keep"))
    measured = f"{results['metrics']['depth']['rmse']:.3f}"
    best = tmp_path / "runs/tiny/weighted-sum/seed0/best.pt"
    note = (
        f"note: {best} is tested with aspect = stretch as the cfg says, and was trained with keep"
    )
    for aspect in ([], ["--aspect", "keep"], ["--aspect", "stretch"]):
        capsys.readouterr()
        mode_test(make_config(single, "--mode", "test", "--ckpt", str(best), *aspect))
        out = capsys.readouterr().out
        assert (measured in out) == ("stretch" not in aspect)
        assert (note in out) == ("stretch" in aspect)


def test_a_baseline_of_another_aspect_is_told(make_config, dense, cfg, capsys):
    depth = dense.replace("seg depth normal", "depth")
    normal = dense.replace("seg depth normal", "normal").replace("val =", "aspect = keep\nval =")
    paths = cfg(depth, "d"), cfg(normal, "n")
    text = dense.replace("seg depth normal", "normal depth")
    text += f"[baselines]\nbaselines = {paths[0]} {paths[1]}\n"
    config = make_config(text)
    single_tasks(config, build_data(config).tasks)
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert f"{paths[1]}, the baseline of normal, has aspect = keep" in notes[0]


def test_mode_test_without_a_checkpoint(make_config, dense):
    with pytest.raises(UserError, match=r"best\.pt: there is no such checkpoint"):
        mode_test(make_config(dense, "--mode", "test"))


def test_training_starts_from_a_checkpoint_and_says_which_heads_are_new(
    make_config, dense, tmp_path, capsys
):
    single = dense.replace("seg depth normal", "depth")
    run(make_config(single, "--max_epoch", "1"))
    best = str(tmp_path / "runs/tiny/weighted-sum/seed0/best.pt")
    both = dense.replace("seg depth normal", "depth normal")
    options = ("--max_epoch", "1", "--potential", "0.5", "0.5")
    plain = run(make_config(both, *options))
    capsys.readouterr()
    started = run(make_config(both, *options, "--ckpt", best, "--run", "started"))
    assert f"the weights start from {best}; new heads: normal" in capsys.readouterr().out
    assert started["initial_checkpoint"]["path"] == best
    assert started["metrics"] != plain["metrics"]
    with pytest.raises(UserError, match="holds a run with other values of ckpt"):
        run(make_config(both, *options, "--run", "started"))
    config = make_config(both, "--ckpt", "none.pt")
    with pytest.raises(UserError, match=r"--ckpt: there is no checkpoint none\.pt"):
        config.run.mode.build().run(config)


def test_a_checkpoint_of_other_tasks_is_refused(make_config, dense, tmp_path):
    run(make_config(dense.replace("seg depth normal", "seg"), "--max_epoch", "1"))
    best = tmp_path / "runs/tiny/weighted-sum/seed0/best.pt"
    with pytest.raises(UserError, match=r"best\.pt: is of another network: .*depth"):
        mode_test(make_config(dense, "--mode", "test", "--ckpt", str(best)))


def test_a_device_that_is_not_there(make_config, dense):
    with pytest.raises(UserError, match="--device: there is no device 'cuda:63'"):
        run(make_config(dense, "--device", "cuda:63"))
