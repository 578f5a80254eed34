"""Safehold: detect, decide, review, explain, hear appeals, and prove it. One product around one record."""

__version__ = "0.1.0"
