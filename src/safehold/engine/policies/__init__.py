"""Policies: YAML files in, one checked and content-hashed Bundle out. `bundle.load_bundle` is the way in."""
