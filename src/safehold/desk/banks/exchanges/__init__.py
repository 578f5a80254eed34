"""Exchanges: others who share hashes. `kinds` says which there are and what each needs, one module each speaks with one of
them, `fetching` brings in, `writing_back` tells them what we think. They need the extra `exchanges`.
"""
