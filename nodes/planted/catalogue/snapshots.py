"""Way 7, with snapshots: a state or a log that does not begin where the other ends."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where
from nodes.planted.catalogue.recovery import GAPS_FILLED

_OFTEN = {"snapshot_kb": 4, "segment_kb": 16}

BUGS = (
    Bug(
        name="snapshot-without-its-offset",
        way=7,
        summary="After a restart, the log is applied from its beginning to a state that already has some of it.",
        edits=(
            Edit(
                "node.py",
                "self.applied = self.commit = found.snapshot",
                "self.applied = self.commit = found.log.base",
            ),
        ),
        where=Where(settings={**_OFTEN, "retain_kb": 2, "retries": False}),
        needs=("kill",),
    ),
    Bug(
        name="snapshot-claims-too-much",
        way=7,
        summary="A snapshot is labelled with the end of the log, though its state is not that far.",
        edits=(
            Edit("snapshots.py", "self._making = node.applied", "self._making = node.log.last"),
            Edit(
                "snapshots.py",
                "fx.SnapshotBegin(node.applied, tuple(node.log.stretches(1, node.applied)))",
                "fx.SnapshotBegin(node.log.last, tuple(node.log.stretches(1, node.log.last)))",
            ),
        ),
        where=Where(settings={**_OFTEN, "retain_kb": 0}),
        needs=("kill",),
    ),
    Bug(
        name="snapshot-installed-log-not-reset",
        way=7,
        summary="A replica that takes a snapshot goes on behind the old entries of its log file.",
        edits=(
            Edit(
                "storage.py",
                "            self.wal.reset(index, frames)\n",
                "",
            ),
        ),
        where=Where(
            modes=(Mode.ASYNC, Mode.QUORUM), settings={"snapshot_kb": 8, "segment_kb": 16, "retain_kb": 0}
        ),
        needs=("partition", "kill"),
    ),
    Bug(
        name="compaction-past-a-replica",
        way=7,
        summary="What a replica needs but the primary has compacted away is replaced by empty entries.",
        edits=(
            Edit(
                "primary.py",
                "feed.stop()  # what it needs next is compacted away: it asks again and gets the snapshot",
                "feed.sent = node.log.base",
            ),
            Edit(
                "primary.py",
                "if common >= message.base and common >= node.log.base:",
                "if common >= message.base:",
            ),
            *GAPS_FILLED,
        ),
        where=Where(modes=(Mode.ASYNC, Mode.QUORUM), settings={**_OFTEN, "retain_kb": 0}),
        needs=("partition", "kill"),
    ),
)
