"""Tables in LaTeX."""

from utils.latex import latex_text, tabular


def test_what_latex_would_read_as_a_command_is_written_out():
    assert latex_text("a_b & 5 % #1") == r"a\_b \& 5 \% \#1"
    assert latex_text("Δ_MTL ↑ ±") == r"$\Delta$\_MTL $\uparrow$ $\pm$"
    assert latex_text(r"\x{y}") == r"\textbackslash{}x\{y\}"


def test_rows_stand_in_groups_with_a_line_between():
    lines = tabular(["", "a"], [[["x", "1"]], [["y", "2"], ["z", "3"]]]).splitlines()
    assert lines == [
        r"\begin{tabular}{lr}", r"\toprule", r" & a \\", r"\midrule", r"x & 1 \\", r"\midrule",
        r"y & 2 \\", r"z & 3 \\", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
