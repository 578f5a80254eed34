from django.apps import AppConfig


class LearningConfig(AppConfig):
    name = "safehold.desk.learning"
    label = "learning"

    def ready(self) -> None:
        from safehold.desk.learning import listeners  # noqa: F401 (they listen)
