"""A console with something on each of its pages: what `test_console` looks at, and the addresses of its pages.

The rows are made up (tests/console_rows.py) beside what a server needs for the rooms that those do not fill: lists, banks,
models, second looks, signals and a backtest.
"""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import SimpleNamespace

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.desk.banks.changing import add_item, create_bank, move_item
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.importing import import_file
from safehold.desk.banks.models import BankChange, BankHit, BankItem, Exchange
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.entities.models import Event
from safehold.desk.learning.asking import ask
from safehold.desk.learning.models import Asked, ShadowRun, ShadowScore, TrainingRun
from safehold.desk.learning.promoting import promote, watch
from safehold.desk.learning.training import train_now
from safehold.desk.lists.changing import add_entry, move_entry
from safehold.desk.lists.importing import apply, stage
from safehold.desk.lists.models import Entry, Revision
from safehold.desk.looks.models import Look
from safehold.desk.rules.costs import add_runs
from safehold.desk.sidebyside import versions
from safehold.desk.sidebyside.fitting import fit
from safehold.desk.sidebyside.models import Comparison
from safehold.engine import installed_signals
from safehold.signals import bench
from tests import console_rows, lessons
from tests.backtest_report import finished_backtest


def filled(live: SimpleNamespace) -> console_rows.Made:
    """Rows for every page of the console of `live`."""
    bring_in_a_list()
    made = console_rows.make(320)
    let_signals_run(live.var)
    fill_a_bank()
    teach_models()
    let_looks_wait()
    let_services_be_compared(live.var)
    finished_backtest(live.var / "history", made.overridden)
    return made


def teach_models() -> None:
    """Model 1 is live, model 2 in shadow and has scored what both have seen; a text waits to be labelled."""
    lessons.teach(160)
    for seed in (0, 1):
        model = train_now(None, "plaza", seed=seed)
        watch(None, model.pk)
        if not seed:
            promote(None, model.pk)
    TrainingRun.objects.create(
        id="trn_failed", service_id="plaza", started_by=User.objects.get(email="ada@plaza.example"), state="failed",
        error="OSError: no space left on device",
    )  # fmt: skip
    event = Event.objects.order_by("-position")[0]
    ShadowRun.objects.create(model=model, position=event.position)
    ShadowScore.objects.create(model=model, event=event, said={"spam": 0.9}, live_said={"spam": 0.2})
    ask(None, "plaza", "toxicity", 1)


def let_looks_wait() -> None:
    """A second look that waits, and one that nobody answered."""
    first, second = Decision.objects.order_by("-id")[:2]
    away = "model: ConnectError: [Errno 111] Connection refused"
    Look.objects.create(decision=first, policy="hate.protected-groups", attempts=2, why=away)
    Look.objects.create(
        decision=second,
        policy="hate.protected-groups",
        attempts=9,
        why=away,
        finished_at=datetime.now(UTC),
        outcome="failed",
    )


def let_services_be_compared(var: Path) -> None:
    """Comparisons enough for a calibration, which is in force, and one that failed."""
    rows = [
        Comparison(service_id="plaza", attribute="TOXICITY", ours=number / 240, theirs=number / 480, model="harm 1")
        for number in range(240)
    ]
    failed = Comparison(service_id="plaza", attribute="INSULT", ours=0.5, failed="too slow", model="harm 1")
    Comparison.objects.bulk_create([*rows, failed])
    folder = var / "calibrations" / "perspective"
    versions.write(folder, {"TOXICITY": fit([(row.ours, row.theirs or 0.0) for row in rows])}, "harm 1")
    versions.use(folder, 1)


def bring_in_a_list() -> None:
    """Entries in each state, one import that is in effect and one that waits."""
    known = {
        "source": "ticket 4711",
        "reference": "https://desk.example/4711",
        "confidence": 80,
        "note": "Reported twice",
    }
    for number in range(4):
        add_entry(None, "phishing", f"evil{number}.example", known)
    move_entry(None, Entry.objects.get(value="evil1.example").pk, "disputed", "It was sold to somebody else")
    move_entry(None, Entry.objects.get(value="evil2.example").pk, "retired")
    rows = "".join(f"feed{number}.example\n" for number in range(60)).encode()
    feed = {"filename": "feed.txt", "source": "https://feed.example"}
    apply(None, stage(None, "phishing", io.BytesIO(rows), "plain", **feed).pk)
    rows = b"value,confidence\nfeed1.example,90\nnext.example,70\nevil1.example,\n"
    stage(None, "phishing", io.BytesIO(rows), "csv", **feed | {"filename": "feed.csv", "mode": "replace"})


def fill_a_bank() -> None:
    """Items in each state with hits and opinions, and an exchange that fails."""
    create_bank(None, "propaganda", title="Propaganda", categories=["terrorism"], enabled_ratio=0.5)
    create_bank(None, "innocent", "negative", title="Innocent")
    items = [
        add_item(None, "propaganda", "pdq", f"{number:02x}" * 32, source="a partner", reference="case 12")
        for number in range(12)
    ]
    move_item(None, items[0].pk, "disputed", "A logo")
    move_item(None, items[1].pk, "retired")
    decision = Decision.objects.order_by("-id")[0]
    BankHit.objects.create(item=items[0], decision=decision.pk, at=decision.decided_at, distance=7, action="remove")
    with NamedTemporaryFile("w", suffix=".txt") as feed:
        feed.write("\n".join(f"{number:032x}" for number in range(9)))
        feed.flush()
        import_file(None, "propaganda", Path(feed.name), "plain", kind="md5", active=False)
    add_exchange(None, "partner", "file", "propaganda", {"url": "/nowhere/feed.csv"}, {})
    fetch(Exchange.objects.get())


def let_signals_run(var: Path) -> None:
    """What gateways noted of them for two days, one that is dearer than it says and fails, and a bench of this machine."""
    today = datetime.now(UTC).date()
    signals = {signal.name: signal.version for signal in installed_signals()}
    for back in (0, 1):
        add_runs({("links", signals["links"], False): {60: 90, 66: 9, 72: 1}}, today - timedelta(days=back))
    add_runs({("text", signals["text"], False): {80: 90}, ("text", signals["text"], True): {84: 10}}, today)
    times = bench.Times(p50=31.0, p99=62.0, runs=2_000)
    lexicon = bench.Measured(
        name="lexicon",
        version=signals["lexicon"],
        declared=60.0,
        load_ms=197.0,
        memory=8_700_000,
        short=times,
        long=times,
    )
    bench.write(var / "signals" / "bench.json", bench.Bench(at=datetime.now(UTC), signals=[lexicon]))


def pages(made: console_rows.Made) -> dict[str, str]:
    """The address of each page of the console, by what it shows."""
    acted = Decision.objects.exclude(rule="").order_by("-id")[0].pk
    old, new = PolicyVersion.objects.filter(key="spam.bulk").order_by("effective_from").values_list("pk", flat=True)[:2]
    applied, waiting = (
        Revision.objects.filter(act="import", state=state).values_list("pk", flat=True)[0]
        for state in ("applied", "staged")
    )
    proposed, batch = console_rows.rule_life(made)
    listed = Entry.objects.get(value="evil1.example").pk
    hashed = BankItem.objects.get(state="disputed").pk
    brought = BankChange.objects.get(act="import").number
    return {
        "overview": "/",
        "decisions": "/decisions/",
        "decisions filtered": "/decisions/?q=action:remove by:rules",
        "decisions, nothing found": "/decisions/?q=account:nobody",
        "decisions, bad query": "/decisions/?q=acton:remove",
        "decision": f"/decisions/{acted}/",
        "decision with its content": f"/decisions/{acted}/?reveal=1",
        "decision in a chain": f"/decisions/{made.overridden}/",
        "hashes of a decision into a bank": f"/decisions/{acted}/bank/",
        "policies": "/policies/",
        "policy": "/policies/phishing.links/",
        "what changed": f"/policies/spam.bulk/{old}/{new}/",
        "rule": "/policies/spam.bulk/rules/repeated-text/",
        "changes": "/policies/changes/",
        "change that waits": f"/policies/changes/{proposed}/",
        "new policy": "/policies/new/",
        "policies and Git": "/policies/git/",
        "batches": "/policies/batches/",
        "batch to confirm": f"/policies/batches/{batch}/",
        "revert": "/policies/batches/new/?kind=revert&rule=spam.bulk/repeated-text",
        "apply to the past": "/policies/batches/new/?kind=retro&rule=spam.bulk/repeated-text",
        "backtests": "/backtests/",
        "backtest": "/backtests/bkt_made/",
        "lists": "/lists/",
        "list": "/lists/phishing/",
        "list, searched": "/lists/phishing/?q=state:disputed",
        "list in files": "/lists/disposable_mail/",
        "entry of a list": f"/lists/phishing/entries/{listed}/",
        "history of a list": "/lists/phishing/history/",
        "import in effect": f"/lists/phishing/revisions/{applied}/",
        "import that waits": f"/lists/phishing/revisions/{waiting}/",
        "propose an entry": "/lists/phishing/add/",
        "import a file": "/lists/phishing/import/",
        "hash banks": "/banks/",
        "hash bank": "/banks/in/propaganda/",
        "hash bank, searched": "/banks/in/propaganda/?q=state:disputed",
        "item of a bank": f"/banks/in/propaganda/items/{hashed}/",
        "add a hash": "/banks/in/propaganda/add/",
        "settings of a bank": "/banks/in/propaganda/settings/",
        "show a file to a bank": "/banks/in/propaganda/file/",
        "import into a bank": "/banks/in/propaganda/import/",
        "import of a bank that waits": f"/banks/in/propaganda/changes/{brought}/",
        "make a bank": "/banks/make/",
        "exchanges": "/banks/exchanges/",
        "kinds of exchanges": "/banks/exchanges/add/",
        "add an exchange": "/banks/exchanges/add/?kind=ncmec",
        "settings of an exchange": "/banks/exchanges/in/partner/",
        "signals": "/signals/",
        "signal": "/signals/links/",
        "signal that costs too much": "/signals/text/",
        "signal that was measured here": "/signals/lexicon/",
        "second looks": "/looks/",
        "side by side": "/side-by-side/",
        "calibration": "/side-by-side/calibrations/1/",
        "models": "/models/",
        "model": "/models/1/",
        "model in shadow, with texts": "/models/2/?reveal=1",
        "labels": "/models/labels/",
        "training": "/models/training/trn_failed/",
        "what to label next": "/models/next/?attribute=spam",
        "text to label": f"/tasks/{Asked.objects.filter(turn=1)[0].pk}/label/",
        "ledger": "/ledger/",
        "entries": "/ledger/entries/",
        "entry": "/ledger/entries/20/",
        "webhooks": "/webhooks/",
        "dead letters": "/webhooks/dead/",
        "message": f"/webhooks/messages/{made.delivery}/",
        "message, shown": f"/webhooks/messages/{made.delivery}/?reveal=1",
        "endpoints": "/webhooks/endpoints/",
        "endpoint": f"/webhooks/endpoints/{made.endpoint}/",
        "add an endpoint": "/webhooks/endpoints/add/",
        "audit": "/audit/",
        "reports": "/reports/?view=all",
        "report": f"/reports/{made.notice}/",
        "people": "/people/",
        "add somebody": "/people/add/",
        "person": f"/people/{made.people[Role.MODERATOR].pk}/",
        "keys": "/keys/",
        "profile": "/profile/",
    }
