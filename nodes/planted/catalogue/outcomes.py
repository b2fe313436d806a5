"""Way 8: the outcome of an operation is misread, by the store, its sessions or its client."""

from harness.contract import Mode
from nodes.planted.bug import Bug, Edit, Where

_QUICK = {"lease_ms": 150, "election_ms": 200, "heartbeat_ms": 30}
"""Failovers that a client's retries outlast."""

_REPEATED = "        if known is not None and seq == known[0]:\n            return known[1]\n"
_TOO_OLD = (
    "        if known is None and seq != 1:\n"
    '            return Result(error="the session is too old to tell", unknown=True)\n'
)

BUGS = (
    Bug(
        name="retry-applied-twice",
        way=8,
        summary="A repeated request is carried out again.",
        edits=(Edit("state.py", _REPEATED, ""),),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM), settings=_QUICK),
        needs=("kill", "partition"),
    ),
    Bug(
        name="request-ids-forgotten-at-failover",
        way=8,
        summary="A new primary does not know which requests its predecessor carried out.",
        edits=(
            Edit(
                "node.py",
                "            result = Result() if command is None else self.state.apply(command)\n",
                "            if command is None:\n"
                "                self.state._sessions.clear()\n"
                "            result = Result() if command is None else self.state.apply(command)\n",
            ),
            Edit("state.py", _TOO_OLD, ""),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM), settings=_QUICK),
        needs=("kill", "partition"),
    ),
    Bug(
        name="transaction-in-part",
        way=8,
        summary="A transaction changes only the keys that existed before, and is acknowledged as a whole.",
        edits=(
            Edit(
                "state.py",
                "        for key, value in scratch.values.items():\n            self.values[key] = value\n",
                "        for key, value in scratch.values.items():\n"
                "            if key not in self.values:\n"
                "                continue\n"
                "            self.values[key] = value\n",
            ),
        ),
        where=Where(workload="mixed"),
    ),
    Bug(
        name="abandoned-write-is-acknowledged",
        way=8,
        summary="Writes that wait when the primary steps down are acknowledged.",
        edits=(
            Edit(
                "primary.py",
                '{"ok": False, "sure": False, "error": f"no longer primary: {reason}"}',
                '{"ok": True, "value": None, "epoch": self.epoch, "offset": waiting.index}',
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM, Mode.SYNC)),
        needs=("partition", "pause"),
    ),
    Bug(
        name="client-takes-a-timeout-for-a-failure",
        way=8,
        summary="The client says that an operation failed when its answer did not come in time.",
        edits=(
            Edit(
                "client.py",
                'raise UnknownError(f"{name} did not answer in time") from error',
                'raise RefusedError(f"{name} did not answer in time") from error',
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM, Mode.SYNC)),
        needs=("partition", "pause"),
    ),
    Bug(
        name="client-takes-a-lost-connection-for-a-failure",
        way=8,
        summary="The client says that an operation failed when its connection broke before the answer came.",
        edits=(
            Edit(
                "client.py",
                'future.set_exception(UnknownError("the connection was lost before the answer came"))',
                'future.set_exception(RefusedError("the connection was lost before the answer came"))',
            ),
        ),
        needs=("kill",),
    ),
    Bug(
        name="client-forgets-its-doubt",
        way=8,
        summary="The client says that an operation failed when its retry is refused, whatever the first try did.",
        edits=(
            Edit(
                "client.py",
                "            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)\n"
                "        raise doubt or RefusedError(why)",
                "            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)\n        raise RefusedError(why)",
            ),
        ),
        needs=("kill", "partition"),
    ),
    Bug(
        name="client-retries-without-a-session",
        way=8,
        summary="The client repeats operations of unknown outcome that the store can't know again.",
        edits=(
            Edit(
                "client.py",
                "                except UnknownError as error:\n"
                "                    if not again:\n"
                "                        raise\n",
                "                except UnknownError as error:\n",
            ),
        ),
        where=Where(modes=(Mode.SEMI_SYNC, Mode.QUORUM), settings={**_QUICK, "retries": False}),
        needs=("kill", "partition"),
    ),
)
