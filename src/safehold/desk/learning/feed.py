"""What gateways measure with: the model that is live, as the database has it."""

from django.db import connection

from safehold.desk.learning.models import LearnedModel, ModelFile


class Seated:
    """The source of the gateway's model (`safehold.gateway.models.ModelSource`)."""

    def live(self) -> tuple[str, str] | None:
        model = LearnedModel.objects.filter(state="live").only("number", "digest").first()
        return (model.name, model.digest) if model is not None else None

    def content(self, digest: str) -> bytes:
        return bytes(ModelFile.objects.get(model__digest=digest).content)

    def close(self) -> None:
        connection.close()
