from django.apps import AppConfig


class TransparencyConfig(AppConfig):
    name = "safehold.desk.transparency"
    label = "transparency"

    def ready(self) -> None:
        from safehold.desk.transparency import statements  # noqa: F401 (it listens)
