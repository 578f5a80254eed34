"""What the harm model's file says of it: version, attributes, hashes of its parts; without NumPy, for whoever asks only that."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from safehold.engine.signal import SignalFailed
from safehold.signals.harm.attributes import ATTRIBUTES

#: Where the weights lie in the package. `safehold train` writes them.
FOLDER = files("safehold.signals.harm").joinpath("model")


@cache
def about() -> Mapping[str, Any]:
    """What model.json says of the model: version, attributes, hashes, calibration. Raises SignalFailed without it."""
    try:
        told: Mapping[str, Any] = json.loads(FOLDER.joinpath("model.json").read_bytes())
        if told["attributes"] != list(ATTRIBUTES):
            raise ValueError("its attributes are not those of this version of Safehold")
    except (OSError, ValueError, KeyError) as error:
        raise unloadable(error) from error
    return told


def unloadable(error: Exception) -> SignalFailed:
    """What is said where the model is missing or damaged."""
    return SignalFailed(
        f"the harm model cannot be loaded ({error}): install Safehold again, or train it: safehold train"
    )
