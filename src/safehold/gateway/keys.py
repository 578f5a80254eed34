"""API keys, checked in memory. One thread reads them from the store each second, so a new, expired or revoked key counts
within about that time and no request waits for the database. The same thread writes down when keys were last used.
"""

import hashlib
import hmac
import threading
import time
from datetime import UTC, datetime

import structlog

from safehold.gateway.faults import described
from safehold.gateway.limits import Bucket, Limits
from safehold.gateway.problems import Refusal
from safehold.gateway.store import Key, Store

log = structlog.get_logger("safehold.gateway")

REFRESH_SECONDS = 1.0
#: How long a start waits for the first reading.
FIRST_SECONDS = 5.0
#: A key's last use is written at most this often.
USE_SECONDS = 60.0
#: Keys older than this are trusted no more: the store that could have revoked them is gone.
STALE_SECONDS = 30.0

_ASK = (b"www-authenticate", b'Bearer realm="safehold"')
_INVALID = (b"www-authenticate", b'Bearer realm="safehold", error="invalid_token"')


class Keyring:
    """The keys as of the last reading, and each key's bucket."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._by_digest: dict[str, Key] = {}
        self._buckets: dict[str, Bucket] = {}
        self._used: dict[str, datetime] = {}
        self._written: dict[str, float] = {}
        self._read_at = float("-inf")
        self._stop, self._tried = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-keys", daemon=True)

    def start(self) -> None:
        """Begin reading. Keys are unknown until the first reading is done; `age` tells."""
        self._thread.start()

    def wait(self) -> None:
        """Until the first reading is done or has failed: requests of the first moment would be refused."""
        self._tried.wait(FIRST_SECONDS)

    def stop(self) -> None:
        """Write the last uses and end the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def age(self) -> float:
        """Seconds since the keys were read; infinite before the first time."""
        return time.monotonic() - self._read_at

    def check(self, authorization: bytes | None, scope: str | None) -> Key:
        """The key of an Authorization header, which must have `scope` unless that is None. Raises Refusal 401, 403, 503."""
        if authorization is None:
            raise Refusal("unauthorized", "the Authorization header is missing", headers=(_ASK,))
        scheme, _, secret = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            raise Refusal("unauthorized", "the Authorization header must be: Bearer sh_...", headers=(_ASK,))
        return self.check_secret(secret.strip(), scope)

    def check_secret(self, secret: bytes, scope: str | None) -> Key:
        """The key of a secret that came elsewhere than in Authorization (`?key=`, another header, a form), which must have
        `scope` unless that is None. Raises Refusal 401, 403, 503."""
        if self.age > STALE_SECONDS:
            raise Refusal("not-ready", "API keys can't be read now; try again", headers=((b"retry-after", b"1"),))
        digest = hashlib.sha256(secret).hexdigest()
        key = self._by_digest.get(digest)
        # The look-up is by a hash that the sender can't steer, so its timing says nothing; the comparison is for the
        # same reason of constant time.
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise Refusal("unauthorized", "this key is not known, or it is revoked", headers=(_INVALID,))
        now = datetime.now(UTC)
        if key.expires_at is not None and key.expires_at <= now:
            raise Refusal("unauthorized", "this key has expired", headers=(_INVALID,))
        if scope is not None and scope not in key.scopes:
            raise Refusal("forbidden", f"this address needs a key with the scope {scope}")
        self._used[key.id] = now
        return key

    def spend(self, key: Key, count: int) -> tuple[tuple[bytes, bytes], ...]:
        """Take `count` events from the key's bucket; return the RateLimit headers (draft-ietf-httpapi-ratelimit-headers).

        Raises Refusal 429 with Retry-After, having taken nothing.
        """
        limits = self._limits
        if not limits.rate:
            return ()
        if count > limits.burst:
            raise Refusal("too-large", f"this key may send {limits.burst:,} events at once; send fewer")
        now = time.monotonic()
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = self._buckets[key.id] = Bucket(limits.rate, limits.burst, now)
        wait = bucket.take(count, now)
        headers = (
            (b"ratelimit-policy", b'"events";q=%d;w=%d' % (limits.burst, max(1, round(limits.burst / limits.rate)))),
            (b"ratelimit", b'"events";r=%d;t=%d' % (bucket.left, -(-bucket.full_in // 1))),
        )
        if wait:
            raise Refusal(
                "rate-limited",
                f"this key may send {limits.rate:g} events a second and {limits.burst} at once",
                headers=(*headers, (b"retry-after", b"%d" % max(1, -(-wait // 1)))),
            )
        return headers

    def refresh(self) -> None:
        """Read the keys now."""
        self._by_digest = {key.digest: key for key in self._store.api_keys()}
        self._read_at = time.monotonic()

    def _run(self) -> None:
        failing = False
        while True:
            try:
                self.refresh()
                self._write_uses()
                if failing:
                    log.info("keys_readable_again")
                failing = False
            except Exception as error:
                # The old keys count until STALE_SECONDS; /readyz says how old they are.
                if not failing:
                    log.error("keys_unreadable", **described(error))
                failing = True
                self._store.close()  # the next try gets a connection of its own
            self._tried.set()
            if self._stop.wait(REFRESH_SECONDS):
                break
        try:
            self._write_uses(final=True)
        except Exception as error:
            log.error("key_uses_not_written", **described(error))
        self._store.close()

    def _write_uses(self, *, final: bool = False) -> None:
        now = time.monotonic()
        due = {
            key_id: at
            for key_id, at in list(self._used.items())
            if final or now - self._written.get(key_id, float("-inf")) >= USE_SECONDS
        }
        if due:
            self._store.mark_used(due)
            for key_id, at in due.items():
                self._written[key_id] = now
                if self._used.get(key_id) is at:
                    del self._used[key_id]
