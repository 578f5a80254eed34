"""Signals detect: each reads an event and says what is in it. One module or package a signal, found through the entry
points `safehold.signals`; `contract.py` is the test that each inherits, ours and other people's.
"""
