"""What a text's score is made of."""

from dataclasses import dataclass, field

#: (start, end, share) in code points.
Span = tuple[int, int, float]


@dataclass(frozen=True)
class Scored:
    """`scores`: a probability for each attribute; empty where the model can't read the text (`supported` is False): an
    unknown score is not 0. `spans`: (start, end, share) in code points of the text, where asked for. `truncated`: there
    was more text than the 20,000 characters that are looked at.
    """

    scores: dict[str, float]
    spans: dict[str, list[Span]] = field(default_factory=dict)
    truncated: bool = False
    supported: bool = True
