#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The `openai` client against the server: everything that it offers of what the server speaks, whole and as streams."""
import base64
import json
import math
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(__file__))
import server as under_test

under_test.with_clients()

import openai
from pydantic import BaseModel

from server import Server, run, smollm2

MODEL = smollm2()
HELLO = [{"role": "system", "content": "You answer briefly."}, {"role": "user", "content": "Name a colour."}]
WEATHER = [{"type": "function", "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city"], "additionalProperties": False}}}]

served = Server("--sessions", "4", "-c", "2048", model=MODEL)
client = openai.OpenAI(base_url=served.url + "/v1", api_key="none", max_retries=0, timeout=under_test.HANGS_SECONDS)


def test_models():
    models = client.models.list().data
    assert [model.id for model in models] == ["smollm2-135m-instruct"]
    assert client.models.retrieve("smollm2-135m-instruct").id == "smollm2-135m-instruct"
    try:
        client.models.retrieve("gpt-7")
        raise AssertionError("a model that is not there")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error


def test_chat():
    answer = client.chat.completions.create(model="any", messages=HELLO, max_tokens=12, temperature=0)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and 0 < usage.completion_tokens <= 12
    again = client.chat.completions.create(model="any", messages=HELLO, max_tokens=12, temperature=0)
    assert again.choices[0].message.content == answer.choices[0].message.content
    assert again.id != answer.id


def test_seeds():
    def ask(**more):
        return client.chat.completions.create(model="any", messages=HELLO, max_tokens=24, temperature=1.5, **more).choices[0].message.content
    assert ask(seed=7) == ask(seed=7)
    assert len({ask() for _ in range(5)}) > 1, "answers without a seed are all the same"


def test_chat_stream():
    whole = client.chat.completions.create(model="any", messages=HELLO, max_tokens=12, temperature=0)
    text, ids, roles, finishes, usages = "", set(), [], [], []
    for chunk in client.chat.completions.create(model="any", messages=HELLO, max_tokens=12, temperature=0, stream=True,
                                                stream_options={"include_usage": True}):
        ids.add(chunk.id)
        assert chunk.object == "chat.completion.chunk"
        if chunk.usage:
            usages.append(chunk.usage)
            assert chunk.choices == []
            continue
        delta = chunk.choices[0].delta
        roles += [delta.role] if delta.role else []
        text += delta.content or ""
        finishes += [chunk.choices[0].finish_reason] if chunk.choices[0].finish_reason else []
    assert text == whole.choices[0].message.content
    assert len(ids) == 1 and roles == ["assistant"] and finishes == [whole.choices[0].finish_reason] and len(usages) == 1
    assert usages[0].completion_tokens == whole.usage.completion_tokens


def test_several_answers():
    answer = client.chat.completions.create(model="any", messages=HELLO, max_tokens=8, n=3, temperature=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    streamed = {}
    for chunk in client.chat.completions.create(model="any", messages=HELLO, max_tokens=8, n=3, temperature=0, stream=True):
        streamed.setdefault(chunk.choices[0].index, []).append(chunk.choices[0].delta.content or "")
    assert sorted(streamed) == [0, 1, 2] and len({"".join(pieces) for pieces in streamed.values()}) == 1


def test_stop():
    answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Count: 1, 2, 3, 4, 5, 6"}], max_tokens=40,
                                            temperature=0, stop=[",", "\n"])
    assert answer.choices[0].finish_reason == "stop" and "," not in answer.choices[0].message.content


def test_logprobs():
    answer = client.chat.completions.create(model="any", messages=HELLO, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3)
    tokens = answer.choices[0].logprobs.content
    assert len(tokens) == answer.usage.completion_tokens - (answer.choices[0].finish_reason == "stop") or len(tokens) == answer.usage.completion_tokens
    for token in tokens:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob >= token.top_logprobs[2].logprob
        assert token.token == token.top_logprobs[0].token, "the likeliest token was not taken at temperature 0"
    assert b"".join(bytes(token.bytes) for token in tokens).decode().startswith(answer.choices[0].message.content[:5])


def test_json_schema():
    class Colour(BaseModel):
        name: str
        red: int
        bright: bool
    answer = client.chat.completions.parse(model="any", messages=[{"role": "user", "content": "Describe a colour."}], max_tokens=120,
                                           temperature=1, seed=3, response_format=Colour)
    assert answer.choices[0].finish_reason == "stop", answer
    assert isinstance(answer.choices[0].message.parsed, Colour)


def test_json_object():
    answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Describe a dog as JSON."}], max_tokens=200,
                                            temperature=1, seed=1, response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict), answer


def test_tools():
    answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "What is the weather in Paris?"}], max_tokens=120,
                                            tools=WEATHER, tool_choice="required", temperature=0)
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls" and call.type == "function" and call.function.name == "get_weather" and call.id
    arguments = json.loads(call.function.arguments)
    assert isinstance(arguments["city"], str) and set(arguments) <= {"city", "unit"}
    told = client.chat.completions.create(model="any", max_tokens=20, temperature=0, tools=WEATHER, messages=[
        {"role": "user", "content": "What is the weather in Paris?"}, {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 degrees."}])
    assert told.choices[0].message.content is not None


def test_tools_stream():
    name, arguments, finish, first = "", "", None, None
    for chunk in client.chat.completions.create(model="any", messages=[{"role": "user", "content": "What is the weather in Paris?"}], max_tokens=120,
                                                tools=WEATHER, tool_choice={"type": "function", "function": {"name": "get_weather"}},
                                                temperature=0, stream=True, parallel_tool_calls=False):
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.index == 0
            first = first or call.id
            name += call.function.name or ""
            arguments += call.function.arguments or ""
        finish = chunk.choices[0].finish_reason or finish
    assert first and name == "get_weather" and finish == "tool_calls" and json.loads(arguments)["city"]


def test_completions():
    answer = client.completions.create(model="any", prompt="Once upon a time", max_tokens=10, temperature=0)
    assert answer.object == "text_completion" and answer.choices[0].text
    ids = json.loads(served.request("POST", "/tokenize", {"content": "Once upon a time"})[2])["tokens"]
    same = client.completions.create(model="any", prompt=ids, max_tokens=10, temperature=0)
    assert same.choices[0].text == answer.choices[0].text
    several = client.completions.create(model="any", prompt=[ids, ids], max_tokens=10, temperature=0)
    assert [choice.index for choice in several.choices] == [0, 1] and several.choices[1].text == answer.choices[0].text
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(model="any", prompt="Once upon a time", max_tokens=10, temperature=0,
                                                                                stream=True))
    assert text == answer.choices[0].text


def test_completions_echo():
    answer = client.completions.create(model="any", prompt="The capital of France is Paris", max_tokens=0, temperature=0, echo=True, logprobs=1)
    choice = answer.choices[0]
    assert choice.text == "The capital of France is Paris"
    assert choice.logprobs.token_logprobs[0] is None and all(value < 0 for value in choice.logprobs.token_logprobs[1:])
    assert "".join(choice.logprobs.tokens) == choice.text
    assert choice.logprobs.text_offset[0] == 0 and choice.logprobs.text_offset == sorted(choice.logprobs.text_offset)
    assert math.fsum(choice.logprobs.token_logprobs[1:]) > -60
    one = client.completions.create(model="any", prompt="The capital of France is", max_tokens=1, temperature=0, echo=True, logprobs=5)
    assert len(one.choices[0].logprobs.tokens) == one.usage.prompt_tokens + 1


def test_embeddings():
    texts = ["A cat sits on the mat.", "A kitten sits on a rug.", "Interest rates rose in March."]
    answer = client.embeddings.create(model="any", input=texts)      # the client asks for base64
    vectors = [item.embedding for item in answer.data]
    assert len(vectors) == 3 and abs(math.fsum(x * x for x in vectors[0]) - 1) < 1e-3
    plain = client.embeddings.create(model="any", input=texts, encoding_format="float")
    assert max(abs(a - b) for a, b in zip(vectors[0], plain.data[0].embedding)) < 1e-6
    def cosine(a, b):
        return math.fsum(x * y for x, y in zip(a, b))
    assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2])
    raw = json.loads(served.request("POST", "/v1/embeddings", {"input": texts[0], "encoding_format": "base64"})[2])["data"][0]["embedding"]
    got = struct.unpack(f"<{len(vectors[0])}f", base64.b64decode(raw))
    assert max(abs(a - b) for a, b in zip(got, vectors[0])) < 1e-6
    short = client.embeddings.create(model="any", input="x", dimensions=16)
    assert len(short.data[0].embedding) == 16


def test_responses():
    answer = client.responses.create(model="any", input="Name a colour.", instructions="You answer briefly.", max_output_tokens=12, temperature=0)
    assert answer.object == "response" and answer.status in ("completed", "incomplete") and answer.output_text
    assert answer.usage.output_tokens <= 12


def test_responses_stream():
    kinds, numbers, text, final = [], [], "", None
    with client.responses.stream(model="any", input="Name a colour.", max_output_tokens=500, temperature=0) as stream:
        for event in stream:
            kinds.append(event.type)
            numbers.append(event.sequence_number) if hasattr(event, "sequence_number") else None
            if event.type == "response.output_text.delta":
                text += event.delta
        final = stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    assert numbers == sorted(numbers) and text == final.output_text


def test_responses_tools():
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER[0]["function"]["parameters"], "strict": True}
    answer = client.responses.create(model="any", input="What is the weather in Paris?", tools=[tool], tool_choice="required", max_output_tokens=120,
                                     temperature=0)
    call = [item for item in answer.output if item.type == "function_call"][0]
    assert call.name == "get_weather" and json.loads(call.arguments)["city"] and call.call_id
    told = client.responses.create(model="any", tools=[tool], max_output_tokens=16, temperature=0, input=[
        {"role": "user", "content": "What is the weather in Paris?"}, call.model_dump(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."}])
    assert told.status in ("completed", "incomplete")


def test_errors():
    for fields, param in (({"temperature": -1}, "temperature"), ({"n": 0}, "n"), ({"extra_body": {"unheard_of": 1}}, "unheard_of")):
        try:
            client.chat.completions.create(model="any", messages=HELLO, **fields)
            raise AssertionError(f"{fields} is taken")
        except openai.BadRequestError as error:
            assert error.param == param and error.type == "invalid_request_error", error
    try:
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "word " * 4000}])
        raise AssertionError("a prompt that is too long is taken")
    except openai.BadRequestError as error:
        assert error.code == "context_length_exceeded" and "2048" in str(error), error


def test_raw_headers():
    raw = client.chat.completions.with_raw_response.create(model="any", messages=HELLO, max_tokens=2)
    assert raw.headers["x-request-id"] in raw.parse().id


try:
    run(dict(globals()))
finally:
    served.stop()
