"""`--mode report`: one page over finished runs, and the same tables as Markdown, LaTeX and CSV.

The page is made of the contents by `engine.modes.report.sections`, whose `report_page(found,
contents)` gives it as text.
"""
