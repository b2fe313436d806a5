"""Checks certificates: whether what a checker claims to have found is in the history.

    findings = verify(certificate, read_history(path))      # refuses with Refused, which says where and why

For whoever does not trust the checkers: it shares no code with them, reads the recorded history itself, and
uses nothing but the standard library. It is short enough to be read at a sitting: what it says can be
believed by those who have read it.
"""

from checkers.verifier.history import Call, History, Refused, read_history
from checkers.verifier.verify import Conclusion, verify

__all__ = ["Call", "Conclusion", "History", "Refused", "read_history", "verify"]
