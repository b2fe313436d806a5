"""What real ext4 leaves after a power cut is among what the simulated disk may leave.

The rules that it is held against (`disk_spec`) are those that `test_disk_power` shows to be the simulated disk's.
"""

import ast
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from disk_spec import Contents, Operation, allows, carry_out

from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Same

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="power cuts need loop mounts, and these need root"),
]

KEEPS_ALL, KEEPS_JOURNAL, POWER_CUT = 0, 1, 2
"""Ways to shut ext4 down: with everything flushed, with the journal flushed, with nothing flushed."""

A, B = b"a" * 4096, b"b" * 4096
PAGES: list[Operation] = [("write", "/log", at, bytes(4096)) for at in range(0, 16384, 4096)]
"""Page by page, or the kernel would handle them as one."""

HAND_MADE: dict[str, list[Operation]] = {
    "nothing flushed": [("write", "/f", 0, A)],
    "file flushed": [("write", "/f", 0, A), ("sync", "/f"), ("write", "/f", 4096, B)],
    "folder flushed, file not": [("write", "/f", 0, A), ("sync_folder", "/")],
    "log appended": [
        ("write", "/log", 0, b""), ("allocate", "/log", 65536), ("sync", "/log"), ("sync_folder", "/"),
        ("write", "/log", 0, b"1" * 200), ("sync", "/log"), ("write", "/log", 200, b"2" * 9000), ("sync", "/log"),
        ("write", "/log", 9200, b"3" * 200),
    ],
    "log written back out of order": [
        *PAGES, ("sync", "/log"), ("sync_folder", "/"),
        ("write", "/log", 0, A), ("write", "/log", 4096, A), ("write", "/log", 8192, B),
        ("writeback", "/log", 8192, 4096),
    ],
    "log written back in part": [
        *PAGES, ("sync", "/log"), ("sync_folder", "/"),
        ("write", "/log", 100, b"x" * 12000), ("writeback", "/log", 4096, 4096),
    ],
    "old version written back, new one not": [
        ("write", "/f", 0, bytes(4096)), ("sync", "/f"), ("sync_folder", "/"),
        ("write", "/f", 0, A), ("writeback", "/f", 0, 4096), ("write", "/f", 0, B),
    ],
    "new segment": [
        ("mkdir", "/log"), ("write", "/log/spare", 0, b""), ("allocate", "/log/spare", 8192),
        ("sync", "/log/spare"),
        ("write", "/log/spare", 0, b"head"), ("sync", "/log/spare"), ("rename", "/log/spare", "/log/1"),
        ("sync_folder", "/log"), ("write", "/log/1", 4, b"x" * 100),
    ],
    "segment renamed, folder not flushed": [
        ("write", "/spare", 0, b""), ("allocate", "/spare", 8192), ("sync", "/spare"),
        ("write", "/spare", 0, b"head"), ("sync_data", "/spare"), ("sync_folder", "/"),
        ("rename", "/spare", "/1"), ("write", "/1", 4, b"entry"), ("sync_data", "/1"),
    ],
    "replaced as one should": [
        ("write", "/f", 0, A), ("sync", "/f"), ("sync_folder", "/"),
        ("write", "/new", 0, B), ("sync", "/new"), ("rename", "/new", "/f"), ("sync_folder", "/"),
    ],
    "replaced, folder not flushed": [
        ("write", "/f", 0, A), ("sync", "/f"), ("sync_folder", "/"),
        ("write", "/new", 0, B), ("sync", "/new"), ("rename", "/new", "/f"),
    ],
    "replaced before the flush": [
        ("write", "/f", 0, A), ("sync", "/f"), ("sync_folder", "/"),
        ("write", "/new", 0, B), ("rename", "/new", "/f"), ("sync_folder", "/"),
    ],
    "renamed before the flush": [("write", "/new", 0, B), ("rename", "/new", "/f"), ("sync_folder", "/")],
    "removed": [("write", "/f", 0, A), ("sync", "/f"), ("sync_folder", "/"), ("unlink", "/f")],
    "removed, another file flushed": [
        ("write", "/f", 0, A), ("sync", "/f"), ("unlink", "/f"), ("write", "/g", 0, B), ("sync", "/g"),
    ],
    "emptied and written anew": [
        ("write", "/f", 0, A), ("sync", "/f"), ("sync_folder", "/"),
        ("truncate", "/f"), ("write", "/f", 0, b"short"),
    ],
    "emptied, written back, made longer": [
        ("write", "/f", 0, A), ("sync", "/f"), ("sync_folder", "/"),
        ("truncate", "/f"), ("write", "/f", 600, b"x" * 4000), ("writeback", "/f", 0, 8192), ("sync_folder", "/"),
    ],
    "made longer with a hole": [
        ("write", "/f", 0, b"head"), ("sync", "/f"), ("sync_folder", "/"), ("write", "/f", 9000, b"far"),
        ("writeback", "/f", 0, 16384), ("sync_folder", "/"),
    ],
    "two files, one flushed": [
        ("write", "/f", 0, A), ("write", "/g", 0, B), ("sync_folder", "/"), ("write", "/f", 0, B),
        ("write", "/g", 0, A), ("sync", "/g"),
    ],
    "folders": [
        ("mkdir", "/a"), ("mkdir", "/a/b"), ("write", "/a/b/f", 0, A), ("sync", "/a/b/f"), ("mkdir", "/c"),
    ],
}  # fmt: skip


def drawn(seed: int) -> list[Operation]:
    """Return a dozen operations that can be done one after the other."""
    draw = random.Random(seed)
    operations: list[Operation] = [("mkdir", "/d")]
    there: set[str] = set()
    while len(operations) < 14:
        path = draw.choice(["/f", "/g", "/d/f"])
        name = draw.choice(
            ["write"] * 5
            + ["sync"] * 2
            + ["sync_folder", "allocate", "truncate", "writeback", "rename", "unlink"]
        )
        if name == "sync_folder":
            operations.append((name, draw.choice(["/", "/d"])))
        elif name == "write":
            offset, size = draw.choice([0, 100, 4096, 5000, 9000]), draw.choice([10, 512, 4096, 7000])
            operations.append((name, path, offset, bytes([draw.randrange(1, 256)]) * size))
            there.add(path)
        elif path in there:
            if name == "rename":
                other = draw.choice(["/f2", "/g", "/d/g"])
                if other == path:
                    continue
                operations.append((name, path, other))
                there = (there - {path}) | {other}
            elif name == "unlink":
                operations.append((name, path))
                there.remove(path)
            else:
                more = {"allocate": (16384,), "writeback": (draw.choice([0, 4096]), 4096)}.get(name, ())
                operations.append((name, path, *more))
    return operations


def on_ext4(tasks: Sequence[tuple[int, list[Operation]]], folder: Path) -> list[Contents]:
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "on_ext4.py", folder],
        input=repr(tasks),
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{here.parents[1]}:{here}"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: list[Contents] = ast.literal_eval(done.stdout)
    return found


def everything(operations: Sequence[Operation]) -> Contents:
    """Return what there is without a power cut."""
    disk = Disk(Same(last=True))
    view = disk.view("a")
    for operation in operations:
        carry_out(view, operation)
    return {path: content for path, content in disk.contents().items() if path != "/"}


def test_what_ext4_leaves_is_what_the_disk_may_leave(tmp_path: Path) -> None:
    stories = HAND_MADE | {f"seed {seed}": drawn(seed) for seed in range(40)}
    tasks = [(flag, story) for story in stories.values() for flag in (POWER_CUT, KEEPS_JOURNAL, KEEPS_ALL)]
    names = [f"{name}, flag {flag}" for name in stories for flag in (POWER_CUT, KEEPS_JOURNAL, KEEPS_ALL)]
    found = on_ext4(tasks, tmp_path)
    never = [
        name
        for name, (_, story), contents in zip(names, tasks, found, strict=True)
        if not allows(story, contents)
    ]
    assert never == [], "the real file system has left what the simulated one forbids"
    lost = [contents != everything(story) for (_, story), contents in zip(tasks, found, strict=True)]
    assert not any(lost[KEEPS_ALL - 1 :: 3]), "a shutdown that flushes everything has lost something"
    assert sum(lost[::3]) > len(stories) / 2, "hardly any power cut has lost anything: nothing is shown"
    assert sum(lost[1::3]) < sum(lost[::3]), "a journal that was flushed should make a difference"
