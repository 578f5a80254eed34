"""Coverage-guided fuzzing (atheris, libFuzzer) of what strangers send: expressions, policy files, events.

`make fuzz` runs each target for ten minutes; `tests/features/test_fuzz_targets.py` runs each for a few thousand inputs. A
target returns for whatever is refused as it should be, and raises for anything else; libFuzzer then keeps the input.
"""
