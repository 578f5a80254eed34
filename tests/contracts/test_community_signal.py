"""The community signal keeps the promise that plug-ins inherit, whichever model is live."""

import functools

from safehold.engine.signal import Signal
from safehold.signals.community import Community
from safehold.signals.community.model import Model, read, write
from safehold.signals.community.seat import Live, Seat
from safehold.signals.community.training import Example, Share, train
from safehold.signals.contract import SignalContract
from tests import lessons


class TestCommunity(SignalContract):
    def signal(self) -> Signal:
        seat = Seat()
        seat.live = Live("1-taught", _learned())
        return Community(seat)


@functools.cache
def _learned() -> Model:
    examples = [Example(text, {"spam": (float(spam), 1.0)}) for text, spam in lessons.texts(200)]
    return read(write(train(examples, share=Share("salt"))[0]))
