"""Velocity features: how often, how many different, how much in the last hour. `kinds` says what, `memory` does it."""
