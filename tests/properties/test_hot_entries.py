"""The hot lane's ledger entries are those that everybody else makes: two ways, one byte string."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from safehold.ledger.canonical import canonical
from safehold.ledger.entry import EntryMaker, Recorded, entry_body
from tests.cases import cases

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
VALUE = st.one_of(
    TEXT, st.integers(-(10**14), 10**14), st.booleans(), st.none(),
    st.recursive(st.none() | TEXT | st.floats(allow_nan=False, allow_infinity=False),
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
    .map(lambda value: msgspec.Raw(canonical(value))),
)  # fmt: skip
NAMES = ("id", "at", "service_id", "type", "body", "Zone", "_x")


@cases(150)
@given(st.permutations(NAMES), st.data(), st.binary(min_size=32, max_size=32))
def test_an_entry_is_the_same_however_it_is_made(names, data, salt):
    spec = Recorded("event", tuple(names), public=("service_id", "type"))
    row = {name: data.draw(TEXT if name in {"id", "at", "service_id", "type"} else VALUE) for name in NAMES}
    maker = EntryMaker(spec)
    assert maker(salt, *(row[name] for name in maker.names)) == entry_body(spec, row, salt.hex())
