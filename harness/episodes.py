"""The episodes of a run on disk: JSON lines, one at each change of an episode; the last of each counts."""

from pathlib import Path

import msgspec

from harness import json_lines
from harness.episode import Episode
from harness.errors import FolderError
from harness.observer import Observer
from harness.spool import LineFile


class EpisodeLog:
    """Keeps the newest state of each episode, in memory and on disk.

    A disk that is full must not keep a fault from being healed, so `record` does not raise: `error` holds
    the first failure.
    """

    def __init__(self, file: LineFile, observer: Observer) -> None:
        self._file = file
        self._observer = observer
        self._newest: dict[int, Episode] = {}
        self.error: FolderError | None = None

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Return all episodes, in the order of their ids."""
        return tuple(self._newest[id_] for id_ in sorted(self._newest))

    def record(self, episode: Episode) -> None:
        """Keep an episode's new state."""
        self._newest[episode.id] = episode
        try:
            self._file.append(msgspec.json.encode(episode))
        except FolderError as error:
            self.error = self.error or error
        self._observer.on_episode(episode)


def read(path: Path) -> tuple[Episode, ...]:
    """Return the episodes that a file holds, in the order of their ids.

    A last line that was cut off by a crash is left out; any other damage raises DamagedError with file and
    line.
    """
    newest = {episode.id: episode for _, episode in json_lines.read(path, Episode)}
    return tuple(newest[id_] for id_ in sorted(newest))
