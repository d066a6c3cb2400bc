"""The gradients that every rule is tried on: random and degenerate, of 1 to 11 tasks."""

import pytest
import torch

SIZES = (1, 2, 3, 5, 11)


def random(size, width=40):
    return torch.randn(size, width, dtype=torch.float64)


def one_zero(size):
    gradients = random(size)
    gradients[-1] = 0
    return gradients


def opposite(size):
    gradients = random(1).repeat(size, 1)
    gradients[-1] *= -1
    return gradients


KINDS = {
    "random": random,
    "conflicting": lambda size: random(size) - 1.5 * random(1),
    "different scales": lambda size: random(size) * 10 ** (4 * torch.rand(size, 1) - 2),
    "extreme scales": lambda size: random(size) * 10 ** (24 * torch.rand(size, 1) - 12),
    "tiny": lambda size: 1e-12 * random(size),
    "huge": lambda size: 1e12 * random(size),
    "rank-deficient": lambda size: random(size, max(1, size - 1)),
    "in a plane": lambda size: random(size, 2),
    "one zero": one_zero,
    "all zero": lambda size: 0 * random(size),
    "equal": lambda size: random(1).repeat(size, 1),
    "opposite": opposite,
    "collinear": lambda size: random(1) * (0.1 + torch.rand(size, 1)),
}
REGULAR = ("random", "conflicting", "different scales")


def build(kind, size, seed=0):
    torch.manual_seed(1000 * size + seed)
    return KINDS[kind](size)


# Every kind with two of the sizes, and every size with several kinds.
SYSTEMS = [
    f"{kind}, {SIZES[(number + offset) % len(SIZES)]}"
    for number, kind in enumerate(KINDS)
    for offset in (0, 2)
]


@pytest.fixture(params=SYSTEMS)
def gradients(request):
    """(T, P) float64, any kind."""
    kind, size = request.param.rsplit(", ", 1)
    return build(kind, int(size))


@pytest.fixture(params=[system for system in SYSTEMS if system.rsplit(", ", 1)[0] in REGULAR])
def regular(request):
    """(T, P) float64 linearly independent gradients, of similar scales."""
    kind, size = request.param.rsplit(", ", 1)
    return build(kind, int(size))
