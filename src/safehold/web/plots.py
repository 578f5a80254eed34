"""Lines over two axes as SVG made on the server, with their intervals as a band: learning curves, calibration. No script, no
inline style; the same figures follow as a table for screen readers.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _ABOVE = 640.0, 200.0, 34.0, 30.0, 8.0


class Dot(NamedTuple):
    """A point at `x` of 0 to 1 along the bottom, with what stands under it; `low` and `high` are its interval."""

    x: float
    label: str
    y: float
    low: float | None = None
    high: float | None = None


def line_plot(
    dots: Sequence[Dot],
    title: str,
    below: str,
    *,
    floor: float = 0.0,
    diagonal: bool = False,
    beside: Sequence[Dot] = (),
) -> SafeString:
    """The dots as a line, from `floor` to 1. `below` says what the bottom axis is; `diagonal` draws where it would be perfect;
    `beside` is a second, broken line over the same bottom."""
    places = [(_across(dot.x), _up(dot.y, floor)) for dot in dots]
    band = [(_across(dot.x), _up(dot.high, floor)) for dot in dots if dot.high is not None]
    band += [(_across(dot.x), _up(dot.low, floor)) for dot in reversed(dots) if dot.low is not None]
    second = [(_across(dot.x), _up(dot.y, floor)) for dot in beside]
    return format_html(
        '<figure class="chart plot" tabindex="0" data-tone="info" aria-label="{}"><svg viewBox="0 0 640 200" role="img" '
        'aria-label="{}">{}{}{}{}{}{}{}<text x="640" y="198" text-anchor="end">{}</text></svg>{}</figure>',
        title, title, _scale(floor),
        format_html('<line class="perfect" x1="{}" y1="{}" x2="{}" y2="{}"/>', _across(0), _up(0, floor), _across(1),
                    _up(1, floor)) if diagonal else "",
        format_html('<polygon class="area" points="{}"/>', _points(band)) if band else "",
        format_html('<polyline class="line" points="{}"/>', _points(places)),
        format_html('<polyline class="line beside" points="{}"/>', _points(second)) if second else "",
        format_html_join("", '<g><title>{}</title><circle cx="{}" cy="{}" r="2"/></g>',
                         ((_said(dot), x, y) for dot, (x, y) in zip(beside, second, strict=True))),
        format_html_join("", '<g><title>{}</title><circle cx="{}" cy="{}" r="3"/></g>',
                         ((_said(dot), x, y) for dot, (x, y) in zip(dots, places, strict=True))),
        below, _as_table([*dots, *beside], title),
    )  # fmt: skip


def _across(x: float) -> float:
    return round(_LEFT + 8 + x * (_WIDTH - _LEFT - 20), 1)


def _up(y: float, floor: float) -> float:
    part = (min(max(y, floor), 1.0) - floor) / (1.0 - floor)
    return round(_HEIGHT - _BOTTOM - part * (_HEIGHT - _BOTTOM - _ABOVE), 1)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


def _scale(floor: float) -> SafeString:
    values = [floor + (1 - floor) * part for part in (0, 0.5, 1)]
    line = '<line x1="34" x2="640" y1="{0}" y2="{0}"/><text x="28" y="{0}" text-anchor="end" dy="3">{1}</text>'
    return format_html_join("", line, ((_up(value, floor), f"{value:.2f}") for value in values))


def _said(dot: Dot) -> str:
    interval = f" ({dot.low:.2f} to {dot.high:.2f})" if dot.low is not None and dot.high is not None else ""
    return f"{dot.label}: {dot.y:.2f}{interval}"


def _as_table(dots: Sequence[Dot], title: str) -> SafeString:
    rows = format_html_join("", "<tr><td>{}</td></tr>", ((_said(dot),) for dot in dots))
    return format_html('<div class="sr-only"><table><caption>{}</caption><tbody>{}</tbody></table></div>', title, rows)
