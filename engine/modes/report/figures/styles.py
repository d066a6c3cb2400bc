"""How a loss is drawn: its colour and its line, the same in all figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.modes.report.figures.canvas import INK, LOSSES, SOFT, in_the_page

# Shapes are a second sign, for readers who cannot tell the colours apart.
_DASHES = ((None, "o"), ((5, 2), "s"), ((2, 1.5), "^"), ((7, 2, 1.5, 2), "D"), ((9, 3), "v"))

_MARKS = {
    "o": "M13.5 6a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z",
    "s": "M14 2h8v8h-8Z",
    "^": "M18 1L22.5 10H13.5Z",
    "D": "M18 0.5L23.5 6L18 11.5L12.5 6Z",
    "v": "M18 11L13.5 2H22.5Z",
}


@dataclass(frozen=True)
class Style:
    """The look of a loss.

    Attributes:
        colour: one of the canvas's.
        dashes: lengths of strokes and gaps in line widths; None: a solid line.
        marker: Matplotlib's name of a mark.
        coloured: whether the loss is one of those that the figures tell apart; the others are grey.
    """

    colour: str = SOFT
    dashes: tuple[float, ...] | None = None
    marker: str = "o"
    coloured: bool = False

    @property
    def order(self) -> int:
        """What is drawn later lies above."""
        return 3 if self.coloured else 2

    def line(self, width: float = 1.8) -> dict[str, Any]:
        """Matplotlib's arguments of a thick line."""
        width = width if self.coloured else 0.9
        style = (0, self.dashes) if self.dashes else "-"
        alpha = 1 if self.coloured else 0.55
        return {"color": self.colour, "linewidth": width, "linestyle": style, "alpha": alpha,
                "zorder": self.order}  # fmt: skip

    @property
    def thin_line(self) -> dict[str, Any]:
        """Matplotlib's arguments of the line of one seed."""
        return {"color": self.colour, "linewidth": 0.7, "alpha": 0.5, "zorder": 2}

    @property
    def sample(self) -> str:
        """The line with its mark as SVG, for a legend."""
        colour = in_the_page(self.colour)
        dashes = " ".join(f"{2 * length:g}" for length in self.dashes or ())
        return (
            '<svg viewBox="0 0 36 12" aria-hidden="true">'
            f'<path d="M0 6H36" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dashes}"/>'
            f'<path d="{_MARKS[self.marker]}" fill="{colour}"/></svg>'
        )


def assign_styles(ranked: Sequence[str], reference: str | None) -> Mapping[str, Style]:
    """The styles of losses. The reference is black, solid; the best ones have the colours; the
    others, where there are more, are grey.

    Args:
        ranked: the losses, the best first.
    """
    others = iter([loss for loss in ranked if loss != reference])
    styles = {} if reference is None else {reference: Style(INK, coloured=True)}
    for colour, (dashes, marker), loss in zip(LOSSES, _DASHES, others, strict=False):
        styles[loss] = Style(colour, dashes, marker, coloured=True)
    return {loss: styles.get(loss, Style()) for loss in ranked}
