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
#: What mutations start from: a policy with one of everything, and an empty one.
SEEDS = [
    b"""policy: a.b
title: t
severity: high
guidance: look
notice: {en: stopped}
dsa: {category: SCAMS_AND_FRAUD, keywords: [PHISHING], ground: incompatible, clause: "4.2", url: https://a.example/t}
appeal: {window: 184d}
on: [message.sent]
windows:
  w: {count: true, by: actor.id, over: 1h, where: size(data.text) > 3}
  v: {distinct: data.text, by: [actor.id, data.message_id], over: 10m}
rules:
  - id: r
    mode: live
    when: windows.w > 20 && data.text.matches("a+b") || has(data.n) && data.n % 7 == 3
    then: {action: hold, queue: q, strike: 1, reason: "{windows.w} in an hour", label: {name: l, on: actor, for: 30d}}
  - {id: q, mode: {canary: {share: 10%}}, when: '"l" in labels.actor && windows.v >= 2', then: warn}
examples:
  - name: one
    event: {type: message.sent, actor: {id: u1, age: 72h}, data: {message_id: m, text: aab}}
    windows: {w: 30}
    expect: {r: hold}
  - {name: two, event: {type: message.sent, actor: {id: u2}, data: {message_id: m, text: x}}, expect: none}
""",
    b"policy: a.b\ntitle: t\non: [message.sent]\nrules: [{id: r, when: size(data.text) > 3, then: hold}]\n",
]


def one_input(data: bytes) -> None:
    (FOLDER / "policy.yaml").write_bytes(data)
    try:
        load_bundle(FOLDER, [])
    except PolicyProblems as problems:
        assert problems.problems and all(
            each.line >= 1 and each.column >= 1 and each.file for each in problems.problems
        )
