# SPDX-License-Identifier: MIT
"""A server that stands in for trill's where a test of the page needs one that loads slowly, is busy, reasons, or breaks off:
the page's files as they are, and answers that follow a script."""
import contextlib
import json
import os
import pathlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = pathlib.Path(os.environ["TRILL_ROOT"]) / "src/serve/page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *parts):
        pass

    def reply(self, status, body, type="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": type, "Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def parse_request(self):
        if self.server.script.gone:
            with contextlib.suppress(OSError):           # the client may have closed it
                self.connection.shutdown(socket.SHUT_RDWR)
            return False
        return super().parse_request()

    def do_GET(self):
        script, path = self.server.script, self.path.split("?")[0]
        if path == "/" or path.startswith("/page/"):
            file = PAGE / (path[6:] or "index.html")
            self.reply(200, file.read_bytes(), TYPES[file.suffix])
        elif path == "/health":
            self.reply(503 if script.loading else 200, {"status": "loading" if script.loading else "ok", "model": script.models[0],
                                                        "done_bytes": script.done, "total_bytes": 100_000_000_000})
        elif path == "/v1/models":
            self.reply(200, {"data": [{"id": name, "max_model_len": 32768} for name in script.models]})
        else:
            self.reply(404, {"error": {"message": "not here", "code": "no_history"}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.script.asked.append(body)
        self.server.script.answer(self)

    # --- for scripts ----------------------------------------------------------------------------------------------------

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def chunk(self, finish=None, progress=None, **delta):
        document = {"id": "chatcmpl-1", "choices": [] if progress else [{"index": 0, "delta": delta, "finish_reason": finish}]}
        if progress:
            document["prompt_progress"] = progress
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")
        self.wfile.flush()

    def end(self, finish="stop"):
        self.chunk(finish=finish)
        self.wfile.write(b"data: [DONE]\n\n")


class StandIn:
    """answer(handler) answers requests for chats; hold() waits until the test calls go()."""

    def __init__(self, answer=None, models=("one",), loading=False):
        self.answer = answer
        self.models, self.loading, self.done, self.asked = list(models), loading, 25_000_000_000, []
        self.gone = False
        self.gate = threading.Semaphore(0)
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.script = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def hold(self):
        assert self.gate.acquire(timeout=300)

    def go(self):
        self.gate.release()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.http.shutdown()
        self.http.server_close()
        time.sleep(0.01)
