"""Every icon that a template or a table of words names is there: a wrong name would break the page that shows it."""

import re
from pathlib import Path

import lucide
import pytest

from safehold.desk.review.templatetags.review import kind_icon

SOURCE = Path(__file__).resolve().parents[2] / "src/safehold"
NAMED = re.compile(r"""\{%\s*icon\s+"([a-z0-9-]+)"|\bicon="([a-z0-9-]+)\"""")


def named() -> set[str]:
    found = set()
    for template in SOURCE.rglob("templates/**/*.html"):
        found |= {first or second for first, second in NAMED.findall(template.read_text())}
    return found


@pytest.mark.parametrize("name", sorted(named()))
def test_the_icon_is_there(name):
    assert "<svg" in lucide._render_icon(name, 16)


@pytest.mark.parametrize("kind", ["account", "message", "content", "payment", "listing", "login", "report", "anything"])
def test_every_kind_of_thing_has_an_icon(kind):
    assert "<svg" in lucide._render_icon(kind_icon(kind), 16)
