"""Way 2: acknowledged from the wrong copy: one in memory, one counted twice, or one that does not count."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_THE_REST = "return min([own, *(confirmed.get(name, 0) for name in settings.sync_set if name != me)])"

BUGS = (
    Bug(
        name="ack-before-replica-flush",
        way=2,
        summary="A replica confirms as flushed what it has only written to its page cache.",
        edits=(
            Edit("replica.py", "mine = (node.flushed, node.written)", "mine = (node.written, node.written)"),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.SYNC, Mode.QUORUM, Mode.HYBRID)),
        needs=("power-cut",),
    ),
    Bug(
        name="memory-counts-as-disk",
        way=2,
        summary="The primary takes what a replica holds in memory for a copy on disk, whatever the mode.",
        edits=(
            Edit("primary.py", "peer: feed.written if memory else feed.flushed", "peer: feed.written"),
            Edit(
                "replica.py",
                "            if not self._slow_flush and mine[0] == self._acknowledged[0]:\n"
                "                return\n",
                "",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.SYNC, Mode.QUORUM, Mode.HYBRID)),
        needs=("power-cut",),
    ),
    Bug(
        name="count-an-ack-of-an-old-epoch",
        way=2,
        summary="What a replica flushed in an old epoch counts as a confirmation of this epoch's entries.",
        edits=(Edit("feed.py", "self.flushed = min(common, flushed)", "self.flushed = flushed"),),
        where=Where(modes=(Mode.SYNC,)),
        needs=("partition", "kill"),
    ),
    Bug(
        name="count-one-replica-twice",
        way=2,
        summary="The confirmation of one replica counts as those of two.",
        edits=(
            Edit(
                "rules.py",
                "others = sorted([confirmed.get(name, 0) for name in settings.data if name != me], reverse=True)",
                "others = sorted(\n"
                "        [confirmed.get(name, 0) for name in settings.data if name != me] * 2, reverse=True\n"
                "    )",
            ),
        ),
        where=Where(modes=(Mode.QUORUM,), nodes=5),
        needs=("partition", "kill"),
    ),
    Bug(
        name="one-confirmation-too-few",
        way=2,
        summary="The semi-sync modes wait for one replica fewer than they are told to.",
        edits=(
            Edit(
                "rules.py",
                "return min(own, others[settings.k - 1])",
                "return min(own, others[max(0, settings.k - 2)])",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY), settings={"k": 2}),
        needs=("partition", "kill"),
    ),
    Bug(
        name="half-is-a-quorum",
        way=2,
        summary="In a cluster with an even number of nodes, half of them count as a majority of copies.",
        edits=(
            Edit(
                "rules.py",
                "more = majority(len(settings.data)) - 1",
                "more = (len(settings.data) + 1) // 2 - 1",
            ),
        ),
        where=Where(modes=(Mode.QUORUM,), nodes=4),
        needs=("partition", "kill"),
    ),
    Bug(
        name="sync-set-is-any-one",
        way=2,
        summary="One member of the sync set is enough for an acknowledgement, instead of all.",
        edits=(
            Edit(
                "rules.py",
                _THE_REST,
                "return min(own, max([0, *(confirmed.get(name, 0) for name in settings.sync_set if name != me)]))",
            ),
        ),
        where=Where(modes=(Mode.SYNC,)),
        needs=("partition", "kill"),
    ),
    Bug(
        name="count-the-async-site",
        way=2,
        summary="The asynchronous site of hybrid counts as the partner, and is sent what the pair may lack.",
        edits=(
            Edit("rules.py", _THE_REST, "return min(own, others[0])"),
            Edit(
                "primary.py",
                "limit = node.commit if node.settings.third_site(peer) else node.log.last",
                "limit = node.log.last",
            ),
        ),
        where=Where(modes=(Mode.HYBRID,)),
        needs=("partition", "kill"),
    ),
)
