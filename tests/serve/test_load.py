#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thousands of mixed requests, some at a time: whole ones and streams, all forms, clients that leave at any moment, that read slowly or
send garbage. The server answers all who wait, and takes no more memory at the end than it did after the beginning."""
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import FAST, SANITIZED, Server, chunks, run, send_post

REQUESTS = int(os.environ.get("TRILL_LOAD", 600 if FAST else 10000))
CLIENTS = 16
FLAT = (24 << 20) if not SANITIZED else 1 << 30      # sanitizers keep what was freed


class Client(threading.Thread):
    def __init__(self, server, number, take):
        super().__init__()
        self.server, self.take, self.rng = server, take, random.Random(number)
        self.counts, self.failed = {}, []

    def run(self):
        while self.take():
            kind = self.rng.choices([self.whole, self.stream, self.leave, self.leave_in_stream, self.slow, self.garbage, self.wrong, self.look], [30, 20, 15, 10, 2, 8, 8, 7])[0]
            try:
                kind()
            except OSError as error:
                if kind in (self.whole, self.stream, self.look):
                    self.failed.append(f"{kind.__name__}: {error!r}")
            except Exception as error:
                self.failed.append(f"{kind.__name__}: {error!r}")
            self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1

    def request(self):
        text = "".join(self.rng.choice("abcdefgh ") for _ in range(self.rng.randrange(1, 60)))
        more = {"max_tokens": self.rng.randrange(1, 24), "temperature": self.rng.choice([0, 1]), "stream": False}
        return self.rng.choice([
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "n": self.rng.randrange(1, 4), "logprobs": True, **more}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more, "response_format": {"type": "json_object"}, "max_tokens": 60}),
            ("/v1/completions", {"prompt": [text, text], **more}),
            ("/v1/completions", {"prompt": text, **more, "max_tokens": 0, "echo": True, "logprobs": 1}),
            ("/v1/responses", {"input": text, "max_output_tokens": 9}),
            ("/v1/messages", {"model": "x", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}),
            ("/v1/embeddings", {"input": text}),
            ("/tokenize", {"content": text}),
        ])

    def whole(self):
        path, body = self.request()
        status, _, document = self.server.post(path, body)
        assert status in (200, 429) and document, (path, status, document)

    def stream(self):
        path, body = self.request()
        if path not in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"):
            return
        connection, status, pieces = self.server.stream(path, {**body, "stream": True})
        assert status in (200, 429), (path, status)
        text = "".join(pieces) if status == 200 else "data:"
        assert "data:" in text and "error" not in text.split("event: error")[0][:20], text
        connection.close()

    def leave(self):
        path, body = self.request()
        connection = self.server.connect()
        send_post(connection, path, {**body, "stream": self.rng.random() < 0.5} if path.startswith("/v1/chat") else body)
        time.sleep(self.rng.random() * 0.02)
        connection.close()

    def leave_in_stream(self):
        connection, status, pieces = self.server.stream("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 200, "stream": True})
        if status == 200:
            for _ in range(self.rng.randrange(1, 5)):
                next(pieces, None)
        connection.close()

    def slow(self):
        connection = self.server.connect()
        send_post(connection, "/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 100, "stream": True})
        for _ in range(10):
            connection.recv(self.rng.randrange(1, 50))
            time.sleep(0.01)
        connection.close()

    def garbage(self):
        connection = self.server.connect()
        data = self.rng.randbytes(self.rng.randrange(1, 3000))
        if self.rng.random() < 0.5:
            data = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % self.rng.randrange(1, 5000) + data
        connection.sendall(data)
        connection.settimeout(0.05)
        try:
            connection.recv(1000)
        except TimeoutError:
            pass
        connection.close()

    def wrong(self):
        path, body = self.request()
        body = {**body, self.rng.choice(["temperature", "max_tokens", "messages", "prompt", "input", "n"]): self.rng.choice(["x", -7, [], {}, 1e99, [[[]]]])}
        assert self.server.request("POST", path, body)[0] in (200, 400, 429)

    def look(self):
        for path in ("/health", "/metrics", "/trill/live", "/v1/models", "/slots", "/"):
            assert self.server.get(path)[0] == 200, path


def drive(server, n):
    lock, left = threading.Lock(), [n]

    def take():
        with lock:
            left[0] -= 1
            return left[0] >= 0
    clients = [Client(server, 1000 * n + number, take) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    failed = [text for client in clients for text in client.failed]
    assert not failed, failed[:5]
    server.idle()
    counts = {}
    for client in clients:
        for name, count in client.counts.items():
            counts[name] = counts.get(name, 0) + count
    return counts


def test_load():
    assert chunks
    with Server("--sessions", "4", "--queue", "64", "--ping", "0.2", "-c", "1024", "--prefix-bytes", "4M") as server:
        drive(server, REQUESTS // 4)
        before = server.resident()
        began = time.time()
        counts = drive(server, REQUESTS - REQUESTS // 4)
        after = server.resident()
        print(f"{REQUESTS} requests, the last {sum(counts.values())} in {time.time() - began:.1f} s: {json.dumps(counts)}; memory {before >> 20} MiB, then {after >> 20} MiB")
        assert after - before < FLAT, (before, after)
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 60


run(dict(globals()))
