"""What the lost writes of a run come to: how many, how much, how far back in time, and the stories to tell.

Losses are taken in one by one. Of most of them a few columns are kept, so that a run may lose any number.
"""

from array import array
from collections.abc import Iterable
from typing import Any

from checkers.evidence.case import Case
from checkers.rulings.losses import Lost
from checkers.rulings.ruling import GRAVEST_FIRST
from checkers.rulings.story import Gravest


class Toll:
    """The sum of some losses of one run; `gravest` are those to be told."""

    def __init__(self, case: Case, losses: Iterable[Lost]) -> None:
        self.gravest: Gravest[Lost] = Gravest()
        self._began = {episode.id: episode.from_ns for episode in case.run.episodes}
        self._ids, self._ranks = array("q"), array("b")
        self._bytes = 0
        self._acknowledged: dict[int, tuple[int, int]] = {}
        """The first and the last lost acknowledgement of each episode."""
        for loss in losses:
            self._add(loss)

    def counts(self) -> dict[str, int]:
        """Return how many operations are lost, by the gravest ruling on what each of them wrote."""
        import numpy as np

        ids, ranks = np.asarray(self._ids), np.asarray(self._ranks)
        order = np.lexsort((ranks, ids))
        _, first = np.unique(ids[order], return_index=True)
        counts = np.bincount(ranks[order][first], minlength=len(GRAVEST_FIRST)).tolist()
        return {"lost": sum(counts), **dict(zip(map(str, GRAVEST_FIRST), counts, strict=True))}

    def rpo(self) -> dict[str, Any]:
        """Return what was lost: operations, bytes, and how far back in time the loss reaches.

        That is the age of the oldest lost acknowledgement at the fault that cost it; or, where the primary
        went on acknowledging what was lost while the fault lasted, at the last of these.
        """
        ages = [
            max(self._began[episode], last) - first for episode, (first, last) in self._acknowledged.items()
        ]
        return {
            "rpo_operations": len(set(self._ids)),
            "rpo_bytes": self._bytes,
            "rpo_seconds": max(ages, default=0) / 1e9,
        }

    def _add(self, loss: Lost) -> None:
        write, judgement = loss.write, loss.judgement
        self.gravest.add(loss)
        self._ids.append(write.id)
        self._ranks.append(GRAVEST_FIRST.index(judgement.ruling))
        self._bytes += write.size_bytes
        if judgement.episodes and write.return_ns is not None:
            episode, at_ns = judgement.episodes[0], write.return_ns
            first, last = self._acknowledged.get(episode, (at_ns, at_ns))
            self._acknowledged[episode] = (min(first, at_ns), max(last, at_ns))
