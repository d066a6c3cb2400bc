"""The heads: each takes the shared maps and the size of the image, and returns its prediction."""
