"""Hashes of banks: the kinds there are (`kinds`), the shelf that finds what is near (`matching`), and the signal."""
