"""Akismet's API, answered with this installation's policies and labels:
`routes` has the addresses, `comment` what a form tells.
"""
