"""Networks that are compiled for training, by the real compiler: tiny ones, as it is slow."""

import copy

import pytest
import torch

from models.compilation import compile_parts
from tests.engine.training.test_parts import THREE, Training
from utils.errors import ConfigError


def trained(training, batches, states=None):
    """The losses of the steps; `states` gets the weights after each."""
    values = []
    for number in batches:
        losses = training.step(training.batch(number), number + 1)
        values.append(torch.stack([losses[t] for t in THREE if t in losses]))
        if states is not None:
            states.append(copy.deepcopy(training.network.state_dict()))
    return torch.cat(values)


@pytest.mark.parametrize(
    ("loss", "keeps_graphs", "parts"),
    [
        ("pcgrad", True, 1),
        pytest.param("weighted-sum", False, 1, marks=pytest.mark.slow),
        pytest.param("famo", False, 2, marks=pytest.mark.slow),
    ],
)
def test_a_compiled_network_trains_as_it_would_without(loss, keeps_graphs, parts):
    """With dropout and BatchNorm, its average, and in the middle from the weights of the other."""
    plain, compiled = (Training((loss, {}), parts, norm=True) for _ in range(2))
    names = list(compiled.network.state_dict())
    compile_parts(compiled.network, keeps_graphs)
    assert list(compiled.network.state_dict()) == names

    states = []
    expected = trained(plain, range(3), states)
    torch.testing.assert_close(trained(compiled, range(3)), expected)
    for first, second in (
        (plain.network, compiled.network),
        (plain.average.module, compiled.average.module),
    ):
        pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
        assert all(torch.allclose(a, b) for a, b in pairs)

    if parts == 1:
        compiled.network.load_state_dict(states[0])
        copied = Training((loss, {}), parts, norm=True)
        copied.network.load_state_dict(states[0])
        torch.testing.assert_close(trained(compiled, [1]), trained(copied, [1]))


def test_evaluation_runs_what_was_not_compiled():
    training = Training(("weighted-sum", {}))
    expected = copy.deepcopy(training.network).eval()
    compile_parts(training.network, False)
    images = training.batch(0).images.permute(0, 3, 1, 2) / 255.0
    network = training.network.eval()
    with torch.no_grad(), torch.compiler.set_stance("fail_on_recompile"):
        for task, prediction in expected(images).items():
            assert torch.equal(network(images)[task], prediction)


def test_a_compiler_that_does_not_work_is_told_in_one_line(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("the backend failed\n\nno compiler was found\n")

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(ConfigError, match="does not work here: no compiler was found"):
        compile_parts(Training(("weighted-sum", {})).network, False)
