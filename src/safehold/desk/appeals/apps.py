from django.apps import AppConfig


class AppealsConfig(AppConfig):
    name = "safehold.desk.appeals"
    label = "appeals"
