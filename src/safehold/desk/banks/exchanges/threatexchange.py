"""The exchanges that the package `threatexchange` speaks with, through its SignalExchangeAPI: NCMEC, StopNCII, Tech Against
Terrorism, Meta's ThreatExchange. What differs is one class each: how its client is made, and what it can be told.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from threatexchange.exchanges.clients.fb_threatexchange.api import ThreatExchangeAPI
from threatexchange.exchanges.clients.ncmec import hash_api
from threatexchange.exchanges.clients.stopncii import api as stopncii
from threatexchange.exchanges.clients.techagainstterrorism.api import TATHashListAPI
from threatexchange.exchanges.collab_config import CollaborationConfigWithDefaults
from threatexchange.exchanges.fetch_state import AggregateSignalOpinionCategory
from threatexchange.exchanges.impl.fb_threatexchange_api import (
    FBThreatExchangeCollabConfig,
    FBThreatExchangeSignalExchangeAPI,
)
from threatexchange.exchanges.impl.ncmec_api import NCMECCollabConfig, NCMECSignalExchangeAPI
from threatexchange.exchanges.impl.stop_ncii_api import StopNCIISignalExchangeAPI
from threatexchange.exchanges.impl.techagainstterrorism_api import TATSignalExchangeAPI
from threatexchange.signal_type.md5 import VideoMD5Signal
from threatexchange.signal_type.pdq.signal import PdqSignal
from threatexchange.signal_type.raw_text import RawTextSignal
from threatexchange.signal_type.url import URLSignal
from threatexchange.utils import dataclass_json

from safehold.desk.banks.exchanges.pages import NotTaken, Page, Shared
from safehold.desk.banks.exchanges.sessions import asking, session
from safehold.signals.hashes.kinds import BadHash, normal

SIGNAL_TYPES = (PdqSignal, VideoMD5Signal, RawTextSignal, URLSignal)
_BELIEFS = {
    AggregateSignalOpinionCategory.POSITIVE_CLASS: "positive",
    AggregateSignalOpinionCategory.NEGATIVE_CLASS: "negative",
    AggregateSignalOpinionCategory.DISPUTED: "disputed",
    AggregateSignalOpinionCategory.INVESTIGATION_SEED: "seed",
}


class Spoken:
    """An exchange that `threatexchange` speaks with. See `pages.Source`."""

    title: ClassVar[str]

    def __init__(self, api: Any, collab: Any) -> None:
        self._api, self._collab = api, collab

    def stale(self, checkpoint: Any) -> bool:
        return bool(self._read(checkpoint).is_stale())

    def pages(self, checkpoint: Any) -> Iterator[Page]:
        before = None if checkpoint is None else self._read(checkpoint)
        with asking(self.title):
            for delta in self._api.fetch_iter(SIGNAL_TYPES, before):
                records = {_key(key): self._shared(key, value) for key, value in delta.updates.items()}
                written = json.loads(dataclass_json.dataclass_dumps(delta.checkpoint)) if delta.checkpoint else None
                at = delta.checkpoint.get_progress_timestamp() if delta.checkpoint else None
                yield Page(records, written, notes={"reached": at} if at else {})

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        raise NotTaken(f"{self.title} takes no opinions")

    def _read(self, checkpoint: Any) -> Any:
        return dataclass_json.dataclass_loads(json.dumps(checkpoint), self._api.get_checkpoint_cls())

    def _shared(self, key: Any, value: Any) -> list[Shared]:
        """The hashes of one record; none for a deletion."""
        merged = self._api.fetch_value_merge(None, value) if value is not None else None
        if merged is None:
            return []
        found = []
        for kind, hashes in self._converted(key, merged):
            for text, metadata in hashes.items():
                opinion = metadata.get_as_aggregate_opinion()
                try:
                    written = normal(kind, text)
                except BadHash:
                    continue  # of a record that nobody could match
                found.append(Shared(kind, written, _BELIEFS[opinion.category], tuple(sorted(opinion.tags))))
        return found

    def _converted(self, key: Any, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        converted = self._api.naive_convert_to_signal_type(SIGNAL_TYPES, self._collab, {key: value})
        for signal_type, hashes in converted.items():
            yield signal_type.get_name(), hashes


class Ncmec(Spoken):
    """NCMEC's hash sharing API. Besides what `threatexchange` reads, the MD5 and SHA-1 of pictures and videos are taken."""

    title = "NCMEC"

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]) -> None:
        environment = hash_api.NCMECEnvironment[config.get("environment", "Industry")]
        only = {int(number) for number in config.get("only_esp_ids", ())}
        collab = NCMECCollabConfig(name="safehold", environment=environment, only_esp_ids=only)
        api: Any = NCMECSignalExchangeAPI(collab, secret["user"], secret["password"])
        client: Any = hash_api.NCMECHashAPI(secret["user"], secret["password"], environment)
        client._base_url = config.get("base_url") or environment.value

        def safely() -> Any:
            made = session(private_hosts)
            made.auth = (secret["user"], secret["password"])
            return made

        client._get_session = safely
        api.get_client = lambda environment: client
        self._client = client
        super().__init__(api, collab)

    def _shared(self, key: Any, value: Any) -> list[Shared]:
        found = super()._shared(key, value)
        if not value.deleted and (not self._collab.only_esp_ids or value.member_id in self._collab.only_esp_ids):
            tags = (value.classification,) if value.classification else ()
            for kind in ("md5", "sha1"):
                try:
                    found.append(Shared(kind, normal(kind, value.fingerprints.get(kind, "")), "positive", tags))
                except BadHash:
                    continue
        return found

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        fingerprint = {"video_md5": "md5"}.get(kind, kind)
        names = {each.name: each for each in hash_api.FingerprintType}
        if belief not in ("positive", "negative") or fingerprint not in names:
            raise NotTaken(f"NCMEC takes up- and downvotes of {', '.join(names)}")
        vote = hash_api.FeedbackType.upvote if belief == "positive" else hash_api.FeedbackType.downvote
        with asking(self.title):
            for key in keys:
                member, _, entry = key.partition("-")
                self._client.submit_feedback(int(member), entry, names[fingerprint], vote)


class StopNcii(Spoken):
    """StopNCII.org. What people withdrew is a deletion, by the record's own status."""

    title = "StopNCII"

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]) -> None:
        client: Any = stopncii.StopNCIIAPI(
            secret["subscription_key"], secret["fetch_function_key"],
            {stopncii.StopNCIIEndpoint.SubmitFeedback: secret["feedback_function_key"]}
            if secret.get("feedback_function_key") else None,
            config.get("base_url") or None,
        )  # fmt: skip
        keys = client._function_keys

        def safely(endpoint: Any) -> Any:
            if endpoint not in keys:
                raise NotTaken("StopNCII takes feedback with a function key of its own; put feedback_function_key in")
            made = session(private_hosts)
            made.headers.update(
                {"x-functions-key": keys[endpoint], "Ocp-Apim-Subscription-Key": secret["subscription_key"]}
            )
            return made

        client._get_session = safely
        collab = CollaborationConfigWithDefaults(name="safehold", api="stop_ncii")
        super().__init__(StopNCIISignalExchangeAPI(collab, client), collab)
        self._client = client
        self._withdrawn: set[str] = set()
        fetch = client.fetch_hashes

        def noting(**asked: Any) -> Any:
            answer = fetch(**asked)
            gone = (stopncii.StopNCIICaseStatus.Withdrawn, stopncii.StopNCIICaseStatus.Deleted)
            self._withdrawn = {each.hashValue for each in answer.hashRecords if each.hashStatus in gone}
            return answer

        client.fetch_hashes = noting

    def _shared(self, key: Any, value: Any) -> list[Shared]:
        return [] if key[1] in self._withdrawn else super()._shared(key, value)

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        said = {"positive": "Blocked", "negative": "NotBlocked", "seed": "PendingReview", "disputed": "PendingReview"}
        types = {"pdq": "ImagePDQ", "video_md5": "VideoMD5", "url": "URL", "raw_text": "Text"}
        if kind not in types:
            raise NotTaken(f"StopNCII knows no {kind}")
        names = [key.partition(" ")[2] for key in keys] or [value]  # as StopNCII itself wrote it
        with asking(self.title):
            for name in names:
                self._client.submit_feedback(
                    stopncii.StopNCIISignalType(types[kind]), name, stopncii.StopNCIICSPFeedbackValue(said[belief])
                )


class TechAgainstTerrorism(Spoken):
    """Tech Against Terrorism's hash list. It takes no opinions."""

    title = "Tech Against Terrorism"

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]) -> None:
        client: Any = TATHashListAPI(secret["username"], secret["password"])
        base = config.get("base_url") or TATHashListAPI.BASE_URL

        def safely(auth_token: str | None = None) -> Any:
            made = session(private_hosts)
            if auth_token:
                made.headers["Authorization"] = f"Bearer {auth_token}"
            return made

        client.BASE_URL = base if base.endswith("/") else f"{base}/"
        client._get_session = safely
        api: Any = TATSignalExchangeAPI(secret["username"], secret["password"])
        api.get_client = lambda: client
        super().__init__(api, CollaborationConfigWithDefaults(name="safehold"))


class MetaThreatExchange(Spoken):
    """Meta's ThreatExchange: threat_updates of one privacy group; opinions are reactions."""

    title = "ThreatExchange"

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]) -> None:
        client: Any = ThreatExchangeAPI(secret["api_token"], endpoint_override=config.get("base_url") or None)
        base = client._base_url

        def safely(url: str, params: Any = None, *, json_obj_hook: Any = None) -> Any:
            if not url.startswith(base):
                raise ValueError("ThreatExchange sends us to another address for the next page")
            with session(private_hosts) as made:
                answer = made.get(url, params=params or {})
                answer.raise_for_status()
                return answer.json(object_hook=json_obj_hook)

        client.get_json_from_url = safely
        updates = client.get_threat_updates
        # The package takes an answer without updates for a fault of ours.
        client.get_threat_updates = lambda *asked, **more: (batch for batch in updates(*asked, **more) if batch)
        collab = FBThreatExchangeCollabConfig(name="safehold", privacy_group=int(config["privacy_group"]))
        super().__init__(FBThreatExchangeSignalExchangeAPI(client, collab), collab)
        self._base, self._token, self._private_hosts = base, secret["api_token"], private_hosts

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        reaction = {
            "positive": "HELPFUL",
            "negative": "NOT_HELPFUL",
            "seed": "SAW_THIS_TOO",
            "disputed": "NOT_HELPFUL",
        }[belief]
        with asking(self.title), session(self._private_hosts) as made:
            for key in keys:
                for descriptor in self._descriptors(made, key):
                    answer = made.post(
                        f"{self._base}/{descriptor}", params={"access_token": self._token}, data={"reactions": reaction}
                    )
                    answer.raise_for_status()

    def _descriptors(self, made: Any, key: str) -> list[str]:
        """The descriptors of an indicator in the group: reactions are to them."""
        kind, _, value = key.partition(" ")
        asked = {
            "access_token": self._token, "text": value, "type": kind, "strict_text": "true", "fields": "id", "limit": 50,
        }  # fmt: skip
        answer = made.get(f"{self._base}/threat_descriptors", params=asked)
        answer.raise_for_status()
        found = [str(each["id"]) for each in answer.json().get("data", [])]
        if not found:
            raise NotTaken("ThreatExchange has no descriptor of this hash any more")
        return found


def _key(key: Any) -> str:
    """An exchange's key as text: `(type, value)` as `type value`."""
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
