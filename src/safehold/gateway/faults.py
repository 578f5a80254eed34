"""How a fault of ours is written into the log: what kind it was and where in the code, never its message. Messages of
databases quote the row that did not fit, and rows are about people.
"""

import traceback
from pathlib import Path


def described(error: BaseException) -> dict[str, str]:
    """`fault`: the exception's type, with SQLSTATE or SQLite's error name if it has one; `where`: the innermost frames."""
    cause = error.__cause__ if error.__cause__ is not None else error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "fault": f"{type(error).__name__} {code}" if code else type(error).__name__,
        "where": " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)),
    }
