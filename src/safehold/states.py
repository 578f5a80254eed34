"""State machines as data: a table of activities, and one pure function that says what follows. Each desk app has a
`states.py` with its tables; nothing else may change a state.
"""

from dataclasses import dataclass
from functools import cached_property


class InvalidTransition(Exception):
    """The activity is not possible in this state."""

    def __init__(self, machine: str, state: str, activity: str, possible: list[str]) -> None:
        can = " or ".join(possible) if possible else "nothing: it is final"
        super().__init__(f"{machine} is {state}: it can't be {activity}; possible is {can}")
        self.machine, self.state, self.activity, self.possible = machine, state, activity, possible


class AlreadyInTargetState(InvalidTransition):
    """The activity has been done: where a caller repeats itself, this is no fault."""


@dataclass(frozen=True)
class Machine:
    """`table` maps an activity to the states it is possible in, each with the state that follows."""

    name: str
    initial: str
    table: dict[str, dict[str, str]]

    @cached_property
    def states(self) -> list[str]:
        """Every state, in the order the table names them, the initial one first."""
        seen = [self.initial]
        for moves in self.table.values():
            seen += [state for pair in moves.items() for state in pair]
        return list(dict.fromkeys(seen))

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        return [(state, state.replace("_", " ").capitalize()) for state in self.states]

    @cached_property
    def final(self) -> list[str]:
        """The states that nothing leads out of."""
        return [state for state in self.states if not self.possible(state)]

    def possible(self, state: str) -> list[str]:
        """The activities that are possible in `state`."""
        return [activity for activity, moves in self.table.items() if state in moves]

    def next(self, state: str, activity: str) -> str:
        """The state that follows. Raises `AlreadyInTargetState` or `InvalidTransition`; `KeyError` for no activity."""
        moves = self.table[activity]
        if state in moves:
            return moves[state]
        error = AlreadyInTargetState if state in moves.values() else InvalidTransition
        raise error(self.name, state, activity, self.possible(state))
