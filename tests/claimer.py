"""One person at work in a process of their own, for tests/properties/test_claims.py: `python -m tests.claimer PERSON ACT...`.

Says `ready`, waits for a line, does what it is told, and prints what it held as JSON.
"""

import json
import sys

import django

django.setup()

from tests.properties.test_claims import act_out  # noqa: E402


def _wait_for_the_others() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    print(json.dumps(act_out(sys.argv[1], sys.argv[2:], _wait_for_the_others)))
