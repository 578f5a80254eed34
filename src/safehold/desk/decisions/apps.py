from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "safehold.desk.decisions"
    label = "decisions"
