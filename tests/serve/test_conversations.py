#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Conversations over HTTP: their life, words that are found in them, hostile documents and names, keys, a full drive, many
writers at once; and answers that are gone on with, as the page asks for them."""
import json
import os
import pathlib
import sys
import threading
from urllib.parse import quote

sys.path.insert(0, os.path.dirname(__file__))
from server import TINY, TRILL, Server, run

PLACE = "/trill/conversations"
ONE = {"title": "Trains", "head": "b", "settings": {"system": "x"}, "messages": [
    {"id": "a", "parent": "", "role": "user", "content": "When does the train leave?"},
    {"id": "b", "parent": "a", "role": "assistant", "content": "At ten.", "data": {"finish": "stop"}}]}


def ask(server, method, path, body=None, **more):
    status, _, text = server.request(method, PLACE + path, body, **more)
    return status, json.loads(text)


def test_life():
    with Server() as server:
        status, made = ask(server, "POST", "", ONE)
        name = "/" + made["id"]
        assert status == 201
        status, document = ask(server, "GET", name)
        assert status == 200 and document["title"] == "Trains" and document["messages"][1]["data"] == {"finish": "stop"}
        assert ask(server, "PUT", name, {"title": "Ships", "messages": [{**ONE["messages"][1], "content": "At eleven."}]})[0] == 200
        assert ask(server, "GET", name)[1]["messages"][1]["content"] == "At eleven."
        rows = ask(server, "GET", "?search=" + quote("eleven"))[1]["conversations"]
        assert [row["title"] for row in rows] == ["Ships"] and rows[0]["found"] == "At \x02eleven\x03."
        assert ask(server, "GET", "?search=ten")[1]["conversations"] == []
        status, headers, text = server.get(PLACE + name + "?format=markdown")
        assert status == 200 and headers["Content-Type"].startswith("text/markdown") and text.decode().endswith("At eleven.\n")
        assert ask(server, "DELETE", name)[0] == 200
        for method in ("GET", "PUT", "DELETE"):
            assert ask(server, method, name, {} if method == "PUT" else None)[0] == 404
        assert ask(server, "GET", "")[1] == {"conversations": [], "next": None}


def test_pages():
    """Of one millisecond more than a page holds: each is listed, and once."""
    with Server() as server:
        names = {ask(server, "POST", "", {"title": f"{i}", "changed": 1000})[1]["id"] for i in range(5)}
        seen, query = [], "?limit=2"
        while query:
            answer = ask(server, "GET", query)[1]
            seen += [row["id"] for row in answer["conversations"]]
            query = answer["next"] and "?limit=2&from=" + answer["next"]
        assert len(seen) == 5 and set(seen) == names, seen


def test_hostile():
    bodies = [b"", b"{", b"[]", b"\xff", b'{"title":1}', b'{"messages":[{"id":"a"}]}', b'{"settings":' + b"[" * 100000, b'{"messages":[' * 1000]
    with Server() as server:
        for body in bodies:
            assert server.request("POST", PLACE, body)[0] == 400, body[:50]
        for name in ("x" * 3000, "%00", "..%2f..", "%ff", "'", "a/b", "a'%20OR%201=1--"):
            assert server.get(PLACE + "/" + name)[0] in (400, 404), name
        for query in ("from=-1", "from=x", "from=1", "from=.", "from=1.", "from=1.2.3", "from=1.99999999999999999999", "limit=1000000", "limit=x", "search=" + "x" * 3000, "search=%ff", "search=a+b+c+d+e+f+g+h+i"):
            assert server.get(PLACE + "?" + query)[0] == 400, query
        assert server.get(PLACE + "/x?format=xml")[0] == 400
        assert server.request("PATCH", PLACE + "/x", b"{}")[0] == 405
        status, headers, text = server.request("POST", PLACE, json.dumps({"title": "x" * 2000}).encode())
        assert status == 507 and "at most 1024" in json.loads(text)["error"]["message"]
        assert ask(server, "GET", "")[1]["conversations"] == []


def test_none_are_kept():
    with Server("--no-conversations") as server:
        for _ in range(200):
            status, document = ask(server, "GET", "")
            assert status == 404 and document["error"]["code"] == "no_history"
        assert ask(server, "POST", "", ONE)[0] == 404
        assert not list(pathlib.Path(server.home.name).rglob("conversations.db"))


def test_keys():
    with Server(env={"TRILL_API_KEY": "open sesame"}) as server:
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("PUT", "/x"), ("DELETE", "/x")):
            assert server.request(method, PLACE + path, b"{}" if method != "GET" else None)[0] == 401, (method, path)
        assert ask(server, "GET", "", headers={"Authorization": "Bearer open sesame"})[0] == 200
        assert server.get("/")[0] == 200                         # the page itself asks for the key


def test_they_outlive_the_server():
    with Server() as server:
        name = ask(server, "POST", "", ONE)[1]["id"]
        file, = pathlib.Path(server.home.name).rglob("conversations.db")
        assert file.stat().st_mode & 0o077 == 0, "others may read it"
        server.process.kill()
        with Server(home=server.home) as again:
            assert ask(again, "GET", "/" + name)[1]["messages"][1]["content"] == "At ten."
        server.process = again.process


def test_many_writers():
    with Server() as server:
        name = "/" + ask(server, "POST", "", ONE)[1]["id"]
        failed = []

        def write(n):
            for i in range(20):
                status, document = ask(server, "PUT", name, {"messages": [{"id": f"m{n}-{i}", "parent": "b", "role": "user", "content": f"{n} {i}"}]})
                if status != 200:
                    failed.append(document)
        threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed, failed[0]
        assert len(ask(server, "GET", name)[1]["messages"]) == 2 + 160


def test_full_drive():
    """Files of the process may not grow any more: what was there stays, and the reason is told."""
    limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 400; exec "$@"', "sh", TRILL]
    with Server(command=limited) as server:
        name = "/" + ask(server, "POST", "", ONE)[1]["id"]
        long = {"messages": [{"id": "c", "parent": "b", "role": "user", "content": "word " * 200000}]}
        status, document = ask(server, "PUT", name, long)
        assert status == 507 and document["error"]["code"] == "no_room", document
        assert [message["id"] for message in ask(server, "GET", name)[1]["messages"]] == ["a", "b"]
        assert ask(server, "PUT", name, {"title": "Ships"})[0] == 200
        assert ask(server, "GET", name)[1]["title"] == "Ships"


def test_answers_are_gone_on_with():
    with Server() as server:
        question, fields = [{"role": "user", "content": "hello"}], {"temperature": 0, "max_tokens": 12}
        whole = server.chat(messages=question, **fields)[2]
        begun = question + [{"role": "assistant", "content": "It is"}]
        status, _, rest = server.chat(messages=begun, **fields)
        assert status == 200, rest
        plain = server.post("/apply-template", {"messages": begun})[2]["prompt"]
        head = plain[:plain.rindex("It is") + 5]
        ids = server.post("/tokenize", {"content": head, "parse_special": True, "add_special": False})[2]["tokens"]
        assert rest["usage"]["prompt_tokens"] == len(ids), (rest["usage"], len(ids), head)
        assert whole["usage"]["prompt_tokens"] != rest["usage"]["prompt_tokens"]
        empty = server.chat(messages=question + [{"role": "assistant", "content": ""}], **fields)
        assert empty[0] == 200


run(globals())
