"""Weights to give away, and their model card."""

import json
import zipfile

import pytest
import torch

import train_test
from engine import open_network
from engine.config import read
from engine.runs import checkpoint
from engine.runs.folder import RunFolder
from engine.runs.network import declared_tasks, make_network
from engine.runs.results import Results

CFG = """
[run]
tasks = seg depth
[data]
train_dataset = NYUD_MT
size = 32 64
[network]
arch = plain
backbone = timm/test_resnet
pretrained = {pretrained}
"""
SECRET = "secret-folder"


@pytest.fixture
def command(tmp_path):
    """A checkpoint that holds much of the machine that made it, and the command to export it."""
    folder = tmp_path / SECRET
    folder.mkdir()
    cfg = folder / "tiny.cfg"
    cfg.write_text(CFG.format(pretrained=folder / "resnet.pth"))
    argv = [str(cfg), "--mode", "export", "--format", "weights", "--runs", str(folder / "runs")]
    argv += ["--dataset_root", str(folder / "data"), "--ckpt", str(folder / "best.pt")]
    config = read(argv)
    tasks = declared_tasks(config)
    heads = {task.name: task.head for task in tasks}
    network = make_network(config, heads, pretrained=False)
    header = checkpoint.header(config, tasks)
    state = {**header, "network": network.state_dict(), "epoch": 3, "optimizer": {"lr": 0.1}}
    checkpoint.save(folder / "best.pt", state)
    return argv, folder, config, network.eval()


def test_the_network_opens_without_a_path_of_the_machine_or_a_state_of_training(command, tmp_path):
    argv, folder, _, network = command
    assert SECRET.encode() in (folder / "best.pt").read_bytes()
    assert train_test.main(argv) == 0
    given = tmp_path / "given.pt"
    (folder / "best-weights.pt").rename(given)
    with zipfile.ZipFile(given) as archive:
        assert not any(SECRET.encode() in archive.read(name) for name in archive.namelist())
    assert "optimizer" not in torch.load(given, weights_only=True)
    again, tasks = open_network(given)
    images = torch.rand(2, 3, 32, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(images), network(images), rtol=0, atol=0)
    assert [task.name for task in tasks] == ["segmentation", "depth"]


def test_the_card_says_what_is_known_and_what_is_not(command):
    argv, folder, _, network = command
    assert train_test.main(argv) == 0
    card = (folder / "best-weights.md").read_text()
    parameters = sum(p.numel() for p in network.parameters())
    assert SECRET not in card
    for words in (
        "| trained on | NYUD_MT |",
        "| started from | weights of the backbone in a file |",
        "| chosen | after epoch 3 |",
        "| loss | not known |",
        f"{parameters / 1e6:.2f} M parameters",
        "G for one image",
        "| depth | `depth`: metres | – |",
        "40: wall",
        "Not known: there were no results",
        "\nLicence: …",
        'open_network("best-weights.pt")',
    ):
        assert words in card, words


def test_the_card_of_a_run_has_its_metrics_against_the_baselines(command):
    argv, folder, config, _ = command
    write_results(RunFolder(folder), config)
    assert train_test.main(argv) == 0
    card = (folder / "best-weights.md").read_text()
    assert SECRET not in card
    for words in (
        "| trained on | NYUD_MT: 700 images |",
        "| chosen | epoch 3 of 9, the best on the validation set |",
        "| loss | amtl, seed 4 |",
        "|  |  | constant | single-task | multi-task | Δ |",
        "| segmentation | mIoU ↑* | 5.00 % | 40.00 % | 50.00 % | +25.00 % |",
        "654 for depth",
    ):
        assert words in card, words


def test_weights_that_were_given_away_can_be_given_on(command):
    argv, folder, *_ = command
    assert train_test.main(argv) == 0
    assert train_test.main([*argv, "--ckpt", str(folder / "best-weights.pt")]) == 0
    assert (folder / "best-weights-weights.pt").exists()
    assert "| trained on | not known |" in (folder / "best-weights-weights.md").read_text()


def write_results(folder, config):
    depth = {"d1": 0.8, "d2": 0.9, "d3": 0.95, "rmse": 0.6, "abs_rel": 0.2}
    metrics = {"segmentation": {"mIoU": 0.5}, "depth": depth}
    results = Results(
        cfg=str(config.path), loss="amtl", seed=4, tasks=["segmentation", "depth"],
        metrics=metrics, per_class={}, accuracy={"segmentation": 0.5, "depth": 0.8},
        constant={"segmentation": {"mIoU": 0.05}, "depth": depth}, selected_on="validation",
        best_epoch=3, epochs=9, learning_rate=0.1, seconds_per_epoch=1.0, images_per_second=1.0,
        parameters=1, gmacs=1.0, train_images=700, test_images={"segmentation": 654, "depth": 654},
        device="cpu", precision="float32", torch=torch.__version__, options=config.text(),
    )  # fmt: skip
    results.compare({"segmentation": {"mIoU": 0.4}, "depth": depth})
    results.write(folder.results)
    assert json.loads(folder.results.read_text())["cfg"] == str(config.path)
