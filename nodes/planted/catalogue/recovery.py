"""Way 7: a log that is cut, or a state that is brought up to date, at the wrong place."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_CUT = "        if message.common < node.log.last:\n            node.cut(message.common, now)\n"
_ACCEPTED = "        self.accepted = True\n        self._acknowledged = (-1, -1)\n"
GAPS_FILLED = (
    Edit("replica.py", "import frames_in, position", "import encode, frames_in, position"),
    Edit(
        "replica.py",
        "            self._stop()  # something was lost on the way: the next heartbeat starts the stream anew\n"
        "            return\n",
        "            for index in range(node.log.last + 1, message.prev + 1):\n"
        '                node.log.append(encode(index, message.prev_epoch, b""))\n',
    ),
)
"""A replica does not notice that it lacks entries: in their place, it puts empty ones."""

_REJOIN = Where(modes=(Mode.ASYNC, Mode.SEMI_SYNC, Mode.QUORUM))

BUGS = (
    Bug(
        name="truncate-one-entry-too-many",
        way=7,
        summary="A rejoining node cuts the last entry in common, too, and goes on as if it had it.",
        edits=(
            Edit(
                "replica.py",
                _CUT,
                "        if message.common < node.log.last:\n"
                "            node.cut(max(node.snapshots.floor, message.common - 1), now)\n",
            ),
            *GAPS_FILLED,
        ),
        where=_REJOIN,
        needs=("partition", "kill"),
    ),
    Bug(
        name="truncate-one-entry-too-few",
        way=7,
        summary="A former primary that rejoins keeps the first entry in which its log differs from the new one's.",
        edits=(
            Edit(
                "replica.py",
                _CUT,
                "        if message.common < node.log.last:\n            node.cut(message.common + 1, now)\n",
            ),
        ),
        where=_REJOIN,
        needs=("partition", "kill"),
    ),
    Bug(
        name="divergent-suffix-kept",
        way=7,
        summary="A former primary that rejoins keeps the entries in which its log differs from the new one's.",
        edits=(Edit("replica.py", _CUT, ""),),
        where=_REJOIN,
        needs=("partition", "kill"),
    ),
    Bug(
        name="logs-matched-by-length",
        way=7,
        summary="Where two logs part is taken from their lengths alone: a divergent suffix stays unnoticed.",
        edits=(
            Edit(
                "log.py",
                "return next((min(stop, mine[epoch]) for epoch, _, stop in reversed(ranges) if epoch in mine), 0)",
                "return min(max(mine.values(), default=0), ranges[-1][2] if ranges else 0)",
            ),
        ),
        where=_REJOIN,
        needs=("partition", "kill"),
    ),
    Bug(
        name="cut-not-on-disk",
        way=7,
        summary="What a rejoining node cuts off its log is cut in memory only: a restart brings it back.",
        edits=(
            Edit(
                "wal.py",
                "            self._put(_mark(CUT, after))\n            self._files.sync_data(self._current)\n",
                "            pass\n",
            ),
        ),
        where=_REJOIN,
        needs=("partition", "kill"),
    ),
    Bug(
        name="skip-an-offset-after-reconnect",
        way=7,
        summary="A replica that reconnects leaves out the next entry when it applies its log.",
        edits=(
            Edit(
                "replica.py",
                _ACCEPTED,
                f"        node.applied = min(node.applied + 1, node.log.last)\n{_ACCEPTED}",
            ),
        ),
        needs=("partition", "kill"),
    ),
    Bug(
        name="apply-twice-after-reconnect",
        way=7,
        summary="A replica that reconnects applies the last entry again.",
        edits=(
            Edit(
                "replica.py",
                _ACCEPTED,
                f"        node.applied = max(node.log.base, node.applied - 1)\n{_ACCEPTED}",
            ),
        ),
        where=Where(settings={"retries": False}),
        needs=("partition", "kill"),
    ),
)
