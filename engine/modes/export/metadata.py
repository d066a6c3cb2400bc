"""What an exported file says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.modes.export.program import Sizes
from models import Network
from models.normalisation import Normalisation
from tasks import Task


def metadata(network: Network, tasks: Sequence[Task], sizes: Sizes) -> dict[str, str]:
    """What a user of the file must know, by name; all but `input`, `aspect` and `sizes` are JSON.

    - `input`: what the numbers of an image are.
    - `normalisation`: the `mean` and `std` that the graph normalises images by.
    - `size`: the height and width that the network was trained at; `sizes`: which others it takes.
    - `aspect`: how images come to the size: 'stretch'; 'keep' their aspect ratio and pad them below
      or on the right; or 'pad' them all round, and scale them down only where they are larger;
      `padding`: the colour of that, RGB in 0 to 255.
    - `tasks`: their names; `classes`: the names of the classes of those that have any, by task.
    - `units`: what the numbers of an output are, by the output's name.
    """
    normalisation = Normalisation(network.mean.flatten().tolist(), network.std.flatten().tolist())
    return {
        "input": "RGB in [0, 1]",
        "normalisation": json.dumps(normalisation._asdict()),
        "size": json.dumps(network.size),
        "sizes": str(sizes),
        "aspect": network.aspect,
        "padding": json.dumps(normalisation.padding),
        "tasks": json.dumps([task.name for task in tasks]),
        "classes": json.dumps({task.name: task.classes for task in tasks if task.classes}),
        "units": json.dumps({name: u for task in tasks for name, u in task.units().items()}),
    }
