"""Makes the gateway: the policies of this installation, its store, its limits. Called by `asgi` when the server starts."""

from django.conf import settings

from safehold import __version__
from safehold.desk.decisions.hot_rows import PolicyInForce
from safehold.desk.decisions.intake import Intake
from safehold.desk.decisions.policies import enact, terms_of
from safehold.engine import Bundle, Engine, load_bundle
from safehold.gateway.application import Gateway
from safehold.gateway.declared import Declared
from safehold.gateway.engines import Engines
from safehold.gateway.limits import Limits
from safehold.record.recording import recording


def make_gateway() -> Gateway:
    """The gateway for the policies in `SAFEHOLD_POLICIES`, which are in force from now on.

    Raises PolicyProblems, which says file, line and column, if they can't be loaded.
    """
    bundle = load_bundle(settings.SAFEHOLD_POLICIES)
    engine = Engine(bundle)
    declared = Declared(bundle.event_types)
    return Gateway(
        Intake(_in_force(bundle)),
        prepare=declared.prepare,
        new_minds=lambda: Engines(engine),
        event_types=declared.views(),
        limits=Limits(rate=settings.SAFEHOLD_RATE, burst=settings.SAFEHOLD_BURST, waiting=settings.SAFEHOLD_WAITING),
        base_url=settings.PUBLIC_URL,
        version=__version__,
    )


def _in_force(bundle: Bundle) -> dict[str, PolicyInForce]:
    with recording() as record:
        versions = enact(record, bundle.policies)
    return {key: PolicyInForce(version.pk, terms_of(version).strikes_last) for key, version in versions.items()}
