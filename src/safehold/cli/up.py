"""`safehold up`: everything a first start needs, then serve. `make up` runs it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

if TYPE_CHECKING:
    from safehold.site.install import SignIn

console = Console(stderr=True)


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for console, API, portal and Trust Center.")] = 8000,
    demo: Annotated[bool, typer.Option(help="Run Plaza, the example platform, on real messages.")] = True,
    replay: Annotated[int, typer.Option(help="How many messages Plaza lives through, once.")] = 1700,
    processes: Annotated[int, typer.Option(min=1, help="How many processes serve; see `safehold serve --help`.")] = 1,
) -> None:
    """Migrate, create an admin, load policies and demo, and serve.

    A second start finds everything done, and loses nothing.

    Example: safehold up --port 8000 --no-demo
    """
    os.environ.setdefault("SAFEHOLD_PUBLIC_URL", f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}")  # noqa: S104
    if demo:
        os.environ.setdefault("SAFEHOLD_WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()
    # uvicorn ends what is open and then raises the signal again: leave by an exception, so that Plaza ends too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    plaza = _prepare(port, demo, replay)
    try:
        from safehold.cli.serve import serve

        serve(host=host, port=port, processes=processes)
    except KeyboardInterrupt:
        console.print("Stopped. Everything is kept; `make up` goes on from here.")
    finally:
        if plaza:
            plaza.terminate()
            plaza.wait(10)


def _prepare(port: int, demo: bool, replay: int) -> "subprocess.Popen[bytes] | None":
    from django.conf import settings

    from safehold.site import install

    with _step("Database") as say:
        count = install.migrate()
        say(f"{count} migrations run" if count else "up to date")
    with _step("Policies") as say:
        from safehold.engine import load_bundle

        bundle = load_bundle(settings.SAFEHOLD_POLICIES)
        rules = sum(len(policy.rules) for policy in bundle.policies)
        say(f"{len(bundle.policies)} policies with {rules} rules from {settings.SAFEHOLD_POLICIES}")
    install.ensure_service()
    with _step("People") as say:
        made = install.first_people(demo)
        say(f"{len(made)} made" if made else "already here")
    if made:
        _show_sign_ins(made, port)
    if not demo or not install.EXAMPLES.exists():
        return None
    with _step("Plaza, the example platform") as say:
        credentials = install.demo_credentials()
        say(f"http://127.0.0.1:{credentials['port']}")
    return install.start_plaza(f"http://127.0.0.1:{port}", credentials, replay)


@contextmanager
def _step(title: str) -> Iterator[Callable[[str], None]]:
    """A spinner while it runs, a line when it is done."""
    result: list[str] = []
    with console.status(f"{title} …"):
        yield result.append
    console.print(f"[green]✓[/green] {title}: {', '.join(result)}", highlight=False)


def _show_sign_ins(made: "list[SignIn]", port: int) -> None:
    table = Table.grid(padding=(0, 2))
    for person in made:
        table.add_row(person.email, f"[bold]{person.password}[/bold]", person.role)
    console.print(Panel(table, title=f"Sign in at http://127.0.0.1:{port} (shown only now)", expand=False))
