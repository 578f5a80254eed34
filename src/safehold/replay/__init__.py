"""The past, decided again: what a bundle would have done with the events of the record, and how that differs.

Pure of Django: `safehold.desk.history` reads the record, this room decides, compares and reports. Values are as of each
event's own time: labels and signals as the record has them, windows fed in the order of the record.
"""

from safehold.replay.again import Again
from safehold.replay.diff import Change, Diff, RuleDiff, compare
from safehold.replay.recorded import Recorded

__all__ = ["Again", "Change", "Diff", "Recorded", "RuleDiff", "compare"]
