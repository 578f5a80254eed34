from django.apps import AppConfig


class ListsConfig(AppConfig):
    name = "safehold.desk.lists"
    label = "lists"
