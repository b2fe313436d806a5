"""Way 1: acknowledged before durable."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

BUGS = (
    Bug(
        name="ack-before-local-flush",
        way=1,
        summary="The primary counts what it has only written to its page cache as its own durable copy.",
        edits=(
            Edit(
                "protection.py",
                "return protected(self._node.settings, self._node.name, self._node.flushed, confirmed)",
                "return protected(self._node.settings, self._node.name, self._node.written, confirmed)",
            ),
        ),
        needs=("power-cut",),
    ),
    Bug(
        name="lose-last-group-commit-batch",
        way=1,
        summary="The end of a flush is taken to cover what was written while it was under way.",
        edits=(
            Edit(
                "node.py",
                '        self.report_stored(self.flushed + 1, upto, "disk", now)\n',
                '        upto = self.written\n        self.report_stored(self.flushed + 1, upto, "disk", now)\n',
            ),
        ),
        needs=("power-cut",),
    ),
    Bug(
        name="own-log-not-counted",
        way=1,
        summary="A replica's confirmation is enough to acknowledge: the primary's own flush is not awaited.",
        edits=(
            Edit(
                "rules.py",
                "return min(own, others[settings.k - 1])",
                "return others[settings.k - 1]",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY)),
        needs=("power-cut",),
    ),
    Bug(
        name="degraded-ack-before-local-flush",
        way=1,
        summary="While degraded, the primary acknowledges what it has only written to its page cache.",
        edits=(
            Edit(
                "protection.py",
                "protected_degraded(self._degraded, self._node.name, self._node.flushed, confirmed)",
                "protected_degraded(self._degraded, self._node.name, self._node.written, confirmed)",
            ),
        ),
        where=Where(modes=(Mode.SYNC, Mode.SEMI_SYNC), settings={"degrade_after_ms": 100}),
        needs=("partition", "kill", "power-cut"),
    ),
)
