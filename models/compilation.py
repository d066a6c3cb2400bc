"""Networks whose parts are compiled for training."""

from __future__ import annotations

import torch

from models.network import Network
from utils.errors import ConfigError

# Variants of a part: with and without a graph, for other numbers of images, and as many heads of
# one class as there are tasks.
_VARIANTS = 256


def compile_parts(network: Network, keeps_graphs: bool) -> None:
    """From now on the parts of a network run compiled in training: the backbone, the neck, each
    head. Each is a graph of its own: gradient rules differentiate between them. Parameters, their
    names and copies of the network stay as they are.

    Args:
        keeps_graphs: whether a graph is differentiated more than once.

    Raises:
        ConfigError: the compiler does not work on the device of the network.
    """
    import torch._dynamo
    import torch._functorch.config

    _try(next(network.parameters()).device)
    torch._dynamo.config.recompile_limit = max(_VARIANTS, torch._dynamo.config.recompile_limit)
    if keeps_graphs:
        torch._functorch.config.donated_buffer = False  # they are freed by the first backward pass
    network.is_compiled = True
    # A mask depends on the place in the training, which a graph would keep as a constant.
    network.masks.draw = torch.compiler.disable(network.masks.draw)
    network.masks.uniform = torch.compiler.disable(network.masks.uniform)
    for part in network.compiled_parts():
        part.compile()


def _try(device: torch.device) -> None:
    """Compiles a function of two numbers."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(2, device=device))
    except Exception as error:  # of whatever package the compiler is made of
        reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
        raise ConfigError(
            f"torch.compile does not work here: {reason or type(error).__name__}", "compile"
        ) from error
