"""Who may do what. Roles are fixed sets of permissions in code; a person may hold several.

Nobody grants what they lack: `may_grant` is the one test, used for roles of people and scopes of API keys alike.
"""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """One thing somebody may do in the console."""

    READ_DECISIONS = "decisions.read"
    READ_CONTENT = "content.read"  # what people wrote: each such read is logged
    REVIEW = "tasks.review"
    HEAR_APPEALS = "appeals.hear"
    SUSPEND = "actions.suspend"
    TERMINATE = "actions.terminate"
    MANAGE_TASKS = "tasks.manage"  # release somebody else's claim, change a priority
    READ_POLICIES = "policies.read"
    WRITE_POLICIES = "policies.write"
    APPROVE_POLICIES = "policies.approve"  # of somebody else's change: nobody approves their own
    REVERT_DECISIONS = "decisions.revert"  # all that one rule or version did, or apply one to the past
    PROPOSE_LISTS = "lists.propose"
    APPROVE_LISTS = "lists.approve"  # what somebody else proposed or brought in
    READ_LEDGER = "ledger.read"
    READ_AUDIT = "audit.read"
    READ_WEBHOOKS = "webhooks.read"
    MANAGE_WEBHOOKS = "webhooks.manage"
    READ_PEOPLE = "people.read"
    MANAGE_PEOPLE = "people.manage"
    MANAGE_KEYS = "keys.manage"
    MATCH_HASHES = "hashes.match"  # as SEND_EVENTS: for keys
    SEND_EVENTS = "events.send"  # nothing in the console needs it: it is there to be given to a key
    SCORE_TEXTS = "texts.score"  # as before
    WRITE_LABELS = "labels.write"  # as before: what is submitted there teaches the models

    @property
    def label(self) -> str:
        """What it lets somebody do, for pages that say what is lacking."""
        return LABELS[self]


LABELS: dict[Permission, str] = {
    Permission.READ_DECISIONS: "see decisions, reports and statements",
    Permission.READ_CONTENT: "read what people wrote",
    Permission.REVIEW: "work the queues",
    Permission.HEAR_APPEALS: "hear appeals",
    Permission.SUSPEND: "suspend accounts",
    Permission.TERMINATE: "terminate accounts",
    Permission.MANAGE_TASKS: "release and reprioritise other people's tasks",
    Permission.READ_POLICIES: "see policies, lists and hash banks",
    Permission.WRITE_POLICIES: "change policies",
    Permission.APPROVE_POLICIES: "approve other people's changes of policies",
    Permission.REVERT_DECISIONS: "revert all that a rule did, or apply one to the past",
    Permission.PROPOSE_LISTS: "propose entries of lists and hashes of banks, and bring in imports",
    Permission.APPROVE_LISTS: "approve and take back what others proposed for lists and banks",
    Permission.READ_LEDGER: "see the ledger",
    Permission.READ_AUDIT: "see who did what",
    Permission.READ_WEBHOOKS: "see webhooks",
    Permission.MANAGE_WEBHOOKS: "manage webhooks",
    Permission.READ_PEOPLE: "see people and their roles",
    Permission.MANAGE_PEOPLE: "add people and give them roles",
    Permission.MANAGE_KEYS: "manage API keys",
    Permission.MATCH_HASHES: "look hashes up in banks",
    Permission.SEND_EVENTS: "send events",
    Permission.SCORE_TEXTS: "have texts scored",
    Permission.WRITE_LABELS: "submit labels from which models learn",
}

#: Whoever holds one of these can give others access, or send what people wrote elsewhere: they need a second factor
#: where SAFEHOLD_REQUIRE_MFA is on.
POWERFUL = frozenset({Permission.MANAGE_PEOPLE, Permission.MANAGE_KEYS, Permission.MANAGE_WEBHOOKS})


class Role(StrEnum):
    """A named set of permissions."""

    ADMIN = "admin"
    POLICY_AUTHOR = "policy_author"
    MODERATOR = "moderator"
    SENIOR_MODERATOR = "senior_moderator"
    AUDITOR = "auditor"
    READ_ONLY = "read_only"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()

    @property
    def note(self) -> str:
        """What the role is for, in a line."""
        return NOTES[self]

    @property
    def permissions(self) -> frozenset[Permission]:
        return PERMISSIONS[self]


_LOOK = frozenset({Permission.READ_DECISIONS, Permission.READ_POLICIES, Permission.READ_LEDGER})
_MODERATE = _LOOK | {Permission.READ_CONTENT, Permission.REVIEW, Permission.HEAR_APPEALS, Permission.SUSPEND}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.POLICY_AUTHOR: _LOOK
    | {
        Permission.READ_CONTENT,
        Permission.WRITE_POLICIES,
        Permission.APPROVE_POLICIES,
        Permission.REVERT_DECISIONS,
        Permission.PROPOSE_LISTS,
        Permission.APPROVE_LISTS,
    },
    Role.MODERATOR: _MODERATE | {Permission.PROPOSE_LISTS},
    Role.SENIOR_MODERATOR: _MODERATE
    | {Permission.TERMINATE, Permission.MANAGE_TASKS, Permission.PROPOSE_LISTS, Permission.APPROVE_LISTS},
    Role.AUDITOR: _LOOK
    | {Permission.READ_CONTENT, Permission.READ_AUDIT, Permission.READ_WEBHOOKS, Permission.READ_PEOPLE},
    Role.READ_ONLY: _LOOK,
}


NOTES: dict[Role, str] = {
    Role.ADMIN: "Everything: people, keys and webhooks too.",
    Role.POLICY_AUTHOR: "Writes policies, approves those of others, and reads what they are about.",
    Role.MODERATOR: "Works the queues, hears appeals, suspends accounts.",
    Role.SENIOR_MODERATOR: "Also terminates accounts, and manages other people's tasks.",
    Role.AUDITOR: "Sees everything, changes nothing.",
    Role.READ_ONLY: "Sees decisions, policies and the ledger, but not what people wrote.",
}


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """All that these roles permit together."""
    return frozenset().union(*(PERMISSIONS[Role(role)] for role in roles))


class Scope(StrEnum):
    """What an API key may do at the gateway."""

    WRITE_EVENTS = "events:write"
    READ_DECISIONS = "decisions:read"
    SCORE_TEXTS = "text:score"
    WRITE_LABELS = "labels:write"
    MATCH_HASHES = "hashes:match"
    WRITE_BANKS = "banks:write"
    READ_BANKS = "banks:read"

    @property
    def permission(self) -> Permission:
        """What somebody must hold themselves to give it to a key."""
        return SCOPE_PERMISSIONS[self]

    @property
    def label(self) -> str:
        return self.permission.label.capitalize()


SCOPE_PERMISSIONS: dict[Scope, Permission] = {
    Scope.WRITE_EVENTS: Permission.SEND_EVENTS,
    Scope.READ_DECISIONS: Permission.READ_DECISIONS,
    Scope.SCORE_TEXTS: Permission.SCORE_TEXTS,
    Scope.WRITE_LABELS: Permission.WRITE_LABELS,
    Scope.MATCH_HASHES: Permission.MATCH_HASHES,
    Scope.WRITE_BANKS: Permission.PROPOSE_LISTS,
    Scope.READ_BANKS: Permission.READ_POLICIES,
}


def may_grant(granter: Iterable[Permission], wanted: Iterable[Permission]) -> bool:
    """True if everything wanted is the granter's own."""
    return set(wanted) <= set(granter)
