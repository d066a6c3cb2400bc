"""Networks in which a task has more of its own than a head."""

from __future__ import annotations

from models.network import Network


class BranchedNetwork(Network):
    """The base of networks whose tasks have branches of their own on what all share: `heads` holds
    all that belongs to one task alone, and `backbone` and `neck` what several tasks reach.

    A subclass overrides `shared_maps` and `branch`. The branch of a task that is not needed is not
    run.
    """

    def predicted(self, tasks):
        return [task for task in self.heads if tasks is None or task in tasks]
