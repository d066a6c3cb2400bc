"""Seeds of random numbers that belong to a place, not to a moment."""

from __future__ import annotations

from hashlib import blake2b


def seed_of(*place: int | str) -> int:
    """The seed of a place, such as (seed of the run, step, layer): the same whenever and wherever
    it is asked for, and unrelated to the seed of any other place.

    Returns:
        64 bits, as `torch.Generator.manual_seed` takes them.
    """
    return int.from_bytes(blake2b(repr(place).encode(), digest_size=8).digest())
