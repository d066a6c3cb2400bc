"""The classes of a scene's pixels, under VOC's names where VOC has them."""

SURROUNDINGS = ("wall", "floor", "ceiling", "door", "window", "picture", "rug")
OBJECTS = (
    "chair", "diningtable", "sofa", "pottedplant", "tvmonitor", "bottle",
    "cabinet", "bookshelf", "bed", "lamp",
)  # fmt: skip
"""Those that have boxes."""

CLASSES = (*SURROUNDINGS, *OBJECTS)
