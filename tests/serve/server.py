# SPDX-License-Identifier: MIT
"""A server under test: started on a free port, its standard error read, ended and its exit code checked. And what all
tests of servers share: raw requests, the clients' Python, models."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(os.environ["TRILL_ROOT"])
TRILL = os.environ["TRILL"]
TINY = str(ROOT / "tests/golden/llama/model.gguf")
FAST = bool(os.environ.get("TRILL_FAST"))
HANGS_SECONDS = 300          # longer than anything here takes, however busy the machine is
SANITIZED = any(name in pathlib.Path(TRILL).read_bytes() for name in (b"__asan_init", b"__tsan_init"))


def skip(why):
    print(why, file=sys.stderr)
    sys.exit(77)


def with_clients(group=None):
    """Goes on in the Python of tool/venv; skips where it cannot be made."""
    mark = "TRILL_IN_VENV" + (group or "")
    if os.environ.get(mark):
        return
    made = subprocess.run([ROOT / "tool/venv"] + ([group] if group else []), stdout=subprocess.PIPE, text=True)
    if made.returncode != 0:
        sys.exit(77)
    os.environ[mark] = "1"
    python = made.stdout.strip()
    os.execv(python, [python, *sys.argv])


def smollm2():
    path = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "trill/smollm2-135m-instruct.gguf"
    if not path.exists():
        skip(f"{path} is not there; tool/fetch-models fetches it")
    return str(path)


def until(look, what=None, ignored=()):
    """The first result that is true."""
    end = time.monotonic() + HANGS_SECONDS
    while True:
        with contextlib.suppress(*ignored):
            found = look()
            if found:
                return found
        assert time.monotonic() < end, what() if callable(what) else what or "it does not happen"
        time.sleep(0.02)


class Server:
    def __init__(self, *arguments, model=TINY, env=None, ready=True, command=(TRILL,), home=None):
        self.home = home or tempfile.TemporaryDirectory(prefix="trill-serve-")       # gone when the server is stopped
        self.lines = []
        self.asked = False
        self.port = None
        self.process = subprocess.Popen([*command, "serve", model, "--port", "0", "--home", self.home.name, *map(str, arguments)],
                                        stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.listening = threading.Event()
        self.reader.start()
        assert self.listening.wait(HANGS_SECONDS), "it does not listen"
        assert self.port, f"it ended: {self.lines}"
        self.url = f"http://127.0.0.1:{self.port}"
        if ready:
            self.wait_ready()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            found = re.match(r"listening on http://.*:(\d+)$", self.lines[-1])
            if found:
                self.port = int(found[1])
                self.listening.set()
        self.listening.set()

    def wait_ready(self):
        def is_ready():
            assert self.process.poll() is None, f"it ended: {self.lines}"
            return self.get("/health")[0] == 200
        until(is_ready, what="it does not get ready", ignored=(OSError,))

    def ask_to_stop(self):
        if self.process.poll() is None and not self.asked:
            self.asked = True                        # a second time means at once
            self.process.send_signal(signal.SIGTERM)

    def stop(self, expected=0):
        self.ask_to_stop()
        try:
            code = self.process.wait(HANGS_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it does not stop; it said: {self.lines[-5:]}")
        self.reader.join()
        self.home.cleanup()
        assert code == expected, f"exit code {code}, expected {expected}; it said: {self.lines[-20:]}"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print("\n".join(self.lines[-20:]), file=sys.stderr)
            self.process.kill()
            self.process.wait()
        else:
            self.stop()

    # --- requests -----------------------------------------------------------------------------------------------------

    def request(self, method, path, body=None, headers=None):
        """Status, headers, bytes."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=HANGS_SECONDS) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        status, headers, text = self.request("POST", path, body, **more)
        return status, headers, json.loads(text) if text else None

    def live(self):
        return json.loads(self.get("/trill/live")[2])

    def chat(self, **fields):
        fields = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, **fields}
        return self.post("/v1/chat/completions", fields)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=HANGS_SECONDS)

    def raw(self, data, ends=False):
        """Everything that comes back until the server closes; `ends`: nothing more will be sent, and the server is told so."""
        with self.connect() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def stream(self, path, body, headers=None):
        """What closes the connection whose response has begun; its status and its chunks."""
        connection = self.connect()
        send_post(connection, path, body, headers)
        reader = connection.makefile("rb")
        connection.close()                           # as soon as the reader is closed too
        status = int(reader.readline().split()[1])
        while reader.readline() not in (b"\r\n", b""):
            pass
        return reader, status, chunks(reader)

    def idle(self):
        """Waits until nothing runs and nothing waits."""
        def is_idle():
            live = self.live()
            return not live["running"] and not live["queue"]["running"] and not live["queue"]["waiting"]
        until(is_idle, what=lambda: f"it goes on: {self.live()['running']}")

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s*(\d+) kB", status.read())[1]) * 1024


def send_post(connection, path, body, headers=None):
    text = json.dumps(body).encode() if not isinstance(body, bytes) else body
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\n{more}\r\n".encode() + text)


def read_all(connection):
    got = b""
    with contextlib.suppress(OSError):
        while True:
            piece = connection.recv(65536)
            if not piece:
                break
            got += piece
    return got


def chunks(reader):
    """The pieces of a chunked body, as text."""
    while True:
        line = reader.readline()
        n = int(line, 16) if line.strip() else 0
        if not n:
            return
        piece = reader.read(n)
        reader.readline()
        yield piece.decode()


def events(text):
    """The documents of a stream of server-sent events; [DONE] is a text."""
    for frame in text.split("\n\n"):
        for line in frame.split("\n"):
            if line.startswith("data: "):
                yield line[6:] if line[6:] == "[DONE]" else json.loads(line[6:])


def run(cases):
    """Runs functions that are named test_*; all of them, even where one fails."""
    failed = []
    for name, case in list(cases.items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:])):
            continue
        began = time.time()
        try:
            case()
            print(f"ok {name} ({time.time() - began:.2f} s)", flush=True)
        except Exception:
            import traceback
            traceback.print_exc()
            print(f"not ok {name}", flush=True)
            failed.append(name)
    if failed:
        print(f"failed: {' '.join(failed)}")
        sys.exit(1)
