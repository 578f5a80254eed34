from django.apps import AppConfig


class RulesConfig(AppConfig):
    name = "safehold.desk.rules"
    label = "rules"
