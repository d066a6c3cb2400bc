"""What a report says of one experiment, from which the page and the tables' files are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.modes.report.comparison import Comparison
from engine.modes.report.experiments import Experiment
from engine.modes.report.tables import Table


@dataclass(frozen=True)
class Contents:
    """What a report says of one experiment.

    Attributes:
        warnings: sentences, before any number.
        tables: the results, the differences from the reference, and the ranks.
        provenance: tables of versions, hashes and devices.
        commands: by run, the command that repeats it.
    """

    experiment: Experiment
    comparison: Comparison
    warnings: Sequence[str]
    tables: Sequence[Table]
    provenance: Sequence[Table]
    commands: Sequence[tuple[str, str]]
