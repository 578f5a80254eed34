"""Texts with labels for tests of what is learned: small talk and advertisements put together from words, seeded. A model can
learn them from some hundred, and not perfectly: some of either kind share their words."""

import random
from datetime import timedelta

from django.utils import timezone

from safehold.desk.learning.models import AuditShare
from safehold.desk.learning.taking import submit_many
from safehold.gateway.store import LabelSubmission
from safehold.signals.community.training import AUDIT_SHARE

_TALK = [
    "see",
    "you",
    "at",
    "the",
    "park",
    "tomorrow",
    "bring",
    "your",
    "bike",
    "we",
    "can",
    "have",
    "lunch",
    "my",
    "sister",
    "says",
    "hello",
    "the",
    "film",
    "was",
    "good",
]
_LURE = [
    "earn",
    "money",
    "fast",
    "click",
    "this",
    "link",
    "cheap",
    "pills",
    "free",
    "offer",
    "win",
    "prize",
    "bonus",
    "casino",
    "loan",
    "limited",
    "guaranteed",
]

#: By which the audited share is drawn: in the product a random one, and each draws other texts.
SALT = "lessons"


def texts(count: int, *, seed: int = 7, rate: float = 0.4) -> list[tuple[str, bool]]:
    """(text, whether it is an advertisement)."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        spam = draw.random() < rate
        mixed = draw.random() < 0.1
        words = [draw.choice(_LURE if (spam != mixed) and draw.random() < 0.6 else _TALK) for _ in range(9)]
        found.append((f"{' '.join(words)} {number % 97}x{number}", spam))
    return found


def teach(count: int, *, seed: int = 7, service: str = "plaza", attribute: str = "spam", flip: bool = False) -> None:
    """Bring in labels of so many texts; `flip` teaches the opposite. What measures a model is drawn as ever."""
    AuditShare.objects.get_or_create(service_id=service, defaults={"salt": SALT, "share": AUDIT_SHARE})
    at = timezone.now() - timedelta(days=1)
    labels = [
        LabelSubmission(
            text=text, attribute=attribute, value=float(spam != flip), source="manual", at=at, reference=f"s{seed}"
        )
        for text, spam in texts(count, seed=seed)
    ]
    for _ in submit_many(service, labels):
        pass
