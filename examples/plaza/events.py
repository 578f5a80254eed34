"""What happens on Plaza, as CloudEvents of Safehold's event types."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SOURCE = "https://plaza.example/forum"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _event(type: str, id: str, actor: Mapping[str, Any], at: float, **data: Any) -> dict[str, Any]:
    """A CloudEvent. `id` names what happened, so an event that is sent twice is taken once."""
    who = {"id": actor["id"], "name": actor["name"], "created_at": iso(actor["created_at"])}
    return {
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": type,
        "time": iso(at),
        "datacontenttype": "application/json",
        "data": {"actor": who, **data},
    }


def account_created(account: Mapping[str, Any]) -> dict[str, Any]:
    return _event("account.created", f"joined-{account['id']}", account, account["created_at"], method="password")


def post_created(actor: Mapping[str, Any], id: str, thread: str, text: str, at: float) -> dict[str, Any]:
    return _event(
        "content.created", id, actor, at, content_id=id, content_type="post", thread_id=thread, text=text,
        url=f"https://plaza.example/t/{thread}#{id}", visibility="public",
    )  # fmt: skip


def message_sent(actor: Mapping[str, Any], id: str, recipient: str, text: str, at: float) -> dict[str, Any]:
    thread = "-".join(sorted((actor["id"], recipient)))
    return _event(
        "message.sent", id, actor, at, message_id=id, thread_id=thread, recipient_id=recipient, text=text
    )  # fmt: skip


def report_filed(actor: Mapping[str, Any], item: Mapping[str, Any], reason: str, at: float) -> dict[str, Any]:
    kind = "content" if item["kind"] == "post" else "message"
    target = {"kind": kind, "id": item["id"], "text": item["text"]}
    return _event(
        "report.filed", f"report-{uuid.uuid4()}", actor, at, report_id=f"r-{uuid.uuid4()}", reason="other",
        explanation=reason, kind="user_report", target=target,
    )  # fmt: skip
