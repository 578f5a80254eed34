"""CEL cut into tokens, whole or broken: for what works on the text that somebody is writing.

The checker parses; this only knows where words, texts and brackets are. The formatter and the editor's completion
use it. The grammar is that of cel-spec, doc/langdef.md, "Syntax".
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["space", "comment", "text", "number", "name", "mark", "broken"]

_TOKENS = re.compile(
    r"""(?P<space>[\t\n\f\r ]+)
    |(?P<comment>//[^\n]*)
    |(?P<text>[rR][bB]?(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
        |[bB][rR](?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
        |[bB]?(?:\"{3}(?:\\[\s\S]|[^\\])*?\"{3}|'{3}(?:\\[\s\S]|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>0x[0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`\n]*`)
    |(?P<mark>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    |(?P<broken>["'][^\n]*|[\s\S])""",
    re.VERBOSE | re.ASCII,
)
OPENING, CLOSING = {"(": ")", "[": "]", "{": "}"}, {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """`start` and `end` are offsets into the text."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def tokens(text: str, *, spaces: bool = False) -> list[Token]:
    """All tokens in order; white space only if it is asked for. What cannot be read is `broken`, such as an open quote."""
    found = (Token(match.lastgroup, match[0], match.start()) for match in _TOKENS.finditer(text))  # type: ignore[arg-type]
    return [token for token in found if spaces or token.kind != "space"]


def operand_start(row: list[Token], end: int) -> int:
    """Where the operand begins whose last token is `row[end - 1]`: `data.parts[0].name` before the next dot.

    The index of its first token, or `end` where there is none.
    """
    at = end
    while at > 0:
        before = row[at - 1]
        if before.text in CLOSING:
            opened = _opening(row, at - 1)
            if opened is None:
                return at
            at = opened
            if before.text != ")" or at == 0 or row[at - 1].kind != "name":
                if (
                    at > 0
                    and (row[at - 1].text in CLOSING or row[at - 1].kind in ("name", "text"))
                    and before.text == "]"
                ):
                    continue
                return at
            at -= 1
        elif before.kind in ("name", "text", "number"):
            at -= 1
        else:
            return at
        if at > 1 and row[at - 1].text == "?" and row[at - 2].text == ".":
            at -= 2
            continue
        if at > 0 and row[at - 1].text == ".":
            at -= 1
            continue
        return at
    return at


def _opening(row: list[Token], closing: int) -> int | None:
    depth = 0
    for at in range(closing, -1, -1):
        if row[at].text in CLOSING:
            depth += 1
        elif row[at].text in OPENING:
            depth -= 1
            if depth == 0:
                return at
    return None
