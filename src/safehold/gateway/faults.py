"""How a fault of ours is written into the log: what kind it was and where in the code, never its message. Messages of
databases quote the row that did not fit, and rows are about people.
"""

import traceback
from pathlib import Path


def described(error: BaseException) -> dict[str, str]:
    """`fault`: the exception's type and that of its first cause, with SQLSTATE or SQLite's error name; `where`: the
    innermost frames of the cause."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    names = [type(error).__name__] + ([type(cause).__name__] if cause is not error else [])
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    frames = traceback.extract_tb(cause.__traceback__)[-6:]
    return {
        "fault": " from ".join(names) + (f" {code}" if code else ""),
        "where": " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)),
    }
