"""The experiment: single-task baselines, the multi-task network, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runs import checkpoint
from engine.runs.baselines import (
    check_potential,
    find_finished,
    find_or_train,
    given_potentials,
    single_task,
    single_tasks,
    trained_baselines,
)
from engine.runs.class_names import check_class_names
from engine.runs.data import Data, build_data
from engine.runs.device import choose_device
from engine.runs.folder import RunFolder, is_longer, run_folder
from engine.runs.network import check_batch_size, check_network, make_network
from engine.runs.next_steps import next_steps
from engine.runs.plan import Plan, plan_experiment
from engine.runs.restart import restart
from engine.runs.results import Results
from engine.runs.tables import results_table
from engine.runs.train_run import train_run
from engine.training.evaluation import Evaluation, evaluate
from engine.training.log import Log
from engine.training.precision import Precision
from utils.errors import doing
from utils.option import nearest
from utils.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from engine.config import Config


def run_experiment(config: Config, ranks: Ranks = ALONE) -> Results:
    """Does what the cfg says, as far as it has not been done; prints and returns the results.

    Args:
        ranks: the processes that do it together. Files are written by the first of them, in a
            folder that all of them see.

    Raises:
        UserError: something the user can mend; see `utils.errors`.
    """
    mode = config.run.mode.all_values()
    if len(config.run.tasks) == 1:  # every loss of one task is the task's own
        config = config.single_task(config.run.tasks[0], config.run.run, mode.get("ckpt"))
    check_potential(config)
    if config.training.compile and ranks.size > 1:
        raise config.error(
            "compile",
            f"{ranks.size} processes exchange BatchNorm's sums within what would be compiled as "
            "one; take one process, or leave it out",
        )
    folder = run_folder(config)
    if results := ranks.from_first(lambda: _begin(config, folder, bool(mode.get("restart")))):
        return _show_next(config, folder, _show(config, folder, results, ranks), ranks)
    data = ranks.first_before_others(lambda: _build_data(config))
    if len(data.tasks) == 1:
        return _run_single_task(config, data, folder, ranks)
    given = given_potentials(config, data.tasks)
    with ranks.first_within(folder.lock(config)):
        if results := ranks.from_first(folder.finished):
            return _show(config, folder, results, ranks)
        singles = {} if given else single_tasks(config, data.tasks, ranks)
        train = partial(train_run, plan=_plan(config, data, folder, ranks, singles.values()))
        compared = given or trained_baselines(config, singles, train, ranks)
        results = train(config, data, folder, ranks, compared)
    return _show_next(config, folder, results, ranks)


def train_baselines(
    config: Config, ranks: Ranks = ALONE, only: Sequence[str] = ()
) -> dict[str, Results]:
    """The results of the single-task networks of a cfg, by task; those that no run below `runs` has
    finished are trained.

    Args:
        ranks: the processes that do it together.
        only: the tasks, where these are not all.

    Raises:
        UserError: see `utils.errors`.
    """
    check_potential(config)
    data = ranks.first_before_others(lambda: _build_data(config))
    names = [task.name for task in data.tasks]
    for name in only:
        if name not in names:
            raise config.error("only", f"the cfg has no task '{name}'{nearest(name, names)}")
    if given_potentials(config, data.tasks):
        raise config.error("potential", "with accuracies given there is no baseline to train")

    def train(config, data, folder, ranks) -> Results:
        return train_run(config, data, folder, ranks, plan=_plan(config, data, folder, ranks))

    singles = single_tasks(config, data.tasks, ranks)
    return {name: find_or_train(singles[name], train, ranks)[1] for name in only or names}


def _plan(config, data, folder, ranks, singles=()) -> Plan:
    """The plan of an experiment, which is told."""
    plan = ranks.from_first(lambda: plan_experiment(config, data, folder, singles))
    log = Log(folder.log, ranks)
    for line in plan.lines():
        log(line)
    return plan


def _begin(config: Config, folder: RunFolder, is_restart: bool) -> Results | None:
    """Looks at what is in the folder; returns the results of a run that is done."""
    if is_restart:
        with folder.lock():
            restart(folder, config)
    elif is_longer(folder.other_options(config)):
        with folder.lock():
            folder.extend(config)
    folder.ensure_same_config(config)
    return folder.finished()


def _build_data(config: Config) -> Data:
    """The data of a cfg whose network can be built and trained on them."""
    choose_device(config)  # refuses one that is not there
    with doing(f"the data of {config.path} were being listed"):
        data = build_data(config)
        check_class_names(config, data)
    check_network(config, data.tasks)
    check_batch_size(config, data.tasks, len(data.train))
    return data


def test_checkpoint(config: Config, path: Path) -> tuple[Data, Evaluation]:
    """Evaluates a checkpoint on the cfg's test set. Where the cfg does not say the images' aspect,
    it is the checkpoint's.

    Raises:
        UserError: see `utils.errors`.
    """
    device = choose_device(config)
    network, tasks = checkpoint.open_network(path, device)
    if "aspect" not in config.places:
        config = replace(config, data=config.data.with_values(aspect=network.aspect))
    elif config.data.aspect != network.aspect:
        aspects = f"aspect = {config.data.aspect} as the cfg says, and was trained with"
        print(f"note: {path} is tested with {aspects} {network.aspect}", flush=True)
    data = build_data(config)
    if [(t.name, t.classes) for t in tasks] != [(t.name, t.classes) for t in data.tasks]:
        # Names the tasks and classes that differ.
        heads = {task.name: task.head for task in data.tasks}
        expected = make_network(config, heads, pretrained=False)
        checkpoint.load_network(expected, network.state_dict(), path)
    loader = data.test_loader(config, device)
    precision = Precision(device, config.training.amp)
    return data, evaluate(network, data.tasks, loader, precision, is_test=True)


def checkpoint_to_use(config: Config) -> Path:
    """The checkpoint to test or export: `ckpt`, else the best of the cfg's run."""
    return Path(config.run.mode.value("ckpt") or finished_folder(config).best)


def finished_folder(config: Config) -> RunFolder:
    """The folder of the cfg's run. The network of a cfg with one task may have been trained as a
    baseline of another cfg."""
    if len(config.run.tasks) > 1:
        return run_folder(config)
    config = config.single_task(config.run.tasks[0], config.run.run)
    folder = run_folder(config)
    if folder.best.exists():
        return folder
    data = build_data(config)
    result = find_finished(single_task(config, data)) if len(data.tasks) == 1 else None
    return result or folder


def _run_single_task(config: Config, data: Data, folder: RunFolder, ranks: Ranks) -> Results:
    """Trains a cfg with one task: a run, and at the same time a baseline for other cfgs."""
    if not config.run.mode.value("ckpt"):
        result = ranks.from_first(lambda: find_finished(single_task(config, data)))
        if result:
            return _show(config, result, result.finished(), ranks)
    with ranks.first_within(folder.lock(config)):
        if results := ranks.from_first(folder.finished):
            return _show(config, folder, results, ranks)
        plan = _plan(config, data, folder, ranks)
        results = train_run(config, data, folder, ranks, plan=plan)
    return _show_next(config, folder, results, ranks)


def _show(config: Config, folder: RunFolder, results: Results, ranks: Ranks) -> Results:
    """Prints the results of a run that is done, with Δ as the cfg wants it."""
    results = results.by(config.comparison.delta_metrics)
    if ranks.first:
        print(f"{folder.path} is done; its results:\n\n{results_table(results)}\n", flush=True)
    return results


def _show_next(config: Config, folder: RunFolder, results: Results, ranks: Ranks) -> Results:
    """Says what a user wants next."""
    if ranks.first:
        print("\n".join(next_steps(config, folder)), flush=True)
    return results
