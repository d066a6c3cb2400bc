"""Datasets of the user's own: a section of a cfg says where the images and the labels lie.

    [dataset.factory]
    root = /data/factory           # default: <dataset_root>/factory; relative ones count from there
    images = images/*.jpg          # a pattern, a list (.txt), a column of one, or YOLO's data.yaml
    ids = ImageSets/{split}.txt    # a list of those images that are taken; default: all
    detection = boxes/*.xml        # VOC XML, YOLO text or Labelme JSON, a file an image; or one
                                   # COCO JSON for all
    segmentation = masks/*.png     # pictures or arrays of class numbers, or pictures of colours; or
                                   # outlines in YOLO text, Labelme or COCO JSON; or panoptic PNGs
                                   # and JSON
    depth = depth/*.png            # pictures or arrays of distances or disparities
    normal = normals/*.npy         # floats in -1..1, or pictures of 8 or 16 bits, black for none
    edge = edges/*.png             # yes or no, or probabilities, as saliency has them
    human_parts = parts/*.png      # as segmentation
    detection_classes = bolt nut "hex key"  # in the order of their numbers
    segmentation_classes = background bolt nut "hex key"
    split = 0.2                    # the share of the images to test on; or two words
    split_column = subset          # the column of a list of images that holds one of two words

`images` and the labels of a task or more are needed. Labels that have classes want their names,
unless a COCO JSON or a data.yaml brings them. `classes` names those of both tasks, where they have
the same; masks of numbers mostly have the background as well, so that a section with these and
boxes wants a list for each. Masks drawn from outlines get `background` in front by themselves.

What a label's numbers mean is said by keys such as `depth_unit` and `segmentation_void`, which are
the options of the formats in `datasets.formats`; see `datasets.custom.keys`. What neither the
section nor the format's standard tells is refused.

A label belongs to the image whose wildcards (`*`, `?`, `[ab]`, `**/`) matched the same text:
`masks/a_mask.png` of `masks/*_mask.png` to `images/a.jpg` of `images/*.jpg`. A `.*` at the end
stands for any ending, and `[[]`, `[*]` and `[?]` for the signs themselves. Suffixes match whatever
their case, and letters with accents in any form of Unicode. An image without a label file is not
labelled for that task, and labels that belong to no image are counted and named. A COCO JSON knows
images by their names.

A list (`train.txt`) has a path a line, from `root` on or absolute, with the suffix or without. Line
n of a list of labels belongs to line n of the list of images; `-` says that there is none. Columns
are those of a text (`train.txt:2`, words counted from 1) or of a CSV with a header
(`table.csv:depth`); in these, `None` and an empty cell say so too. A list of ids names images of a
pattern by what its wildcards matched, or by the end of their paths.

A data.yaml stands for both `images` and `detection` or `segmentation`. It says where the images to
train on lie, and to test on (`test`, else `val`), and names the classes. The label of an image is
where YOLO looks for it, and an image without one shows no object.

`split` is a share of the images, the same ones always, evenly of those labelled alike. Or it is two
words, to train and to test, for `{split}` in the patterns and lists, or in the column
`split_column`: `split = train val` with `images = {split}/images/*.jpg`. Without `split`, the
images serve either to train or to test, unless a data.yaml says which serve for what.
"""

from __future__ import annotations

from datasets.custom.dataset import CustomDataset, section_part

__all__ = ["CustomDataset", "section_part"]
