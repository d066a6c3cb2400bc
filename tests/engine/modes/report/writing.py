"""Finished runs, written without training."""

import csv

from engine.runs.folder import RunFolder
from engine.runs.results import Results

TASKS = ("segmentation", "depth")
METRICS = {"segmentation": {"mIoU": 0.4}, "depth": {"d1": 0.8, "rmse": 0.5}}
"""Those of the single-task networks."""


def write_run(path, loss="amtl", seed=0, better=0.0, tasks=TASKS, epochs=(), options="", **changes):
    """A finished run, whose metrics are by so much higher than those of the baselines.

    Args:
        epochs: the rows of epochs.csv.
        options: sections of the cfg beside the tasks, the loss, the seed and the dataset.
        changes: of the results.
    """
    folder = RunFolder(path)
    path.mkdir(parents=True)
    text = (
        f"[run]\ntasks = {' '.join(tasks)}\nloss = {loss}\nseed = {seed}\n[data]\n"
        f"train_dataset = NYUD_MT\n{options}"
    )
    folder.config.write_text(text)
    folder.log.touch()
    metrics = {task: {k: v + better for k, v in METRICS[task].items()} for task in tasks}
    values = dict(
        cfg="cfg/seg+depth/NYU/DeepLab_resnet50.cfg", loss=loss, seed=seed, tasks=list(tasks),
        metrics=metrics, per_class={}, constant={}, selected_on="validation", best_epoch=2,
        accuracy={}, epochs=3, learning_rate=0.1, seconds_per_epoch=2.0, images_per_second=1.0,
        parameters=2_000_000, gmacs=1.0, train_images=18, test_images=dict.fromkeys(tasks, 8),
        device="cpu", precision="float32", torch="2", threads=1, options=text,
    )  # fmt: skip
    results = Results(**values | changes)
    if len(tasks) > 1 and not results.is_compared:
        results.compare(changes.get("baseline", {task: METRICS[task] for task in tasks}))
    results.write(folder.results)
    if epochs:
        with open(folder.epochs, "w", newline="") as file:
            writer = csv.DictWriter(file, epochs[0])
            writer.writeheader()
            writer.writerows(epochs)
    return folder


def write_rows(root, losses, seeds, **changes):
    """Runs of some losses, each with its own gain, over some seeds."""
    for loss, better in losses.items():
        for seed in seeds:
            gain = better + 0.01 * seed
            write_run(root / loss / f"seed{seed}", loss, seed, gain, **changes)
