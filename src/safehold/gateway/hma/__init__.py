"""Hasher-Matcher-Actioner's API, answered from the hash banks:
`routes` has the addresses, `media` hashes what is sent or linked.
"""
