"""Way 4: the write survives, but the wrong node is promoted."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_NO_VOTE = '        if not self.may_vote:\n            return "has no vote: its disk is new"\n'
_COUNTS = "if record.members.get(name) == ballot.identity and name != record.joining"
_PROTECTED = Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM))
_COUNTED_UP = Edit(
    "requests.py", "node.highest, least=(node.wall_ns() - YEAR_2000_NS) // MS)", "node.highest)"
)
_MORE_RECENT = "if ms.mark_of(message) < self.log.end:"

BUGS = (
    Bug(
        name="promote-the-shortest-log",
        way=4,
        summary="Voters refuse candidates with a more recent log than their own, not those with an older one.",
        edits=(Edit("node.py", _MORE_RECENT, "if ms.mark_of(message) > self.log.end:"),),
        where=_PROTECTED,
        needs=("partition", "kill"),
    ),
    Bug(
        name="compare-logs-by-length",
        way=4,
        summary="Voters compare logs by their length alone, not by the epoch of their last entry.",
        edits=(Edit("node.py", _MORE_RECENT, "if message.log_index < self.log.last:"),),
        where=Where(
            modes=(Mode.SEMI_SYNC, Mode.QUORUM),
            # Clients that give up soon leave a long tail on a primary that is cut off.
            settings={"retries": False, "timeout_ms": 100, "lease_ms": 700, "election_ms": 710},
        ),
        needs=("partition", "kill"),
    ),
    Bug(
        name="vote-forgotten-by-a-restart",
        way=4,
        summary="A vote is not durable: after a restart the voter may vote again, or obey the old primary.",
        edits=(
            Edit(
                "node.py",
                "        self.out.append(fx.SaveMeta(self.meta))\n",
                "        mine = self.settings.leads(self.name, self.meta.promised)\n"
                "        self.out.append(fx.SaveMeta(self.meta if mine else replace(self.meta, promised=0)))\n",
            ),
        ),
        where=Where(modes=(Mode.QUORUM, Mode.ASYNC), settings={"lease_ms": 250, "election_ms": 300}),
        needs=("partition", "kill"),
    ),
    Bug(
        name="own-epoch-forgotten-by-a-restart",
        way=4,
        summary="A primary's epoch is not durable: promoted after a restart, it begins the same epoch again.",
        edits=(
            _COUNTED_UP,
            Edit(
                "node.py",
                "        self.meta = replace(self.meta, **changes)\n",
                "        if not self.settings.leads(self.name, self.meta.promised):\n"
                "            self.older = self.meta.promised\n"
                "        self.meta = replace(self.meta, **changes)\n",
            ),
            Edit(
                "node.py",
                "        self.out.append(fx.SaveMeta(self.meta))\n",
                "        mine = self.settings.leads(self.name, self.meta.promised)\n"
                "        kept = getattr(self, 'older', 0) if mine else self.meta.promised\n"
                "        self.out.append(fx.SaveMeta(replace(self.meta, promised=kept)))\n",
            ),
        ),
        where=Where(modes=(Mode.ASYNC, Mode.SEMI_SYNC), settings={"failover": "manual"}),
        needs=("partition", "promote", "kill"),
    ),
    Bug(
        name="forgotten-epoch-begun-again",
        way=4,
        summary="Promotions count up from the epochs that a node knows: without its disk it begins one again.",
        edits=(_COUNTED_UP,),
        where=Where(modes=(Mode.ASYNC, Mode.SEMI_SYNC), settings={"failover": "manual"}),
        needs=("partition", "promote", "disk-loss"),
    ),
    Bug(
        name="election-without-n-minus-k-logs",
        way=4,
        summary="In semi-sync, a majority is enough to elect, though only others may hold what was acknowledged.",
        edits=(
            Edit(
                "rules.py",
                "if settings.mode in (Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY) "
                "and len(logs) < len(data) - settings.k:",
                "if False:",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY), nodes=5),
        needs=("partition", "kill"),
    ),
    Bug(
        name="wiped-member-votes-at-once",
        way=4,
        summary="A node whose disk was lost votes before it has caught up.",
        edits=(
            Edit("rules.py", _COUNTS, "if True"),
            Edit("node.py", _NO_VOTE, ""),
        ),
        where=Where(modes=(Mode.QUORUM, Mode.SEMI_SYNC)),
        needs=("partition", "disk-loss", "kill"),
    ),
    Bug(
        name="half-of-the-members-elects",
        way=4,
        summary="In a cluster with an even number of nodes, half of them are enough to elect a primary.",
        edits=(Edit("rules.py", "return count // 2 + 1", "return (count + 1) // 2"),),
        where=Where(modes=(Mode.QUORUM,), nodes=4),
        needs=("partition",),
    ),
    Bug(
        name="election-without-the-pair",
        way=4,
        summary="The sites of hybrid outside of the pair elect one of themselves.",
        edits=(
            Edit(
                "rules.py",
                "if settings.mode in (Mode.SYNC, Mode.HYBRID) and pair and not logs & pair:",
                "if False:",
            ),
            Edit("replica.py", "if settings.third_site(node.name):", "if False:"),
        ),
        where=Where(modes=(Mode.HYBRID,), nodes=5),
        needs=("partition",),
    ),
    Bug(
        name="election-without-those-in-sync",
        way=4,
        summary="An election after degraded acknowledgements does not need a node that was in sync.",
        edits=(
            Edit(
                "rules.py",
                "if record.in_sync is not None and not voters.intersection(record.in_sync):",
                "if False:",
            ),
        ),
        where=Where(
            modes=(Mode.SYNC, Mode.SEMI_SYNC), settings={"degrade_after_ms": 100, "failover": "mirror"}
        ),
        needs=("kill",),
    ),
    Bug(
        name="record-of-those-in-sync-forgotten",
        way=4,
        summary="Who is in sync is not durable on the others: after a restart, an election knows nothing of it.",
        edits=(
            Edit(
                "node.py",
                "            self.save(record=record)\n        if self.record == record:",
                "            self.save(record=replace(record, in_sync=None))\n"
                "            self.meta = replace(self.meta, record=record)\n"
                "        if self.record == record:",
            ),
        ),
        where=Where(
            modes=(Mode.SYNC, Mode.SEMI_SYNC), settings={"degrade_after_ms": 100, "failover": "mirror"}
        ),
        needs=("kill",),
    ),
    Bug(
        name="waits-in-silence",
        way=4,
        summary="A candidate that lacks logs gives up without a word: nobody learns what the cluster waits for.",
        edits=(
            Edit(
                "candidate.py",
                "self.node.become(Replica(self.node, None, now, waits_for=reason))",
                "self.node.become(Replica(self.node, None, now))",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.ASYNC), nodes=2),
        needs=("disk-loss",),
    ),
)
