"""PDQ hashes within 31 bits among 1,000,000: queries a CPU-second, beside threatexchange's two indexes on faiss.

One core each, the same queries, the same matches first. `more` has batches, memory, build, additions, removals and the file.
"""

from benchmarks import Result
from benchmarks._pdq import measure


def run() -> Result:
    return measure(1_000_000, asked=4000, peer_asked=400)
