"""What a disk may leave after a power cut, told a second time and in the fewest words: from what was done to it.

It shares no code with the simulated disk. An operation is a tuple of its name and its arguments; `carry_out` does
it to any files. Contents are told apart in sectors of 512 bytes, each of which is as it was at some moment since
the last flush of its file.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nodes.reference.files import Files

Operation = tuple[Any, ...]
Contents = dict[str, bytes | None]
"""What is there by path: a file's bytes, None for a folder."""

SECTOR = 512


def carry_out(files: Files, operation: Operation, *, root: str = "") -> None:
    """Do an operation below `root`."""
    name, *arguments = operation
    paths = [Path(root + argument) for argument in arguments if isinstance(argument, str)]
    if name == "mkdir":
        files.make_folder(paths[0])
    elif name == "rename":
        files.rename(paths[0], paths[1])
    elif name == "unlink":
        files.unlink(paths[0])
    elif name == "sync_folder":
        files.sync_folder(paths[0])
    elif name != "writeback":
        descriptor = files.open(paths[0], create=name == "write", truncate=name == "truncate")
        try:
            if name == "write":
                files.write(descriptor, arguments[2], arguments[1])
            elif name == "allocate":
                files.allocate(descriptor, arguments[1])
            elif name == "sync":
                files.sync(descriptor)
            elif name == "sync_data":
                files.sync_data(descriptor)
        finally:
            files.close(descriptor)


class _Story:
    """What became of names and files, as processes saw it."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.trees: list[dict[str, int | None]] = [{}]
        """Since the last flush of a folder: the number of each path's file, None for a folder."""
        self.files: list[list[tuple[bytes, str]]] = []
        """For each file what it held since its last flush, and how it came to that."""
        for name, path, *arguments in operations:
            self._take(name, path, arguments)

    def _take(self, name: str, path: str, arguments: list[Any]) -> None:
        tree = dict(self.trees[-1])
        if name == "write" and path not in tree:
            self.files.append([(b"", "")])
            self.trees.append(tree := tree | {path: len(self.files) - 1})
        if name == "sync_folder":
            del self.trees[:-1]
        elif name == "mkdir":
            self.trees.append({**tree, path: None})
        elif name == "unlink":
            del tree[path]
            self.trees.append(tree)
        elif name == "rename":
            tree[arguments[0]] = tree.pop(path)
            self.trees.append(tree)
        else:
            number = tree[path]
            assert number is not None, "it is a file"
            states = self.files[number]
            if name in ("sync", "sync_data"):
                del states[:-1]
            else:
                states.append((_after(states[-1][0], name, arguments), name))


def _after(content: bytes, name: str, arguments: list[Any]) -> bytes:
    if name == "truncate":
        return b""
    if name == "allocate":
        return content.ljust(arguments[0], b"\0")
    if name == "write":
        offset, data = arguments
        return content.ljust(offset, b"\0")[:offset] + data + content[offset + len(data) :]
    return content


def _lengths(states: list[tuple[bytes, str]]) -> set[int]:
    lengths = {len(content) for content, _ in states}
    for (before, _), (after, how) in itertools.pairwise(states):
        if how == "write":
            lengths.update(size for size in range(0, len(after), SECTOR) if size > len(before))
    return lengths


def _sectors(states: list[tuple[bytes, str]], start: int) -> set[bytes]:
    return {content[start : start + SECTOR].ljust(SECTOR, b"\0") for content, _ in states}


def _content_allowed(states: list[tuple[bytes, str]], found: bytes) -> bool:
    return len(found) in _lengths(states) and all(
        any(
            found[start : start + SECTOR] == sector[: len(found) - start]
            for sector in _sectors(states, start)
        )
        for start in range(0, len(found), SECTOR)
    )


def allows(operations: Sequence[Operation], found: Contents) -> bool:
    """Tell whether a power cut after `operations` may leave what was found."""
    story = _Story(operations)
    return any(
        tree.keys() == found.keys()
        and all(
            content is None
            if number is None
            else content is not None and _content_allowed(story.files[number], content)
            for number, content in ((tree[path], found[path]) for path in tree)
        )
        for tree in story.trees
    )


def allowed(operations: Sequence[Operation]) -> Iterator[Contents]:
    """Yield all that a power cut after `operations` may leave; some of it more than once."""
    story = _Story(operations)

    def contents(number: int | None) -> list[bytes | None]:
        if number is None:
            return [None]
        states = story.files[number]
        return [
            b"".join(sectors)[:length]
            for length in _lengths(states)
            for sectors in itertools.product(*(_sectors(states, at) for at in range(0, length, SECTOR)))
        ]

    for tree in story.trees:
        for chosen in itertools.product(*(contents(number) for number in tree.values())):
            yield dict(zip(tree, chosen, strict=True))
