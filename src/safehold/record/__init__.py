"""The record: the ledger's tables. The lowest of the Django rooms; every other one writes through `recording()`."""
