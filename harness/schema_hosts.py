"""Which hosts to run on, from the user: a file (`--nodes-file`) or options (`--node user@host:port`).

Every mistake is told in a line that names the file, the line and the field, or the option.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness import document, fields, schema
from harness.document import Items, Leaf, Node, Table
from harness.errors import UsageError
from harness.fields import Reader
from harness.hosts import Host, Hosts
from harness.problems import Problem, ScenarioError, Wrong, hint

_WRITTEN = re.compile(
    r"(?:(?P<user>[^@:\s]+)@)?(?:\[(?P<bracketed>[^\]\s]+)\]|(?P<host>[^@:\s\[\]]+))(?::(?P<port>\d{1,5}))?"
)
_PATHS = ("identity", "known_hosts", "ssh_config")

_OF_HOST: Mapping[str, Reader[Any]] = {
    "host": fields.text,
    "user": fields.text,
    "port": fields.integer(1, 65535),
    "identity": fields.text,
    "address": fields.address,
    "directory": fields.absolute,
    "python": fields.text,
    "sudo": fields.flag,
}
_OF_ALL: Mapping[str, Reader[Any]] = {
    "known_hosts": fields.text,
    "accept_new": fields.flag,
    "ssh_config": fields.text,
    "probe_port": fields.integer(1, 65535),
    "patience_s": fields.number(least=40, most=3600),
}
_FOR_EACH = tuple(name for name in _OF_HOST if name not in ("host", "address"))
"""What may be said once for all hosts."""


def load(path: Path) -> Hosts:
    """Read a file of hosts; raises UsageError with every mistake."""
    root = document.read(schema.read_text(path), str(path))
    if not isinstance(root, Table):
        message = f"a file of nodes is a mapping of fields, this is {document.describe(root)}"
        raise ScenarioError([Problem(where=root.where, field="", message=message)])
    return _Reader(root, path.parent).hosts()


def of_options(nodes: Sequence[str]) -> Hosts:
    """Return the hosts that `--node` options name; raises UsageError."""
    hosts = []
    for text in nodes:
        try:
            hosts.append(written(text))
        except Wrong as wrong:
            raise UsageError(f"--node {text}: {wrong}") from wrong
    return Hosts(hosts=_different([(host, f"--node {host.words}") for host in hosts]))


def written(text: str) -> Host:
    """Read `user@host:port`, of which user and port may be left out; raises Wrong."""
    found = _WRITTEN.fullmatch(text)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise Wrong(
            "expected user@host:port, where user and port may be left out, and an IPv6 address is in []"
        )
    return Host(
        host=found["bracketed"] or found["host"], user=found["user"] or "", port=int(found["port"] or 0)
    )


class _Reader:
    """Reads one document and collects its mistakes."""

    def __init__(self, root: Table, base: Path) -> None:
        self._root = root
        self._base = base
        self._problems: list[Problem] = []

    def hosts(self) -> Hosts:
        common = {name: _OF_HOST[name] for name in _FOR_EACH}
        values = self._read({"hosts": lambda node: node, **common, **_OF_ALL}, self._root, "")
        listed = values.pop("hosts", None)
        shared = {name: values.pop(name) for name in _FOR_EACH if name in values}
        found = self._listed(listed, shared)
        if self._problems:
            raise ScenarioError(self._problems)
        return Hosts(hosts=_different(found), **values)

    def _listed(self, node: Node | None, shared: Mapping[str, Any]) -> list[tuple[Host, str]]:
        match node:
            case Items(items=items) if items:
                read = [
                    (self._host(item, f"hosts.{at}", shared), item.where) for at, item in enumerate(items)
                ]
                return [(host, where) for host, where in read if host is not None]
            case None:
                self._add(self._root.where, "hosts", "missing; list the hosts, one for each node")
            case _:
                self._add(node.where, "hosts", f"{document.describe(node)} is not a list of hosts")
        return []

    def _host(self, node: Node, field: str, shared: Mapping[str, Any]) -> Host | None:
        match node:
            case Leaf(value=str() as text):
                try:
                    host = written(text)
                except Wrong as wrong:
                    self._add(node.where, field, str(wrong))
                    return None
                said = {name: value for name in ("user", "port") if (value := getattr(host, name))}
                return replace(host, **{**shared, **said})
            case Table():
                values = self._read(_OF_HOST, node, f"{field}.")
                if "host" not in node.entries:
                    self._add(
                        node.where, f"{field}.host", "missing; a name, an alias of ssh_config or an address"
                    )
                return Host(**{**shared, **values}) if "host" in values else None
        self._add(node.where, field, f"{document.describe(node)} is neither user@host:port nor a mapping")
        return None

    def _read(self, readers: Mapping[str, Reader[Any]], table: Table, prefix: str) -> dict[str, Any]:
        values = {}
        for key, entry in table.entries.items():
            if key not in readers:
                self._add(entry.where, prefix + key, f"unknown field{hint(key, readers)}")
                continue
            try:
                value = readers[key](entry.node)
            except Wrong as wrong:
                self._add(entry.node.where, prefix + key, str(wrong))
            else:
                # As seen from the file, like all paths in it.
                values[key] = str(self._base / Path(value).expanduser()) if key in _PATHS else value
        return values

    def _add(self, where: str, field: str, message: str) -> None:
        self._problems.append(Problem(where=where, field=field, message=message))


def _different(found: Sequence[tuple[Host, str]]) -> tuple[Host, ...]:
    """Return the hosts; raises ScenarioError where two nodes would be on the same one."""
    places: dict[tuple[str, int], str] = {}
    problems = []
    for host, where in found:
        former = places.setdefault((host.host, host.port or 22), where)
        if former != where:
            problems.append(
                Problem(where=where, field="hosts", message=f"{host.words} is listed already, at {former}")
            )
    if problems:
        raise ScenarioError(problems)
    return tuple(host for host, _ in found)
