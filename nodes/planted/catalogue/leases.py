"""Way 5: a stale primary goes on acknowledging, or answering reads."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_ASYNC = Where(modes=(Mode.ASYNC,))

BUGS = (
    Bug(
        name="old-primary-not-fenced",
        way=5,
        summary="Replicas obey whichever primary speaks last, and no primary heeds that another was elected.",
        edits=(
            Edit(
                "node.py",
                "        if epoch < self.meta.promised:\n"
                "            return False\n"
                "        if epoch > self.meta.promised:\n",
                "        if isinstance(self.role, Primary):\n"
                "            return False\n"
                "        if epoch != self.meta.promised:\n",
            ),
            Edit("primary.py", "if message.promised > self.epoch:", "if False:"),
        ),
        where=Where(modes=(Mode.QUORUM, Mode.SEMI_SYNC, Mode.ASYNC)),
        needs=("pause",),
    ),
    Bug(
        name="acks-without-lease",
        way=5,
        summary="The primary acknowledges though its lease has ended.",
        edits=(
            Edit(
                "primary.py",
                "if waits and held:\n            self._advance(now, until)",
                "if waits:\n            self._advance(now, 0)",
            ),
        ),
        where=_ASYNC,
        needs=("partition", "pause"),
    ),
    Bug(
        name="lease-by-one-answer",
        way=5,
        summary="The answer of one member is enough for the primary's lease.",
        edits=(
            Edit(
                "primary.py",
                "return heard[needed - 1] + self.node.settings.lease_ns if len(heard) >= needed else -1",
                "return heard[0] + self.node.settings.lease_ns if heard else -1",
            ),
        ),
        where=_ASYNC,
        needs=("partition",),
    ),
    Bug(
        name="heartbeats-keep-a-paused-primary-alive",
        way=5,
        summary="The lease counts from the arrival of an answer to a heartbeat, not from when it was sent.",
        edits=(
            Edit(
                "primary.py",
                "feed.lease_ns = max(feed.lease_ns, message.at)",
                "feed.lease_ns = now",
            ),
        ),
        where=Where(modes=(Mode.ASYNC,), settings={"lease_ms": 250, "election_ms": 300}),
        needs=("flaky", "pause", "partition"),
    ),
    Bug(
        name="wall-clock-lease",
        way=5,
        summary="The lease is measured by the wall clock, which may be set back.",
        edits=(
            Edit(
                "server.py",
                "        now = self._host.now_ns()\n        touched",
                "        now = self._host.wall_ns()\n        touched",
            ),
            Edit("node.py", "now < self.role.lease_until(now)", "self.role.holds_lease(now)"),
            Edit("primary.py", "                at=now,\n", "                at=self.node.wall_ns(),\n"),
            Edit("primary.py", "heard.append(now)", "heard.append(self.node.wall_ns())"),
            Edit("primary.py", "lease_ns = asked_ns", "lease_ns = node.wall_ns()"),
            Edit("primary.py", "now < self.lease_until(now)", "self.node.wall_ns() < self.lease_until(now)"),
            Edit("primary.py", "not until or now < until", "not until or node.wall_ns() < until"),
        ),
        where=_ASYNC,
        needs=("clock-jump", "partition"),
        real="clock-jump",
    ),
    Bug(
        name="stale-read-without-lease",
        way=5,
        summary="The primary answers reads though its lease has ended.",
        edits=(
            Edit(
                "requests.py",
                "if not node.role.holds_lease(now) or node.commit < node.role.start or node.reloading:",
                "if node.commit < node.role.start or node.reloading:",
            ),
            Edit(
                "requests.py",
                "until = node.role.lease_until(now) if node.settings.leased else 0",
                "until = 0",
            ),
        ),
        where=Where(modes=(Mode.QUORUM, Mode.SEMI_SYNC), settings={"lease_ms": 1400, "election_ms": 1500}),
        needs=("partition",),
    ),
)
