#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Renders chat templates with Jinja2, set up as Hugging Face's apply_chat_template sets it up, and writes what
test_templates.c compares: one JSON object a line {"template", "case", "text", "messages", "tools", "extra", "prompt",
"expected"}; messages, tools and extra are JSON in strings, tools and extra may be null; expected is null where Jinja2
raises an exception.

    templates.py [FOLDER]      *.jinja of FOLDER; default: what tool/fetch-peer-material has fetched

Exits with 77 when Jinja2 or the templates are not here.
"""
import datetime
import glob
import json
import os
import sys

try:
    import jinja2
    import jinja2.ext
    import jinja2.nodes
    import jinja2.sandbox
except ImportError:
    print("the Python module jinja2 is not here", file=sys.stderr)
    sys.exit(77)

NOW = 1721990096  # 2024-07-26 10:34:56 UTC
BOS, EOS = "<|bos|>", "<|eos|>"


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def make_environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def strftime_now(form):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None).strftime(form)

    class Namespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            names = dict(*args[1:], **kwargs)
            for name in names:
                Namespace.check(name)
            jinja2.utils.Namespace.__init__(args[0], names)

        def __setitem__(self, name, value):
            Namespace.check(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def check(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(name)

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    environment.globals["namespace"] = Namespace
    return environment


def system(text):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def call(name, arguments, number="123456789"):
    return {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Tells the weather of a place, \"now\" or later — in °C.",
    "parameters": {"type": "object", "properties": {
        "place": {"type": "string", "description": "City & country, e.g. <Paris, France>"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "minimum": 0, "maximum": 14},
        "detail": {"type": "boolean"}}, "required": ["place"]}}}
SEARCH = {"type": "function", "function": {
    "name": "search", "description": "Looks something up.\nTwo lines.",
    "parameters": {"type": "object", "properties": {
        "query": {"type": "string", "description": "What to look for"},
        "limits": {"type": "object", "description": "Bounds", "properties": {
            "count": {"type": "number", "default": 2.5}, "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["count"]},
        "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "kinds": {"type": ["string", "null"], "description": "One of several"}}, "required": ["query", "limits"]},
    "return": {"type": "string"}}}
EMPTY = {"type": "function", "function": {"name": "ping", "description": "", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, SEARCH, EMPTY]
ODD = "  Tabs\tand \u00a0 blanks, ünï© ß, 日本, 🦆 {{ x }} {% y %} <|im_end|> </s> [INST] <a href='b'>&amp;</a> \\n \"quoted\"\n\n"

TURNS = [user("Hello."), assistant("Hi! How can I help?"), user("Tell me a joke."), assistant("Why did the chicken …"), user("Go on!")]
CALLED = [user("What is the weather in Paris?"),
          assistant("", tool_calls=[call("get_weather", {"place": "Paris, France", "days": 3, "detail": True, "unit": None})]),
          {"role": "tool", "name": "get_weather", "tool_call_id": "123456789", "content": "{\"temperature\": 21.5}"}]
ANSWERED = CALLED + [assistant("It is 21.5 °C."), user("And in Rome?")]
SEVERAL = [system("Use tools."), user("Compare."),
           assistant("Let me see.", tool_calls=[call("get_weather", {"place": "Rome"}, "abcdefghi"),
                                                call("search", {"query": "Bern <b>", "limits": {"count": 2, "tags": ["a", "b"]}}, "jklmnopqr")]),
           {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi", "content": "30"},
           {"role": "tool", "name": "search", "tool_call_id": "jklmnopqr", "content": "nothing\nfound"},
           assistant("Rome is hot."), user("Thanks")]
TEXT_ARGUMENTS = [user("Weather?"), assistant(None, tool_calls=[call("get_weather", "{\"place\": \"Oslo\"}")]),
                  {"role": "tool", "name": "get_weather", "tool_call_id": "123456789", "content": "{\"temperature\": -4}"}]
THOUGHT = [user("2+2?"), assistant("4", reasoning_content="Two and two is four."), user("3+3?"),
           assistant("<think>\nEasy.\n</think>\n\n6", thinking="Three and three.", reasoning="Adding."), user("Sure?")]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "First. "}, {"type": "text", "text": "Second."}]},
         {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}, user("More")]

CASES = [
    ("user", [user("Hello, who are you?")], None, None),
    ("system", [system("You are brief."), user("Hello?")], None, None),
    ("turns", TURNS, None, None),
    ("system turns", [system("You are brief.\nAnd kind.")] + TURNS, None, None),
    ("ends with assistant", TURNS[:4], None, None),
    ("odd text", [system(ODD), user(ODD), assistant(ODD), user(ODD)], None, None),
    ("empty text", [system(""), user(""), assistant(""), user(" ")], None, None),
    ("no messages", [], None, None),
    ("two users", [user("One"), user("Two")], None, None),
    ("system late", [user("One"), system("Late"), user("Two")], None, None),
    ("developer", [{"role": "developer", "content": "Be kind."}, user("One")], None, None),
    ("unknown role", [user("One"), {"role": "critic", "content": "Hm."}], None, None),
    ("no content", [{"role": "user"}], None, None),
    ("null content", [{"role": "user", "content": None}], None, None),
    ("parts", PARTS, None, None),
    ("number content", [user(5), assistant(1.5), user(True)], None, None),
    ("thought", THOUGHT, None, None),
    ("tools", [user("What is the weather in Paris?")], TOOLS, None),
    ("no tools in the list", [user("What is the weather in Paris?")], [], None),
    ("system tools", [system("You are brief."), user("Weather?")], TOOLS, None),
    ("one tool", [user("Weather?")], [WEATHER], None),
    ("called", CALLED, TOOLS, None),
    ("answered", ANSWERED, TOOLS, None),
    ("system answered", [system("Be brief.")] + ANSWERED, TOOLS, None),
    ("several calls", SEVERAL, TOOLS, None),
    ("calls without tools", SEVERAL, None, None),
    ("arguments as text", TEXT_ARGUMENTS, TOOLS, None),
    ("bare functions", [user("Weather?")], [t["function"] for t in TOOLS], None),
    ("thinking off", [user("Hi")], None, {"enable_thinking": False}),
    ("thinking on", THOUGHT, None, {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"}),
    ("thought and tools", THOUGHT[:1] + CALLED, TOOLS, {"enable_thinking": False, "thinking": False}),
    ("documents", [user("Read this.")], None, {"documents": [{"title": "T", "text": "Some text", "doc_id": 1}]}),
    ("date given", [system("S"), user("Hi")], TOOLS, {"date_string": "26 Jul 2024", "keep_past_thinking": True,
                                                      "builtin_tools": ["code_interpreter"], "tools_in_user_message": False}),
]


def render(template, messages, tools, extra, prompt):
    try:
        variables = {"documents": None, "bos_token": BOS, "eos_token": EOS, **(extra or {})}
        return template.render(messages=messages, tools=tools, add_generation_prompt=prompt, **variables)
    except Exception:  # whatever it is: ours must fail as well
        return None


def compiled(environment, text):
    try:
        return environment.from_string(text)
    except Exception:
        return None


# What tests/unit/text/test_template.c gives to each of template.cases.
UNIT_MESSAGES = [user("Hello <b>"), assistant("Ünï ß")]
UNIT_EXTRA = {"n": 3, "f": 1.5, "t": "Some Text", "l": [3, 1, 2], "d": {"b": 1, "a": [1, 2], "items": 5}, "e": "", "nul": None,
              "yes": True, "s": "a,b,,c", "html": "<a href=\"x\">&'", "big": 18446744073709551616}


def unit_cases():
    """The small templates of the unit test: "--- NAME", the template, "===", what it gives."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "text", "template.cases")
    with open(path, encoding="utf-8", newline="") as file:
        for case in file.read().split("\n--- ")[1:]:
            name, rest = case.split("\n", 1)
            yield name, rest.rsplit("\n===", 1)[0]


def emit(template_name, name, text, template, messages, tools, extra, prompt):
    print(json.dumps({
        "template": template_name, "case": name, "text": text, "messages": json.dumps(messages),
        "tools": None if tools is None else json.dumps(tools), "extra": None if extra is None else json.dumps(extra),
        "prompt": prompt, "expected": render(template, messages, tools, extra, prompt)}))


def material():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "trill", "peer-material", "templates")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TRILL_TEMPLATES") or material()
    paths = sorted(glob.glob(os.path.join(folder, "*.jinja")))
    if not paths:
        print(f"no templates in {folder} (tool/fetch-peer-material fetches them)", file=sys.stderr)
        return 77
    environment = make_environment()
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        template = compiled(environment, text)
        for name, messages, tools, extra in CASES:
            for prompt in (True, False):
                emit(os.path.basename(path), name, text, template, messages, tools, extra, prompt)
    for name, text in unit_cases():
        emit("template.cases", name, text, compiled(environment, text), UNIT_MESSAGES, [WEATHER], UNIT_EXTRA, True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
