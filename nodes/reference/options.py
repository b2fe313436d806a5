"""The options of a node's command line, and how members are written: `name=host:port`."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from nodes.reference.settings import MS, Failover, Member, Mode, Settings, Visibility


def member(text: str) -> Member:
    """Parse `name=host:port`, or `name=host:port:witness`; an IPv6 address stands in brackets."""
    name, equals, rest = text.partition("=")
    witness = rest.endswith(":witness")
    host, colon, port = rest.removesuffix(":witness").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (name and equals and host and colon and port.isdigit() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not name=host:port (or name=host:port:witness)")
    return Member(name=name, host=host, port=int(port), witness=witness)


class StrictParser(argparse.ArgumentParser):
    """A parser whose usage errors end the process with the status that is usual for them (EX_USAGE)."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and how it is used, and exit."""
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of a node's options."""
    options = StrictParser(
        prog="python -m nodes.reference",
        description="Run one node of the reference store: a replicated key-value store, written to be read.",
        epilog=(
            "Start each member on a blank folder, then found the cluster once: "
            "acked client --nodes n1=127.0.0.1:7001,… bootstrap n1"
        ),
    )
    options.add_argument("--name", required=True, help="which of the members this node is")
    options.add_argument(
        "--member",
        action="append",
        type=member,
        required=True,
        metavar="NAME=HOST:PORT",
        help="a member of the cluster, itself included; repeat; `:witness` at the end marks mirror's witness",
    )
    options.add_argument("--data", required=True, metavar="FOLDER", help="where this node keeps everything")
    options.add_argument("--mode", choices=[mode.value for mode in Mode], default="quorum")
    options.add_argument("--k", type=int, default=1, help="replicas that must confirm in the semi-sync modes")
    options.add_argument(
        "--sync-set", default="", metavar="N1,N2", help="who must confirm in sync; the pair of hybrid"
    )
    options.add_argument("--failover", choices=[kind.value for kind in Failover], default="automatic")
    options.add_argument("--visibility", choices=[kind.value for kind in Visibility], default="on_ack")
    options.add_argument(
        "--degrade-after-ms", type=int, default=0, help="go on with fewer copies after so long; 0: never"
    )
    options.add_argument("--heartbeat-ms", type=int, default=100)
    options.add_argument("--lease-ms", type=int, default=600)
    options.add_argument("--election-ms", type=int, default=800)
    options.add_argument("--apply-delay-ms", type=int, default=0, help="delay what replicas make readable")
    options.add_argument("--flush-every-ms", type=int, default=200, help="replicas of semi_sync_memory only")
    options.add_argument("--snapshot-kb", type=int, default=8192, help="log size that leads to a snapshot")
    options.add_argument(
        "--retain-kb", type=int, default=2048, help="log kept for replicas behind a snapshot"
    )
    options.add_argument("--segment-kb", type=int, default=4096, help="size of a file of the log")
    options.add_argument(
        "--events", action="store_true", help="report what happens as JSON lines on standard output"
    )
    options.add_argument(
        "--resync",
        action="store_true",
        help="put a damaged folder aside and start blank: catch up from the primary, without a vote till then",
    )
    return options


def settings_from(options: argparse.Namespace) -> Settings:
    """Return the settings; raises ValueError with what does not fit together."""
    return Settings(
        name=options.name,
        members=tuple(options.member),
        mode=Mode(options.mode),
        k=options.k,
        sync_set=tuple(filter(None, options.sync_set.split(","))),
        failover=Failover(options.failover),
        visibility=Visibility(options.visibility),
        degrade_after_ns=options.degrade_after_ms * MS,
        heartbeat_ns=options.heartbeat_ms * MS,
        lease_ns=options.lease_ms * MS,
        election_ns=options.election_ms * MS,
        apply_delay_ns=options.apply_delay_ms * MS,
        flush_every_ns=options.flush_every_ms * MS,
        snapshot_bytes=options.snapshot_kb << 10,
        retain_bytes=options.retain_kb << 10,
        segment_bytes=options.segment_kb << 10,
    )


def nodes(text: str) -> dict[str, tuple[str, int]]:
    """Parse `n1=host:port,n2=host:port` as clients write it."""
    members: Sequence[Member] = [member(part) for part in text.split(",")]
    return {one.name: (one.host, one.port) for one in members}
