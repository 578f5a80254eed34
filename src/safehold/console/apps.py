"""Django's description of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "safehold.console"
    label = "console"
    verbose_name = "Console"
