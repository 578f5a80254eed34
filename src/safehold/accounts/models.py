"""People, the roles they hold, and the keys that programs hold."""

import base64
import hashlib
import secrets
from functools import cached_property
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.accounts.roles import Permission, Role, permissions_of
from safehold.ids import new_id


def new_user_id() -> str:
    return new_id("usr")


def new_grant_id() -> str:
    return new_id("grt")


def new_key_id() -> str:
    return new_id("key")


class People(BaseUserManager["User"]):
    """Django's manager of users, asking for an e-mail address instead of a user name."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in. Never deleted, only deactivated: decisions name them."""

    id = models.CharField(primary_key=True, max_length=40, default=new_user_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    invited_at = models.DateTimeField(null=True)  # of the newest set-password link: an older one stops working

    objects = People()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def state(self) -> str:
        """`active`, `invited` (never signed in) or `inactive`, in the words of the design system."""
        if not self.is_active:
            return "inactive"
        return "active" if self.last_login else "invited"

    @cached_property
    def roles(self) -> list[Role]:
        return [
            Role(role) for role in self.grants.filter(revoked_at=None).order_by("role").values_list("role", flat=True)
        ]

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.roles) if self.is_active else frozenset()

    def may(self, permission: str) -> bool:
        """True if one of this person's roles permits it."""
        return permission in self.permissions


class RoleGrant(models.Model):
    """That somebody holds a role, who gave it and when, and until when they held it."""

    id = models.CharField(primary_key=True, max_length=40, default=new_grant_id, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="grants")
    role = models.CharField(max_length=20, choices=[(role.value, role.label) for role in Role])
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")  # None: made at installation
    granted_at = models.DateTimeField(default=timezone.now)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(revoked_at=None), name="one_open_grant_of_a_role"
            ),
            models.CheckConstraint(condition=~Q(granted_by=models.F("user")), name="nobody_grants_themselves"),
            models.CheckConstraint(condition=~Q(revoked_by=models.F("user")), name="nobody_revokes_their_own"),
            models.CheckConstraint(condition=Q(role__in=list(Role)), name="granted_role_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.user} is {self.role}"


class ApiKey(models.Model):
    """A program's key. Only the SHA-256 of the secret is kept: 256 random bits need no slow hash."""

    id = models.CharField(primary_key=True, max_length=40, default=new_key_id, editable=False)
    service = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    start = models.CharField(max_length=12, help_text="The first characters, so that people can tell keys apart.")
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @property
    def usable(self) -> bool:
        """True while the gateway takes it: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @staticmethod
    def new_secret() -> str:
        """A new secret: 256 bits in lower-case letters and digits, so that it survives being a label of a host name, which is
        where clients of Akismet's older style put it."""
        return "sh_" + base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()
