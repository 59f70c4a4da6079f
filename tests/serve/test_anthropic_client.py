#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The `anthropic` client against the server: messages whole and as streams, tools and their results, tokens counted, errors."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import server as under_test

under_test.with_clients()

import anthropic

from server import Server, run, smollm2

MODEL = smollm2()
HELLO = [{"role": "user", "content": "Name a colour."}]
COLD = {"temperature": 0}
WEATHER = [{"name": "get_weather", "description": "The weather in a city.", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]

served = Server("--sessions", "4", "-c", "2048", model=MODEL, env={"TRILL_API_KEY": "key-for-tests"})
client = anthropic.Anthropic(base_url=served.url, api_key="key-for-tests", max_retries=0, timeout=under_test.HANGS_SECONDS)


def test_messages():
    answer = client.messages.create(model="any", max_tokens=12, extra_body=COLD, system="You answer briefly.", messages=HELLO)
    assert answer.type == "message" and answer.role == "assistant" and answer.content[0].type == "text" and answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens") and 0 < answer.usage.output_tokens <= 12 and answer.usage.input_tokens > 0
    parts = client.messages.create(model="any", max_tokens=12, extra_body=COLD, system=[{"type": "text", "text": "You answer briefly."}],
                                   messages=[{"role": "user", "content": [{"type": "text", "text": "Name a colour."}]}])
    assert parts.content[0].text == answer.content[0].text


def test_bearer():
    other = anthropic.Anthropic(base_url=served.url, auth_token="key-for-tests", api_key=None, max_retries=0)
    assert other.messages.create(model="any", max_tokens=2, extra_body=COLD, messages=HELLO).content


def test_stream():
    whole = client.messages.create(model="any", max_tokens=20, extra_body=COLD, messages=HELLO)
    kinds = []
    with client.messages.stream(model="any", max_tokens=20, extra_body=COLD, messages=HELLO) as stream:
        for event in stream:
            kinds.append(event.type)
            if event.type == "message_start":
                assert event.message.usage.input_tokens == whole.usage.input_tokens + whole.usage.cache_read_input_tokens > 0, event
        final = stream.get_final_message()
    assert final.content[0].text == whole.content[0].text and final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    for kind in ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"):
        assert kind in kinds, kinds
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"


def test_stop_sequences():
    answer = client.messages.create(model="any", max_tokens=40, extra_body=COLD, stop_sequences=[" number"],
                                    messages=[{"role": "user", "content": "Count: 1, 2, 3, 4, 5"}])
    assert answer.stop_reason in ("stop_sequence", "end_turn") and " number" not in answer.content[0].text, answer
    assert answer.stop_sequence == (" number" if answer.stop_reason == "stop_sequence" else None)


def test_tools():
    question = {"role": "user", "content": "What is the weather in Paris?"}
    answer = client.messages.create(model="any", max_tokens=120, extra_body=COLD, tools=WEATHER, messages=[question],
                                    tool_choice={"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True})
    call = [block for block in answer.content if block.type == "tool_use"][0]
    assert answer.stop_reason == "tool_use" and call.name == "get_weather" and isinstance(call.input["city"], str) and call.id
    told = client.messages.create(model="any", max_tokens=20, extra_body=COLD, tools=WEATHER, messages=[
        question, {"role": "assistant", "content": [block.model_dump() for block in answer.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 21 degrees."}]}])
    assert told.content


def test_tools_stream():
    with client.messages.stream(model="any", max_tokens=120, extra_body=COLD, tools=WEATHER, tool_choice={"type": "any"},
                                messages=[{"role": "user", "content": "What is the weather in Paris?"}]) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use" and [block for block in final.content if block.type == "tool_use"][0].input["city"]


def test_count_tokens():
    counted = client.messages.count_tokens(model="any", messages=HELLO, system="You answer briefly.")
    answer = client.messages.create(model="any", max_tokens=2, messages=HELLO, system="You answer briefly.")
    usage = answer.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0), (counted, usage)
    more = client.messages.count_tokens(model="any", messages=HELLO, tools=WEATHER)
    assert more.input_tokens >= client.messages.count_tokens(model="any", messages=HELLO).input_tokens


def test_unknown_betas():
    answer = client.beta.messages.create(model="any", max_tokens=2, extra_body=COLD, messages=HELLO, betas=["something-2030-01-01"])
    assert answer.content


def test_errors():
    for fields, error in (({"max_tokens": -2}, anthropic.BadRequestError), ({"extra_body": {"temperature": -3}}, anthropic.BadRequestError)):
        try:
            client.messages.create(**{"model": "any", "max_tokens": 5, "messages": HELLO, **fields})
            raise AssertionError(f"{fields} is taken")
        except error as caught:
            assert caught.body["type"] == "error" and caught.body["error"]["type"] == "invalid_request_error", caught.body
    try:
        client.messages.create(model="any", max_tokens=5, messages=[{"role": "user", "content": "word " * 4000}])
        raise AssertionError("a prompt that is too long is taken")
    except anthropic.BadRequestError as caught:
        assert "too long" in str(caught) or "context" in str(caught), caught
    stranger = anthropic.Anthropic(base_url=served.url, api_key="wrong", max_retries=0)
    try:
        stranger.messages.create(model="any", max_tokens=5, messages=HELLO)
        raise AssertionError("a wrong key is taken")
    except anthropic.AuthenticationError as caught:
        assert caught.body["error"]["type"] == "authentication_error"


def test_raw_stream():
    text = served.request("POST", "/v1/messages?beta=true", {"model": "any", "max_tokens": 4, "stream": True, "messages": HELLO},
                          headers={"x-api-key": "key-for-tests", "anthropic-version": "2023-06-01"})[2].decode()
    for frame in text.strip().split("\n\n"):
        if frame.startswith(":"):
            continue
        event, data = frame.split("\n")
        assert event.startswith("event: ") and json.loads(data[6:])["type"] == event[7:], frame


# The server asks for a key here: its own test of readiness needs none.
try:
    run(dict(globals()))
finally:
    served.stop()
