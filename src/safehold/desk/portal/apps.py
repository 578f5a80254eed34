from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "safehold.desk.portal"
    label = "portal"
