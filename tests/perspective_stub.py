"""A stand-in for the service that is being left, on a port of its own: it speaks the protocol and scores by a rule of its own,
or fails as told.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "AIzaTheOldKey"


class Stub(ThreadingHTTPServer):
    """`fault` is how it fails: "", a status, "slow", "garbage", "shape", "huge", "redirect", "hangs up"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault: str | int = ""
        self.held = threading.Event()  # a slow one answers when this is set
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(message)
        fault = self.server.fault
        scores = {
            name: {"summaryScore": {"value": 0.125, "type": "PROBABILITY"}} for name in message["requestedAttributes"]
        }
        body = json.dumps({"attributeScores": scores, "languages": ["de"], "detectedLanguages": ["de"]}).encode()
        status = 200 if self.path == "/v1alpha1/comments:analyze" and self.headers["x-goog-api-key"] == KEY else 403
        match fault:
            case int():
                status, body = fault, b"{}"
            case "slow":
                self.server.held.wait(60)
            case "garbage":
                body = b"<html>"
            case "shape":
                body = b'{"attributeScores": {"TOXICITY": {"summaryScore": {"value": 7}}}}'
            case "huge":
                body = b" " * 1_000_000
            case "redirect":
                status = 302
            case "hangs up":
                self.connection.close()
                return
        self.send_response(status)
        if fault == "redirect":
            self.send_header("location", f"{self.server.url}/elsewhere")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def old_service() -> Iterator[Stub]:
    """A running stub."""
    stub = Stub()
    threading.Thread(target=stub.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield stub
    finally:
        stub.shutdown()
        stub.server_close()
