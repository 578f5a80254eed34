from django.apps import AppConfig


class BanksConfig(AppConfig):
    name = "safehold.desk.banks"
    label = "banks"

    def ready(self) -> None:
        from safehold.desk.banks import hits  # noqa: F401  it listens to decisions
