#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile clients: half requests, slow ones, garbage, bodies and headers without end, wrong types, thousands of connections;
keys, hosts, origins; a full queue; clients that leave; the end of the server."""
import contextlib
import json
import os
import random
import resource
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import FAST, HANGS_SECONDS, TINY, TRILL, Server, events, read_all, run, send_post, until

CHAT = "/v1/chat/completions"
LONG = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 900000, "ignore_eos": True, "stream": True}      # ends when somebody ends it
ENDLESS = ("-c", "1000000", "--idle-time", "3600")


def status_of(answer):
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None


def test_half_requests():
    whole = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n" + b'{"messages": [' + b" " * 6
    with Server("--idle-time", "3600", "--stop-time", "3600") as server:         # clients that left are not waited for
        for n in range(0, len(whole), 3 if FAST else 1):
            with server.connect() as connection:
                connection.sendall(whole[:n])
        assert server.get("/health")[0] == 200
        server.idle()


def test_slow_requests():
    with Server("--idle-time", "1") as server:
        idle, headers, body = (server.connect() for _ in range(3))
        headers.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        body.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{")

        def all_closed():
            for connection in (headers, body):
                with contextlib.suppress(OSError):
                    connection.sendall(b"x: y\r\n" if connection is headers else b" ")
            time.sleep(0.1)
            return all(closed(connection) for connection in (idle, headers, body))
        until(all_closed, what="slow clients are kept")
        server.wait_ready()


def closed(connection):
    connection.settimeout(0.001)
    try:
        while connection.recv(4096):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def test_garbage():
    rng = random.Random(1)
    with Server() as server:
        for n in range(30 if FAST else 120):
            data = rng.randbytes(rng.randrange(1, 4000))
            if n % 3 == 0:
                data = b"GET /" + data
            elif n % 3 == 1:
                data = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data
            answer = server.raw(data + b"\r\n\r\n", ends=n % 3 != 1)
            assert status_of(answer) in (None, 400, 401, 403, 404, 405, 413, 414, 431, 500, 501, 505), answer[:200]
            assert n % 3 != 1 or status_of(answer) == 400, answer[:300]
        assert server.get("/health")[0] == 200


def test_pipelining():
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with Server() as server:
        answer = server.raw(one * 5 + last)
        assert answer.count(b"HTTP/1.1 200") == 6, answer


def test_sizes():
    with Server() as server:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        assert status_of(server.raw(head + b"Content-Length: 99999999999\r\n\r\n")) == 413
        answer = server.raw(head.replace(b"chat/completions", b"messages") + b"Content-Length: 99999999999\r\n\r\n")
        assert status_of(answer) == 413 and b'{"type":"error"' in answer and b"nosniff" in answer, answer
        assert status_of(server.raw(head + b"Content-Length: -5\r\n\r\n")) == 400
        assert status_of(server.raw(head + b"Content-Length: 18446744073709551617\r\n\r\n")) in (400, 413)
        assert status_of(server.raw(head + b"x: " + b"y" * 200000 + b"\r\n\r\n")) in (413, 431, None)
        assert status_of(server.raw(head + b"".join(b"h%d: x\r\n" % n for n in range(20000)) + b"\r\n")) in (413, 431, None)
        assert status_of(server.raw(b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")) in (413, 414, 431, None)
        with server.connect() as connection:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
            sent = 0
            try:
                while sent < 100:
                    connection.sendall(chunk)
                    sent += 1
            except OSError:
                pass
            assert sent < 100, "a body without end is read"
        answer = server.raw(head + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n")
        assert status_of(answer) == 400, answer
        assert server.get("/health")[0] == 200
        assert server.resident() < 1 << 30


def test_framing():
    def ask(headers, body=b'{"prompt":"a","max_tokens":1}', path=b"/v1/completions"):
        return server.raw(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n" + body)
    length, chunked = b"Content-Length: 29\r\n", b"Transfer-Encoding: chunked\r\n"
    pieces = b'1d;name=value;other="x"\r\n{"prompt":"a","max_tokens":1}\r\n0;last\r\nTrailer: y\r\n\r\n'
    with Server() as server:
        assert status_of(ask(length)) == 200 and status_of(ask(chunked, pieces)) == 200
        for headers in (length * 2, length + b"Content-Length: 5\r\n", length + chunked, chunked + length, chunked * 2, length + b"Host: localhost\r\n"):
            answer = ask(headers, pieces if headers.startswith(chunked) else b'{"prompt":"a","max_tokens":1}')
            assert status_of(answer) == 400 and b"invalid_request_error" in answer and answer.count(b"HTTP/1.1 ") == 1, (headers, answer)
        for coding in (b"gzip, chunked", b"identity", b"x"):
            assert status_of(ask(b"Transfer-Encoding: " + coding + b"\r\n", pieces)) == 501, coding
        answer = ask(length + b"Expect: 100-continue\r\n", b"", b"/nothing")
        assert answer.startswith(b"HTTP/1.1 404 ") and b"100 Continue" not in answer, answer
        assert ask(length + b"Expect: 100-continue\r\n").startswith(b"HTTP/1.1 100 ")
        assert server.get("/health")[0] == 200


def test_wrong_types():
    odd = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b"\xff\xfe", b'{"messages":"\xff"}', b"[" * 100000, b'{"a":' * 100000,
           b'{"messages":' + b"[" * 100000, b'{"messages":[{"role":"user","content":' + b'{"a":' * 5000, b'{"prompt":' + b"[" * 5000,
           b'{"messages":[]}', b'{"messages":[{}]}', b'{"messages":[1]}', b'{"messages":{}}', b'{"messages":[{"role":5,"content":"x"}]}',
           b'{"prompt":{}}', b'{"prompt":[[[1]]]}', b'{"prompt":[1e99]}', b'{"prompt":[-1]}', b'{"input":[[]]}', b'{"input":{}}', b'{"input":7}',
           b'{"tokens":[1.5]}', b'{"tokens":"x"}', b'{"content":1}']
    fields = {"model": [1, [], {}], "max_tokens": ["x", -5, 1.5, 1e300, {}], "temperature": ["hot", -1, 1e99], "n": [0, -1, 1e9, "2"],
              "stop": [1, {}, [1], ["x"] * 1000], "stream": ["yes", 1], "tools": [1, [1], [{}], {"a": 1}], "logprobs": ["x"], "top_logprobs": [-1, 1e6],
              "response_format": [1, {"type": "x"}, {"type": "json_schema"}], "logit_bias": [1, {"x": 1}, {"1": "y"}], "seed": ["x"],
              "tool_choice": [1, {"type": "function"}], "stream_options": [1], "unheard_of": [1]}
    with Server() as server:
        for path in (CHAT, "/v1/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/tokenize", "/detokenize", "/apply-template"):
            for body in odd:
                status, _, text = server.request("POST", path, body)
                fine = path in ("/tokenize", "/apply-template") and b"messages" in body
                assert status == 400 or fine and status == 200, (path, body[:60], status, text)
                assert "error" in json.loads(text) or status == 200
        for name, values in fields.items():
            for value in values:
                status, _, document = server.chat(**{name: value})
                assert status == 400, (name, value, status, document)
                assert document["error"]["message"], document
        assert server.get("/health")[0] == 200


def test_methods():
    with Server() as server:
        assert server.request("HEAD", "/health")[0] == 200 and server.request("HEAD", "/health")[2] == b""
        assert server.request("DELETE", "/health")[0] == 405
        assert server.request("GET", CHAT)[0] == 405
        assert server.request("BREW", "/health")[0] == 405
        assert server.request("GET", "/nothing")[0] == 404
        assert json.loads(server.get("/api/tags")[2])["models"][0]["name"] == "model" and json.loads(server.get("/api/version")[2])["version"]
        assert server.request("GET", "/v1/models/nothing")[0] == 404
        status, headers, _ = server.request("OPTIONS", CHAT, headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"})
        assert status == 204 and headers["Access-Control-Allow-Origin"] == "http://localhost:3000", headers


def test_connections():
    with Server("--idle-time", "20") as server:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        many = []
        for _ in range(900):
            many.append(server.connect())
        assert server.get("/health")[0] == 200
        for _ in range(100 if FAST else 600):
            many.append(server.connect())
        for connection in many:
            connection.close()
        server.wait_ready()
        for _ in range(50):
            assert server.get("/health")[0] == 200


def test_keys():
    with Server(env={"TRILL_API_KEY": "correct-horse"}) as server:
        assert server.get("/health")[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong-horse"}, {"x-api-key": "correct-hors"}, {"Authorization": "correct-horse"}):
            for path in ("/v1/models", "/metrics", "/trill/live", "/nothing", "/slots"):
                status, _, text = server.get(path, headers=headers)
                assert status == 401 and b"correct" not in text, (path, headers, status)
            assert server.chat.__func__ and server.request("POST", CHAT, b"{}", headers=headers)[0] == 401
        assert server.get("/v1/models", headers={"Authorization": "Bearer correct-horse"})[0] == 200
        assert server.get("/v1/models", headers={"x-api-key": "correct-horse"})[0] == 200


def test_key_file():
    import tempfile
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as keys:
        keys.write("# two\nfirst-key-of-two\nsecond-key-of-two\n")
        keys.flush()
        with Server("--key-file", keys.name) as server:
            for key in ("first-key-of-two", "second-key-of-two"):
                assert server.get("/v1/models", headers={"Authorization": f"Bearer {key}"})[0] == 200
            assert server.get("/v1/models", headers={"Authorization": "Bearer # two"})[0] == 401


def test_strangers():
    for arguments, code in ((["--host", "0.0.0.0"], 2), (["--host", "0.0.0.0", "--key-file", "/dev/null"], 2), (["--host", "300.1.1.1.1"], 2)):
        ended = subprocess.run([TRILL, "serve", TINY, "--port", "0", *arguments], stderr=subprocess.PIPE, text=True, timeout=HANGS_SECONDS)
        assert ended.returncode == code, ended
    with Server("--host", "0.0.0.0", "--no-key") as server:
        assert server.get("/health")[0] == 200


def test_hosts_and_origins():
    with Server("--allow-host", "box.example.org", "--origin", "https://one.example", "--origin", "https://two.example") as server:
        for host, status in (("localhost", 200), ("127.0.0.1:1234", 200), ("[::1]:80", 200), ("box.example.org:8080", 200), ("192.168.1.7", 200),
                             ("evil.example", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 403), ("[", 403)):
            assert server.get("/health", headers={"Host": host})[0] == status, host
        for origin, status in (("http://localhost:5173", 200), (server.url, 200), ("https://two.example", 200), ("https://evil.example", 403),
                               ("null", 403), ("http://localhost.evil.example", 403), ("https://one.example.evil", 403), ("file://", 403)):
            got, headers, _ = server.get("/v1/models", headers={"Origin": origin})
            assert got == status, origin
            assert headers.get_all("Access-Control-Allow-Origin") == ([origin] if status == 200 else None), headers
        assert server.get("/v1/models")[1]["Access-Control-Allow-Origin"] is None


def test_queue_is_bounded():
    with Server("--sessions", "1", "--queue", "2", *ENDLESS) as server:
        streams = [server.connect() for _ in range(3)]
        for waiting, stream in enumerate(streams):
            send_post(stream, CHAT, LONG)
            until(lambda: server.live()["queue"] == {"waiting": waiting, "limit": 2, "running": 1})
        status, headers, document = server.chat()
        assert status == 429 and int(headers["Retry-After"]) > 0 and headers["x-should-retry"] == "true", (status, headers)
        assert document["error"]["code"] == "queue_full", document
        for stream in streams:
            stream.close()
        server.idle()
        assert server.chat()[0] == 200


def test_one_with_many_parts_starves_none():
    with Server("--sessions", "1", "--queue", "100", "-c", "4096") as server:
        many = server.connect()
        send_post(many, "/v1/completions", {"prompt": ["hello"] * 60, "max_tokens": 1500, "ignore_eos": True})
        until(lambda: server.live()["queue"]["running"] == 1)
        assert server.chat(max_tokens=2)[0] == 200
        live = server.live()
        assert any(task["parts"] == 60 for task in live["running"]), "the one with few parts waited for the one with many"
        many.close()
        server.idle()


def test_who_leaves_is_cancelled():
    with Server("--sessions", "1", *ENDLESS) as server:
        for body in (LONG, {**LONG, "stream": False}):
            connection = server.connect()
            send_post(connection, CHAT, body)
            until(lambda: server.live()["queue"]["running"] == 1)
            connection.close()
            server.idle()
            assert server.live()["answers"][0]["finish"] == "cancelled"
        waiting = [server.connect() for _ in range(5)]
        for connection in waiting:
            send_post(connection, CHAT, LONG)
        until(lambda: len(server.live()["running"]) == 5)
        for connection in reversed(waiting):
            connection.close()
        server.idle()
        assert all(answer["finish"] == "cancelled" for answer in server.live()["answers"]), "who waited is not forgotten"


def test_slow_readers():
    with Server("--sessions", "2", "-c", "1000000", "--ping", "0.1", "--idle-time", "2") as server:
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", server.port))
        send_post(stuck, CHAT, {**LONG, "max_tokens": 1000000, "logprobs": True, "top_logprobs": 20, "grammar": "root ::= [a-z]+"})
        time.sleep(0.5)
        assert server.chat()[0] == 200
        server.idle()
        assert server.live()["answers"][0]["finish"] in ("cancelled", "length", "stop")
        assert server.resident() < 1 << 30
        stuck.close()


def test_beats():
    with Server("--sessions", "1", "--ping", "0.1", *ENDLESS) as server:
        first = server.connect()
        send_post(first, CHAT, LONG)
        until(lambda: server.live()["queue"]["running"] == 1)
        second, status, pieces = server.stream(CHAT, {**LONG, "max_tokens": 3})
        assert status == 200
        assert next(pieces).startswith(":") and next(pieces).startswith(":"), "no sign of life while it waits"
        first.close()
        text = "".join(pieces)
        assert text.rstrip().endswith("data: [DONE]"), text[-200:]
        second.close()


def test_stop_lets_answers_end():
    server = Server("--sessions", "1", "--stop-time", "3600")
    with server.connect() as connection:
        send_post(connection, CHAT, {**LONG, "max_tokens": 300})
        until(lambda: server.live()["running"] or server.live()["answers"])
        server.ask_to_stop()
        got = read_all(connection)
    assert b"[DONE]" in got, got[-300:]
    server.stop()
    server = Server("--sessions", "1", "--stop-time", "0.3", "-c", "1000000")
    with server.connect() as connection:
        send_post(connection, CHAT, {**LONG, "max_tokens": 1000000})
        until(lambda: server.live()["queue"]["running"] == 1)
        server.ask_to_stop()
        assert b"[DONE]" not in read_all(connection)
    server.stop()


def test_port_is_taken():
    with Server() as server:
        ended = subprocess.run([TRILL, "serve", TINY, "--port", str(server.port)], stderr=subprocess.PIPE, text=True, timeout=HANGS_SECONDS)
        assert ended.returncode == 1 and "cannot listen" in ended.stderr, ended


def test_bad_model():
    ended = subprocess.run([TRILL, "serve", __file__, "--port", "0"], stderr=subprocess.PIPE, text=True, timeout=HANGS_SECONDS)
    assert ended.returncode == 3, ended


def test_several_models():
    other = TINY.replace("/llama/", "/qwen3/")
    import shutil
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        one, two = f"{folder}/one.gguf", f"{folder}/two.gguf"
        shutil.copy(TINY, one)
        shutil.copy(other, two)
        with Server(two, "--alias", "gpt-4o", *ENDLESS, model=one) as server:
            names = [model["id"] for model in json.loads(server.get("/v1/models")[2])["data"]]
            assert names == ["one", "two", "gpt-4o"], names
            for name in ("one", "two", "two", "gpt-4o", "two"):
                status, _, document = server.chat(model=name)
                assert status == 200 and document["model"] == name, (name, status, document)
            assert server.chat(model="three")[0] == 404
            assert server.live()["model"]["model"] == "two"
            running = server.connect()
            send_post(running, CHAT, {**LONG, "model": "two"})
            until(lambda: server.live()["queue"]["running"] == 1)
            waiting = server.connect()
            send_post(waiting, CHAT, {**LONG, "model": "one"})
            until(lambda: server.live()["parked"] == 1)
            waiting.close()
            until(lambda: server.live()["parked"] == 0)
            running.close()
            server.idle()
            assert server.live()["model"]["model"] == "two", "a model is opened for a client that has left"


run(dict(globals()))
