"""The page of a report: whole, readable, safe, and the same in the light and in the dark."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import engine.modes.report.page as page_module
from engine.modes.report.figures.canvas import Figure
from engine.modes.report.figures.curves import Curve, draw_curves
from engine.modes.report.figures.predictions import Picture, PictureTable
from engine.modes.report.figures.styles import assign_styles
from engine.modes.report.page import Section, render

pytest.importorskip("matplotlib")

CSS = (Path(page_module.__file__).parent / "page.css").read_text("utf-8")
VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Checks that elements close in order, and collects them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def section():
    styles = assign_styles(["amtl", "weighted-sum"], "weighted-sum")
    panel = draw_curves("depth", [Curve("amtl", 0, [1, 2], [1.0, 2.0])], styles)
    picture = Picture("data:image/png;base64,AAAA", 4, 3, "Test image 1")
    return Section(
        "cfg/depth+normal/NYU/DeepLab.cfg",
        facts=[("tasks", "depth, normal")],
        warnings=["One seed says nothing about noise."],
        floor="Differences below 1.3 are noise.",
        styles=styles,
        figures=[Figure("Losses", "note", [panel]), Figure("More", "", [panel], folded=True)],
        predictions=[
            PictureTable(
                "Test image 1", picture, ["depth"], [("truth", [picture]), ("amtl", [None])]
            )
        ],
        note="Of the first seed.",
        commands=[("amtl, seed 0", "python3 train_test.py a.cfg --seed 0")],
    )


def test_the_page_is_one_whole_file(section):
    page = Page(render("Report", "one experiment", [section]))
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?!#)|fetch\(", "".join(page.texts) + CSS)
    assert not page.all("link")


def test_warnings_and_floor_come_before_any_number(section):
    text = "\n".join(Page(render("Report", "", [section])).texts)
    order = ["depth, normal", "One seed says", "Differences below 1.3", "Losses", "python3 train"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_a_long_warning_is_folded_and_stays_whole():
    long = "These have not converged: " + ", ".join(f"loss{k}" for k in range(60)) + "."
    text = render("Report", "", [Section("a.cfg", [], [long, "Short."])])
    assert f"</summary>{long}</details>" in text
    assert "<li>Short.</li>" in text


def test_a_table_of_contents_where_there_are_several(section):
    one = Page(render("Report", "", [section]))
    several = Page(render("Report", "", [section, section]))
    assert not one.all("nav")
    targets = [link["href"][1:] for link in several.all("a")]
    assert len(targets) == 2
    assert set(targets) <= {attributes.get("id") for _, attributes in several.elements}


def test_pictures_and_tables_can_be_read_without_seeing_them(section):
    page = Page(render("Report", "", [section]))
    assert all(image["alt"] for image in page.all("img"))
    drawn = [svg for svg in page.all("svg") if svg.get("aria-hidden") != "true"]
    assert drawn
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawn)
    assert len(page.all("table")) == len(page.all("caption"))
    assert {head["scope"] for head in page.all("th")} == {"row", "col"}
    assert "no picture" in page.texts


def test_headings_skip_no_level(section):
    levels = [
        int(tag[1])
        for tag, _ in Page(render("Report", "", [section, section])).elements
        if re.fullmatch(r"h\d", tag)
    ]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_what_is_rarely_asked_for_is_folded(section):
    text = render("Report", "", [section])
    folded = "".join(re.findall(r"<details.*?</details>", text, flags=re.S))
    assert "python3 train_test.py a.cfg --seed 0" in folded
    assert "<summary>More</summary>" in folded
    assert "<h3>Losses</h3>" not in folded


def test_names_are_escaped(section):
    evil = Section("<script>alert(1)</script>", [("a & b", "<i>")], ["</style>"])
    text = render("<b>", "", [evil])
    assert "<script>alert" not in text
    assert text.count("</style>") == 1
    assert text.count("<i>") == text.count("<b>") == 0


def test_the_page_reads_without_what_an_experiment_lacks():
    page = Page(render("Report", "", [Section("a.cfg", [])]))
    assert not page.all("table") + page.all("details") + page.all("aside") + page.all("figure")


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast_and_lines_too(theme):
    colours = {
        name: pair[theme]
        for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
    }
    for name in ("ink", "soft", "link", "warn"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5
    for name in (f"loss-{k}" for k in range(1, 6)):
        assert _contrast(colours[name], colours["paper"]) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_losses_can_be_told_apart_by_the_colour_blind(theme):
    pairs = re.findall(r"--(?:loss-\d|ink): light-dark\((#\w{6}), (#\w{6})\)", CSS)
    colours = [_linear(pair[theme]) for pair in pairs]
    assert len(colours) == 6
    for seen in _SEEN.values():
        labs = [_lab(_times(seen, colour)) for colour in colours]
        for a, b in itertools.combinations(labs, 2):
            assert sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5 > 20


# Machado, Oliveira and Fernandes, 2009: how linear RGB looks without one kind of cones.
_SEEN = {
    "all": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
_XYZ = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8726]]
"""Linear RGB to XYZ, in which white is 1, 1, 1."""


def _linear(colour):
    shares = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]


def _times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _contrast(one, other):
    """Of two colours, as WCAG defines it."""
    low, high = sorted(_times(_XYZ, _linear(colour))[1] for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _lab(linear):
    x, y, z = (
        c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116
        for c in _times(_XYZ, [min(max(c, 0), 1) for c in linear])
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
