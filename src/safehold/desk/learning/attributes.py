"""Which attributes a policy's verdicts teach: a decision says which policy was broken, a model learns attributes. Read from the
policy's own DSA keywords, then its category, then the folder of its key; `SAFEHOLD_LABELS_OF` says otherwise where that
fits badly. Called when a person decides. `docs/explanation/learning.md` has the table.
"""

from collections.abc import Iterable, Mapping

from django.conf import settings

from safehold.desk.decisions.models import PolicyVersion

BY_KEYWORD: dict[str, tuple[str, ...]] = {
    "HATE_SPEECH": ("identity_attack", "toxicity"),
    "CYBER_BULLYING_INTIMIDATION": ("insult", "toxicity"),
    "INCITEMENT_VIOLENCE_HATRED": ("threat", "toxicity"),
    "PHISHING": ("phishing",),
    "PYRAMID_SCHEMES": ("scam",),
    "SUICIDE": ("self_harm",),
    "SELF_MUTILATION": ("self_harm",),
    "CONTENT_PROMOTING_EATING_DISORDERS": ("self_harm",),
    "ADULT_SEXUAL_MATERIAL": ("sexual",),
    "NUDITY": ("sexual",),
    "NON_CONSENSUAL_IMAGE_SHARING": ("sexual",),
}
BY_CATEGORY: dict[str, tuple[str, ...]] = {
    "SCAMS_AND_FRAUD": ("scam",),
    "SELF_HARM": ("self_harm",),
    "VIOLENCE": ("threat",),
}
BY_FOLDER: dict[str, tuple[str, ...]] = {"spam": ("spam",), "scams": ("scam",), "phishing": ("phishing",)}


def attributes_of(policy: PolicyVersion) -> tuple[str, ...]:
    """What it means for a text that it broke this policy; nothing where that isn't known."""
    said: Mapping[str, tuple[str, ...]] = settings.SAFEHOLD_LABELS_OF
    if policy.key in said:
        return said[policy.key]
    dsa = policy.spec.get("dsa") or {}
    found = [name for keyword in dsa.get("keywords") or () for name in BY_KEYWORD.get(keyword, ())]
    found = found or list(BY_CATEGORY.get(dsa.get("category") or "", ()))
    return tuple(dict.fromkeys(found or BY_FOLDER.get(policy.key.partition(".")[0], ())))


def attributes_of_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """Of the policies with these keys, as they stand now."""
    versions = PolicyVersion.objects.filter(key__in=list(keys), effective_to=None).order_by("key")
    return tuple(dict.fromkeys(name for version in versions for name in attributes_of(version)))
