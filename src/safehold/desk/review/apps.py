from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _make_queues(**_: object) -> None:
    from safehold.desk.review.queues import ensure_queues

    ensure_queues()


class ReviewConfig(AppConfig):
    name = "safehold.desk.review"
    label = "review"

    def ready(self) -> None:
        from safehold.desk.review import counters, listeners  # noqa: F401 (they register)

        post_migrate.connect(_make_queues, sender=self)
