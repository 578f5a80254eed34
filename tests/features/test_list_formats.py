"""Lists come in and leave in the formats that people pass them on in; a wrong file says where it is wrong."""

import io
import json
from datetime import UTC, datetime

import pytest

from safehold.engine.lists.difference import difference
from safehold.engine.lists.formats import FORMATS, WRITTEN, About, FormatError, Problem, Row, format_of, read, write
from safehold.engine.lists.formats.rows import fitted

AT = datetime(2026, 3, 1, tzinfo=UTC)


def rows(name: str, text: str | bytes, **columns: str) -> list[Row | Problem]:
    return list(read(name, io.BytesIO(text.encode() if isinstance(text, str) else text), columns))


def values(found: list[Row | Problem]) -> list[tuple[int, str]]:
    return [(row.line, row.value) for row in found if isinstance(row, Row)]


def test_plain_text() -> None:
    found = rows("plain", "\ufeff# who\n\nevil.example\r\n  !good.evil.example \n")
    assert [(row.line, row.value, row.allow) for row in found] == [
        (3, "evil.example", False),
        (4, "good.evil.example", True),
    ]


def test_csv_with_a_header_other_names_and_quoted_lines() -> None:
    text = 'Domain;valid_until;score;comment\nevil.example;2026-12-31;80;"two\nlines; one cell"\nb.example;;;\n'
    first, second = rows("csv", text)
    assert (first.value, first.expires_at, first.confidence) == ("evil.example", datetime(2026, 12, 31, tzinfo=UTC), 80)
    assert first.note == "two\nlines; one cell"
    assert (second.line, second.value) == (4, "b.example")


def test_csv_columns_can_be_named_or_missing() -> None:
    assert values(rows("csv", "a,bad\n1,x.example\n", value="bad")) == [(2, "x.example")]
    assert values(rows("csv", "x.example\ny.example\n")) == [(1, "x.example"), (2, "y.example")]
    with pytest.raises(FormatError, match="line 1: there is no column `worse`; there are a, bad"):
        rows("csv", "a,bad\n", value="worse")
    with pytest.raises(FormatError, match="no column is called `value`"):
        rows("csv", "a,b\n1,2\n")


def test_a_wrong_cell_names_its_line_and_column() -> None:
    found = rows("csv", "value,expires,confidence\na,soon,\nb,,101\n,,\nc,,7\n,2026-01-01,\n")
    problems = [str(row) for row in found if isinstance(row, Problem)]
    assert problems == [
        "line 2, column `expires`: `soon` is no time; write 2026-03-01 or 2026-03-01T12:00:00Z",
        "line 3, column `confidence`: `101` is no confidence; write a whole number from 0 to 100",
        "line 6, column `value`: it is empty",
    ]
    assert values(found) == [(5, "c")]


@pytest.mark.parametrize(
    "text",
    [
        '["a", {"value": "b", "expires": "2026-12-31T00:00:00Z"}]',
        '{"entries": [\n"a",\n{"value": "b", "expires": 1798675200}]}',
        '"a"\n{"value": "b", "expires": "2026-12-31"}\n',
        '{"value": "a"}\n{"value": "b", "expires": "2026-12-31"}\n',
    ],
)
def test_json_in_its_shapes(text: str) -> None:
    first, second = rows("json", text)
    assert (first.value, second.value, second.expires_at) == ("a", "b", datetime(2026, 12, 31, tzinfo=UTC))


def test_hosts() -> None:
    found = rows(
        "hosts", "127.0.0.1 localhost\n0.0.0.0 a.example b.example # ads\n# no\nevil.example\n::1 ip6-localhost\n"
    )
    assert values(found) == [(2, "a.example"), (2, "b.example")]
    assert str(found[-1]).startswith("line 4: `evil.example` is no address")


def indicator(pattern: str, **more: object) -> dict[str, object]:
    return {"type": "indicator", "id": "indicator--1", "pattern_type": "stix", "pattern": pattern, **more}


def bundle(*objects: dict[str, object]) -> str:
    return json.dumps({"type": "bundle", "objects": [{"type": "malware"}, *objects]})


def test_stix() -> None:
    sha = "a" * 64
    found = rows("stix", bundle(
        indicator("[domain-name:value = 'evil.example'] OR [url:value = 'https://e.example/it\\'s']",
                  valid_until="2026-12-31T00:00:00Z", confidence=70),
        indicator(f"[file:hashes.'SHA-256' = '{sha}' OR ipv4-addr:value IN ('192.0.2.1', '192.0.2.0/24')]"),
        indicator("[domain-name:value = 'old.example']", revoked=True),
        indicator("[domain-name:value = 'a.example' AND file:name = 'x']"),
        indicator("[domain-name:value LIKE '%a']"),
        indicator("[domain-name:value = 'a.example'"),
        indicator("[process:pid = 'x']"),
    ))  # fmt: skip
    kept = [(row.line, row.what, row.value) for row in found if isinstance(row, Row)]
    assert kept == [
        (2, "domain", "evil.example"), (2, "url", "https://e.example/it's"), (3, "sha256", sha), (3, "ip", "192.0.2.1"),
        (3, "ip", "192.0.2.0/24"),
    ]  # fmt: skip
    assert found[0].confidence == 70 and found[0].expires_at == datetime(2026, 12, 31, tzinfo=UTC)
    problems = [(row.line, row.skipped) for row in found if isinstance(row, Problem)]
    assert problems == [(4, True), (5, False), (6, False), (7, False), (8, True)]


def test_misp_events_searches_and_objects() -> None:
    attributes = [
        {"type": "domain", "value": "evil.example", "uuid": "u1", "comment": "seen"},
        {"type": "domain|ip", "value": "b.example|192.0.2.1"},
        {"type": "filename|sha256", "value": f"x.exe|{'b' * 64}"},
        {"type": "comment", "value": "words"},
        {"type": "domain", "value": "off.example", "to_ids": False},
        {"type": "domain", "value": 5},
    ]
    event = {"Event": {"info": "A wave", "Attribute": attributes, "Object": [{"Attribute": attributes[:1]}]}}
    found = rows("misp", json.dumps({"response": [event]}))
    kept = [(row.what, row.value) for row in found if isinstance(row, Row)]
    assert kept == [
        ("domain", "evil.example"), ("domain", "b.example"), ("ip", "192.0.2.1"), ("sha256", "b" * 64),
        ("domain", "evil.example"),
    ]  # fmt: skip
    assert values(rows("misp", json.dumps(attributes[:1]))) == [(1, "evil.example")]
    assert [row.skipped for row in found if isinstance(row, Problem)] == [True, True, False]


def test_threatexchange_descriptors_and_signals() -> None:
    api = {"data": [
        {"id": "9", "type": "HASH_MD5", "raw_indicator": "c" * 32, "owner": {"name": "Us"}, "expired_on": 1798675200},
        {"id": "8", "indicator": {"type": "DOMAIN", "indicator": "evil.example"}, "status": "MALICIOUS"},
        {"id": "7", "type": "URI", "indicator": "https://fine.example/", "status": "NON_MALICIOUS"},
        {"id": "6", "type": "PDQ", "indicator": "f" * 64},
        {"id": "5"},
    ]}  # fmt: skip
    found = rows("threatexchange", json.dumps(api))
    assert [(row.what, row.source) for row in found if isinstance(row, Row)] == [("md5", "Us"), ("domain", "")]
    assert [row.skipped for row in found if isinstance(row, Problem)] == [True, True, False]
    signals = rows("threatexchange", json.dumps([{"signal_type": "url", "signal_str": "https://e.example/"}]))
    assert [(row.what, row.value) for row in signals] == [("url", "https://e.example/")]
    assert values(rows("threatexchange", json.dumps({"video_md5": ["d" * 32]}))) == [(1, "d" * 32)]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("plain", b"a\n\xff\xfe\n", "line 2: byte 1 is not UTF-8"),
        ("plain", b"a" * 70_000, "line 1: the line has more than 65,536 bytes"),
        ("csv", b'value,note\na,"never closed\n', "this is not CSV"),
        ("json", b'{"entries": [', "this is not JSON"),
        ("json", b"[" * 50_000, "nested too deeply"),
        ("stix", b'{"type":"bundle","objects":' + b"[" * 100_000, "nested too deeply"),
        ("stix", b'{"type": "report"}', "no STIX bundle"),
        ("misp", b'{"a": 1}', "no MISP event"),
        ("threatexchange", b'"x"', "no answer of ThreatExchange"),
    ],
)
def test_a_hostile_file_is_refused_with_its_place(name: str, data: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        rows(name, data)


def test_a_large_document_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safehold.engine.lists.formats.rows.MAX_DOCUMENT", 1000)
    with pytest.raises(FormatError, match="more than 0 MB"):
        rows("stix", b" " * 2000)


@pytest.mark.parametrize(
    ("kind", "value", "what", "said"),
    [
        ("domain_suffix", "https://evil.example", "", "write only its domain"),
        ("cidr", "evil.example", "domain", "takes no domain"),
        ("hash", "zz", "", "is not a digest"),
        ("exact", "\x00", "", "control character U\\+0000"),
        ("exact", "x" * 2001, "", "2,000 bytes"),
    ],
)
def test_a_row_that_does_not_fit_the_list_says_why(kind: str, value: str, what: str, said: str) -> None:
    found = fitted(Row(line=3, value=value, what=what), kind, False)
    assert isinstance(found, Problem)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(str(found))


KEPT = [
    Row(line=0, value="evil.example", expires_at=AT, confidence=5, source="us", reference="ref", note="=a, \"b\"\nc"),
    Row(line=0, value="xn--bcher-kva.example"),
]  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_read_again(name: str) -> None:
    about = About(name="bad", kind="domain_suffix", title="Bad ones", at=AT)
    text = "".join(write(name, about, KEPT))
    found = rows(name, text)
    assert [row.value for row in found if isinstance(row, Row)] == [row.value for row in KEPT]
    if name == "json":
        assert [(row.expires_at, row.source, row.note) for row in found] == [
            (row.expires_at, row.source, row.note) for row in KEPT
        ]
    if name == "csv":
        assert found[0].note.startswith("'=")  # no spreadsheet runs what somebody put into a list
        assert found[0].expires_at == AT
    if name == "stix":
        assert (found[0].expires_at, found[0].confidence) == (AT, 5)
        assert text == "".join(write(name, about, KEPT))


def test_what_a_format_cannot_say_is_refused() -> None:
    with pytest.raises(FormatError, match="hosts file has domains"):
        write("hosts", About(name="bad", kind="hash", at=AT), KEPT)
    with pytest.raises(FormatError, match="not written as misp"):
        write("misp", About(name="bad", kind="exact", at=AT), KEPT)


@pytest.mark.parametrize(
    ("name", "start", "found"),
    [
        ("a.csv", b"value", "csv"), ("hosts", b"", "hosts"), ("a.txt", b"x", "plain"), ("a.json", b'[{"value"', "json"),
        ("a.json", b'{"type": "bundle"', "stix"), ("feed", b'{"Event": {"Attribute"', "misp"),
    ],
)  # fmt: skip
def test_a_file_says_what_it_is(name: str, start: bytes, found: str) -> None:
    assert format_of(name, start) == found
    assert found in FORMATS


def test_a_difference() -> None:
    before = [Row(line=1, value="a"), Row(line=2, value="b", note="x"), Row(line=3, value="c")]
    after = [Row(line=1, value="c"), Row(line=2, value="b", note="y"), Row(line=3, value="d")]
    found = list(difference(before, after))
    assert [(change.act, change.value, change.fields) for change in found] == [
        ("removed", "a", []), ("changed", "b", ["note"]), ("added", "d", []),
    ]  # fmt: skip
