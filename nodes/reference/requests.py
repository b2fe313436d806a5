"""What clients and operators ask of a node, and what it answers.

A request is a JSON object with `op`. An answer has `ok`; when false, `error` says why and `sure` whether the
operation surely did not happen and never will. Only a primary takes writes.
"""

from typing import TYPE_CHECKING, Any

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.candidate import Candidate
from nodes.reference.primary import Primary
from nodes.reference.replica import Replica
from nodes.reference.rules import Record, majority
from nodes.reference.settings import MS, Failover
from nodes.reference.state import flaw

if TYPE_CHECKING:
    from nodes.reference.node import Node

BACKLOG_BYTES = 32 << 20
"""How much log may wait for its copies, beyond what snapshots keep, before further writes are refused."""

YEAR_2000_NS = 946_684_800 * 1_000_000_000
"""Midnight of 1 January 2000, UTC: the time of day from which the rounds of operators are counted."""


class Requests:
    """The requests of one node's clients."""

    def __init__(self, node: "Node") -> None:
        self._node = node

    def take(self, number: int, body: dict[str, Any], now: int) -> None:
        """Serve a request, or begin to."""
        match body.get("op"):
            case "get":
                self._get(number, body, now)
            case "peek":
                self._peek(number, body)
            case "status":
                self._answer(number, self.status(now))
            case "bootstrap":
                self._start_cluster(number, now)
            case "promote":
                self._promote(number, body.get("force") is True, now)
            case _:
                self._write(number, body, now)

    def _answer(self, number: int, body: dict[str, Any]) -> None:
        self._node.out.append(fx.Reply(number, body))

    def _refuse(self, number: int, error: str, **details: Any) -> None:
        self._answer(number, {"ok": False, "sure": True, "error": error, "node": self._node.name, **details})

    def _refuse_as_replica(self, number: int) -> None:
        role = self._node.role
        primary = role.primary if isinstance(role, Replica) else None
        self._refuse(number, "not the primary", primary=primary)

    # Clients

    def _write(self, number: int, body: dict[str, Any], now: int) -> None:
        role = self._node.role
        if not isinstance(role, Primary):
            self._refuse_as_replica(number)
        elif wrong := flaw(body):
            self._refuse(number, wrong)
        elif not self._node.room:
            self._refuse(number, "the disk is full")
        elif self._backlogged():
            self._refuse(number, "too many writes wait for their copies")
        else:
            role.write(number, body, now)

    def _backlogged(self) -> bool:
        settings = self._node.settings
        return self._node.log.size_bytes > settings.snapshot_bytes + settings.retain_bytes + BACKLOG_BYTES

    def _get(self, number: int, body: dict[str, Any], now: int) -> None:
        node, key, bound = self._node, body.get("key"), body.get("max_lag_ms")
        if not isinstance(key, str) or not isinstance(bound, int | float | None):
            self._refuse(number, "get needs a key, and max_lag_ms must be a number")
        elif isinstance(node.role, Primary):
            if not node.role.holds_lease(now) or node.commit < node.role.start or node.reloading:
                self._refuse(number, "not ready: the primary has no lease, or its epoch is not protected yet")
            else:
                until = node.role.lease_until(now) if node.settings.leased else 0
                value = self._value(key) | {"epoch": node.role.epoch}
                node.out.append(fx.Reply(number, value, until))
        elif body.get("replica") is not True or node.settings.witness:
            self._refuse_as_replica(number)
        else:
            fresh = node.role.fresh_ns if isinstance(node.role, Replica) else None
            lag_ms = None if fresh is None else (now - fresh) / MS
            if node.reloading or (bound is not None and (lag_ms is None or lag_ms > bound)):
                self._refuse(number, "too far behind the primary", lag_ms=lag_ms)
            else:
                self._answer(number, self._value(key) | {"lag_ms": lag_ms})

    def _value(self, key: str) -> dict[str, Any]:
        return {"ok": True, "value": self._node.state.get(key), "node": self._node.name}

    def _peek(self, number: int, body: dict[str, Any]) -> None:
        keys = body.get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            self._refuse(number, "peek needs a list of keys")
        elif self._node.reloading:
            self._refuse(number, "the state is being loaded")
        else:
            values = [self._node.state.get(key) for key in keys]
            self._answer(number, {"ok": True, "value": values, "node": self._node.name})

    def status(self, now: int) -> dict[str, Any]:
        """Return what this node knows of itself."""
        node, role = self._node, self._node.role
        end, record = node.log.end, node.record
        status: dict[str, Any] = {
            "ok": True,
            "node": node.name,
            "identity": node.meta.identity,
            "epoch": node.meta.promised,
            "role": "replica",
            "log": [end.epoch, end.index],
            "written": node.written,
            "flushed": node.flushed,
            "commit": node.commit,
            "applied": node.applied,
            "member": node.may_vote and (record is None or record.joining != node.name),
            "in_sync": list(record.in_sync) if record and record.in_sync is not None else None,
            "room": node.room,
        }
        if node.settings.witness:
            status["role"] = "witness"
        elif isinstance(role, Primary):
            status["role"] = "primary"
            status["serving"] = role.holds_lease(now) and node.commit >= role.start and not node.reloading
            status["replicas"] = role.confirmed()
        elif isinstance(role, Candidate):
            status["role"] = "candidate"
        if isinstance(role, Replica):
            status["primary"] = role.primary
            status["waits_for"] = role.waits_for
        return status

    # Operators

    def _start_cluster(self, number: int, now: int) -> None:
        """Found the cluster, with this node as the first primary: every member must be there, and blank."""
        node = self._node
        absent = [peer for peer, contact in node.contacts.items() if not contact.connected]
        taken = [peer for peer, contact in node.contacts.items() if contact.connected and not contact.blank]
        if node.record is not None or node.settings.witness:
            self._refuse(number, "this node already belongs to a cluster, or is a witness")
        elif absent:
            self._refuse(number, f"not connected to {', '.join(absent)}")
        elif taken:
            self._refuse(number, f"{', '.join(taken)} already belongs to a cluster")
        else:
            members = {node.name: node.meta.identity}
            members |= {peer: contact.identity for peer, contact in node.contacts.items()}
            epoch = node.settings.epoch_after(node.highest)
            record = Record(epoch=epoch, seq=1, members=members, need=majority(len(members)))
            heard = (node.name,)
            node.become(Primary(node, epoch, record, now, cause="bootstrap", heard=heard))
            self._answer(number, {"ok": True, "epoch": epoch, "node": node.name})

    def _promote(self, number: int, force: bool, now: int) -> None:
        node = self._node
        if node.settings.witness or node.reloading:
            self._refuse(number, "a witness, or a node that loads its state, can't be primary")
        elif isinstance(node.role, Primary):
            self._answer(number, {"ok": True, "epoch": node.role.epoch, "node": node.name})
        elif force:
            self._promote_by_force(number, now)
        elif node.settings.failover is Failover.MANUAL:
            self._promote_by_hand(number, now)
        else:
            self._promote_by_election(number, now)

    def _promote_by_force(self, number: int, now: int) -> None:
        """Make this node the whole cluster; the others must catch up with it before they count again."""
        node = self._node
        epoch = self._epoch_of_an_operator()
        record = Record(epoch=epoch, seq=1, members={node.name: node.meta.identity}, need=1)
        node.commit = node.log.last  # by the operator's word: nobody else's log counts
        self._take_office(number, epoch, record, now)

    def _promote_by_hand(self, number: int, now: int) -> None:
        node = self._node
        if node.record is None or not node.may_vote:
            self._refuse(number, "this node's disk is new: it holds nothing that was acknowledged")
        elif node.record.in_sync is not None and node.name not in node.record.in_sync:
            self._refuse(
                number, f"it lacks what {', '.join(node.record.in_sync)} acknowledged while degraded"
            )
        else:
            self._take_office(number, self._epoch_of_an_operator(), node.record, now)

    def _epoch_of_an_operator(self) -> int:
        """Return an epoch for a promotion that asks nobody: its round is the time, in milliseconds.

        A node that has lost its disk does not know which epochs it has begun, and those who know may be cut off.
        It must not begin one of them again, for replicas can't tell the entries of one from those of the other;
        nor a lower one, which they would not follow.
        """
        node = self._node
        return node.settings.epoch_after(node.highest, least=(node.wall_ns() - YEAR_2000_NS) // MS)

    def _take_office(self, number: int, epoch: int, record: Record, now: int) -> None:
        node = self._node
        heard = (node.name,)
        node.become(Primary(node, epoch, record, now, cause="operator", heard=heard))
        self._answer(number, {"ok": True, "epoch": epoch, "node": node.name})

    def _promote_by_election(self, number: int, now: int) -> None:
        node = self._node
        if isinstance(node.role, Replica) and node.role.primary is not None:
            node.send(node.role.primary, ms.StepDown(epoch=node.meta.promised))
        node.stand(now)
        self._answer(number, {"ok": True, "epoch": None, "node": node.name})
