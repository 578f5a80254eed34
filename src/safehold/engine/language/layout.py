"""One way to write an expression: spaces around operators, none inside brackets, a line an operand where it is long.

`one_line` is what an expression's identity is made of, so that a space changes no rule's hash; `layout` is what
`safehold policy fmt` writes. Both move only white space between tokens (and `one_line` leaves out comments).
"""

from safehold.engine.language.tokens import CLOSING, OPENING, Token, tokens

_BINARY = {"&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "in"}
_MARKERS_AFTER = {".", "[", "{", ","}


def one_line(text: str) -> str:
    """The expression in one line, without comments. What cannot be cut into tokens is left as it is, stripped."""
    row = [token for token in tokens(text) if token.kind != "comment"]
    if any(token.kind == "broken" for token in row):
        return text.strip()
    return "".join(f"{' ' if space else ''}{token.text}" for space, token in zip(_spaces(row), row, strict=True))


def layout(text: str, width: int) -> list[str]:
    """The expression's lines, none longer than `width` where `&&`, `||` and `? :` allow it.

    One with comments, or with a text over several lines, is left as it is: there the lines mean something.
    """
    row = tokens(text)
    if any(token.kind in ("broken", "comment") or "\n" in token.text for token in row):
        return text.strip("\n").split("\n")
    return _broken(row, width)


def _broken(row: list[Token], width: int) -> list[str]:
    line = "".join(f"{' ' if space else ''}{token.text}" for space, token in zip(_spaces(row), row, strict=True))
    if len(line) <= width:
        return [line]
    for signs in (("?", ":"), ("||",), ("&&",)):
        pieces = _pieces(row, signs)
        if len(pieces) > 1:
            return [inner for sign, piece in pieces for inner in _led(sign, _broken(piece, width - len(sign) - 1))]
    if row and row[0].text == "(" and _closes(row) == len(row) - 1:
        inside = _broken(row[1:-1], width - 2)
        return (
            [f"({inside[0]}", *(f" {inner}" for inner in inside[1:-1]), f" {inside[-1]})"]
            if len(inside) > 1
            else [line]
        )
    return [line]


def _led(sign: str, lines: list[str]) -> list[str]:
    """The operator before the first line of its operand, the others under it."""
    if not sign:
        return lines
    return [f"{sign} {lines[0]}", *(f"{' ' * (len(sign) + 1)}{line}" for line in lines[1:])]


def _pieces(row: list[Token], signs: tuple[str, ...]) -> list[tuple[str, list[Token]]]:
    """The operands between operators outside of brackets, each with the operator before it."""
    pieces: list[tuple[str, list[Token]]] = [("", [])]
    depth = 0
    for at, token in enumerate(row):
        depth += (token.text in OPENING) - (token.text in CLOSING)
        marker = token.text == "?" and at > 0 and row[at - 1].text in _MARKERS_AFTER
        if depth == 0 and token.kind == "mark" and token.text in signs and not marker:
            pieces.append((token.text, []))
        else:
            pieces[-1][1].append(token)
    return pieces


def _closes(row: list[Token]) -> int:
    depth = 0
    for at, token in enumerate(row):
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0:
            return at
    return -1


def _spaces(row: list[Token]) -> list[bool]:
    """Whether there is a space before each token."""
    spaces: list[bool] = []
    choices = [0]  # open `?` at each depth of brackets: a `:` belongs to one, or to a map's entry
    after = False  # whether the token before wants a space behind it
    operand = False  # whether a value has just ended, so that `-` is a minus and not a sign
    for at, token in enumerate(row):
        before = row[at - 1].text if at else ""
        binary = (token.text in _BINARY and operand and token.kind in ("mark", "name")) or token.text == "in"
        marker = token.text == "?" and before in _MARKERS_AFTER
        choice = token.text == "?" and not marker
        colon = token.text == ":" and choices[-1] > 0
        choices[-1] += choice - colon
        spaces.append(at > 0 and (after or binary or choice or colon) and not (marker and before != ","))
        if token.text in OPENING:
            choices.append(0)
        elif token.text in CLOSING and len(choices) > 1:
            choices.pop()
        after = binary or choice or token.text in (",", ":")
        operand = (
            token.kind in ("number", "text") or token.text in CLOSING or (token.kind == "name" and token.text != "in")
        )
    return spaces
