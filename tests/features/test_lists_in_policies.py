"""What a policy author gets from lists: five kinds, exceptions, entries that end, and a verdict that says which entry it was."""

from pathlib import Path

import pytest

from safehold.engine import PolicyProblems, load_bundle
from safehold.engine.lists import Entry, Layer, make_table
from safehold.engine.policies.bundle import make_bundle
from tests.policy_folder import PROJECT, engine, folder, message, policy_of

IN_TEXT = policy_of("listed | data.text in lists.words | {action: hold}")


def words(kind: str, *entries: str, more: str = "") -> str:
    lines = "\n".join(f"  - {entry}" for entry in entries)
    return f"list: words\nkind: {kind}\nsource: https://feed.example\n{more}\nentries:\n{lines}\n"


@pytest.mark.parametrize(
    ("kind", "entry", "inside", "outside"),
    [
        ("exact", "Spam", ["Spam"], ["spam", "Spam "]),
        ("domain_suffix", "bücher.example", ["xn--bcher-kva.example", "WWW.BÜCHER.example."], ["ebücher.example"]),
        ("domain_suffix", "192.0.2.7", ["192.0.2.7"], ["1.192.0.2.7", "2.7"]),
        ("cidr", "192.0.2.0/24", ["192.0.2.9", "::ffff:192.0.2.9"], ["192.0.3.9", "192.0.2.09", "192.0.2"]),
        ("cidr", '"2001:db8::/32"', ["2001:DB8::1", "2001:db8:0::1"], ["2001:db9::1", "::1"]),
        ("regex_set", '"(?i)cheap +pills$"', ["buy CHEAP  pills"], ["cheap pills now"]),
        ("hash", "D41D8CD98F00B204E9800998ECF8427E", ["d41d8cd98f00b204e9800998ecf8427e"], ["d41d8cd98f00b204"]),
    ],
)
def test_each_kind_of_list(tmp_path: Path, kind: str, entry: str, inside: list[str], outside: list[str]) -> None:
    made = engine(tmp_path, IN_TEXT, words=words(kind, entry))
    for text in inside:
        verdict = made.decide(message(text))
        assert verdict.action == "hold", text
        match = verdict.hits[0].matches[0]
        assert (match.list, match.item, match.source) == ("words", text, "https://feed.example")
    for text in outside:
        assert made.decide(message(text)).action == "allow", text


def test_a_list_may_take_no_account_of_case_and_width(tmp_path: Path) -> None:
    made = engine(tmp_path, IN_TEXT, words=words("exact", "Straße", more="fold: true"))
    assert made.decide(message("ＳＴＲＡＳＳＥ")).action == "hold"


def test_an_exception_keeps_out_whatever_else_is_listed(tmp_path: Path) -> None:
    made = engine(
        tmp_path, IN_TEXT, words=words("domain_suffix", "evil.example", "{value: good.evil.example, allow: true}")
    )
    assert made.decide(message("www.evil.example")).action == "hold"
    assert made.decide(message("www.good.evil.example")).action == "allow"


def test_an_entry_ends_by_the_events_time(tmp_path: Path) -> None:
    made = engine(tmp_path, IN_TEXT, words=words("exact", '{value: spam, expires: "2026-03-01T12:00:10Z"}'))
    assert [made.decide(message("spam", after=after)).action for after in (9.9, 10)] == ["hold", "allow"]


def test_why_names_the_entry(tmp_path: Path) -> None:
    made = engine(tmp_path, IN_TEXT, words=words("domain_suffix", "evil.example"))
    assert made.decide(message("a.evil.example")).why.endswith("evil.example is in lists.words.")


def test_a_managed_list_takes_new_contents_between_events_and_says_which(tmp_path: Path) -> None:
    made = engine(tmp_path, IN_TEXT, words="list: words\nkind: domain_suffix\nmanaged: true\nentries: [seed.example]\n")
    held = made.bundle.lists["words"]
    assert not held.loaded
    assert made.decide(message("seed.example")).action == "hold"
    held.put((Layer(make_table("domain_suffix", [Entry(value="new.example", source="a person")])),), "3-abc")
    verdict = made.decide(message("www.new.example"))
    assert (verdict.action, verdict.lists) == ("hold", {"words": "3-abc"})
    assert (verdict.hits[0].matches[0].source, verdict.hits[0].matches[0].version) == ("a person", "3-abc")
    assert made.decide(message("seed.example")).action == "hold"
    held.put((Layer(make_table("domain_suffix", [Entry(value="seed.example", allow=True)])),), "4-abd")
    verdict = made.decide(message("seed.example"))
    assert (verdict.action, verdict.lists) == ("allow", {"words": "4-abd"})


def test_a_list_in_files_takes_no_other_contents(tmp_path: Path) -> None:
    held = engine(tmp_path, IN_TEXT, words=words("exact", "spam")).bundle.lists["words"]
    with pytest.raises(ValueError, match="is not managed"):
        held.put((), "1")


def test_what_can_change_an_answer_changes_the_bundle(tmp_path: Path) -> None:
    def hash_of(*entries: str, more: str = "") -> str:
        where = folder(tmp_path, IN_TEXT, words=words("domain_suffix", *entries, more=more))
        return load_bundle(where, []).hash

    plain = hash_of("evil.example", "b.example")
    assert hash_of("b.example", "EVIL.example") == plain
    different = [
        hash_of("evil.example"), hash_of("evil.example", "b.example", more="managed: true"),
        hash_of("evil.example", "{value: b.example, allow: true}"),
        hash_of("evil.example", "{value: b.example, expires: 2030-01-01}"),
    ]  # fmt: skip
    assert len({plain, *different}) == 5


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (words("domain_suffix", "https://evil.example/x"), "write only its domain"),
        (words("cidr", "10.0.0.1/8"), "did you mean 10.0.0.0/8?"),
        (words("hash", "abc"), "32 (MD5), 40 (SHA-1) or 64 (SHA-256)"),
        (words("regex_set", "'(a'"), "missing )"),
        (words("exact", "{value: a, expires: soon}"), "must be a date or a time"),
        (words("exact", "{valu: a}"), "an entry needs `value`"),
        (words("fuzzy", "a"), "is not a value of `kind`"),
        (words("cidr", "10.0.0.0/8", more="fold: true"), "`fold` is for lists of kind `exact`"),
        ("list: words\nfile: ../policy.yaml\n", "beside the list"),
        ("list: words\n", "`entries` or `file`"),
    ],
)
def test_a_wrong_list_says_what_is_wrong_and_where(tmp_path: Path, declared: str, said: str) -> None:
    with pytest.raises(PolicyProblems) as refused:
        load_bundle(folder(tmp_path, IN_TEXT, words=declared), [])
    problem = next(problem for problem in refused.value.problems if problem.file.endswith("words.yaml"))
    assert said in f"{problem.message} {problem.hint}"
    assert problem.line > 0


def test_the_starter_lists_keep_their_hash_when_nothing_changed() -> None:
    bundle = load_bundle(PROJECT / "policies")
    again = make_bundle(bundle.policies, bundle.event_types, dict(bundle.lists), [])
    assert bundle.lists["phishing"].digest() == again.lists["phishing"].digest()
    assert len(bundle.lists["phishing"]) > 10_000
