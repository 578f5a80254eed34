"""The public side of the log: checkpoint and tiles as C2SP tlog-tiles serves them, and proofs for the browser.

All of it is for everybody and holds no personal data, so any origin may read it.
"""

import base64
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from safehold.ledger.tiles import WIDTH, NoSuchTile, parse_path, width_at
from safehold.record.checkpointer import LedgerAltered, checkpoint_once
from safehold.record.log import latest_checkpoint, prove, read_row, signer
from safehold.record.models import Checkpoint, LedgerEntry

#: An entry that no checkpoint covers yet has one signed for it, but not more often than this.
ON_DEMAND_EVERY = timedelta(seconds=1)
_FOR_EVER = "public, max-age=31536000, immutable"
View = Callable[..., HttpResponse]


def public(view: View) -> View:
    """GET and HEAD only, readable by pages of any origin."""

    @require_safe
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return answer


@public
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint, a C2SP note."""
    newest = latest_checkpoint() or checkpoint_once()
    return HttpResponse(newest.note, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "max-age=2"})


@public
def tile(request: HttpRequest, path: str) -> HttpResponse:
    """`<L>/<N>[.p/<W>]`: hashes; `entries/<N>[.p/<W>]`: entries, each after its length as a big-endian uint16."""
    try:
        wanted = parse_path(path)
    except NoSuchTile as error:
        raise Http404(str(error)) from None
    newest = latest_checkpoint()
    if wanted.width > width_at(wanted.level or 0, wanted.index, newest.size if newest else 0):
        raise Http404("no checkpoint covers this tile yet")
    if wanted.level is None:
        first = wanted.index * WIDTH
        entries = LedgerEntry.objects.filter(index__gte=first, index__lt=first + wanted.width).order_by("index")
        bodies = (body.encode() for body in entries.values_list("body", flat=True))
        data = b"".join(len(body).to_bytes(2, "big") + body for body in bodies)
    else:
        data = b"".join(read_row(wanted.level, wanted.index, wanted.width))
    return HttpResponse(data, content_type="application/octet-stream", headers={"Cache-Control": _FOR_EVER})


@public
def proof(request: HttpRequest, kind: str, row_id: str) -> HttpResponse:
    """What `verify.js` needs: the entry, the way to the root, the signed checkpoint and the log's public key.

    202 with Retry-After while no checkpoint covers the entry and the last one was signed a moment ago.
    """
    entry = LedgerEntry.objects.filter(kind=kind, subject_id=row_id).first()
    if entry is None:
        return JsonResponse({"error": f"The ledger has no entry about {kind} {row_id}."}, status=404)
    try:
        newest = _covering(entry)
    except LedgerAltered as error:
        return JsonResponse({"error": f"This log can't sign any more: {error}."}, status=500)
    if newest is None:
        return JsonResponse(
            {"error": "The next checkpoint will cover this entry."}, status=202, headers={"Retry-After": "1"}
        )
    proven = prove(entry, newest)
    return JsonResponse(
        {
            "entry": proven.body,
            "index": entry.index,
            "size": proven.size,
            "proof": [base64.b64encode(hash_).decode() for hash_ in proven.proof.hashes],
            "checkpoint": proven.proof.checkpoint,
            "vkey": str(signer().verifier),
            "tlog_proof": str(proven.proof),
        },
        headers={"Cache-Control": "no-store"},
    )


def _covering(entry: LedgerEntry) -> Checkpoint | None:
    """The newest checkpoint if it covers `entry`; one signed now if the last is old enough; None: ask again."""
    newest = latest_checkpoint()
    if newest and newest.size > entry.index:
        return newest
    if newest and newest.at > timezone.now() - ON_DEMAND_EVERY:
        return None
    newest = checkpoint_once()
    return newest if newest.size > entry.index else None
