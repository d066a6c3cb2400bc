"""What all figures are drawn on: Matplotlib's axes, and SVG in the colours of the page."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from utils.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = 10
"""In pixels, as all lengths of a figure."""

# Matplotlib knows no colours that follow a theme: it draws in these, which nothing else has, and
# the SVG then names the page's colours in their place.
INK, SOFT, RULE, SHADE = "#000101", "#000102", "#000103", "#000104"
LOSSES = ("#000201", "#000202", "#000203", "#000204", "#000205")
_IN_THE_PAGE = {
    INK: "currentColor",
    SOFT: "var(--soft)",
    RULE: "var(--rule)",
    SHADE: "var(--shade)",
    **{colour: f"var(--loss-{k})" for k, colour in enumerate(LOSSES, 1)},
}

_NAMED = "named:"
_LARGEST = 1.2  # times the size, to which a figure is enlarged where there is room


@dataclass(frozen=True)
class Panel:
    """One set of axes.

    Attributes:
        title: what is drawn, above the axes.
        alt: what the picture shows, for readers who do not see it.
        svg: the picture, or nothing where there was nothing to draw.
        wide: whether the panel wants the whole width of the page.
    """

    title: str
    alt: str
    svg: str
    wide: bool = False


@dataclass(frozen=True)
class Figure:
    """Panels under one heading.

    Attributes:
        note: how the figure is read, in a sentence.
        legend: whether the colours of the losses are in it.
        folded: whether the page shows it only when it is asked for.
    """

    title: str
    note: str
    panels: Sequence[Panel] = field(default_factory=tuple)
    legend: bool = True
    folded: bool = False


def draw(
    title: str, alt: str, plot: Callable[[Axes], None], size: tuple[int, int] = (300, 180),
    wide: bool = False,
) -> Panel:  # fmt: skip
    """Draws a panel.

    Args:
        plot: draws on the axes.
        size: width and height in pixels.

    Raises:
        UserError: Matplotlib is not installed.
    """
    matplotlib = _matplotlib()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Sheet

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE}):
        sheet = Sheet(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
        sheet.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
        FigureCanvasSVG(sheet)
        axes = sheet.add_subplot()
        axes.tick_params(left=False, bottom=False, labelcolor=INK)
        axes.spines[["top", "right"]].set_visible(False)
        plot(axes)
        text = io.StringIO()
        sheet.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return Panel(title, alt, _for_the_page(text.getvalue(), alt), wide)


def name(artist, text: str) -> None:
    """Shows a text where the reader points at a line or a mark."""
    artist.set_gid(_NAMED + text)


def in_the_page(colour: str) -> str:
    """What CSS calls one of the colours above."""
    return _IN_THE_PAGE[colour]


def shorten(text: str, length: int = 34) -> str:
    """A text for a tick, with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _matplotlib():
    try:
        import matplotlib
    except ImportError:
        raise UserError("a report needs matplotlib: pip install matplotlib") from None
    return matplotlib


_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",  # the same figure is the same file
    "font.size": FONT,
    "font.family": ["sans-serif"],
    "axes.edgecolor": RULE,
    "axes.linewidth": 1,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": FONT,
    "xtick.labelsize": FONT,
    "ytick.labelsize": FONT,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
}


def _for_the_page(svg: str, alt: str) -> str:
    """An SVG file as a part of a page: in its colours, with a description, and without what only
    a file needs. The ids that stay are digests, the same only where what they name is the same."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)[ >].*?</\1>", "", svg, flags=re.S)
    svg = re.sub(rf'<g id="{_NAMED}([^"]*)">', r'<g class="named"><title>\1</title>', svg)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    svg = re.sub(r' xmlns(:xlink)?="[^"]+"| version="1.1"', "", svg)
    svg = re.sub(r'(?<= d| x| y|rm)="[^"]+"', _in_tenths, svg)
    svg = re.sub(r"font-family: [^;]+; ", "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"|<defs>\s*</defs>', "", svg)
    svg = re.sub(r'<g>\s*<path d="[^"]*" style="fill: none"/>\s*</g>', "", svg)  # backgrounds
    for colour, of_the_page in _IN_THE_PAGE.items():
        svg = svg.replace(colour, of_the_page)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    opening = (
        f'<svg viewBox="0 0 {width} {height}" style="max-width: {_LARGEST * float(width):.0f}px" '
        f'role="img" aria-label="{html.escape(alt)}">'
    )
    svg = opening + svg[svg.index(">") + 1 :]
    return re.sub(r">\s+<", "><", svg).strip()


def _in_tenths(attribute: re.Match) -> str:
    """Lengths in tenths of a pixel, which is as fine as anybody sees."""
    text = re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), attribute[0])
    return re.sub(r"\s+", " ", text)
