"""Akismet's API, answered with this installation's policies and labels: `routes` says which addresses, `comment` what a form tells."""
