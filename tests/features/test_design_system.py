"""The parts of the design system that need no browser: contrast of the colours, words for every state, paging, charts."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import BadRequest
from django.template import Context, Template
from django.test import Client, RequestFactory

import safehold.web
from safehold.accounts.models import RoleGrant, User
from safehold.desk.appeals.states import APPEAL
from safehold.desk.decisions.states import ACTION, DELIVERY
from safehold.desk.reports.states import NOTICE
from safehold.desk.review.states import TASK
from safehold.desk.transparency.states import STATEMENT
from safehold.engine.verdict import ACTIONS
from safehold.web import charts, code, markup, navigation, words
from safehold.web.keyset import keyset_page

STATIC = Path(safehold.web.__file__).parent / "static" / "safehold"
SURFACES = ("canvas", "sunken", "surface", "raised", "hover", "selected")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def colours(theme: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", (STATIC / f"{theme}.css").read_text()))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def pairs() -> list[tuple[str, str, float]]:
    """(foreground, background, least contrast): 4.5 for words, 3 for the edges and dots that carry meaning (WCAG AA)."""
    text = [(word, surface, 4.5) for word in ("text", "muted", "faint", "link") for surface in SURFACES]
    edges = [
        (edge, surface, 3.0)
        for edge in ("control-line", "focus")
        for surface in ("canvas", "sunken", "surface", "raised")
    ]
    pressed = [
        (f"on-{name}", background, 4.5) for name in ("accent", "danger") for background in (name, f"{name}-hover")
    ]
    tones = [(f"{tone}-fg", f"{tone}-bg", 4.5) for tone in words.TONES]
    dots = [(f"{tone}-solid", "surface", 3.0) for tone in words.TONES]
    coded = [(f"{tone}-fg", "sunken", 4.5) for tone in ("info", "good", "hot", "hold")]
    return [
        *text,
        *edges,
        *pressed,
        *tones,
        *dots,
        *coded,
        ("text", "mark", 4.5),
        ("bad-fg", "surface", 4.5),
        ("bad-fg", "canvas", 4.5),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), pairs())
def test_colours_can_be_told_apart(theme: str, front: str, back: str, least: float) -> None:
    palette = colours(theme)
    assert contrast(palette[front], palette[back]) >= least


def test_both_themes_name_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()


def test_the_contrast_formula_agrees_with_wcags_own_figures() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_colour_that_a_stylesheet_names_exists() -> None:
    defined = set(re.findall(r"(--[\w-]+):", "".join(path.read_text() for path in STATIC.glob("*.css"))))
    for path in STATIC.glob("*.css"):
        assert set(re.findall(r"var\((--[\w-]+)", path.read_text())) <= defined, path.name


@pytest.mark.parametrize(
    "machine", [NOTICE, TASK, ACTION, DELIVERY, APPEAL, STATEMENT], ids=lambda machine: machine.name
)
def test_every_state_of_the_desk_has_words(machine) -> None:
    for state in machine.states:
        assert words.word_for(machine.name, state).text


def test_every_action_of_the_engine_has_words_for_colleagues_and_for_the_person_concerned() -> None:
    assert tuple(words.ACTIONS) == ACTIONS
    assert tuple(words.OUTCOMES) == ACTIONS


def test_every_word_has_a_tone_and_an_icon_that_exist() -> None:
    tables = [words.ACTIONS, words.SEVERITIES, *words.STATES.values()]
    for word in (word for table in tables for word in table.values()):
        assert word.tone in words.TONES
        assert markup.icon(word.icon).startswith("<svg")


def test_a_state_that_nobody_named_is_an_error_that_says_where_to_name_it() -> None:
    with pytest.raises(words.UnknownWord, match=r"no state 'lost' of task in web/words.py; there are queued, claimed"):
        words.word_for("task", "lost")


def test_every_place_has_an_icon_and_a_key_of_its_own() -> None:
    keys = [place.key for place in navigation.PLACES]
    assert len(set(keys)) == len(keys)
    for place in navigation.PLACES:
        assert markup.icon(place.icon)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (0, "now"),
        (44, "now"),
        (60, "1m ago"),
        (3_500, "58m ago"),
        (-7_200, "in 2h"),
        (86_400 * 3, "3d ago"),
        (86_400 * 40, "13 Oct"),
    ],
)
def test_times_are_said_in_the_fewest_words(ago: int, said: str) -> None:
    assert markup.relative(NOW - timedelta(seconds=ago), NOW) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0s"), (0.0082, "8 ms"), (45, "45s"), (3_661, "1h 1m"), (93_784, "1d 2h"), (None, "–")]
)
def test_durations_are_said_in_two_units(seconds: float | None, said: str) -> None:
    assert markup.duration(seconds) == said


@pytest.mark.parametrize(
    ("name", "said"), [("Mara Lindqvist", "ML"), ("sam@example.org", "S"), ("a.b@x.org", "AB"), ("", "?")]
)
def test_people_have_initials(name: str, said: str) -> None:
    assert markup.initials(name) == said


def render(text: str, **values: object) -> str:
    request = RequestFactory().get("/", {"sort": "-at", "after": "abc", "action": "hold"})
    return Template("{% load safehold %}" + text).render(Context({"request": request, **values}))


def test_whatever_people_write_is_escaped_by_every_tag() -> None:
    bad = "<script>x</script>\"'"
    drawn = render(
        "{% button bad %}{% badge bad %}{% person bad %}{% ident bad %}{% copy bad %}{% json data %}{% code bad %}{% saw data %}"
        "{% pairs data %}{% diff bad '' %}{% stat bad bad bad %}{% choices 'n' options %}"
        "{% page_head bad bad %}{% endpage_head %}"
        "{% card bad %}{% endcard %}{% alert 'info' bad %}{% endalert %}{% moment bad by=bad %}{% endmoment %}{% crumb bad %}"
        "{% table bad %}{% endtable %}{% dialog 'd' bad %}{% enddialog %}{% menu bad %}{% endmenu %}{% tab bad bad %}"
        "{% bar_chart labels series bad %}{% sparkline numbers bad %}{% harmful bad bad %}{{ bad }}{% endharmful %}",
        bad=bad,
        data={bad: bad},
        options=[(bad, bad, bad)],
        labels=[bad],
        series=[(bad, "info", [1])],
        numbers=[1, 2],
    )
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_filter_keeps_the_others_and_starts_at_the_first_page() -> None:
    drawn = render(
        '{% chip "Automatic" "auto" %}{% filter_menu "Action" "action" options %}', options=[("hold", "Hold")]
    )
    assert "?sort=-at&amp;action=hold&amp;auto=1" in drawn
    assert "after=" not in drawn
    assert "<strong>Hold</strong>" in drawn


def test_a_heading_that_sorts_says_so_and_turns_around() -> None:
    drawn = render('{% sort_header "Decided" "at" %}')
    assert 'aria-sort="descending"' in drawn
    assert "sort=at" in drawn


def test_json_keeps_every_character() -> None:
    text = code.json_text({"a": [1, -2.5e3, True, None], 'q"': "<b> & é"})
    plain = re.sub(r"</?span[^>]*>", "", code.json_html(text))
    assert plain.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_a_diff_shows_what_changed_and_skips_what_did_not() -> None:
    before = "\n".join(f"line {i}" for i in range(30))
    lines = list(code.diff_lines(before, before.replace("line 15", "line fifteen")))
    assert ("-", "line 15") in lines
    assert ("+", "line fifteen") in lines
    assert len(lines) < 12


def test_a_chart_refuses_series_that_do_not_fit_its_labels() -> None:
    with pytest.raises(ValueError, match="'b' has 1 values for 2 labels"):
        charts.bar_chart(["x", "y"], [("a", "info", [1, 2]), ("b", "info", [1])], "t")


def test_charts_are_drawn_from_nothing_and_from_zeros() -> None:
    assert "no data" in charts.sparkline([], "t")
    assert "<rect data-tone" not in charts.bar_chart(["x"], [("a", "info", [0])], "t")
    assert "from 5 to 5" in charts.sparkline([5], "t")


@pytest.fixture
def people(db: None) -> list[User]:
    day = NOW.replace(hour=0)
    # Several share a moment, so that the second field of the order has to decide.
    return [
        User.objects.create(
            id=f"usr_{i:03}", email=f"p{i}@example.org", name=f"P{i}", joined_at=day + timedelta(hours=i // 3)
        )
        for i in range(20)
    ]


@pytest.mark.parametrize("order", [("-joined_at", "-id"), ("joined_at", "id"), ("-id",)])
def test_paging_forth_and_back_shows_each_row_once(people: list[User], order: tuple[str, ...]) -> None:
    expected = list(User.objects.order_by(*order))
    factory, seen, query, pages = RequestFactory(), [], {}, []
    while True:
        page = keyset_page(User.objects.all(), factory.get("/", query), order, size=6)
        pages.append(list(page))
        seen += page.rows
        if not page.older:
            break
        query = {"after": page.older}
    assert seen == expected
    assert [len(rows) for rows in pages] == [6, 6, 6, 2]

    back = [list(page)]
    while page.newer:
        page = keyset_page(User.objects.all(), factory.get("/", {"before": page.newer}), order, size=6)
        back.append(list(page))
    assert back[::-1] == pages
    assert page.newer is None


def test_a_page_that_the_list_did_not_make_is_refused(people: list[User]) -> None:
    for cursor in ("abc", "W10", "WyJub3QgYSBkYXRlIiwgIngiXQ", "é"):
        with pytest.raises(BadRequest, match="open the list again"):
            keyset_page(User.objects.all(), RequestFactory().get("/", {"after": cursor}), ("-joined_at", "-id"))


def test_paging_asks_one_question(people: list[User], django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        len(keyset_page(User.objects.all(), RequestFactory().get("/"), ("-joined_at", "-id"), size=6))


def test_the_sidebar_shows_what_ones_roles_allow(db: None) -> None:
    shown = {}
    for role in ("admin", "read_only"):
        user = User.objects.create(email=f"{role}@example.org", name=role)
        RoleGrant.objects.create(user=user, role=role)
        shown[role] = {place.url_name for place, _ in navigation.places_for(user)}
    assert "people" in shown["admin"]
    assert "people" not in shown["read_only"]
    assert shown["read_only"] < shown["admin"]


def test_the_style_page_is_not_for_the_public(client: Client, db: None) -> None:
    assert client.get("/ui/style/").status_code == 404
    client.force_login(User.objects.create(email="a@example.org", name="A"))
    assert client.get("/ui/style/").status_code == 200
    assert client.get("/ui/style/public/").status_code == 200


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"])
def test_choosing_a_theme_never_sends_anybody_elsewhere(client: Client, back: str) -> None:
    answer = client.post("/ui/theme/", {"theme": "dark", "next": back})
    assert answer.headers["Location"] == "/"
    assert answer.cookies["theme"].value == "dark"


def test_a_theme_that_does_not_exist_is_refused(client: Client) -> None:
    assert client.post("/ui/theme/", {"theme": "pink"}).status_code == 400


def test_the_reference_names_every_tag_and_filter() -> None:
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "design-system.md").read_text()
    from safehold.web.templatetags.safehold import register

    named = set(re.findall(r"[\w]+", " ".join(re.findall(r"`([^`]+)`", reference))))
    tags = {name for name in register.tags if not name.startswith("end")}
    assert tags | set(register.filters) <= named
