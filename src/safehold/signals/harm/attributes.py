"""The attributes that the harm model scores, with what each means. The order is that of the model's heads."""

from typing import NamedTuple


class Attribute(NamedTuple):
    """`meaning` completes "the probability that the text ..."; `evidence` says what its labels are made of: `real`
    (people labelled real texts), `mixed` (some real, some our own templates), `synthetic` (templates only) or `weak`
    (word lists).
    """

    name: str
    meaning: str
    evidence: str


ALL = (
    Attribute("toxicity", "is rude, disrespectful or hateful so that people leave a conversation", "real"),
    Attribute("severe_toxicity", "threatens, dehumanises or calls for harm", "mixed"),
    Attribute("identity_attack", "attacks people for a protected characteristic", "real"),
    Attribute("insult", "insults a person or a group of people, protected or not", "synthetic"),
    Attribute("profanity", "contains swear words or obscene words, in anger or not", "weak"),
    Attribute("threat", "announces or wishes violence against somebody", "mixed"),
    Attribute("sexual", "is sexually explicit or solicits sex", "synthetic"),
    Attribute(
        "self_harm", "speaks of the writer's own wish or plan to hurt or kill themselves, or urges it", "synthetic"
    ),
    Attribute("spam", "advertises or solicits to people who did not ask", "real"),
    Attribute("scam", "lures somebody into giving money", "synthetic"),
    Attribute("phishing", "lures somebody into giving away access or data of an account", "synthetic"),
)

ATTRIBUTES: tuple[str, ...] = tuple(attribute.name for attribute in ALL)
