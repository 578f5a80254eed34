"""Django's description of the record."""

from django.apps import AppConfig


class RecordConfig(AppConfig):
    name = "safehold.record"
    label = "record"
    verbose_name = "The record"
