from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "safehold.desk.reports"
    label = "reports"
