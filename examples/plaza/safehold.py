"""All that a platform needs to talk to Safehold: send what happens as CloudEvents, do what the signed webhooks say."""

import time
from typing import Any

import httpx
from standardwebhooks import Webhook

from plaza.store import Store


class Safehold:
    """Sends events with an API key; checks webhooks with the shared secret."""

    def __init__(self, url: str, key: str, webhook_secret: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self.webhook = Webhook(webhook_secret)

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """Send one event; the answer is Safehold's verdict."""
        answer = self.http.post("/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
        answer.raise_for_status()
        return answer.json()

    def send_batch(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send many at once, in order."""
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        answer = self.http.post("/v1/events:batch", json=events, headers=headers)
        answer.raise_for_status()
        return answer.json()["results"]

    def obey(self, body: bytes, headers: dict[str, str], store: Store) -> None:
        """Do what a webhook says, once. Raises `WebhookVerificationError` if it is not Safehold's."""
        message = self.webhook.verify(body, headers)
        if store.run("SELECT 1 FROM seen WHERE id = ?", headers["webhook-id"]):
            return
        data = message["data"]
        if message["type"] == "action.apply":
            target = data["target"]
            store.restrict(
                data["action_id"], target["kind"], target["id"], data["type"], data["params"], data["ends_at"]
            )
        elif message["type"] in {"action.reverse", "action.expired"}:
            store.lift(data["action_id"])
        elif message["type"] in {"statement.issued", "appeal.decided"} and data.get("account_id"):
            store.run(
                "INSERT OR IGNORE INTO letter VALUES (?, ?, ?, ?, ?)", headers["webhook-id"], data["account_id"],
                data.get("summary", ""), data.get("statement_url", ""), time.time(),
            )  # fmt: skip
        store.run("INSERT OR IGNORE INTO seen VALUES (?)", headers["webhook-id"])
