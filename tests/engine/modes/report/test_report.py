"""`--mode report`, as a user runs it, on runs that were trained."""

import csv
import shlex

import pytest

import train_test
from engine.config import read
from engine.modes.report.experiments import experiments_of
from engine.modes.report.provenance import commands_of
from engine.modes.report.runs import find_runs
from engine.runs.results import Results
from tests.running import run

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


def report(capsys, *words):
    """The exit status, and what is printed and told."""
    status = train_test.main(["--mode", "report", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()


def test_a_page_and_three_files_of_runs_that_were_copied_together(copied, tmp_path, capsys):
    page, cut = tmp_path / "out" / "a.html", copied / "machine1/small/cagrad/seed0"
    cut.mkdir(parents=True)
    (cut / "results.json").write_text("{")
    status, out, err = report(capsys, copied / "machine0", copied / "machine1", "--output", page)
    assert status == 0
    assert err == [f"note: {cut}/results.json is left out: it is damaged, or of another version"]
    assert out == [str(page.with_suffix(suffix)) for suffix in (".html", ".md", ".tex", ".csv")]
    html, text, latex = (
        page.with_suffix(suffix).read_text("utf-8") for suffix in (".html", ".md", ".tex")
    )
    stored = Results.read(copied / "machine1/small/amtl/seed1/results.json")
    rows = list(csv.DictReader(page.with_suffix(".csv").open()))
    [cell] = [
        row for row in rows
        if (row["table"], row["row"], row["column"]) == ("Results", "amtl", "depth d1 % ↑")
    ]  # fmt: skip
    other = Results.read(copied / "machine0/small/amtl/seed0/results.json")
    mean = 50 * (stored.metrics["depth"]["d1"] + other.metrics["depth"]["d1"])
    assert float(cell["value"]) == pytest.approx(mean, rel=1e-4)
    assert cell["text"] in html
    assert cell["text"] in text
    assert cell["text"].replace("±", r"$\pm$") in latex
    for words in ("Differences from weighted-sum", "single-task depth, seed 1", "config.cfg"):
        assert words in html


def test_the_singles_are_found_by_their_results(copied):
    [experiment] = experiments_of(find_runs([copied]).runs)
    assert {task: [run.seed for run in runs] for task, runs in experiment.singles.items()} == {
        "depth": [0, 1], "normal": [0, 1],
    }  # fmt: skip
    assert experiment.title == "small"
    assert all(run.results.peak_memory > 10**7 for run in experiment.runs)


def test_the_folders_may_come_first(tmp_path):
    for argv in (
        ["a", "b", "--mode", "report"],
        ["--output", "x.html", "--mode", "report", "a", "b"],
    ):
        mode = read(argv).run.mode
        assert (mode.name, mode.value("folders")) == ("report", ("a", "b"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--reference", "amtll"], "--reference: there is no row 'amtll'; did you mean amtl?"),
        (["--output", "a"], "--output wants a name that ends in .html, not a"),
        (["--pareto", "depth"], "--pareto wants two tasks, not 1"),
        (["--lr", "1"], "--lr: there is no option '--lr'"),
        (["--referense", "amtl"], "there is no option '--referense'; did you mean --reference?"),
    ],
)
def test_a_mistake_is_told_in_a_line_before_anything_is_written(
    copied, capsys, tmp_path, monkeypatch, words, line
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    status, out, [error] = report(capsys, copied, *words)
    assert (status, out) == (2, [])
    assert line in error
    assert not list((tmp_path / "here").iterdir())


def test_without_folders(capsys):
    _, _, err = report(capsys)
    assert err == ["error: --mode report wants folders of runs, as in --mode report runs"]


def test_the_command_of_a_run_repeats_it(copied):
    [experiment] = experiments_of(find_runs([copied]).runs)
    commands = dict(commands_of(experiment))
    assert len(commands) == 4
    _, _, *words = shlex.split(commands["weighted-sum, seed 1"])
    again = run(read(words))
    [row] = [row for row in experiment.rows if row.name == "weighted-sum"]
    assert again["metrics"] == row.by_seed[1].results.metrics
    assert (copied / "machine1/small/weighted-sum/seed1-again/results.json").is_file()
