"""What a first start sets up, and every later one finds done: tables, the service, the first admin, the demo. `safehold up`
calls these in order; each is idempotent and says what it did.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from safehold.once import write_once

#: People of the demo beside the admin: an appeal needs somebody who had no part in the decision.
DEMO_PEOPLE = (("mira@plaza.example", "Mira", "moderator"), ("noor@plaza.example", "Noor", "senior_moderator"))
ADMIN = ("admin@plaza.example", "Admin", "admin")
EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass(frozen=True)
class SignIn:
    """Somebody who was just made, with the password that is shown this once."""

    email: str
    password: str
    role: str


def migrate() -> int:
    """Bring the tables up to date; returns how many migrations ran."""
    out = StringIO()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=1, no_color=True, stdout=out)
    return out.getvalue().count("... OK")


def ensure_service() -> None:
    """The service of this installation and the queues its people work."""
    from safehold.desk.entities.models import Service
    from safehold.desk.review.queues import ensure_queues

    slug = settings.SAFEHOLD_SERVICE
    Service.objects.get_or_create(slug=slug, defaults={"name": slug.replace("-", " ").capitalize()})
    ensure_queues()


def first_people(demo: bool) -> list[SignIn]:
    """Make the admin, and the demo's moderators, if nobody is here yet."""
    from safehold.accounts.models import User
    from safehold.accounts.people import add_person
    from safehold.accounts.roles import Role
    from safehold.record.recording import recording

    if User.objects.exists():
        return []
    made = []
    for email, name, role in (ADMIN, *(DEMO_PEOPLE if demo else ())):
        password = secrets.token_urlsafe(12)
        with recording():
            user = add_person(None, email, name, [Role(role)])
            user.set_password(password)
            user.save(update_fields=["password"])
        made.append(SignIn(email, password, Role(role).label))
    return made


def demo_credentials() -> dict[str, str]:
    """The demo platform's API key and webhook secret, made at the first start and kept in `var/demo/plaza.json`."""
    from safehold.accounts.keys import create_key
    from safehold.accounts.roles import Scope
    from safehold.desk.decisions.endpoints import add_endpoint
    from safehold.record.recording import recording

    path = settings.VAR / "demo" / "plaza.json"
    if path.exists():
        return json.loads(path.read_text())
    port = _free_port(8001)
    service = settings.SAFEHOLD_SERVICE
    with recording() as record:
        _, key = create_key(None, "Plaza, the example platform", [Scope.WRITE_EVENTS], service=service)
        _, secret = add_endpoint(record, service, f"http://127.0.0.1:{port}/webhooks", description="Plaza")
    credentials = {"key": key, "secret": secret, "port": str(port)}
    write_once(path, json.dumps(credentials).encode())
    return credentials


def start_plaza(safehold_url: str, credentials: dict[str, str], replay: int) -> "subprocess.Popen[bytes]":
    """Run the example platform in a process of its own, as a real platform would be."""
    data = settings.VAR / "demo" / "plaza.sqlite3"
    command = [
        sys.executable, "-m", "plaza", "--safehold", safehold_url, "--port", credentials["port"],
        "--data", str(data), "--replay", str(replay),
    ]  # fmt: skip
    handed = {"PLAZA_KEY": credentials["key"], "PLAZA_SECRET": credentials["secret"]}
    return subprocess.Popen(command, env={**os.environ, **handed, "PYTHONPATH": str(EXAMPLES)})  # noqa: S603 - our own


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
