"""The forms that a picture can be indexed in beside itself, by groups that somebody can choose. `hashing.variants` makes them;
whoever only has to name them asks here, and nothing that opens pictures is imported.
"""

CROPS = (2, 5, 10)  # per cent of each side
SIDES = (4, 8)  # per cent of one side alone
DEGREES = (-4, -2, 2, 4)  # against the clock
#: Group -> its forms. Their order is that of keys in memory only (`hashes.matching`).
VARIANTS: dict[str, tuple[str, ...]] = {
    "cropped": ("unbarred", *(f"crop{share}" for share in CROPS)),
    "one_side": tuple(f"{side}{share}" for side in ("left", "right", "top", "bottom") for share in SIDES),
    "turned": (*(f"turn{turned}" for turned in DEGREES), *(f"turn{turned}cut" for turned in DEGREES)),
}
