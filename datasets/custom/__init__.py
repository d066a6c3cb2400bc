"""Datasets of the user's own: a section of a cfg says where the images and the labels lie.

    [dataset.factory]
    root = /data/factory           # default: <dataset_root>/factory; relative ones count from there
    images = images/*.jpg          # a pattern, or a list of files (.txt), below root
    detection = boxes/*.xml        # VOC XML or YOLO text, a file an image; or one COCO JSON for all
    segmentation = masks/*.png     # PNG of class numbers; or outlines in YOLO text or a COCO JSON
    depth = depth/*.png            # PNG or .npy
    normal = normals/*.npy         # .npy of vectors; or PNG, n = 2v/255 - 1 and black for none
    classes = bolt nut "hex key"   # in the order of their numbers
    segmentation_classes = background bolt nut "hex key"
    void = 255                     # segmentation: the number of pixels that do not count
    first = 0                      # segmentation: the number of the first class
    depth_unit = 0.001             # metres a number; by default 0.001 in a PNG and 1 in an .npy
    split = 0.2                    # the share of the images to test on

`images` and the labels of a task or more are needed. So is `classes` for labels that have classes,
unless a COCO JSON brings its own; `segmentation_classes` and `detection_classes` name them where
the two differ.

A label belongs to the image whose wildcards (`*`, `?`, `[ab]`, `**/`) matched the same text:
`masks/a_mask.png` of `masks/*_mask.png` to `images/a.jpg` of `images/*.jpg`. A `.*` at the end
stands for any ending. Line n of a list of labels belongs to line n of the list of images; `-` says
that there is none. A COCO JSON knows images by their names. An image without a label file is not
labelled for that task.

`split` is a share of the images, the same ones always, evenly of those labelled alike; or it is two
words for `{split}` in the patterns, to train and to test: `split = train val` with
`images = {split}/images/*.jpg`. Without `split`, the images serve either to train or to test.
"""

from __future__ import annotations

from datasets.custom.dataset import CustomDataset, section_part

__all__ = ["CustomDataset", "section_part"]
