"""The figures of a report, one file a kind. They take plain numbers and give SVG or pictures that
the page places; colours are those of the page, so that a figure follows its theme."""
