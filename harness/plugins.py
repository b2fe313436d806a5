"""Where systems, machines, faults, workloads and checkers come from: entry points, or a file of the user's.

The built-in ones are found the same way as anybody else's, so they prove that the interface is enough.
"""

import contextlib
import difflib
import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import AckedError, PluginError, UsageError
from harness.system import SettingError

GROUPS = {
    "acked.machines": "kind of machines",
    "acked.systems": "system",
    "acked.faults": "fault",
    "acked.workloads": "workload",
    "acked.checkers": "checker",
    "acked.history_checkers": "checker of histories",
    "acked.history_measures": "measure of histories",
    "acked.pictures": "picture of certificates",
}
"""The entry-point groups, and what each holds, in words."""


@functools.cache
def points(group: str) -> metadata.EntryPoints:
    """Return what is installed in an entry-point group; every package is looked at, so once only."""
    return metadata.entry_points(group=group)


def installed(group: str) -> tuple[str, ...]:
    """Return the names that are installed in an entry-point group, sorted."""
    return tuple(sorted({point.name for point in points(group)}))


@contextlib.contextmanager
def blaming(what: str) -> Iterator[None]:
    """Raise PluginError for what a plug-in's code raises, except for what it is told to raise."""
    try:
        yield
    except (AckedError, SettingError):
        raise
    except Exception as error:
        raise PluginError(f"{what}: {type(error).__name__}: {error}") from error


def make(group: str, name: str, interface: type, argument: object) -> Any:
    """Call the class that is called `name` in a group and return what it makes.

    Raises UsageError, SettingError, or PluginError when the class raises something else. `interface` is the
    protocol that the made object must have the members of: a UsageError lists what it lacks.
    """
    kind = f"{GROUPS[group]} {name}"
    maker = load(group, name)
    if not callable(maker):
        raise UsageError(f"{kind} is no class")
    with blaming(f"{kind} can't be made"):
        made = maker(argument)
        members = (member for member in (*vars(interface), *interface.__annotations__) if member[0] != "_")
        missing = [member for member in members if not hasattr(made, member)]
    if missing:
        raise UsageError(f"{kind} lacks what every {GROUPS[group]} has: {', '.join(missing)}")
    return made


def load(group: str, name: str) -> Any:
    """Return the class or function called `name` in a group.

    `name` is an entry point's name, or `path/to/file.py:Name` relative to the working folder. Raises
    UsageError, which lists what is installed, when there is no such thing or it is not installed rightly, and
    PluginError when the file can't be imported.
    """
    path, _, attribute = name.rpartition(":")
    if path.endswith(".py"):
        return _from_file(Path(path), attribute)
    if attribute.endswith(".py"):
        raise UsageError(f"{name} is a file: name the {GROUPS[group]} in it, too, like {name}:Mine")
    return _from_entry_point(group, name)


def named(what: str, name: str, members: tuple[str, ...]) -> Any:
    """Return what a user names as `path/to/file.py:Name` or `package.module:Name`, called if it is a class.

    Nothing is loaded but what is named. Raises UsageError, in one line, for what can't be loaded or lacks one.
    """
    kind = f"{what} {name}"
    path, _, attribute = name.rpartition(":")
    try:
        found = _from_file(Path(path), attribute) if path.endswith(".py") else _from_module(path, attribute)
        with blaming(f"{kind} can't be made"):
            made = found() if isinstance(found, type) else found
            missing = [member for member in members if not hasattr(made, member)]
    except PluginError as error:
        raise UsageError(str(error).splitlines()[0]) from error
    if missing:
        raise UsageError(f"{kind} lacks what every {what} has: {', '.join(missing)}")
    return made


def _from_module(module_name: str, attribute: str) -> Any:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{module_name} can't be imported: {error}; a file is named like mine.py:Mine"
        ) from error
    except Exception as error:
        raise PluginError(f"{module_name} can't be imported: {type(error).__name__}: {error}") from error
    return _attribute(module, module_name, attribute)


@functools.cache
def _from_entry_point(group: str, name: str) -> Any:
    """Load what is installed under a name, once: a search does so thousands of times."""
    for point in points(group).select(name=name):
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(f"{GROUPS[group]} {name!r} ({point.value}) can't be loaded: {error}") from error
    names = installed(group)
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    listing = ", ".join(names) or "none"
    raise UsageError(f"no {GROUPS[group]} is called {name!r} (installed: {listing}){hint}")


def _from_file(path: Path, attribute: str) -> Any:
    resolved = path.resolve()
    module_name = f"acked_plugin_{hashlib.sha256(str(resolved).encode()).hexdigest()[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        if not resolved.is_file():
            raise UsageError(f"{path}: there is no such file")
        spec = importlib.util.spec_from_file_location(module_name, resolved)
        if spec is None or spec.loader is None:
            raise UsageError(f"{path}: not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise PluginError(f"{path} can't be imported: {type(error).__name__}: {error}") from error
    return _attribute(module, str(path), attribute)


def _attribute(module: ModuleType, named: str, attribute: str) -> Any:
    try:
        return getattr(module, attribute)
    except AttributeError:
        names = ", ".join(sorted(name for name in vars(module) if not name.startswith("_"))) or "nothing"
        raise UsageError(f"{named} has no {attribute!r} (it has: {names})") from None
