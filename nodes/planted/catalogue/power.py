"""Way 9: what was acknowledged does not outlast a loss of power everywhere."""

from nodes.planted.bug import LOST_NAME, Bug, Edit, Where

_OFTEN = {"snapshot_kb": 4, "retain_kb": 0, "segment_kb": 16}

BUGS = (
    Bug(
        name="flush-skipped-at-rotation",
        way=9,
        summary="When the log goes on in a new file, the end of the old one is not flushed.",
        edits=(
            Edit(
                "wal.py",
                "        self._files.sync_data(self._current)\n        self._begin(following, number=",
                "        self._begin(following, number=",
            ),
        ),
        where=Where(settings={"segment_kb": 16}),
        needs=("power-cut",),
    ),
    Bug(
        name="segment-without-directory-fsync",
        way=9,
        summary="The name of a new file of the log is not flushed.",
        edits=(
            Edit(
                "wal.py",
                "        self._files.rename(self._spare, path)\n        self._files.sync_folder(self._folder)\n",
                "        self._files.rename(self._spare, path)\n",
            ),
        ),
        where=Where(settings={"segment_kb": 16}),
        needs=("power-cut",),
        real=LOST_NAME,
    ),
    Bug(
        name="snapshot-not-flushed",
        way=9,
        summary="A snapshot takes the place of the log that it covers without having been flushed.",
        edits=(
            Edit(
                "snapshot.py",
                "        self._files.sync(self._descriptor)\n        self._files.close(self._descriptor)\n",
                "        self._files.close(self._descriptor)\n",
            ),
        ),
        where=Where(settings=_OFTEN),
        needs=("power-cut",),
    ),
    Bug(
        name="votes-not-flushed",
        way=9,
        summary="The file of votes and of who is in sync is written, but not flushed.",
        edits=(
            Edit(
                "meta.py",
                "            self._files.sync_data(self._descriptor)\n        self.meta = meta\n",
                "        self.meta = meta\n",
            ),
        ),
        needs=("power-cut", "partition"),
    ),
)
