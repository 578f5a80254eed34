"""Which models the ledger covers, said where a model is declared; `safehold ledger verify` needs nothing else.

`@recorded("decision", public=("action",), at="decided_at")` on a model with `RECORDED = (names of columns)` and
`salt = salt_field()`: every row has one entry. `@stateful("task", initial="queued")`: every change of state has one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from django.db import models

from safehold.ledger.entry import Recorded, new_salt

M = TypeVar("M", bound=type[models.Model])


@dataclass(frozen=True)
class RecordedModel:
    """A model whose rows have one entry each, and what of a row the entry covers."""

    model: type[models.Model]
    spec: Recorded


@dataclass(frozen=True)
class StatefulModel:
    """Rows of `model` begin in state `initial`; every later value of column `field` follows a recorded transition."""

    model: type[models.Model]
    field: str
    initial: str


#: kind -> model, in the order of registration.
RECORDED: dict[str, RecordedModel] = {}
STATEFUL: dict[str, StatefulModel] = {}


def salt_field() -> "models.CharField[str, str]":
    """The column every recorded row needs. To forget a row, blank it: nobody can read the row's commitment again."""
    return models.CharField(max_length=64, default=new_salt, editable=False)


def recorded(kind: str, *, at: str, public: tuple[str, ...] = (), id: str = "id") -> Callable[[M], M]:
    """Class decorator: each row of this model has one ledger entry of `kind`, covering the columns in its `RECORDED`.

    Raises ValueError if one of the names is no column, a public one is not covered, or another model has the kind.
    """

    def register(model: M) -> M:
        spec = Recorded(kind, tuple(model.RECORDED), public, id, at)  # type: ignore[attr-defined]
        if missing := sorted({*spec.fields, "salt"} - set(_columns(model))):
            raise ValueError(f"{model.__name__} is recorded but has no column {', '.join(missing)}")
        _refuse_another(kind, model, RECORDED.get(kind))
        RECORDED[kind] = RecordedModel(model, spec)
        return model

    return register


def stateful(kind: str, *, initial: str, field: str = "state") -> Callable[[M], M]:
    """Class decorator: the column `field` of this model changes only together with `record.transition(kind, ...)`."""

    def register(model: M) -> M:
        if field not in _columns(model):
            raise ValueError(f"{model.__name__} is stateful but has no column {field}")
        _refuse_another(kind, model, STATEFUL.get(kind))
        STATEFUL[kind] = StatefulModel(model, field, initial)
        return model

    return register


def spec_of(row: models.Model) -> Recorded:
    """What the ledger covers of this row. Raises TypeError if its model is not `@recorded`."""
    for known in RECORDED.values():
        if isinstance(row, known.model):
            return known.spec
    raise TypeError(f"{type(row).__name__} is not @recorded; declare it where the model is")


def _columns(model: type[models.Model]) -> Iterator[str]:
    return (field.attname for field in model._meta.concrete_fields)


def _refuse_another(kind: str, model: type[models.Model], known: RecordedModel | StatefulModel | None) -> None:
    if known and known.model._meta.label != model._meta.label:
        raise ValueError(f"{model.__name__} and {known.model.__name__} both call their rows {kind!r}")
