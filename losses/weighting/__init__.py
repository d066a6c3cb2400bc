"""The weightings by name: how the tasks' weights w_t come about. One method a file."""

from losses.weighting.achievement import Achievement
from losses.weighting.base import Weighting
from losses.weighting.fixed import Fixed

WEIGHTINGS: dict[str, type[Weighting]] = {
    "fixed": Fixed,
    "achievement": Achievement,
}
