"""Secrets at rest: sealed with a key that is derived from Django's SECRET_KEY, so that a copy of the database alone
signs no webhook. Old keys in SECRET_KEY_FALLBACKS still open what they sealed.
"""

import base64
import functools

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CannotOpen(Exception):
    """The secret was sealed with another SECRET_KEY."""


@functools.lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(secret: str) -> bytes:
    # RFC 5869; `info` keeps this key apart from everything else that comes from SECRET_KEY.
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"safehold webhook secrets v1").derive(
        secret.encode()
    )
    return base64.urlsafe_b64encode(derived)


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))


def seal(secret: str) -> str:
    """The secret, encrypted and authenticated (Fernet)."""
    return _box(_keys()).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret again. Raises `CannotOpen` if no known SECRET_KEY sealed it, or if it was changed."""
    try:
        return _box(_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CannotOpen(
            "a webhook secret was sealed with another SECRET_KEY; put the old one into SECRET_KEY_FALLBACKS, or rotate "
            "the endpoint's secret"
        ) from None
