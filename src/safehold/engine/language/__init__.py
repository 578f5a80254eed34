"""The expression language: CEL text in, a typed tree out, and errors that point at the column.

`check.check(text, environment)` is the way in; `tree` is what comes out; `values` are what it computes with.
"""
