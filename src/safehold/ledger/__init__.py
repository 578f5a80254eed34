"""The transparency log: canonical entries, the Merkle tree over them, signed checkpoints, and proofs to check offline.

Pure Python over `cryptography` and `msgspec`: no database, no network, no Django. `safehold.record` stores what this
package computes; docs/reference/ledger.md specifies every format.
"""
