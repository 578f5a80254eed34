"""The key of a request to Akismet's API, wherever its clients put it. Who calls: `akismet`'s routes and figures."""

from collections.abc import Mapping

from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Request
from safehold.gateway.routes import Parts
from safehold.gateway.store import Key


def key_of(
    parts: Parts,
    request: Request,
    form: Mapping[str, list[str]],
    scope: str,
    *,
    fields: tuple[str, ...] = ("api_key", "key"),
) -> Key:
    """The key of a request: a field of the form, or the first label of the host's name, as clients of the older style have it.

    Host names have no underscore in certificates, so `sh-` stands for `sh_`. Raises Refusal.
    """
    said = next((form[name][0].strip() for name in fields if form.get(name)), "")
    if not said:
        label, dot, _ = request.headers.get(b"host", b"").decode("latin-1").partition(".")
        said = label.lower() if dot and label.lower().startswith(("sh_", "sh-")) else ""
    if not said:
        raise Refusal("unauthorized", "send your key as api_key, or as the first label of the host name")
    secret = f"sh_{said[3:]}" if said.startswith("sh-") else said
    return parts.keyring.check_secret(secret.encode("utf-8", "replace"), scope)
