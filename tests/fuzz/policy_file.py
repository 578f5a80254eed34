"""A policy file, damaged: the folder loads, or every problem has a file, a line and a column."""

import tempfile
from pathlib import Path

from safehold.engine import PolicyProblems, load_bundle

FOLDER = Path(tempfile.mkdtemp(prefix="safehold-fuzz-"))
(FOLDER / "events").mkdir()
(FOLDER / "events/message.sent.yaml").write_text(
    "event: message.sent\nsubject: {kind: message, id: data.message_id, text: data.text}\n"
    "schema: {required: [message_id, text], properties: {message_id: {type: string}, text: {type: string}, n: {type: integer}}}\n"
)


def one_input(data: bytes) -> None:
    (FOLDER / "policy.yaml").write_bytes(data)
    try:
        load_bundle(FOLDER, [])
    except PolicyProblems as problems:
        assert problems.problems and all(
            each.line >= 1 and each.column >= 1 and each.file for each in problems.problems
        )
