from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "safehold.desk.decisions"
    label = "decisions"

    def ready(self) -> None:
        from safehold.desk.decisions import notices  # noqa: F401 (it listens)
