"""The same typed tree as column expressions, for history: Ibis, and so DuckDB, Polars, Spark and others.

SQL's NULL is CEL's "no value": Kleene's `AND` and `OR` absorb it exactly as CEL absorbs unknowns and errors. Beside each
value column stand two conditions, which of the two it is, and whether columns cannot say and the exact evaluator has to
be asked for that row. Ibis is imported by these modules only, and these modules by nobody but `safehold.replay`.
"""

from safehold.engine.compile.columns.cell import Held
from safehold.engine.compile.columns.translate import ASK, ERROR, FALSE, TRUE, UNKNOWN, Columns, Found

__all__ = ["ASK", "ERROR", "FALSE", "TRUE", "UNKNOWN", "Columns", "Found", "Held"]
