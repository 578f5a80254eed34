"""The platform's webhook endpoints: made, rotated, switched off and on by an administrator."""

import base64
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from safehold.desk.decisions.models import Endpoint
from safehold.desk.decisions.sealing import seal, unseal
from safehold.record.recording import Record

#: How long the old secret still signs after a rotation.
OVERLAP = timedelta(hours=24)


def new_secret() -> str:
    """`whsec_` and 256 random bits in base64, as Standard Webhooks writes a symmetric secret."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def add_endpoint(
    record: Record, service_id: str, url: str, *, description: str = "", secret: str = "", by: str = ""
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which is shown this once. Raises ValueError for what is no http(s) URL or secret.

    What was decided before is not told to it.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(f"{url!r} is no webhook URL: it takes https://host/path, without a user or a fragment")
    secret = secret or new_secret()
    if not secret.startswith("whsec_") or len(base64.b64decode(secret[6:], validate=True)) < 24:
        raise ValueError("a webhook secret is whsec_ and at least 24 bytes in base64; leave it out and one is made")
    endpoint = Endpoint.objects.create(service_id=service_id, url=url, description=description, secret=seal(secret))
    record.audit("webhook.added", "endpoint", endpoint.pk, actor=by, detail={"url": url})
    return endpoint, secret


def rotate_secret(record: Record, endpoint: Endpoint, *, by: str = "", overlap: timedelta = OVERLAP) -> str:
    """A new secret. The old one signs as well for `overlap`, so that the platform can change over in its own time."""
    secret = new_secret()
    endpoint.previous_secret, endpoint.secret = endpoint.secret, seal(secret)
    endpoint.previous_until = timezone.now() + overlap
    endpoint.save(update_fields=["secret", "previous_secret", "previous_until"])
    record.audit("webhook.secret_rotated", "endpoint", endpoint.pk, actor=by)
    return secret


def switch(record: Record, endpoint: Endpoint, *, active: bool, by: str = "", why: str = "") -> None:
    """Off: its messages wait. On: they go out."""
    endpoint.active = active
    endpoint.save(update_fields=["active"])
    verb = "webhook.switched_on" if active else "webhook.switched_off"
    record.audit(verb, "endpoint", endpoint.pk, actor=by, detail={"why": why} if why else None)


def signing_secrets(endpoint: Endpoint) -> list[str]:
    """The secrets that sign now, the newest first."""
    secrets_now = [unseal(endpoint.secret)]
    if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > timezone.now():
        secrets_now.append(unseal(endpoint.previous_secret))
    return secrets_now
