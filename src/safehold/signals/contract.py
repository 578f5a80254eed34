"""What every signal promises, as tests to inherit. For authors of signals; needs pytest and hypothesis.

    from safehold.signals.contract import SignalContract

    class TestShouting(SignalContract):
        def signal(self):
            return Shouting()

The promise: what `run` returns has the declared fields and types and can be written as JSON, the same event gives the
same answer (from any thread), the event isn't changed, a hostile text costs bounded time, and a signal that cannot
measure raises SignalFailed instead of answering 0.
"""

import copy
import json
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.engine.event import Event
from safehold.engine.signal import Signal, SignalFailed, basis, limits

#: Semantic Versioning 2.0.0: a version that policies' bundles can be hashed with and people can compare.
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CONTAINER = re.compile(r"(list|map)\((.+)\)")
_SCALARS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "uint": (int,),
    "double": (float,),
    "string": (str,),
    "bytes": (bytes,),
    "duration": (timedelta,),
    "timestamp": (datetime,),
    "dyn": (bool, int, float, str, bytes, list, dict, timedelta, datetime, type(None)),
}

#: Pieces of real messages and of attacks, put together at random by the property tests.
PIECES = (
    *("hello", "See you at 8.", "https://example.com/a?b=c", "evil[.]com", "xn--pypal-4ve.com", "1.2.3.4/x"),
    *("jo@example.org", "+44 20 7946 0018", "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32", "@you", "#tag"),
    *(
        "раураl",
        "f r e e",
        "s.e.x",
        "a$$",
        "sh1t",
        "looool",
        "f**k",
        "\u200b",
        "\u202e",
        "é",
        "e\u0301" * 3,
        "👩‍👩‍👧",
        "🇩🇪",
    ),
    *(
        "ﷺ",
        "ﬁ",
        "İ",
        "ß",
        "हिन्दी",
        "مرحبا",
        "你好",
        "\x00",
        "\ufffd",
        "\U000e0041",
        " ",
        "\n",
        "  ",
        "!!!!",
        "'",
        "*",
        "-----BEGIN ",
    ),
)

#: One character or shape over and over, at most ten million bytes: what a text can be made of to be slow.
FLOODS = (
    *(
        "a",
        "1",
        " ",
        ".",
        "@",
        "é",
        "\u0301",
        "e\u0301\u0323",
        "\u200b",
        "ﷺ",
        "🔥",
        "👨\u200d",
        "a.",
        "a.com ",
        "http://",
    ),
    *("a b ", "1 ", "1-", "+1 ", "a@", "x@y.zz ", "::", "(((", "a1", "fuuuck ", "f**k ", "password=", "eyJ.", "\ud800"),
)

HUGE = 10_000_000


class SignalContract:
    """Inherit it, name the class `Test...`, and return your signal from `signal`."""

    #: Seconds of processor time that one run may take on any text. Wide, because machines differ: a signal that is
    #: quadratic in ten million characters takes days.
    most_seconds = 3.0

    #: Random texts tried by each property.
    examples = 100

    def signal(self) -> Signal:
        """The signal under test, newly constructed."""
        raise NotImplementedError("return your signal from `signal`")

    def event(self, text: object) -> Event:
        """An event with a text as its subject's. Override it for a signal that reads other things."""
        return Event(
            id="ev-1",
            source="/contract",
            type="content.created",
            time=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
            actor={"id": "u1"},
            context={"locale": "en-GB"},
            data={"content_id": "c1", "text": text},
            text=text,  # type: ignore[arg-type]  # the contract also tries what isn't text
        )

    def test_it_is_a_signal_with_a_name_a_version_and_a_cost(self) -> None:
        signal = self.signal()
        assert isinstance(signal, Signal)
        assert _NAME.fullmatch(signal.name), f"{signal.name!r} is no identifier of lower-case letters, digits and _"
        assert _VERSION.fullmatch(signal.version), f"{signal.version!r} is no semantic version (2.0.0)"
        assert 0 < signal.cost < 60_000_000, "cost is the expected time of a run in microseconds"
        assert isinstance(signal.reads, tuple)
        assert signal.reads, "say which paths of the event it looks at"

    def test_its_fields_have_names_and_cel_types(self) -> None:
        fields = self.signal().fields
        assert fields
        for field, declared in fields.items():
            assert _NAME.fullmatch(field), field
            problem = _unknown_type(declared)
            assert problem is None, f"field {field}: {problem}"

    def test_two_of_a_kind_are_the_same_signal(self) -> None:
        one, other = self.signal(), self.signal()
        assert (one.name, one.version, dict(one.fields)) == (other.name, other.version, dict(other.fields))

    def test_what_it_returns_has_the_declared_types_and_is_json(self) -> None:
        signal = self.signal()

        def check(text: str) -> None:
            result = self._run(signal, self.event(text))
            if result is not None:
                _check(signal.fields, result)
                _check_limits(signal, result)

        self._on_texts(check)

    def test_the_same_event_gives_the_same_answer(self) -> None:
        signal, other = self.signal(), self.signal()

        def check(text: str) -> None:
            first = self._run(signal, self.event(text))
            assert self._run(signal, self.event(text)) == first
            assert self._run(other, self.event(text)) == first

        self._on_texts(check)

    def test_it_leaves_the_event_as_it_was(self) -> None:
        signal = self.signal()

        def check(text: str) -> None:
            event = self.event(text)
            before = copy.deepcopy(msgspec.structs.asdict(event))
            self._run(signal, event)
            assert msgspec.structs.asdict(event) == before

        self._on_texts(check)

    def test_what_it_goes_by_is_what_it_says(self) -> None:
        """A signal with a `basis` may be measured ahead, and for other events with the same content."""
        signal = self.signal()
        if basis(signal) is None:
            return
        for text in ("Hello, are you coming tonight?", "", " ".join(PIECES[:8])):
            event = self.event(text)
            other = msgspec.structs.replace(
                event, id="ev-2", source="/other", type="review.posted", time=event.time + timedelta(days=9),
                subject="s2", actor={"id": "u2", "created_at": "2020-01-01T00:00:00Z"}, target={"id": "u3"},
                context=_only(signal, "context", event.context) | {"ip": "198.51.100.7"},
                data=_only(signal, "data", event.data) | {"other": "text", "content_id": "c2"},
            )  # fmt: skip
            assert self._run(signal, other) == self._run(signal, event), "it looks at more than its `reads` say"

    def test_threads_do_not_disturb_each_other(self) -> None:
        signal = self.signal()
        events = [self.event(f"{piece} {PIECES[i - 1]}") for i, piece in enumerate(PIECES)]
        alone = [self._run(signal, event) for event in events]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                assert list(pool.map(lambda event: self._run(signal, event), events)) == alone

    def test_it_can_measure_ordinary_texts(self) -> None:
        assert self._run(self.signal(), self.event("Hello, are you coming tonight?")) is not None

    @pytest.mark.parametrize("text", [None, "", " ", "\n\n"])
    def test_an_event_without_text_is_no_failure(self, text: str | None) -> None:
        signal = self.signal()
        _check(signal.fields, signal.run(self.event(text)))

    @pytest.mark.parametrize("flood", FLOODS, ids=ascii)
    def test_hostile_text_costs_bounded_time(self, flood: str) -> None:
        signal = self.signal()
        event = self.event(flood * (HUGE // len(flood.encode("utf-8", "surrogatepass"))))
        started = time.thread_time()
        result = self._run(signal, event)
        took = time.thread_time() - started
        assert took < self.most_seconds, f"{took:.1f} s of processor time"
        if result is not None:
            _check(signal.fields, result)
            if "truncated" in signal.fields and "text" in signal.reads:
                assert result["truncated"] is True, "it cannot have looked at all of ten megabytes: say so"

    def test_it_fails_loudly_on_what_it_cannot_read(self) -> None:
        signal = self.signal()
        if "text" not in signal.reads:
            return
        with pytest.raises(SignalFailed) as failure:
            signal.run(self.event(42))
        assert str(failure.value), "say what failed: moderators and auditors read it"

    def _run(self, signal: Signal, event: Event) -> Mapping[str, object] | None:
        """What the signal measured, None if it said that it couldn't. Any other exception is a bug."""
        try:
            return signal.run(event)
        except SignalFailed as failure:
            assert str(failure), "say what failed: moderators and auditors read it"
            return None

    def _on_texts(self, check: Any) -> None:
        texts = st.one_of(
            st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
            st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join),
            st.text(max_size=200),
            st.text(st.characters(codec=None, exclude_categories=()), max_size=40),  # lone surrogates included
        )
        quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
        settings(max_examples=self.examples, deadline=None, suppress_health_check=quiet)(given(text=texts)(check))()


def _unknown_type(declared: str) -> str | None:
    """What is wrong with a CEL type as a signal may declare it; None if nothing is."""
    if declared in _SCALARS:
        return None
    container = _CONTAINER.fullmatch(declared)
    if container is None:
        return f"{declared!r} is not a CEL type that a signal can have"
    if container[1] == "list":
        return _unknown_type(container[2])
    key, comma, value = container[2].partition(", ")
    return _unknown_type(value) if key == "string" and comma else f"{declared!r}: write map(string, T)"


def _check(fields: Mapping[str, str], result: Mapping[str, object]) -> None:
    """Every field returned is declared, has its type, and everything can be written as UTF-8 JSON."""
    undeclared = sorted(set(result) - set(fields))
    assert not undeclared, f"undeclared fields: {undeclared}"
    for field, value in result.items():
        wrong = _mismatch(fields[field], value)
        assert wrong is None, f"field {field}: {wrong}"
    json.dumps(dict(result), allow_nan=False, ensure_ascii=False, default=str).encode()


def _only(signal: Signal, part: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the event's values that the signal says it looks at."""
    if part in signal.reads:
        return dict(values)
    return {name: value for name, value in values.items() if f"{part}.{name}" in signal.reads}


def _check_limits(signal: Signal, result: Mapping[str, object]) -> None:
    for field, (least, most) in limits(signal).items():
        value = result.get(field)
        if isinstance(value, int | float):
            assert least is None or value >= least, f"field {field}: {value!r} is less than {least}"
            assert most is None or value <= most, f"field {field}: {value!r} is more than {most}"


def _mismatch(declared: str, value: object) -> str | None:
    container = _CONTAINER.fullmatch(declared)
    if container is None:
        if not isinstance(value, _SCALARS[declared]) or (isinstance(value, bool) and declared not in ("bool", "dyn")):
            return f"{value!r} is no {declared}"
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return f"{value!r} doesn't fit in 64 bits"
        return f"{value!r} is negative" if declared == "uint" and isinstance(value, int) and value < 0 else None
    if container[1] == "list":
        if not isinstance(value, list):
            return f"{value!r} is no list"
        return next((wrong for item in value if (wrong := _mismatch(container[2], item))), None)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        return f"{value!r} is no map from strings"
    inner = container[2].partition(", ")[2]
    return next((wrong for item in value.values() if (wrong := _mismatch(inner, item))), None)
