"""Way 3: degrading that nobody is told of, or that no election knows of."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_SYNC = Where(modes=(Mode.SYNC,), settings={"degrade_after_ms": 100})

BUGS = (
    Bug(
        name="degrade-silently",
        way=3,
        summary="What is acknowledged with fewer copies is not marked as degraded.",
        edits=(
            Edit(
                "primary.py",
                'return answer | {"degraded": True} if degraded else answer',
                "return answer",
            ),
        ),
        where=Where(modes=(Mode.SYNC, Mode.SEMI_SYNC), settings={"degrade_after_ms": 100}),
        needs=("partition", "kill"),
    ),
    Bug(
        name="degrade-though-never",
        way=3,
        summary="The primary goes on with fewer copies though it is set never to do so.",
        edits=(
            Edit(
                "protection.py",
                "        if not node.settings.degrade_after_ns:\n            return\n",
                "",
            ),
        ),
        where=Where(modes=(Mode.SYNC, Mode.SEMI_SYNC)),
        needs=("partition", "kill"),
    ),
    Bug(
        name="never-leave-degraded",
        way=3,
        summary="Once degraded, the primary never asks for all copies again, though all replicas are back.",
        edits=(
            Edit(
                "protection.py",
                "        elif self.record.in_sync is not None and now >= self._rest_until:\n"
                "            self._restore(now)\n",
                "",
            ),
        ),
        where=_SYNC,
        needs=("partition", "kill"),
    ),
    Bug(
        name="leave-degraded-too-early",
        way=3,
        summary="A replica that is back is declared in sync before it has what it missed.",
        edits=(
            Edit("protection.py", "if full >= max(self._seen_end, self._primary.start):", "if True:"),
            Edit("protection.py", "elif full >= node.commit and self.stable:", "elif self.stable:"),
        ),
        where=Where(modes=(Mode.SYNC,), settings={"degrade_after_ms": 500, "failover": "mirror"}),
        needs=("kill",),
    ),
    Bug(
        name="degraded-ack-before-it-is-on-record",
        way=3,
        summary="The primary acknowledges as degraded before the others have on record who is in sync.",
        edits=(
            Edit(
                "protection.py",
                "return len(self._confirmed - {self.record.joining}) >= self.record.need",
                "return True",
            ),
        ),
        where=_SYNC,
        needs=("partition", "kill"),
    ),
    Bug(
        name="in-sync-list-not-awaited",
        way=3,
        summary="While degraded, the primary does not wait for the replicas that it has on record as in sync.",
        edits=(
            Edit(
                "rules.py",
                "return min([own, *(confirmed.get(name, 0) for name in in_sync if name != me)])",
                "return own",
            ),
        ),
        where=_SYNC,
        needs=("partition", "kill"),
    ),
    Bug(
        name="absent-member-not-awaited",
        way=3,
        summary="A member of the sync set that is not connected is not waited for.",
        edits=(
            Edit(
                "rules.py",
                "return min([own, *(confirmed.get(name, 0) for name in settings.sync_set if name != me)])",
                "return min([own, *(confirmed[name] for name in settings.sync_set if name in confirmed)])",
            ),
        ),
        where=Where(modes=(Mode.SYNC, Mode.HYBRID)),
        needs=("partition", "kill"),
    ),
)
