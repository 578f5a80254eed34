"""Django's description of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "safehold.console"
    label = "console"
    verbose_name = "Console"

    def ready(self) -> None:
        from safehold.console import counters, find  # noqa: F401 (they register with the navigation and the palette)
