from django.apps import AppConfig


class TransparencyConfig(AppConfig):
    name = "safehold.desk.transparency"
    label = "transparency"
