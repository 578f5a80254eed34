"""Small charts as SVG made on the server: no script, no inline style, and the same figures as text for screen readers."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def sparkline(values: Sequence[float], label: str, tone: str = "info") -> SafeString:
    """A line of the values from left to right. `label` is what a screen reader says, with the first and last value."""
    if not values:
        return format_html('<span class="faint">{}</span>', "no data")
    width, height, pad = 96.0, 28.0, 2.0
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = width / max(len(values) - 1, 1)
    points = [
        (round(i * step, 1), round(pad + (height - 2 * pad) * (1 - (value - low) / span), 1))
        for i, value in enumerate(values)
    ]
    if len(points) == 1:
        points.append((width, points[0][1]))
    line = " ".join(f"{x},{y}" for x, y in points)
    said = (
        f"{label}: from {_figure(values[0])} to {_figure(values[-1])}, lowest {_figure(low)}, highest {_figure(high)}"
    )
    return format_html(
        '<svg class="spark" data-tone="{}" viewBox="0 0 96 28" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon class="area" points="0,28 {} {},28"/><polyline class="line" points="{}"/></svg>',
        tone, said, line, points[-1][0], line,
    )  # fmt: skip


def _figure(value: float) -> str:
    """12,345 or 0.25: never an exponent, never `.0`."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _top_of(value: float) -> float:
    """The next round number (1, 2, 5 times a power of ten) at or above the value."""
    if value <= 0:
        return 1
    power = 10.0 ** (len(str(int(value))) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


Series = Sequence[tuple[str, str, Sequence[float]]]


def bar_chart(labels: Sequence[str], series: Series, title: str, height: int = 120) -> SafeString:
    """Stacked bars: `labels` along the bottom, each series as (name, tone, one value a label).

    The same figures follow as a table that only screen readers find. Raises ValueError where the lengths differ.
    """
    for name, _, values in series:
        if len(values) != len(labels):
            raise ValueError(f"bar chart {title!r}: series {name!r} has {len(values)} values for {len(labels)} labels")
    legend = ((tone, name) for name, tone, _ in series)
    return format_html(
        '<figure class="chart" tabindex="0" aria-label="{}"><svg viewBox="0 0 640 {}" role="img" aria-label="{}">{}{}</svg>'
        '<figcaption><ul class="legend" aria-hidden="true">{}</ul></figcaption>{}</figure>',
        title,
        height,
        title,
        _scale(_top(labels, series), height),
        _columns(labels, series, height),
        format_html_join("", '<li><span class="dot" data-tone="{}"></span>{}</li>', legend),
        _as_table(labels, series, title),
    )


_WIDTH, _LEFT, _BOTTOM, _ABOVE = 640.0, 34.0, 18.0, 6.0


def _top(labels: Sequence[str], series: Series) -> float:
    return _top_of(max((sum(values[i] for _, _, values in series) for i in range(len(labels))), default=0))


def _scale(top: float, height: int) -> SafeString:
    """Three lines across, with their values."""
    plot = height - _BOTTOM - _ABOVE
    lines = ((f"{height - _BOTTOM - plot * part:.1f}", _figure(top * part)) for part in (0, 0.5, 1))
    line = '<line x1="34" x2="640" y1="{0}" y2="{0}"/><text x="28" y="{0}" text-anchor="end" dy="3">{1}</text>'
    return format_html_join("", line, lines)


def _columns(labels: Sequence[str], series: Series, height: int) -> SafeString:
    """A group for each label: what hovering says, the stacked bars, and every few labels the label itself."""
    top, plot = _top(labels, series), height - _BOTTOM - _ABOVE
    slot = (_WIDTH - _LEFT) / max(len(labels), 1)
    width = max(min(slot * 0.72, 36), 1)
    every = max(1, -(-len(labels) // 8))
    groups = []
    for i, label in enumerate(labels):
        x, base, bars = _LEFT + i * slot, height - _BOTTOM, []
        for _, tone, values in series:
            size = plot * values[i] / top
            base -= size
            if size > 0:
                bars.append((tone, f"{x + (slot - width) / 2:.1f}", f"{base:.1f}", f"{width:.1f}", f"{size:.1f}"))
        said = f"{label}: " + ", ".join(f"{name} {_figure(values[i])}" for name, _, values in series)
        text = '<text x="{}" y="{}" text-anchor="middle">{}</text>'
        groups.append(
            (
                said,
                f"{x:.1f}",
                f"{slot:.1f}",
                f"{height - _BOTTOM:.1f}",
                format_html_join("", '<rect data-tone="{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>', bars),
                format_html(text, f"{x + slot / 2:.1f}", height - 4, label) if i % every == 0 else "",
            )
        )
    group = '<g><title>{}</title><rect class="hit" x="{}" y="0" width="{}" height="{}"/>{}{}</g>'
    return format_html_join("", group, groups)


def _as_table(labels: Sequence[str], series: Series, title: str) -> SafeString:
    rows = [
        (label, format_html_join("", "<td>{}</td>", ((_figure(values[i]),) for _, _, values in series)))
        for i, label in enumerate(labels)
    ]
    return format_html(
        '<div class="sr-only"><table><caption>{}</caption><thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table></div>',
        title,
        format_html_join("", '<th scope="col">{}</th>', ((name,) for name, _, _ in series)),
        format_html_join("", '<tr><th scope="row">{}</th>{}</tr>', rows),
    )
