"""The source of the store with a planted bug in it, as a folder to run nodes from."""

import shutil
import tempfile
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path

from nodes.planted.bug import Bug, Edit
from nodes.planted.catalogue import BUGS

_NODES = Path(__file__).parents[1]


class EditError(Exception):
    """An edit does not fit the store: the store has changed, and the planted bug must follow."""


def changed(text: str, edit: Edit) -> str:
    """Return a module's text with an edit made; raises EditError unless `before` is there exactly once."""
    found = text.count(edit.before)
    if found != 1:
        raise EditError(f"{edit.module} has {found} times, instead of once: {edit.before!r}")
    return text.replace(edit.before, edit.after)


def source_tree(bug: Bug) -> Path:
    """Return a folder with `nodes/reference` in it, changed; it is removed when this process ends.

    Raises EditError when the bug does not fit the store.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"acked-{bug.name}-"))
    # Not `atexit`, which the workers of a pool of processes leave out.
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=0)
    package = folder / "nodes" / "reference"
    shutil.copytree(_NODES / "reference", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_NODES / "__init__.py", folder / "nodes")
    for edit in bug.edits:
        path = package / edit.module
        if not path.is_file():
            raise EditError(f"{bug.name}: the store has no {edit.module}")
        try:
            path.write_text(changed(path.read_text(), edit))
        except EditError as error:
            raise EditError(f"{bug.name}: {error}") from error
    return folder


@cache
def code_of(name: str) -> str:
    """Return the folder of the bug called `name`, made when it is first asked for."""
    return str(source_tree(BUGS[name]))
