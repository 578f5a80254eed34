"""What is legal and hardly meant: rules that can never match, windows that nobody reads, costly tests before cheap ones.

`check.warnings` is the way in. A warning is only given for what can be shown: an event that disproves one is a bug
(`tests/properties/test_lint.py` looks for one).
"""
