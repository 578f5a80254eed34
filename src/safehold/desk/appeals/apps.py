from django.apps import AppConfig


class AppealsConfig(AppConfig):
    name = "safehold.desk.appeals"
    label = "appeals"

    def ready(self) -> None:
        from safehold.desk.appeals import listeners, outcome  # noqa: F401 (they listen)
