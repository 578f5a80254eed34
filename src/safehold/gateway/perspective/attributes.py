"""Perspective's attributes, and which of our model's answers each. One that no model here can score honestly is not offered:
it gets the API's own error, not a number. Who calls: `perspective` and its documentation's test.
"""

from typing import NamedTuple

from safehold.signals.harm import ATTRIBUTES, model_version

#: Languages that the model reads. In others it would guess, and the API has an error for that.
LANGUAGES = ("en",)


class Offered(NamedTuple):
    """An attribute by its name in the API, and the harm attribute that is its score."""

    name: str
    scores: str


_ANSWERED_BY = {
    "TOXICITY": "toxicity",
    "SEVERE_TOXICITY": "severe_toxicity",
    "IDENTITY_ATTACK": "identity_attack",
    "INSULT": "insult",
    "PROFANITY": "profanity",
    "THREAT": "threat",
    "SEXUALLY_EXPLICIT": "sexual",
    "TOXICITY_EXPERIMENTAL": "toxicity",
    "TOXICITY_FAST": "toxicity",
    "SEVERE_TOXICITY_EXPERIMENTAL": "severe_toxicity",
    "IDENTITY_ATTACK_EXPERIMENTAL": "identity_attack",
    "INSULT_EXPERIMENTAL": "insult",
    "PROFANITY_EXPERIMENTAL": "profanity",
    "THREAT_EXPERIMENTAL": "threat",
    "SPAM": "spam",
    "OBSCENE": "profanity",
}
#: What Google's service has or had, and what a text alone, or our data, can't say.
NOT_OFFERED = (
    "FLIRTATION", "ATTACK_ON_AUTHOR", "ATTACK_ON_COMMENTER", "ATTACK_ON_PUBLISHER", "INCOHERENT", "INFLAMMATORY",
    "LIKELY_TO_REJECT", "OFF_TOPIC", "UNSUBSTANTIAL", "AFFINITY_EXPERIMENTAL", "COMPASSION_EXPERIMENTAL",
    "CURIOSITY_EXPERIMENTAL", "NUANCE_EXPERIMENTAL", "PERSONAL_STORY_EXPERIMENTAL", "REASONING_EXPERIMENTAL",
    "RESPECT_EXPERIMENTAL", "ALIENATION_EXPERIMENTAL", "FEARMONGERING_EXPERIMENTAL", "GENERALIZATION_EXPERIMENTAL",
    "MORAL_OUTRAGE_EXPERIMENTAL", "POWER_APPEAL_EXPERIMENTAL", "SCAPEGOATING_EXPERIMENTAL",
)  # fmt: skip

OFFERED: dict[str, Offered] = {
    name: Offered(name, scores) for name, scores in _ANSWERED_BY.items() if scores in ATTRIBUTES
}


def readable(languages: list[str]) -> list[str]:
    """Those of these languages that the model reads; `en-GB` is English."""
    return [language for language in languages if primary(language) in LANGUAGES]


def primary(language: str) -> str:
    """`en` of `en-GB`."""
    return language.replace("_", "-").partition("-")[0].strip().lower()


def model_name() -> str:
    """What scores, with its version. Raises SignalFailed where there is no model."""
    return f"harm {model_version()}"
