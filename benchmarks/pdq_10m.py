"""The same as `pdq` among 10,000,000 hashes, within 8 GB. The peer's index takes a minute or two to build."""

from benchmarks import Result
from benchmarks._pdq import measure


def run() -> Result:
    return measure(10_000_000, asked=2000, peer_asked=60)
