"""The hot lane: CloudEvents in, verdicts out. Bare ASGI and msgspec, no Django; `store.py` says what it asks of a database.

`application.Gateway` is the ASGI application, `writer.Writer` the one thread that decides and commits.
`safehold.site.asgi` joins it with its store and with Django.
"""
