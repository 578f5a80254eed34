"""The process that opens media: `python process.py FD MEGABYTES`. Only `pool` starts it.

Before the first byte of a file it gives up what a decoder that has been taken over could use: memory beyond a limit,
files it could write, the network, and its parent's environment (which it never got). What is imported is imported here.
"""

import contextlib
import ctypes
import math
import os
import resource
import socket
import sys

from safehold.signals.media.workers import opening
from safehold.signals.media.workers.messages import READY, Answer, Job, Missing, Refused, receive_job, send_answer

_NEW_NETWORK, _NEW_USERS = 0x40000000, 0x10000000
_NO_NEW_PRIVILEGES = 38
#: Deciding goes before opening.
_NICE = 5


def main() -> None:
    link = socket.socket(fileno=int(sys.argv[1]))
    _confine(int(sys.argv[2]))
    link.sendall(READY)
    while True:
        job, data = receive_job(link)
        _allow_processor(job.bounds.processor_seconds)
        send_answer(link, _answer(job, data))


def _confine(megabytes: int) -> None:
    """Gain no privilege, have no network, write no file, take no more memory than this."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        system = ctypes.CDLL(None, use_errno=True)
        # An empty network of its own. An ordinary user may have one together with a user namespace, where the system
        # allows these; where it doesn't, the hook below is all there is against Python code, and decoders are given no addresses.
        if system.unshare(_NEW_NETWORK):
            system.unshare(_NEW_USERS | _NEW_NETWORK)
        system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    os.nice(_NICE)
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, _: tuple[object, ...]) -> None:
    if event in {"socket.__new__", "socket.connect", "socket.bind", "subprocess.Popen", "os.exec", "os.posix_spawn"}:
        raise PermissionError("what opens media has no network and starts no program")


def _allow_processor(seconds: float) -> None:
    """So many more seconds of processor time: then the system ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _answer(job: Job, data: bytes) -> Answer:
    try:
        if job.what == "measure":
            return opening.measure(job, data)
        if job.what == "nudity":
            from safehold.signals.media.workers import nudity

            return nudity.score(job, data)
        from safehold.signals.media.workers import text

        return text.read(job, data)
    except opening.Refusing as refused:
        return Refused(reason=str(refused))
    except ModuleNotFoundError as missing:
        return Missing(reason=f"{missing.name} is not installed: pip install 'safehold[media]'")
    except MemoryError:
        return Refused(reason="it takes more memory than there is for one file")
    except Exception as error:
        # Decoders raise whatever they like at hostile bytes. The message may repeat what is in them; the type doesn't.
        return Refused(reason=f"the {job.form} is damaged ({type(error).__name__})")


if __name__ == "__main__":
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent went
        main()
