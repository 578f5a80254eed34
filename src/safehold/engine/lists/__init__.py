"""Lists of up to millions of entries that policies ask with `item in lists.name`: what an entry is, the tables that are
asked, and the formats that lists come in and leave in. Pure: no database, no network, no clock.
"""

from safehold.engine.lists.entry import KINDS, BadEntry, Entry, Match, Origin
from safehold.engine.lists.past import Past, Span, make_past
from safehold.engine.lists.policy_list import Contents, Layer, PolicyList
from safehold.engine.lists.table import Table, load, make_table, save
from safehold.engine.lists.values import normal

__all__ = [
    "KINDS",
    "BadEntry",
    "Contents",
    "Entry",
    "Layer",
    "Match",
    "Origin",
    "Past",
    "PolicyList",
    "Span",
    "Table",
    "load",
    "make_past",
    "make_table",
    "normal",
    "save",
]
