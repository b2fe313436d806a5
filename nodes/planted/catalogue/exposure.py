"""Way 6: a waiting write is exposed, or one that was given up comes back."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_PROTECTED = Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM, Mode.SYNC))

BUGS = (
    Bug(
        name="reads-show-unacknowledged-writes",
        way=6,
        summary="A read of the primary shows writes that still wait for their copies, with visibility on_ack.",
        edits=(Edit("primary.py", "if node.settings.visibility is Visibility.ON_APPLY:", "if True:"),),
        where=_PROTECTED,
        needs=("partition", "kill"),
    ),
    Bug(
        name="replica-shows-unprotected-writes",
        way=6,
        summary="A replica shows what it has in its log before the primary says that it is protected.",
        edits=(
            Edit(
                "node.py",
                "        if self._due_commit <= self.applied:\n            return\n",
                "",
            ),
            Edit(
                "node.py",
                "self.apply(min(self._due_commit, self.commit, own), now)",
                "self.apply(own, now)",
            ),
        ),
        where=Where(modes=(Mode.QUORUM, Mode.SYNC), nodes=5),
        needs=("partition", "kill"),
    ),
    Bug(
        name="failed-write-resurfaces",
        way=6,
        summary="Writes that wait when the primary steps down are said to have failed, but stay in the log.",
        edits=(
            Edit(
                "primary.py",
                '{"ok": False, "sure": False, "error": f"no longer primary: {reason}"}',
                '{"ok": False, "sure": True, "error": f"no longer primary: {reason}"}',
            ),
        ),
        where=_PROTECTED,
        needs=("partition", "pause"),
    ),
    Bug(
        name="cut-entries-stay-readable",
        way=6,
        summary="What is cut off the log of a former primary stays in its state.",
        edits=(
            Edit(
                "node.py",
                "        if self.applied > after:\n            self.reload()\n",
                "        self.applied = min(self.applied, after)\n",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM, Mode.SYNC), settings={"visibility": "on_apply"}),
        needs=("partition",),
    ),
    Bug(
        name="new-primary-reads-too-early",
        way=6,
        summary="A new primary answers reads before it has applied what its predecessor acknowledged.",
        edits=(
            Edit(
                "requests.py",
                "if not node.role.holds_lease(now) or node.commit < node.role.start or node.reloading:",
                "if not node.role.holds_lease(now) or node.reloading:",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM), settings={"apply_delay_ms": 1000}),
        needs=("kill",),
    ),
    Bug(
        name="replica-read-beyond-its-lag-bound",
        way=6,
        summary="A replica that is further behind than a read allows answers all the same.",
        edits=(
            Edit(
                "requests.py",
                "(bound is not None and (lag_ms is None or lag_ms > bound))",
                "(bound is not None and lag_ms is None)",
            ),
        ),
        needs=("partition",),
    ),
)
