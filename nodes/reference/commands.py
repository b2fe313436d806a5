"""A small client for people: put, get, and whatever else the store can do, from the command line."""

import argparse
import asyncio
import json
import os
import sys
import uuid
from collections.abc import Sequence
from typing import Any

from nodes.reference.client import RefusedError, StoreClient, UnknownError
from nodes.reference.options import StrictParser, nodes

NODES_VARIABLE = "ACKED_NODES"
REFUSED = 1
UNKNOWN = 2


def main(argv: Sequence[str] | None = None, *, program: str = "acked client") -> int:
    """Carry out one command; return 0, or 1 if it surely did not happen, or 2 if nobody knows.

    A mistake in the options ends the process with 64.
    """
    parser = _parser(program)
    options = parser.parse_args(argv)
    if not options.nodes:
        parser.error(f"say where the nodes are: --nodes, or the variable {NODES_VARIABLE}")
    only = _only(options)
    if only is not None and only not in options.nodes:
        parser.error(f"no node is called {only!r}; the nodes are {', '.join(options.nodes)}")
    try:
        answer = asyncio.run(_ask(options))
    except RefusedError as error:
        sys.stderr.write(f"not done: {error}{asyncio.run(_advice(options))}\n")
        return REFUSED
    except UnknownError as error:
        sys.stderr.write(f"nobody knows whether it happened: {error}\n")
        return UNKNOWN
    for key in ("ok", "node"):
        answer.pop(key, None)
    value = answer.pop("value", None)
    shown = value if value is not None or options.command == "get" else answer
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0


async def _ask(options: argparse.Namespace) -> dict[str, Any]:
    only = _only(options)
    client = StoreClient(
        options.nodes,
        only=only,
        timeout_s=options.timeout,
        session=uuid.uuid4().hex if only is None else None,
    )
    try:
        if options.command in ("get", "peek", "status", "bootstrap", "promote"):
            return await client.ask(_request(options))
        return await client.write(_request(options))
    finally:
        await client.close()


async def _advice(options: argparse.Namespace) -> str:
    """Return what to do about a refusal, where the reason is that nobody founded the cluster."""
    statuses = await asyncio.gather(*(_status(options, name) for name in options.nodes))
    answered = [status for status in statuses if status is not None]
    if not answered or any(status["epoch"] or status["role"] == "primary" for status in answered):
        return ""
    return f"; the cluster is not founded yet: `acked client bootstrap {min(options.nodes)}` does that, once"


async def _status(options: argparse.Namespace, name: str) -> dict[str, Any] | None:
    client = StoreClient(options.nodes, only=name, timeout_s=min(1.0, options.timeout))
    try:
        return await client.status()
    except (RefusedError, UnknownError):
        return None
    finally:
        await client.close()


def _only(options: argparse.Namespace) -> str | None:
    """Return the one node that is asked; None: whichever is the primary."""
    only: str | None = getattr(options, "on", None) or options.node
    return only


def _request(options: argparse.Namespace) -> dict[str, Any]:
    request = {"op": options.command}
    for name in ("key", "value", "old", "new", "element", "by", "ops", "replica", "max_lag_ms", "force"):
        if hasattr(options, name):
            request[name] = getattr(options, name)
    if options.command == "peek":
        request["keys"] = [request.pop("key")]
    return request


def _json(text: str) -> Any:
    """Parse JSON; what is none is taken as a string."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parser(program: str) -> argparse.ArgumentParser:
    parser = StrictParser(
        prog=program, description="Talk to a running reference store. Values are JSON, or else strings."
    )
    default = os.environ.get(NODES_VARIABLE)
    parser.add_argument(
        "--nodes",
        type=nodes,
        default=default,
        metavar="N1=HOST:PORT,…",
        help=f"where the nodes are; default: the variable {NODES_VARIABLE}",
    )
    parser.add_argument("--node", metavar="NAME", help="ask this node only")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="S", help="give up after so long")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, *arguments: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        for argument in arguments:
            plain = argument in ("key", "on")
            one.add_argument(argument, type=str if plain else int if argument == "by" else _json)
        return one

    get = command("get", "read a key", "key")
    get.add_argument("--replica", action="store_true", help="from a replica will do")
    get.add_argument("--max-lag-ms", type=float, help="from a replica that is at most so far behind")
    command("put", "set a key", "key", "value")
    command("cas", "set a key if it has a certain value", "key", "old", "new")
    command("add", "add to a set", "key", "element")
    command("append", "append to a list", "key", "element")
    command("increment", "add to a number", "key", "by")
    command("txn", 'several operations, all or none: \'[["put", "a", 1], ["get", "a"]]\'', "ops")
    command("peek", "read what one node has, however stale (with --node)", "key")
    command("status", "what a node says of itself", "on")
    command("bootstrap", "found the cluster, with this node as its first primary", "on")
    promote = command("promote", "make this node the primary", "on")
    promote.add_argument("--force", action="store_true", help="even if acknowledged writes are lost by it")
    return parser
