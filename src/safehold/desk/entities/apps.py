from django.apps import AppConfig


class EntitiesConfig(AppConfig):
    name = "safehold.desk.entities"
    label = "entities"
