"""The names on a simulated disk: those that processes see, and the journal of changes that are not durable yet.

A journal keeps the order of changes, so a power cut leaves a beginning of it. Each change is atomic: a rename is
seen with both of its sides or not at all. To flush any folder makes all changes up to then durable, as with
ext4; to flush a file makes no name durable, although ext4 would do that too: POSIX does not promise it.
"""

import errno
import os
from pathlib import Path

from nodes.simulated.disk_file import File


class Folder:
    """A folder; what is in it is known by the paths alone."""


Node = File | Folder
Edit = tuple[str, Node | None]
"""A path and what it names from now on."""

_FOLDER = Folder()


def failure(code: int, path: Path | str) -> OSError:
    """Return the error that the system would raise."""
    return OSError(code, os.strerror(code), str(path))


class Names:
    """A tree of names, by absolute path; blank but for the root."""

    def __init__(self) -> None:
        self.visible: dict[str, Node] = {"/": _FOLDER}
        self.durable: dict[str, Node] = {"/": _FOLDER}
        self.journal: list[tuple[Edit, ...]] = []

    def copy(self) -> "Names":
        """Return the same names of copies of the files."""
        twins: dict[int, Node] = {id(_FOLDER): _FOLDER}

        def twin(node: Node) -> Node:
            if isinstance(node, File) and id(node) not in twins:
                twins[id(node)] = node.copy()
            return twins[id(node)]

        other = Names()
        other.visible = {path: twin(node) for path, node in self.visible.items()}
        other.durable = {path: twin(node) for path, node in self.durable.items()}
        other.journal = [
            tuple((path, node and twin(node)) for path, node in change) for change in self.journal
        ]
        return other

    def file(self, path: Path) -> File | None:
        """Return the file of this name, if there is one; raises IsADirectoryError if it is a folder."""
        node = self.visible.get(str(path))
        if isinstance(node, Folder):
            raise failure(errno.EISDIR, path)
        if node is None:
            self.expect_folder(_above(path))
        return node

    def existing(self, path: Path) -> File:
        """Return the file of this name; raises FileNotFoundError if there is none."""
        file = self.file(path)
        if file is None:
            raise failure(errno.ENOENT, path)
        return file

    def expect_folder(self, folder: Path | str) -> None:
        """Raise the error that the system would raise if there is no such folder."""
        if not isinstance(self.visible.get(str(folder)), Folder):
            above = (folder, *Path(folder).parents)
            nearest = next(filter(None, (self.visible.get(str(path)) for path in above)))
            raise failure(errno.ENOTDIR if isinstance(nearest, File) else errno.ENOENT, folder)

    def children(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted."""
        self.expect_folder(folder)
        inside = str(folder).rstrip("/") + "/"
        rest = (path[len(inside) :] for path in self.visible if path.startswith(inside) and path != inside)
        return sorted(name for name in rest if "/" not in name)

    def link(self, path: Path, file: File) -> None:
        """Give a new file a name."""
        file.path = path
        self._change((str(path), file))

    def unlink(self, path: Path) -> File:
        """Remove a file's name, and return the file."""
        file = self.existing(path)
        file.path = None
        self._change((str(path), None))
        return file

    def rename(self, old: Path, new: Path) -> File | None:
        """Rename a file; return the one that had the new name before."""
        self.expect_folder(_above(old))
        self.expect_folder(_above(new))
        file, replaced = self.existing(old), self.file(new)
        if replaced is not None:
            replaced.path = None
        file.path = new
        self._change((str(old), None), (str(new), file))
        return replaced

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, each in a change of its own."""
        node = self.visible.get(str(folder))
        if isinstance(node, File):
            raise failure(errno.EEXIST, folder)
        if node is None:
            above = self.visible.get(str(folder.parent))
            if isinstance(above, File):
                raise failure(errno.ENOTDIR, folder)
            self.make_folder(folder.parent)
            self._change((str(folder), _FOLDER))

    def commit(self, count: int) -> list[Edit]:
        """Make the first `count` changes of the journal durable, and return what they were."""
        edits = [edit for change in self.journal[:count] for edit in change]
        for path, node in edits:
            before = self.durable.pop(path, None)
            if isinstance(before, File) and before.durable_path == path:
                before.durable_path = None
            if node is not None:
                self.durable[path] = node
            if isinstance(node, File):
                node.durable_path = path
        del self.journal[:count]
        return edits

    def lose_power(self, kept: int) -> None:
        """Keep the first `kept` changes of the journal; the others have never happened."""
        self.commit(kept)
        self.journal.clear()
        self.visible = dict(self.durable)

    def _change(self, *edits: Edit) -> None:
        self.journal.append(edits)
        for path, node in edits:
            if node is None:
                del self.visible[path]
            else:
                self.visible[path] = node


def _above(path: Path) -> str:
    """Return the path of the folder that a path is in."""
    return str(path).rpartition("/")[0] or "/"
