"""Tables in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

_SPECIAL = {
    "\\": r"\textbackslash{}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "Δ": r"$\Delta$", "±": r"$\pm$", "−": "$-$",
    "–": "--", "²": r"$^2$",
}  # fmt: skip


def latex_text(text: str) -> str:
    """Plain text as LaTeX has it."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def tabular(columns: Sequence[str], groups: Sequence[Sequence[Sequence[str]]]) -> str:
    r"""A tabular for the package booktabs, its first column to the left, the others to the right.

    Args:
        columns: the titles.
        groups: of rows, with a line between them; the cells are LaTeX.
    """
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}", r"\toprule"]
    for group in ([columns], *groups):
        if len(lines) > 2:
            lines.append(r"\midrule")
        lines += [" & ".join(row) + r" \\" for row in group]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
