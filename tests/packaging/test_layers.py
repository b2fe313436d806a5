"""Imports point down: who may know whom, held by walking every import statement; and only the CLI prints."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("harness", "nodes", "checkers", "faults")

SMALL = frozenset(
    f"harness.{name}"
    for name in (
        "checker", "columns", "contract", "draws", "episode", "errors", "events", "fault", "generator",
        "generators", "history", "history_checker", "hosts", "machine", "memory", "operation", "options",
        "scenario", "system", "tasks", "verdict", "words", "workload",
    )
)  # fmt: skip
"""The engine's small interfaces: what a fault, a checker, a machine or a system may know of it."""


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path, module: str) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def of_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in PACKAGES


def within(name: str, allowed: frozenset[str] | set[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def offences(package: str, allowed: frozenset[str] | set[str]) -> list[str]:
    """Return imports of our own packages that are neither in `allowed` nor in `package` itself."""
    return [
        f"{module} imports {name}"
        for module, path in modules(package)
        for name in imports(path, module)
        if of_ours(name) and not within(name, allowed | {package})
    ]


def test_the_store_knows_only_itself_and_the_standard_library() -> None:
    assert offences("nodes/reference", {"nodes.reference"}) == []
    optional = {"uvloop", "google_crc32c", "crc32c", "msgspec"}
    foreign = [
        f"{module} imports {name}"
        for module, path in modules("nodes/reference")
        for name in imports(path, module)
        if not of_ours(name) and name.split(".")[0] not in sys.stdlib_module_names | optional
    ]
    assert foreign == []


def test_what_is_sent_to_machines_knows_only_the_standard_library() -> None:
    """It runs with Python alone; of ours, all that it imports is sent along."""
    sent = {"harness.draws", "harness.errors", "harness.tasks", "nodes.linux", "nodes.agent", "nodes.hazards"}
    found = [
        f"{module} imports {name}"
        for package in ("nodes/linux", "nodes/agent", "nodes/hazards")
        for module, path in modules(package)
        for name in imports(path, module)
        if not within(name, sent) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert found == []


@pytest.mark.parametrize("package", ["checkers", "faults"])
def test_checkers_and_faults_know_only_the_small_interfaces(package: str) -> None:
    assert offences(package, SMALL) == []


@pytest.mark.parametrize(
    "package,also",
    [
        ("nodes/local", {"nodes.local", "nodes.linux", "nodes.cuts"}),
        (
            "nodes/ssh",
            {"nodes.ssh", "nodes.linux", "nodes.agent", "nodes.hazards", "nodes.packing", "nodes.cuts"},
        ),
        ("nodes/adapters", {"nodes"}),
        ("nodes/planted", {"nodes.planted"}),
        # A private hypervisor is kept in the namespaces of local machines.
        ("nodes/vagrant", {"nodes", "harness.hosts"}),
    ],
)
def test_machines_and_systems_know_only_the_small_interfaces(package: str, also: set[str]) -> None:
    assert offences(package, SMALL | also) == []


def test_the_engine_finds_plug_ins_by_name() -> None:
    known = {
        # `acked client` hands over to the store's own command line.
        "harness.cli": {"nodes.reference.commands"},
        # It asks the one kind of machines whose needs it explains.
        "harness.doctor": {"nodes.local"},
        "harness.cli_doctor": {"nodes.local"},
        # Virtual machines stay up between runs, so there are commands for them.
        "harness.cli_vagrant": {"nodes.vagrant"},
        # Certificates are checked by a program that knows no checker.
        "harness.cli_certificate": {"checkers.verifier"},
        # The harness proves itself with bugs in the store that comes with it.
        "harness.campaign.aims": {"nodes.planted"},
        "harness.campaign.selftest": {"nodes.planted"},
        "harness.campaign.stage": {"nodes.planted"},
        "harness.cli_selftest": {"nodes.planted"},
    }
    everywhere = {"harness", "checkers.expectations"}
    found = [
        f"{module} imports {name}"
        for module, path in modules("harness")
        for name in imports(path, module)
        if of_ours(name) and not within(name, everywhere | known.get(module, set()))
    ]
    assert found == []


def test_only_the_command_line_prints() -> None:
    printing = []
    for package in PACKAGES:
        for module, path in modules(package):
            if module.startswith(("harness.cli", "nodes.reference")):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                called = node.func if isinstance(node, ast.Call) else None
                if isinstance(called, ast.Name) and called.id == "print":
                    printing.append(f"{module}:{node.lineno}")
                if isinstance(called, ast.Attribute) and ast.unparse(called) in ("click.echo", "click.secho"):
                    printing.append(f"{module}:{node.lineno}")
    assert printing == []


def test_the_small_interfaces_know_only_each_other() -> None:
    # A history is read and written with the clock's origin and the format of its lines.
    known = SMALL | {"harness.clock", "harness.json_lines", "harness.recording"}
    found = [
        f"{module} imports {name}"
        for module, path in modules("harness")
        for name in imports(path, module)
        if within(module, SMALL) and of_ours(name) and not within(name, known)
    ]
    assert found == []


def test_the_verifier_shares_no_code_with_what_it_verifies() -> None:
    assert offences("checkers/verifier", {"checkers.verifier"}) == []
    foreign = [
        f"{module} imports {name}"
        for module, path in modules("checkers/verifier")
        for name in imports(path, module)
        if not of_ours(name) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []
