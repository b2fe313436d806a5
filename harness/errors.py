"""Every error that the harness raises on purpose, sorted by what the reader must do next."""


class AckedError(Exception):
    """The root of all errors of this project."""


class UsageError(AckedError):
    """The input is wrong: fix the scenario, the option or the file that the message names (exit 64)."""


class MissingError(AckedError):
    """Something must be installed or permitted first; the message says what and how."""


class NodeError(AckedError):
    """A machine or the system on it misbehaved; the message names the node and where its log is."""


class FolderError(AckedError):
    """A run's folder can't be written: free space or choose another; the message names the file."""


class DamagedError(AckedError):
    """What a run recorded can't be read; the message names the file and the line."""


class PluginError(AckedError):
    """Code of a plug-in raised: mend it; the message names it, and its traceback is that of the cause."""


class KilledError(AckedError):
    """The process that did the work was killed; what it recorded is still there."""


class HarnessError(AckedError):
    """A defect of the harness itself: please report it with the run folder."""


class OperationFailed(AckedError):
    """The operation surely did not happen and never will.

    A client raises this, and only this, for a definite failure. Whatever else it raises (a time-out, a
    dropped connection, an answer it does not understand) leaves the outcome unknown.
    """
