"""Whole runs that compile the network."""

import pytest
import torch

from engine.runs.checkpoint import open_network
from engine.runs.experiment import run_experiment
from tests.running import CPU, run
from utils.errors import ConfigError
from utils.ranks import Ranks

OPTIONS = ("--loss", "pcgrad", "--potential", "0.5", "0.5", "0.5", "--max_epoch", "1", "--ema")


@pytest.mark.slow
def test_a_compiled_run_comes_to_its_end_and_its_checkpoint_knows_nothing_of_it(
    make_config, partial, tmp_path
):
    results = run(make_config(partial, *OPTIONS, "--compile"))
    assert results["finished"]
    [best] = tmp_path.rglob("pcgrad/**/best.pt")
    network, _ = open_network(best, CPU)
    network.eval()
    exported = torch.export.export(network, (torch.rand(1, 3, 64, 64),))
    assert (
        exported.module()(torch.rand(1, 3, 64, 64)).keys()
        == network(torch.rand(1, 3, 64, 64)).keys()
    )


def test_it_is_refused_with_recomputation_and_with_several_processes(make_config, partial):
    with pytest.raises(ConfigError, match=r"--compile: recompute keeps apart"):
        make_config(partial, *OPTIONS, "--compile", "--recompute")
    two = Ranks()
    two.size = 2
    with pytest.raises(ConfigError, match=r"--compile: 2 processes"):
        run_experiment(make_config(partial, *OPTIONS, "--compile"), two)
