from django.apps import AppConfig


class LooksConfig(AppConfig):
    name = "safehold.desk.looks"
    label = "looks"

    def ready(self) -> None:
        from safehold.desk.looks import wanting  # noqa: F401 (it listens)
        from safehold.desk.looks.setup import current

        current()  # what is wrong with the file is said at the start
