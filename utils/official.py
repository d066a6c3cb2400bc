"""What the cfg files of the official repository of the achievement paper mean.

They hold flags alone, and are read as they are. What such a file does not say has the official
meaning: where that is not our default, the option states it (`official` in `utils.option`), and the
resolved cfg shows it. Official options are options of ours, by their name or by an alias, but for
those below: each of these in a file is told to the user once, with what is done instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from utils.cfg_file import Entry
from utils.errors import ConfigError

_CRITERION = "detection always uses the IoU-aware focal and complete IoU losses"
_CONTINUES = "the same command again continues its run"
_PLACES = "a run's processes find one another by themselves"
_MILESTONES = "only the schedule multi-step of an official cfg reads it; milestones says the same"

UNUSED = {
    "frozen_stages": "no stage of the backbone is frozen, nor does this option freeze any there",
    "sync_bn": "with several processes BatchNorm always has the statistics of the whole batch",
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
    "cold_epoch": _MILESTONES,
    "freeze_epoch": _MILESTONES,
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

_USED = """
app applications arch basenet normal_size head_type activation use_FPN output_stride skip_connection
shared_head from_scratch size train_dataset test_dataset dataset_root min_scale max_scale batch_size
optim num_workers momentum weight_decay tencent_trick multiple_lr model_ema model_ema_momentum
loc_weight lr learning_rate scheduler patience factor loss_metric focusing_factor potential margin
loss_weight alpha max_epoch warmup_epoch ckpt root_folder save_freq test_freq display_freq
label_smoothing random_seed amp
"""
NAMES = frozenset((*UNUSED, *_USED.split()))
"""Every official option. A flag of an official cfg may leave out the end of its name where no other
of these begins like it, whatever ours are called."""

SHORT = {"-ci": "cold_epoch", "-fi": "freeze_epoch"}

MILESTONES = {"cold_epoch": 80, "freeze_epoch": 40}
"""The official options that `milestones` is made of, and their official values."""


def is_official(entries: Sequence[Entry]) -> bool:
    """Whether the entries of a cfg are those of a file of the official repository: flags alone."""
    return all(entry.section is None for entry in entries)


def milestones(given: Mapping[str, Entry]) -> Entry | None:
    """The entry of `milestones` that an official cfg gives: the rate falls at `cold_epoch` and,
    `freeze_epoch` epochs later, again.

    Args:
        given: those of `MILESTONES` that the cfg gives, by name.

    Raises:
        ConfigError: one is no whole number.
    """
    if not given:
        return None
    numbers = dict(MILESTONES)
    for name, entry in given.items():
        try:
            [numbers[name]] = map(int, entry.words)
        except ValueError:
            words = " ".join(entry.words)
            raise ConfigError(
                f"{entry.where}: {name} wants a whole number, not '{words}'"
            ) from None
    cold, freeze = numbers["cold_epoch"], numbers["freeze_epoch"]
    place = next(iter(given.values())).where
    return Entry(place, None, "--milestones", [str(cold), str(cold + freeze)])
