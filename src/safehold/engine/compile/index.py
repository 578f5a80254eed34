"""The rules of an event type turned round: instead of asking each rule about the event, each value of the event is asked
once which rules it leaves over.

Clauses (`compile.atoms`) are bits of an integer. A subject's value gives a mask by one look-up: a dictionary for equality, a
bisection of sorted thresholds for numbers, one automaton and one RE2 set for texts. What is left after all `&` are
candidates; only their remaining conditions are computed, each in a function of its own. A subject that is not known
rules nothing out and makes its clauses doubtful: the exact evaluator is asked about those that are left.

    may, doubt = all, none
    <each subject: may &= what its value leaves over>
    if may: settle(may, doubt, reading, hits, retries)
"""

import ast
import math
import operator
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from safehold.engine.compile.atoms import Atom, Clause, shape, take_apart
from safehold.engine.compile.emit import Emitter, call, compare, constant, name
from safehold.engine.compile.reads import Reads, assign, guarded
from safehold.engine.compile.scans import Effect, TextScan, member_scan
from safehold.engine.language.tree import Call, Node, Path, walk

#: Comparisons of one number that are indexed, for each threshold has a mask of all clauses; where there are more, none is.
MOST_THRESHOLDS = 2_000
#: Entries of all the lists that one subject is asked for, up to which they become one dictionary.
_MOST_ENTRIES = 200_000
#: Atoms that leave few events over. A rule without one in each clause is not worth being indexed.
_SELECTIVE = ("equal", "list", "order", "find", "match", "member")
#: Each of these has one set of answers a clause and subject; a second question in the same clause stays in the rest.
_SHARED = {"equal": "key", "find": "text", "match": "text", "member": "item"}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge,
}  # fmt: skip
#: What a subject's look-ups cost, to ask the cheap first: the text is not read where nothing is left that asks it.
_COSTS = {"present": 0, "equal": 1, "order": 2, "list": 3, "member": 4, "find": 6, "match": 6}

Part = tuple[str, tuple[Any, ...]]


class Index:
    """The clauses of the rules that can be indexed. `rest(position)` are a rule's conditions that it does not answer, or
    None for a rule that it does not know."""

    def __init__(self, conditions: Sequence[Node], is_direct: Callable[[tuple[str, ...]], bool]) -> None:
        self._is_direct = is_direct
        apart = [take_apart(condition) for condition in conditions]
        uses = Counter(key for clauses, _ in apart for key in {_key(atom) for clause in clauses for atom in clause})
        self._worth = {key for key, count in uses.items() if count > 1}
        orders = Counter(
            _key(atom) for clauses, _ in apart for clause in clauses for atom in clause if atom.kind == "order"
        )
        self._crowded = {key for key, count in orders.items() if count > MOST_THRESHOLDS}
        self.owners: list[int] = []
        self.clauses: list[Clause] = []
        self._rest: dict[int, list[Node]] = {}
        for position, (clauses, rest) in enumerate(apart):
            self._take(position, clauses, rest)
        self.everything = (1 << len(self.clauses)) - 1

    def __len__(self) -> int:
        return len(self.clauses)

    def rest(self, position: int) -> list[Node] | None:
        return self._rest.get(position)

    def _take(self, position: int, clauses: list[Clause], rest: list[Node]) -> None:
        kept = [self._usable(clause) for clause in clauses]
        left = [atom for clause, usable in zip(clauses, kept, strict=True) for atom in clause if atom not in usable]
        if len(clauses) > 1 and left:
            return  # what one clause lacks cannot be asked of all
        if all(any(atom.kind in _SELECTIVE and not atom.negated for atom in clause) for clause in kept):
            self.owners += [position] * len(kept)
            self.clauses += kept
            self._rest[position] = [*(atom.node for atom in left), *rest]

    def _usable(self, clause: Clause) -> Clause:
        found, taken = [], set()
        for atom in clause:
            if not self._is_read_anyway(atom) and _key(atom) not in self._worth:
                continue
            if atom.kind == "order" and _key(atom) in self._crowded:
                continue
            if not atom.negated and atom.kind in _SHARED:
                slot = (_SHARED[atom.kind], _key(atom))
                if slot in taken:
                    continue
                taken.add(slot)
            found.append(atom)
        return tuple(found)

    def _is_read_anyway(self, atom: Atom) -> bool:
        return atom.kind == "present" or (isinstance(atom.subject, Path) and self._is_direct(atom.subject.parts))

    def statements(self, emitter: Emitter, reads: Reads, lists: Mapping[str, Any]) -> list[ast.stmt]:
        """What narrows `may` down, and `doubt`; both are assigned here."""
        asked: dict[Any, list[tuple[int, Atom]]] = defaultdict(list)
        for number, clause in enumerate(self.clauses):
            for atom in clause:
                asked[_key(atom)].append((1 << number, atom))
        subjects = [_Subject(self.everything, atoms, emitter, reads, lists) for atoms in asked.values()]
        lines = [assign("may", constant(self.everything)), assign("doubt", constant(0))]
        for subject in sorted(subjects, key=lambda subject: subject.cost):
            lines += subject.statements()
        return lines

    def settle(self, rests: Mapping[int, Callable[[Any], bool]]) -> Callable[..., None]:
        """The function that goes over the candidates; `rests` are the compiled rests, by position."""
        owners = self.owners
        tests = [rests.get(position) for position in owners]

        def settle(may: int, doubt: int, reading: Any, hits: list[int], retries: list[int]) -> None:
            while may:
                bit = may & -may
                may ^= bit
                number = bit.bit_length() - 1
                test = tests[number]
                try:
                    if bit & doubt:
                        retries.append(owners[number])
                    elif test is None or test(reading):
                        hits.append(owners[number])
                except Exception:  # whatever it is, the exact evaluator says what it means
                    retries.append(owners[number])

        return settle


def _key(atom: Atom) -> Any:
    """The subject: a field and whether it is there are one."""
    parts = getattr(atom.subject, "parts", None)
    return parts if parts is not None else shape(atom.subject)


class _Subject:
    """All that is asked about one value, as statements. `atoms` go with the bit of their clause."""

    def __init__(
        self, everything: int, atoms: list[tuple[int, Atom]], emitter: Emitter, reads: Reads, lists: Mapping[str, Any]
    ) -> None:
        self._all, self._atoms, self._emitter, self._reads, self._lists = everything, atoms, emitter, reads, lists
        self._values = [(bit, atom) for bit, atom in atoms if atom.kind != "present"]
        self._users = _union(bit for bit, _ in self._values)
        self._node = self._values[0][1].subject if self._values else atoms[0][1].subject
        self._direct = isinstance(self._node, Path) and reads.is_direct(self._node.parts)
        self.cost = max(_COSTS[atom.kind] for _, atom in atoms) + (0 if self._direct else 1)

    def statements(self) -> list[ast.stmt]:
        absent, there = self._presence()
        lines: list[ast.stmt] = []
        if absent or there:
            parts = self._atoms[0][1].subject.parts  # type: ignore[attr-defined]  # presence is a field's
            found = call(ast.Attribute(name(parts[0]), "get", ast.Load()), constant(parts[1]))
            gone = compare(found, ast.Is(), constant(None))
            if self._direct and self._values and not there:  # nothing to ask where the field is there and of its type
                lines.append(ast.If(self._is_missing(), [ast.If(gone, [_keep(self._all & ~absent)], [])], []))
            else:
                lines.append(ast.If(gone, [_keep(self._all & ~absent)], [_keep(self._all & ~there)] if there else []))
        if not self._values:
            return lines
        finds = self._finds()
        doubtful: list[ast.stmt] = [ast.AugAssign(ast.Name("doubt", ast.Store()), ast.BitOr(), constant(self._users))]
        if self._direct:
            finds = self._guarded(finds, doubtful)
            lines.append(ast.If(self._is_missing(), doubtful, finds))
            if self.cost >= _COSTS["find"]:
                return [*lines[:-1], ast.If(self._is_left(), [lines[-1]], [])]
            return lines
        if isinstance(self._node, Path):
            variable = self._reads.variable(self._node.parts)
            finds = self._guarded(finds, doubtful)
            read = [self._reads.load(variable), ast.If(self._is_missing(), doubtful, finds)]
            return [*lines, ast.If(self._is_left(), read, [])]
        value = assign(_DERIVED, self._emitter.emit(self._node, {}))
        return [*lines, ast.If(self._is_left(), [guarded([value, *finds], doubtful[0])], [])]

    def _variable(self) -> str:
        return self._reads.variable(self._node.parts) if isinstance(self._node, Path) else _DERIVED

    def _is_missing(self) -> ast.expr:
        return compare(name(self._variable()), ast.Is(), name("MISSING"))

    def _is_left(self) -> ast.expr:
        return ast.BinOp(name("may"), ast.BitAnd(), constant(self._users))

    def _guarded(self, finds: list[ast.stmt], doubtful: list[ast.stmt]) -> list[ast.stmt]:
        """In a try where a look-up can fail."""
        return [guarded(finds, doubtful[0])] if self.cost > _COSTS["order"] else finds

    def _presence(self) -> tuple[int, int]:
        """(clauses that an absent field rules out, clauses that a present one does)."""
        asked = [(bit, atom.negated) for bit, atom in self._atoms if atom.kind == "present"]
        return _union(bit for bit, negated in asked if not negated), _union(bit for bit, negated in asked if negated)

    def _finds(self) -> list[ast.stmt]:
        lines: list[ast.stmt] = []
        if (base := self._base("equal")) is not None:
            lines.append(self._keys(base))
        if thresholds := self._of("order"):
            lines.append(self._order(thresholds))
        if self._of("list"):
            lines += self._lists_asked()
        if (base := self._base("member")) is not None:
            lines.append(self._called(member_scan(base, self._effects("member"))))
        if (base := self._base("find", "match")) is not None:
            lines.append(self._called(TextScan(base, self._effects("find"), self._effects("match"))))
        return lines

    def _of(self, *kinds: str) -> list[tuple[int, Atom]]:
        return [(bit, atom) for bit, atom in self._values if atom.kind in kinds]

    def _base(self, *kinds: str) -> int | None:
        """The clauses that are left where nothing is found; None where nothing is asked."""
        asked = self._of(*kinds)
        return self._all & ~_union(bit for bit, atom in asked if not atom.negated) if asked else None

    def _effects(self, kind: str) -> dict[Any, Effect]:
        found: dict[Any, Effect] = {}
        for bit, atom in self._of(kind):
            for value in atom.values:
                keep, drop = found.get(value, (0, 0))
                found[value] = (keep, drop | bit) if atom.negated else (keep | bit, drop)
        return found

    def _keys(self, base: int) -> ast.stmt:
        masks = {value: (base | keep) & ~drop for value, (keep, drop) in self._effects("equal").items()}
        return self._looked_up(masks, base)

    def _looked_up(self, masks: dict[Any, int], otherwise: int) -> ast.stmt:
        return _and(call(self._bound(masks.get), name(self._variable()), constant(otherwise)))

    def _called(self, scan: Callable[[Any], int]) -> ast.stmt:
        return _and(call(self._bound(scan), name(self._variable())))

    def _bound(self, value: Any) -> ast.expr:
        return self._emitter.bind("index", id(value), value)

    def _order(self, asked: list[tuple[int, Atom]]) -> ast.stmt:
        """Between two neighbouring thresholds every comparison has one answer, found by asking it of the lower one."""
        double = self._node.type.name == "double"
        pairs = [(bit, test, value, atom.negated) for bit, atom in asked for test, value in atom.values]
        points = sorted({_threshold(test, value, double) for _, test, value, _ in pairs})
        samples = [(-math.inf if double else points[0] - 1), *points]
        masks = tuple(self._all & ~_ruled_out(pairs, sample) for sample in samples)
        place = call(self._bound(bisect_right), self._bound(points), name(self._variable()))
        found: ast.expr = ast.Subscript(self._bound(masks), place, ast.Load())
        if double:  # NaN has no place among numbers
            unlike = compare(name(self._variable()), ast.NotEq(), name(self._variable()))
            found = ast.IfExp(unlike, constant(self._all & ~_ruled_out(pairs, math.nan)), found)
        return _and(found)

    def _lists_asked(self) -> list[ast.stmt]:
        inside: dict[str, int] = defaultdict(int)  # clauses that an entry of the list rules out
        outside: dict[str, int] = defaultdict(int)
        nodes: dict[str, Node] = {}
        for bit, atom in self._of("list"):
            [held] = atom.values
            (inside if atom.negated else outside)[held] |= bit
            nodes[held] = next(part for part in walk(atom.node) if isinstance(part, Call) and part.function == "@in")
        fixed = [_fixed_entries(self._lists[held]) for held in nodes]
        entries = {held: found for held, found in zip(nodes, fixed, strict=True) if found is not None}
        if len(entries) == len(nodes) and sum(map(len, entries.values())) <= _MOST_ENTRIES:
            return [self._union_of_lists(entries, inside, outside)]
        return [
            ast.If(
                self._emitter.emit(node, {}), [_keep(self._all & ~inside[held])], [_keep(self._all & ~outside[held])]
            )
            for held, node in nodes.items()
        ]

    def _union_of_lists(
        self, entries: Mapping[str, frozenset[str]], inside: Mapping[str, int], outside: Mapping[str, int]
    ) -> ast.stmt:
        """One dictionary from every entry to what the lists that have it leave over."""
        holders: dict[str, tuple[str, ...]] = {}
        for held, texts in entries.items():
            for text in texts:
                holders[text] = (*holders.get(text, ()), held)
        masks: dict[tuple[str, ...], int] = {}
        for held_by in set(holders.values()) | {()}:
            out = _union(inside[held] if held in held_by else outside[held] for held in entries)
            masks[held_by] = self._all & ~out
        return self._looked_up({text: masks[held_by] for text, held_by in holders.items()}, masks[()])


#: The variable of a subject that is a function of a field; each is used up before the next one is computed.
_DERIVED = "derived"


def _fixed_entries(held: Any) -> frozenset[str] | None:
    """The entries of a list that never changes while rules run and is asked by equality; None for any other."""
    if hasattr(held, "plain"):
        plain: frozenset[str] | None = held.plain
        return plain
    return held.entries if held.kind == "exact" else None


def _threshold(test: str, value: Any, double: bool) -> Any:
    """The least value on the upper side of a comparison."""
    if test in ("_<_", "_>=_"):
        return value
    return math.nextafter(value, math.inf) if double else value + 1


def _ruled_out(pairs: Iterable[tuple[int, str, Any, bool]], sample: Any) -> int:
    return _union(bit for bit, test, value, negated in pairs if _OPERATORS[test](sample, value) is negated)


def _union(bits: Iterable[int]) -> int:
    total = 0
    for bit in bits:
        total |= bit
    return total


def _keep(mask: int) -> ast.stmt:
    return _and(constant(mask))


def _and(mask: ast.expr) -> ast.stmt:
    return ast.AugAssign(ast.Name("may", ast.Store()), ast.BitAnd(), mask)
