"""What a label can be about, and a community model learn: the attributes of `signals.community`. A platform's own labels teach
any of them, so these are all of them, also those that the model in the package doesn't score.
"""

ATTRIBUTES = (
    "toxicity", "severe_toxicity", "identity_attack", "insult", "profanity", "threat", "sexual", "self_harm", "spam",
    "scam", "phishing",
)  # fmt: skip
