"""What a report says of one experiment, from which the page and the tables' files are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.modes.report.comparison import Comparison, compare
from engine.modes.report.costs import costs_table
from engine.modes.report.experiments import Experiment
from engine.modes.report.provenance import commands_of, provenance_tables
from engine.modes.report.result_tables import result_tables
from engine.modes.report.tables import Chapter, Table
from engine.modes.report.warnings import warnings_of


@dataclass(frozen=True)
class Contents:
    """What a report says of one experiment.

    Attributes:
        warnings: sentences, before any number.
        tables: the results, the differences from the reference, the ranks and the costs.
        provenance: tables of versions, hashes and devices.
        commands: by run, the command that repeats it.
    """

    experiment: Experiment
    comparison: Comparison
    warnings: Sequence[str]
    tables: Sequence[Table]
    provenance: Sequence[Table]
    commands: Sequence[tuple[str, str]]

    @property
    def chapter(self) -> Chapter:
        """What the tables' files hold."""
        return Chapter(self.experiment.title, self.warnings, self.tables, self.provenance)


def contents_of(experiment: Experiment, reference: str | None = None) -> Contents:
    """What a report says of an experiment; `reference` as in :func:`compare`.

    Raises:
        UserError: as :func:`compare`.
    """
    comparison = compare(experiment, reference)
    return Contents(
        experiment,
        comparison,
        warnings_of(experiment),
        [*result_tables(comparison), costs_table(experiment)],
        provenance_tables(experiment),
        commands_of(experiment),
    )
