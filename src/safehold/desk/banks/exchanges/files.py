"""Exchanges that are one file of hashes: CSV, NDJSON or a hash a line, on this machine or at an address. A file names all there
is: what it leaves out is gone.
"""

import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from safehold import outgoing
from safehold.desk.banks.exchanges.pages import Away, NotTaken, Page, Shared
from safehold.desk.banks.reading import Row, format_of, read
from safehold.engine.lists.formats import Problem

#: Bytes of a file, seconds for fetching it, rows of a page.
MOST_BYTES, SECONDS, ROWS = 512 * 1024 * 1024, 120.0, 2_000


class HashFile:
    """A file of hashes. See `pages.Source`."""

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]) -> None:
        self._at, self._kind = str(config["url"]), str(config.get("type", ""))
        self._format = str(config.get("format") or format_of(self._at.partition("?")[0]))
        self._token, self._private_hosts = secret.get("token", ""), private_hosts

    def stale(self, checkpoint: Any) -> bool:
        return False

    def pages(self, checkpoint: Any) -> Iterator[Page]:
        """Nothing if the file is the one that was read before."""
        data = self._data()
        digest = hashlib.sha256(data).hexdigest()
        if checkpoint is not None and checkpoint.get("digest") == digest:
            return
        for row in read(io.BytesIO(data), self._format, self._kind):
            if isinstance(row, Problem):
                raise ValueError(f"the file has a wrong row, so nothing of it is taken: {row}")
        rows = (row for row in read(io.BytesIO(data), self._format, self._kind) if isinstance(row, Row))
        chunk = list(islice(rows, ROWS))
        while chunk:
            following = list(islice(rows, ROWS))
            records = {f"{row.kind} {row.value}"[:500]: [Shared(row.kind, row.value, "positive")] for row in chunk}
            yield Page(records, checkpoint if following else {"digest": digest}, whole=True)
            chunk = following

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        raise NotTaken("a file takes no opinions")

    def _data(self) -> bytes:
        if "://" not in self._at:
            try:
                return Path(self._at).read_bytes()
            except OSError as error:
                raise Away(f"the file can't be read: {error.strerror}") from None
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            answer = outgoing.get(
                self._at, headers, private=outgoing.host_of(self._at) in self._private_hosts, seconds=SECONDS,
                most_bytes=MOST_BYTES, allowed_by="SAFEHOLD_EXCHANGE_PRIVATE_HOSTS",
            )  # fmt: skip
        except outgoing.Unreachable as reason:
            raise Away(str(reason)) from None
        if answer.status != 200:
            after = answer.headers.get("retry-after", "")
            raise Away(f"the address answers {answer.status}", float(after) if after.isdigit() else None)
        length = answer.headers.get("content-length", "")
        if answer.cut or (length.isdigit() and int(length) != len(answer.body)):
            raise Away("the file came only in part")
        return answer.body
