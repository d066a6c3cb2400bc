"""The page of a report: one HTML file that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.modes.report.figures.canvas import Figure
from engine.modes.report.figures.predictions import PictureTable
from engine.modes.report.figures.styles import Style
from engine.modes.report.tables import Table

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Section:
    """What the page shows of one experiment, from the top.

    Attributes:
        facts: terms and what they are.
        warnings: sentences, before any number.
        floor: a sentence: how much of a difference is noise.
        styles: by loss, the best first.
        note: of the predictions, in a sentence.
        provenance: tables that are folded.
        commands: that repeat the runs.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str] = ()
    floor: str = ""
    tables: Sequence[Table] = ()
    styles: Mapping[str, Style] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    predictions: Sequence[PictureTable] = ()
    note: str = ""
    provenance: Sequence[Table] = ()
    commands: Sequence[tuple[str, str]] = ()

    @property
    def legend(self) -> list[tuple[str, str]]:
        """The losses that have a colour, and their lines."""
        return [(loss, style.sample) for loss, style in self.styles.items() if style.coloured]

    @property
    def grey(self) -> int:
        """How many losses have none."""
        return len(self.styles) - len(self.legend)


def render(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    notes: Sequence[str] = (),
) -> str:
    """The page as HTML.

    Args:
        notes: what is not in it, and why.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html.jinja").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        notes=notes,
        css=(_HERE / "page.css").read_text("utf-8"),
        js=(_HERE / "page.js").read_text("utf-8"),
    )
