"""`safehold banks`: hash banks and their items. It calls the same functions as the console's pages; the record says that it was
done at the shell, where items take effect at once.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from safehold.cli.lists_shell import Bar, console, failure, use_django

app = typer.Typer(no_args_is_help=True, help="Hash banks: make, fill, look, dispute, settle.")

Bank = Annotated[str, typer.Argument(metavar="BANK", help="The bank's name.")]
Kind = Annotated[
    str, typer.Argument(metavar="TYPE", help="pdq, vpdq, video_md5, md5, sha1, sha256, tlsh, raw_text or url.")
]
Number = Annotated[int, typer.Argument(metavar="ITEM", help="The item's number, as `show` and decisions say it.")]


def do(function: Any, *arguments: Any, **more: Any) -> Any:
    """Call what may be refused; a refusal is a line of red and exit code 1."""
    use_django()
    from django.core.exceptions import ObjectDoesNotExist, ValidationError

    from safehold.accounts.people import Refused
    from safehold.desk.banks.changing import Busy, NoSuchBank
    from safehold.desk.banks.exchanges.managing import NoSuchExchange
    from safehold.desk.banks.reading import BadFile
    from safehold.desk.imports import BadImport
    from safehold.signals.hashes.kinds import BadHash
    from safehold.states import InvalidTransition

    try:
        return function(*arguments, **more)
    except BadImport as error:
        for problem in error.problems:
            typer.secho(str(problem), err=True, fg="red")
        raise failure(f"{error.count:,} rows are wrong; nothing was imported.") from error
    except ValidationError as error:
        raise failure("; ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())) from error
    except ObjectDoesNotExist as error:
        raise failure("there is no such item") from error
    except (Refused, Busy, NoSuchBank, NoSuchExchange, BadHash, BadFile, InvalidTransition, ValueError) as error:
        raise failure(error) from error


def list_banks() -> None:
    """Every bank, with how many items it has in each state and what share of them counts.

    Example: safehold banks list
    """
    use_django()
    from django.db.models import Count

    from safehold.desk.banks.models import Bank as Held
    from safehold.desk.banks.models import BankItem
    from safehold.desk.banks.states import ITEM

    counted = BankItem.objects.order_by().values_list("bank", "state").annotate(Count("pk"))
    counts = {(name, state): count for name, state, count in counted}
    table = Table(
        "Bank", "Sign", "Share", *(state.capitalize() for state in ITEM.states), "Version", box=None, pad_edge=False
    )
    for bank in Held.objects.order_by("name"):
        numbers = (f"{counts.get((bank.name, state), 0):,}" for state in ITEM.states)
        table.add_row(bank.name, bank.sign, f"{bank.enabled_ratio:.0%}", *numbers, bank.version)
    console.print(table)


def create(
    name: Bank,
    negative: Annotated[bool, typer.Option("--negative", help="What it has is known not to violate.")] = False,
    title: Annotated[str, typer.Option(help="For people.")] = "",
    description: Annotated[str, typer.Option(help="What belongs in it.")] = "",
    category: Annotated[list[str], typer.Option(help="What policies read: csam, terrorism, ...")] = [],  # noqa: B006
    policy: Annotated[str, typer.Option(help="The key of the policy that it serves.")] = "",
    retention_days: Annotated[int | None, typer.Option(min=1, help="After how many days an item is retired.")] = None,
    one_person: Annotated[bool, typer.Option("--one-person", help="What a person adds needs nobody else.")] = False,
) -> None:
    """Make a bank.

    Example: safehold banks create terror-media --category terrorism --title "Terrorist media"
    """
    use_django()
    from safehold.desk.banks.changing import create_bank

    do(
        create_bank, None, name, "negative" if negative else "positive", title=title, description=description,
        categories=category, policy=policy, retention_days=retention_days, two_people=not one_person,
    )  # fmt: skip
    typer.echo(f"{name} is there now, without items.")


def change(
    name: Bank,
    ratio: Annotated[float | None, typer.Option(help="The share of its hashes that counts, 0 to 1.")] = None,
    pdq_distance: Annotated[int | None, typer.Option(help="How many of 256 bits may differ, 0 to 31.")] = None,
    tlsh_distance: Annotated[int | None, typer.Option(help="How different files may be, 0 to 100.")] = None,
    video_query_share: Annotated[float | None, typer.Option(help="How much of a video must be in an item.")] = None,
    video_item_share: Annotated[float | None, typer.Option(help="How much of an item must be in a video.")] = None,
    variants: Annotated[
        bool | None, typer.Option("--variants/--no-variants", help="Index cropped and unbarred forms of pictures.")
    ] = None,
    one_side: Annotated[
        bool | None, typer.Option("--one-side/--no-one-side", help="Index forms of pictures cut at one side.")
    ] = None,
    turned: Annotated[
        bool | None, typer.Option("--turned/--no-turned", help="Index forms of pictures turned by 2 and 4 degrees.")
    ] = None,
    title: Annotated[str | None, typer.Option()] = None,
    retention_days: Annotated[int | None, typer.Option(help="0: never.", min=0)] = None,
    category: Annotated[list[str] | None, typer.Option(help="All of its categories anew.")] = None,
) -> None:
    """Change a bank, in effect at the gateway within a second.

    Example: safehold banks change terror-media --ratio 0.1
    """
    use_django()
    from safehold.desk.banks.changing import change_bank

    wanted = {
        "enabled_ratio": ratio, "pdq_distance": pdq_distance, "tlsh_distance": tlsh_distance, "title": title,
        "categories": category or None, "video_query_share": video_query_share, "video_item_share": video_item_share,
        "variants": variants, "one_side": one_side, "turned": turned,
    }  # fmt: skip
    known: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    if retention_days is not None:
        known["retention_days"] = retention_days or None
    if not known:
        raise failure("say what to change; --help has what there is")
    bank = do(change_bank, None, name, **known)
    typer.echo(f"{name} is at version {bank.version}.")


def show(
    name: Bank,
    state: Annotated[str, typer.Option(help="quarantined, active, disputed, negative or retired.")] = "",
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
) -> None:
    """The newest items of a bank, with where they come from.

    Example: safehold banks show terror-media --state disputed
    """
    use_django()
    from safehold.desk.banks.changing import found_bank
    from safehold.desk.banks.models import BankItem

    found = BankItem.objects.filter(bank=do(found_bank, name)).select_related("bank").order_by("-id")
    table = Table(
        "Item",
        "Type",
        Column("Hash", no_wrap=True, min_width=64),
        "State",
        "Counts",
        "Source",
        "Added",
        box=None,
        pad_edge=False,
    )
    for item in (found.filter(state=state) if state else found)[:limit]:
        counts = (
            "yes" if item.state == "active" and item.enabled else "not in share" if item.state == "active" else "no"
        )
        table.add_row(str(item.pk), item.kind, item.value, item.state, counts, item.source, f"{item.added_at:%Y-%m-%d}")
    console.print(table)


def add(
    name: Bank,
    kind: Kind,
    value: Annotated[str, typer.Argument(help="The hash; for raw_text the text, of which only a digest is kept.")],
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    reference: Annotated[str, typer.Option(help="A case or a ticket.")] = "",
    note: Annotated[str, typer.Option(help="For people.")] = "",
) -> None:
    """Put a hash into a bank, active at once.

    Example: safehold banks add terror-media md5 9e107d9d372bb6826bd81d3542a419d6 --reference "case 12"
    """
    use_django()
    from safehold.desk.banks.changing import add_item

    item = do(add_item, None, name, kind, value, source=source, reference=reference, note=note)
    typer.echo(f"Item {item.pk} of {name} is {item.state}.")


def add_file(
    name: Bank,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A picture, a video or any file.")],
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    reference: Annotated[str, typer.Option(help="A case or a ticket.")] = "",
) -> None:
    """Put the hashes of a file into a bank: of a picture PDQ, of a video vPDQ and its MD5, of each file SHA-256. The file stays
    where it is.

    Example: safehold banks add-file terror-media picture.png --reference "case 12"
    """
    use_django()
    from safehold.desk.banks.changing import add_items, found_bank
    from safehold.gateway.hma.media import hashes_and_variants
    from safehold.gateway.problems import Refusal

    bank = do(found_bank, name)
    try:
        hashes, variants = hashes_and_variants(file.read_bytes(), bank.indexes)
    except Refusal as refusal:
        raise failure(refusal.detail) from refusal
    wanted = [(kind, hashes[kind]) for kind in ("pdq", "vpdq", "video_md5", "sha256") if kind in hashes]
    for item in do(add_items, None, name, wanted, {"source": source, "reference": reference}, variants):
        forms = f" with its forms {', '.join(item.variants)}" if item.variants else ""
        typer.echo(f"Item {item.pk} of {name}, {item.kind}{forms}, is {item.state}.")


_MOVES = {
    "activate": "activated", "dispute": "disputed", "uphold": "upheld", "clear": "cleared", "retire": "retired",
    "return": "returned",
}  # fmt: skip


def review(
    number: Number,
    activity: Annotated[str, typer.Argument(help=f"{', '.join(_MOVES)}.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Activate a quarantined item, dispute an active one, uphold or clear a disputed one, retire any.

    Example: safehold banks review 4711 dispute --note "a medical picture"
    """
    use_django()
    from safehold.desk.banks.changing import move_item

    if activity not in _MOVES:
        raise typer.BadParameter(f"there are {', '.join(_MOVES)}", param_hint="ACTIVITY")
    item = do(move_item, None, number, _MOVES[activity], note)
    typer.echo(f"Item {item.pk} of {item.bank_id} is {item.state} now.")


def opinion(
    number: Number,
    belief: Annotated[str, typer.Argument(help="positive, negative or seed.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Say what you think of an item; its state stays. The exchange that it is from is told, if it takes opinions.

    Example: safehold banks opinion 4711 positive
    """
    use_django()
    from safehold.desk.banks.changing import say

    if belief not in ("positive", "negative", "seed"):
        raise typer.BadParameter("there are positive, negative and seed", param_hint="BELIEF")
    do(say, None, number, belief, note)
    typer.echo(f"Kept: item {number} is {belief}.")


def import_(
    name: Bank,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What to import.")],
    format: Annotated[str, typer.Option("--format", help="csv, ndjson or plain; by the file's name if left out.")] = "",
    kind: Annotated[str, typer.Option("--type", help="The type of rows that name none.")] = "",
    source: Annotated[str, typer.Option(help="Where they come from; the file's name if left out.")] = "",
    quarantine: Annotated[bool, typer.Option("--quarantine", help="They wait until somebody activates them.")] = False,
) -> None:
    """Import a file: CSV with the columns type, value, reference, note, source; the same as NDJSON; or a hash a line.

    One wrong row and nothing is imported. After a crash the same command goes on.

    Example: safehold banks import terror-media hashes.csv --source "Tech Against Terrorism"
    """
    use_django()
    from safehold.desk.banks.importing import import_file
    from safehold.desk.banks.reading import format_of

    chosen = format or do(format_of, file.name)
    with Bar() as bar:
        made = do(import_file, None, name, file, chosen, kind=kind, source=source, active=not quarantine, progress=bar)
    counts = made.counts
    typer.echo(f"{counts['added']:,} added, {counts['known']:,} known before; this is change {made.number} of {name}.")


def export(
    name: Bank,
    state: Annotated[str, typer.Option(help="quarantined, active, disputed, negative or retired.")] = "active",
    format: Annotated[str, typer.Option("--format", help="csv or ndjson, as `import` reads them.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Where to write it; else to standard output.")] = None,
) -> None:
    """Write the items of a bank as a file that `import` reads, here or elsewhere. Videos and texts go as their hashes.

    Example: safehold banks export terror-media --out hashes.csv
    """
    use_django()
    from safehold.cli.lists_shell import write_out
    from safehold.desk.banks.changing import found_bank
    from safehold.desk.banks.reading import lines_of
    from safehold.desk.banks.states import ITEM

    if state not in ITEM.states:
        raise typer.BadParameter(f"there are {', '.join(ITEM.states)}", param_hint="--state")
    if format not in ("csv", "ndjson"):
        raise typer.BadParameter("there are csv and ndjson", param_hint="--format")
    bank = do(found_bank, name)
    items = bank.items.filter(state=state, change__lte=bank.number).order_by("id").iterator(500)
    write_out(lines_of(items, format), out)


def activate(
    name: Bank, number: Annotated[int, typer.Argument(metavar="CHANGE", help="The change that brought them.")]
) -> None:
    """Activate all that one import or fetch brought and that waits, in one moment.

    Example: safehold banks activate terror-media 12
    """
    use_django()
    from safehold.desk.banks.importing import activate_all

    with Bar() as bar:
        made = do(activate_all, None, name, number, progress=bar)
    typer.echo(f"{made.counts['activated']:,} items of {name} are active.")


def abandon(name: Bank) -> None:
    """Give up an import that was interrupted: what it had written is retired.

    Example: safehold banks abandon terror-media
    """
    use_django()
    from safehold.desk.banks.importing import abandon as give_up

    made = do(give_up, None, name)
    typer.echo(f"Change {made.number} of {name} is abandoned.")


for command, function in (
    ("list", list_banks), ("create", create), ("change", change), ("show", show), ("add", add),
    ("add-file", add_file), ("review", review),
    ("opinion", opinion), ("import", import_), ("export", export), ("activate", activate), ("abandon", abandon),
):  # fmt: skip
    app.command(command)(function)
