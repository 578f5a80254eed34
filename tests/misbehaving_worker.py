"""A worker that has been taken over by what it opened: it does what the job's `form` says. Started by `Pool` in tests."""

import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path

from safehold.signals.media.workers import process
from safehold.signals.media.workers.messages import READY, Refused, receive_job, send_answer


def main() -> None:
    link = socket.socket(fileno=int(sys.argv[1]))
    process._confine(int(sys.argv[2]))
    link.sendall(READY)
    while True:
        job, data = receive_job(link)
        process._allow_processor(job.bounds.processor_seconds)
        if job.form == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif job.form == "hang":
            signal.pause()
        elif job.form == "spin":
            while True:
                pass
        elif job.form == "drip":
            while True:
                link.sendall(b"\x01")
                time.sleep(0.02)
        elif job.form == "flood":
            link.sendall(b"\xff" * 4)
        elif job.form == "lie":
            link.sendall(b"\x12\x00\x00\x00" + b'{"type":"unknown"}')
        else:
            send_answer(link, Refused(reason=_tried(job.form, data)))


def _tried(what: str, data: bytes) -> str:
    try:
        if what == "connect":
            socket.create_connection(("127.0.0.1", int(data)), timeout=1)
        elif what == "connect below Python":
            return f"errno {_connect(int(data))}"
        elif what == "write":
            Path(data.decode()).write_bytes(b"x" * 100)
        elif what == "allocate":
            bytearray(int(data))
        elif what == "environment":
            return " ".join(sorted(os.environ))
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"


def _connect(port: int) -> int:
    """As machine code would, past all that Python watches. 0 if it gets through."""
    system = ctypes.CDLL(None, use_errno=True)
    address = (2).to_bytes(2, "little") + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
    opened = system.socket(2, 1, 0)
    return ctypes.get_errno() if opened < 0 or system.connect(opened, address, 16) < 0 else 0


if __name__ == "__main__":
    main()
