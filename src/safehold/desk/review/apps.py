from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "safehold.desk.review"
    label = "review"
