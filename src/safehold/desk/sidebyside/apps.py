from django.apps import AppConfig


class SideBySideConfig(AppConfig):
    name = "safehold.desk.sidebyside"
    label = "sidebyside"
