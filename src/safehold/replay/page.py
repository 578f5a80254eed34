"""A report as one HTML file: nothing is loaded from anywhere, charts are SVG, figures are tables. It prints well too."""

from collections.abc import Iterable, Sequence
from html import escape

from safehold.replay.report import Report, RuleLine, SegmentLine, Share

_STYLE = """
:root{color-scheme:light dark;
--ink:#1c1e21;--soft:#5b626b;--line:#e3e6ea;--back:#fff;--card:#f7f8f9;--gain:#b4541a;--loss:#2a6f97;
--bar:#8a94a0}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa3ad;--line:#2c3138;--back:#15181c;--card:#1c2025;--gain:#e08e5a;
--loss:#6fb1d6;--bar:#6a747f}}
*{box-sizing:border-box}body{margin:0 auto;max-width:70rem;padding:2rem 1.25rem 4rem;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.4rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:2.25rem 0 .5rem}
p{margin:.25rem 0}.soft{color:var(--soft)}.mono{font-family:ui-monospace,monospace;font-size:.88em}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.25rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem .9rem}
.tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.85rem}
.gain{color:var(--gain)}.loss{color:var(--loss)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.35rem .6rem;text-align:right;
border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--soft);font-weight:500;font-size:.85rem}
th:first-child,td:first-child{text-align:left}p{overflow-wrap:anywhere}.share span{display:block;color:var(--soft);
font-size:.8rem}svg{max-width:100%;height:auto}svg text{fill:var(--soft);font-size:11px}
.b{fill:var(--bar);background:var(--bar)}.a{fill:var(--gain);background:var(--gain)}.c{fill:var(--loss);background:var(--loss)}
.key{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin:0 .35em 0 .6em}
"""


def html_page(report: Report) -> str:
    """The file's text."""
    parts = [
        _head(report), _tiles(report), _quality(report), _days(report), _changes(report.rules), _rules(report.rules),
        _costs(report.rules),
        *(_segments(name, lines) for name, lines in report.segments.items() if len(lines) > 1 or name == "type"),
        _accounts(report), _sample(report), _method(report),
    ]  # fmt: skip
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Backtest {escape(report.new[:12])}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body></html>\n"
    )


def _head(report: Report) -> str:
    return (
        f"<h1>Backtest of {escape(report.new[:12])} against {escape(report.live[:12])}</h1>"
        f'<p class="soft">{report.events:,} events received from {report.since[:10]} to {report.until[:10]}, every rule tried as '
        f"if it were live. Decided by {escape(report.engine)} in {report.seconds:,.1f} s.</p>"
    )


def _tiles(report: Report) -> str:
    tiles = (
        (f'<b class="gain">{report.newly_hit:,}</b>', "events newly hit"),
        (f'<b class="loss">{report.no_longer_hit:,}</b>', "events no longer hit"),
        (f"<b>{report.other_action:,}</b>", "events with another action"),
        (f"<b>{report.accounts_newly:,}</b>", "accounts newly affected"),
        (f"<b>{report.hit_before:,} → {report.hit_after:,}</b>", "events hit before and after"),
    )
    return f'<div class="tiles">{"".join(f"<div class=tile>{value}<span>{name}</span></div>" for value, name in tiles)}</div>'


def share_parts(share: Share | None) -> tuple[str, str]:
    """`81 %` and `68 to 90 %, of 52`, or a dash and nothing."""
    if share is None or share.value is None or share.low is None or share.high is None:
        return "–", ""
    return f"{100 * share.value:.0f} %", f"{100 * share.low:.0f} to {100 * share.high:.0f} %, of {share.of:,}"


def share_text(share: Share | None) -> str:
    """`81 % (68 to 90 %, of 52)`, or a dash."""
    value, interval = share_parts(share)
    return f"{value} ({interval})" if interval else value


def _share(share: Share | None) -> str:
    value, interval = share_parts(share)
    return f'<div class="share">{value}<span>{interval}</span></div>'


def _quality(report: Report) -> str:
    if not report.labelled:
        return '<h2>How right it is</h2><p class="soft">Nobody has decided any of these events, so that nothing can be said.</p>'
    rows = (
        ("Precision: hit, and people acted", report.precision_before, report.precision_after),
        ("Recall: people acted, and it was hit", report.recall_before, report.recall_after),
    )
    table = _table(("", "before", "after"), ((name, share_text(one), share_text(other)) for name, one, other in rows))
    return (
        f'<h2>How right it is</h2><p class="soft">Measured against {report.labelled:,} events that people decided, appeals '
        f"included; intervals of 95 % (Wilson). What reached people was chosen by rules and reports, so that recall is of "
        f"what was found at all.</p>{table}"
    )


def _days(report: Report) -> str:
    if len(report.days) < 2:
        return ""
    top = max(day.before + day.newly for day in report.days) or 1
    slot, height = 640 / len(report.days), 120
    bars = []
    for number, day in enumerate(report.days):
        base = float(height)
        for kind, value in (("b", day.before - day.no_longer), ("a", day.newly), ("c", day.no_longer)):
            size = height * value / top
            base -= size
            bars.append(
                f'<rect class="{kind}" x="{(number + 0.14) * slot:.1f}" y="{base:.1f}" width="{slot * 0.72:.1f}" '
                f'height="{size:.1f}"><title>{escape(day.day)}: {value:,} {_KINDS[kind]}</title></rect>'
            )
    ends = f'<text x="0" y="138">{escape(report.days[0].day)}</text>'
    ends += f'<text x="640" y="138" text-anchor="end">{escape(report.days[-1].day)}</text>'
    label = f"Events hit by day; at most {top:,}"
    chart = f'<svg viewBox="0 0 640 144" role="img" aria-label="{label}">{"".join(bars)}{ends}</svg>'
    return f'<h2>Over time</h2><p class="soft">{label}. {" ".join(map(_key, _KINDS))}</p>{chart}'


_KINDS = {"b": "hit as before", "a": "newly hit", "c": "no longer hit"}


def _key(kind: str) -> str:
    return f'<span class="key {kind}"></span>{_KINDS[kind]}'


def _changes(lines: Sequence[RuleLine]) -> str:
    """The rules that hit otherwise: to the left what they no longer hit, to the right what they newly hit."""
    changed = [line for line in lines if line.newly or line.no_longer][:20]
    if not changed:
        return ""
    top = max(max(line.newly, line.no_longer) for line in changed)
    rows = []
    for number, line in enumerate(changed):
        y, left, right = 22 * number, 150 * line.no_longer / top, 150 * line.newly / top
        rows.append(
            f'<text x="0" y="{y + 14}">{escape(line.rule)}</text>'
            f'<rect class="c" x="{480 - left:.1f}" y="{y + 3}" width="{left:.1f}" height="14"><title>{line.no_longer:,} no '
            f'longer hit</title></rect><rect class="a" x="481" y="{y + 3}" width="{right:.1f}" height="14"><title>'
            f"{line.newly:,} newly hit</title></rect>"
        )
    label = "Events that each rule newly or no longer hits; the figures are in the table below"
    chart = f'<svg viewBox="0 0 640 {22 * len(changed)}" role="img" aria-label="{label}">{"".join(rows)}</svg>'
    return f'<h2>What changes</h2><p class="soft">{_key("c")} {_key("a")}</p>{chart}'


def _rules(lines: Sequence[RuleLine]) -> str:
    shown = [line for line in lines if line.before or line.after or line.undecided_after or line.undecided_before]
    rows = (
        (
            f'<span class="mono">{escape(line.rule)}</span>', escape(line.action), f"{line.before:,}", f"{line.after:,}",
            f'<span class="gain">{line.newly:,}</span>', f'<span class="loss">{line.no_longer:,}</span>',
            _share(line.precision_after), _share(line.recall_after), f"{line.undecided_after:,}",
        )
        for line in shown
    )  # fmt: skip
    heads = ("rule", "action", "before", "after", "newly", "no longer", "precision", "recall", "undecided")
    silent = len(lines) - len(shown)
    rest = f'<p class="soft">{silent:,} more rules hit nothing on either side.</p>' if silent else ""
    return f"<h2>By rule</h2>{_table(heads, rows)}{rest}"


def _costs(lines: Sequence[RuleLine]) -> str:
    dear = sorted((line for line in lines if line.micros), key=lambda line: -(line.micros or 0))[:10]
    rows = (
        (f'<span class="mono">{escape(line.rule)}</span>', f"{line.micros:,.1f} µs", f"{line.asked:,}") for line in dear
    )
    heads = ("rule", "an event", "asked one by one")
    note = "CPU time that one event costs the rule alone, with the signals it reads, measured on the newest events."
    return f'<h2>The costliest rules</h2><p class="soft">{note}</p>{_table(heads, rows)}' if dear else ""


_TITLES = {"type": "event type", "age_band": "age of the account", "locale": "locale", "language": "language"}


def _segments(name: str, lines: Sequence[SegmentLine]) -> str:
    rows = (
        (
            escape(line.name), f"{line.events:,}", f"{line.before:,}", f"{line.after:,}",
            f'<span class="gain">{line.newly:,}</span>', f'<span class="loss">{line.no_longer:,}</span>',
            f"{100 * line.newly / line.events:.2f} %" if line.events else "–",
        )
        for line in lines[:30]
    )  # fmt: skip
    heads = (_TITLES[name], "events", "before", "after", "newly", "no longer", "newly, of all")
    return f"<h2>By {_TITLES[name]}</h2>{_table(heads, rows)}"


def _accounts(report: Report) -> str:
    rows = (
        (
            f'<span class="mono">{escape(each.account)}</span>',
            f"{each.newly:,}",
            f"{each.no_longer:,}",
            escape(each.strongest),
        )
        for each in report.accounts
    )
    words = f"{report.accounts_newly:,} accounts with events newly hit, {report.accounts_no_longer:,} with events no longer hit."
    heads = ("account", "newly", "no longer", "strongest action")
    return f'<h2>Who would be affected</h2><p class="soft">{words}</p>{_table(heads, rows)}' if report.accounts else ""


def _sample(report: Report) -> str:
    rows = (
        (f'<span class="mono">{escape(each.event)}</span>', escape(each.type), escape(each.stratum))
        for each in report.sample
    )
    note = "Drawn by lot from every rule, direction and event type, for people to look at."
    return (
        f'<h2>Sample</h2><p class="soft">{note}</p>{_table(("event", "type", "why it was drawn"), rows)}'
        if report.sample
        else ""
    )


def _method(report: Report) -> str:
    lines = [
        "Values are as of each event's own time: labels as the record has them, windows over the events before it in the "
        "record's order, signals as they said then.",
        f"Columns left {report.asked:,} events open, which the Python engine decided; it ran signals again "
        f"{report.signals_run_again:,} times and took {report.signals_replayed:,} answers from the record.",
    ]
    if report.windows_by_python:
        names = ", ".join(window.partition("@")[0] for window in report.windows_by_python)
        lines.append(f"Windows that were fed by the Python engine: {escape(names)}.")
    return f"<h2>How this was computed</h2>{''.join(f'<p class=soft>{line}</p>' for line in lines)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML. It can be scrolled by keyboard where it is wider than the page."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    label = escape(next(name for name in heads if name))
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="Table: {label}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
