"""One pass over a text finds what looking for each text and pattern by itself finds, however little memory there is."""

import random

import pytest
import re2

from safehold.engine.compile import scans
from safehold.engine.compile.scans import TextScan
from safehold.engine.language.check import compile_pattern
from tests.properties.test_indexes import PATTERNS, TEXTS

_MANY = [*PATTERNS, *(rf"(?i)\bword{n}\s+[a-f]{{1,{n % 9 + 1}}}(x|y)*" for n in range(40))]


def _expected(text: str, texts: list[str], patterns: list[str]) -> int:
    found = [part in text for part in texts] + [compile_pattern(part).search(text) is not None for part in patterns]
    return sum(1 << number for number, hit in enumerate(found) if hit)


def _scan(texts: list[str], patterns: list[str]) -> TextScan:
    return TextScan(
        0,
        {part: (1 << number, 0) for number, part in enumerate(texts)},
        {part: (1 << number, 0) for number, part in enumerate(patterns, len(texts))},
    )


@pytest.mark.parametrize("memory", [None, 30_000])
def test_a_scan_finds_what_single_searches_find(memory: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if memory is not None:  # too little for all patterns in one set: they are shared out over several
        for name in ("_MEMORY_LEAST", "_MEMORY_EACH", "_MEMORY_MOST"):
            monkeypatch.setattr(scans, name, memory)
    scan = _scan(TEXTS, _MANY)
    draw = random.Random(7)
    pieces = [*TEXTS, "word3 abcx", "WORD17  f", "aaa", "\n", " "]
    texts = ["".join(draw.choices(pieces, k=draw.randint(0, 12))) for _ in range(200)]
    for text in [*texts, "a" * 300_000, "free money " * 3_000 + "é"]:
        assert scan(text) == _expected(text, TEXTS, _MANY), text[:80]


def test_a_set_that_does_not_report_its_sentinel_is_an_error_and_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(re2.Set, "Match", lambda self, text: None)
    scan = _scan([], ["a", "b"])
    with pytest.raises(TypeError):
        scan("abc")
