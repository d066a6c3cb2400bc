"""What the cfg files of the official repository of the achievement paper mean.

They hold flags alone, and are read as they are. What such a file does not say has the official
meaning: where that is not our default, the option states it (`official` in `utils.option`), and the
resolved cfg shows it. Official options are options of ours, by their name or by an alias, but for
those below: each of these in a file is told to the user once, with what is done instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from utils.cfg_file import Entry

_CRITERION = "detection always uses the IoU-aware focal and complete IoU losses"
_CONTINUES = "the same command again continues its run"
_PLACES = "a run's processes find one another by themselves"

UNUSED = {
    "frozen_stages": "all stages of the backbone are trained",
    "sync_bn": "BatchNorm is as in the network's own definition",
    "normal_type": "DeepLab's neck begins with aspp, the other networks' with conv",
    "cls_head": "detection predicts every class by a sigmoid",
    "training_size": "images are trained and tested at --size",
    "year": "VOC is 2007 and 2012 together",
    "cls_loss_type": _CRITERION,
    "loc_loss_type": _CRITERION,
    "iou_aware_cls": _CRITERION,
    "fine_tune": "training begins from --pretrained",
    "fine_tune_iter": "training begins from --pretrained",
    "resume": _CONTINUES,
    "resume_epoch": _CONTINUES,
    "cold_epoch": "the learning rate follows --warmup_epoch and --scheduler",
    "freeze_epoch": "all layers are trained from the first epoch on",
    "teacher": "the single-task baselines are the teachers",
    "output": "everything a run writes is in its folder below --runs",
    "subfolder": "--run NAME puts a run beside another one",
    "remove_ckpt": "the best and the last checkpoint are kept",
    "mix_up": "images are not mixed",
    "dist_url": _PLACES,
    "world_size": _PLACES,
    "local_rank": _PLACES,
}
"""Why each option is not used, by name."""

SHORT = {"-ci": "cold_epoch", "-fi": "freeze_epoch"}


def is_official(entries: Sequence[Entry]) -> bool:
    """Whether the entries of a cfg are those of a file of the official repository: flags alone."""
    return all(entry.section is None for entry in entries)
