#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page in a browser: chats, stops, edits, retries, goes on, reloads and finds what was said, on a desktop and a phone, in light and
dark, by keyboard alone, with hostile texts, and while the server loads, is busy, breaks off, or cannot keep conversations."""
import contextlib
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import TINY, TRILL, Server, run, skip, smollm2, with_clients

with_clients()
from browser import By, Browser, Chromium, Keys, until
from stand_in import StandIn

try:
    MODEL = smollm2()
except SystemExit:
    MODEL = TINY
LONG = "Tell me a very long story about a dragon."


shared = {}                                  # longest -> the server of all cases that ask for no other


def server_of_its_own(*arguments, longest=40, **more):
    return Server("-t", "1", "--temp", "0", "-n", longest, *arguments, model=MODEL, **more)


@contextlib.contextmanager
def serve(longest=40):
    """A server on which nothing runs and nothing is kept."""
    server = shared.pop(longest, None) or server_of_its_own(longest=longest)
    try:
        server.idle()
        for row in conversations(server):
            server.request("DELETE", "/trill/conversations/" + row["id"])
        yield server
    except BaseException:
        print("\n".join(server.lines[-20:]), file=sys.stderr)
        server.process.kill()                # the next case begins anew
        raise
    shared[longest] = server


def conversations(server):
    return json.loads(server.get("/trill/conversations")[2])["conversations"]


def kept(server, number=0):
    return json.loads(server.get("/trill/conversations/" + conversations(server)[number]["id"])[2])


# --- talking ----------------------------------------------------------------------------------------------------------------

def test_chat():
    with serve() as server, Browser() as page:
        page.open(server)
        page.ask("Name three colours.")
        assert page.questions() == ["Name three colours."] and len(page.answers()[0]) > 0
        assert "tokens" in page.one(".figures").text
        page.ask("And three animals?")
        assert len(page.answers()) == 2
        assert page.listed() == ["Name three colours."]
        messages = until(lambda: len(kept(server)["messages"]) == 4 and kept(server)["messages"])
        assert [message["role"] for message in messages] == ["user", "assistant"] * 2
        assert until(lambda: kept(server)["messages"][3]["data"].get("figures")), "what it took is not kept"
        assert page.js("return document.title").startswith("Name three colours.")


def test_stop_and_continue():
    with serve(longest=5000) as server, Browser() as page:
        page.open(server)
        page.ask(LONG, wait=False)
        until(lambda: len(page.answers()[0]) > 20)
        page.keys(Keys.ESCAPE)
        page.wait_answer()
        stopped = page.answers()[0]
        time.sleep(0.3)
        assert page.answers()[0] == stopped, "it goes on"
        server.idle()
        page.press("Continue", ".note")
        until(lambda: len(page.answers()[0]) > len(stopped) + 20, what="it is not continued")
        assert page.answers()[0].startswith(stopped[:20])
        page.one("#stop").click()
        page.wait_answer()
        assert len(page.answers()) == 1


def test_versions():
    with serve() as server, Browser() as page:
        page.open(server)
        page.ask("Say one word.")
        page.press("Another answer")
        until(lambda: "2 of 2" in page.one("article.assistant .pager").text)
        page.wait_answer()
        second = page.answers()[0]
        page.press("Version before", "article.assistant")
        until(lambda: "1 of 2" in page.one("article.assistant .pager").text)
        page.press("Version after", "article.assistant")
        until(lambda: page.answers() == [second])
        page.press("Edit", "article.user")
        area = page.one("textarea.edit")
        assert area.get_attribute("value") == "Say one word."
        area.send_keys(" Shout it.")
        page.press("Send anew")
        until(lambda: page.questions() == ["Say one word. Shout it."])
        page.wait_answer()
        page.press("Version before", "article.user")
        until(lambda: page.questions() == ["Say one word."] and page.answers() == [second], what="the branch before is lost")
        assert until(lambda: len(kept(server)["messages"]) == 5)


def test_editing_can_be_left():
    with serve() as server, Browser() as page:
        page.open(server)
        page.ask("Say one word.")
        page.one("#input").send_keys(Keys.ARROW_UP)
        page.one("textarea.edit").send_keys("x", Keys.ESCAPE)
        until(lambda: page.questions() == ["Say one word."])


def test_reload():
    with serve() as server, Browser() as page:
        page.open(server)
        page.ask("Name three colours.")
        before = page.answers()
        page.driver.refresh()
        until(lambda: page.answers() == before, what="the conversation is not found again")
        page.press("New conversation (Ctrl+Shift+O)")
        until(lambda: page.answers() == [])
        page.one("#list a").click()
        until(lambda: page.answers() == before)


def test_reload_during_an_answer():
    with serve(longest=5000) as server, Browser() as page:
        page.open(server)
        page.ask(LONG, wait=False)
        until(lambda: len(page.answers()[0]) > 60)
        before = page.answers()[0][:40]
        page.driver.refresh()
        until(lambda: page.answers() and page.answers()[0].startswith(before[:20]), what="the text so far is lost")
        until(lambda: page.running() and len(page.answers()[0]) > 80, what="the answer does not go on")
        page.js("history.replaceState(null, '', '/')")           # as it is before a conversation has its name
        page.driver.refresh()
        until(lambda: page.running() and page.answers()[0].startswith(before[:20]), what="what was new is not found again")
        page.one("#stop").click()
        page.wait_answer()


def test_leaving_a_conversation_that_is_answered():
    with serve(longest=5000) as server, Browser() as page:
        page.open(server)
        page.ask(LONG, wait=False)
        until(lambda: len(page.answers()[0]) > 5 and page.listed())
        page.chord(Keys.CONTROL, Keys.SHIFT, "o")
        until(lambda: page.answers() == [] and not page.running())
        assert page.all("#list .dot"), "nothing says that an answer is being written"
        page.ask("Say one word.")
        page.js("document.querySelectorAll('#list a')[1].click()")
        until(lambda: page.answers() and len(page.answers()[0]) > 5)
        if page.running():
            page.one("#stop").click()
        page.wait_answer()


# --- conversations ------------------------------------------------------------------------------------------------------------

DOCUMENT = {"title": "Trains", "head": "b", "messages": [
    {"id": "a", "parent": "", "role": "user", "content": "When does the train leave?"},
    {"id": "b", "parent": "a", "role": "assistant", "content": "At **ten**.", "reasoning": "The timetable says so."}]}


def add(server, document):
    return json.loads(server.request("POST", "/trill/conversations", document)[2])["id"]


def test_search_rename_delete():
    with serve() as server, Browser() as page:
        first = add(server, DOCUMENT)
        add(server, {**DOCUMENT, "title": "Ships", "messages": [{"id": "a", "role": "user", "content": "A boat?"}]})
        page.open(server)
        until(lambda: page.listed() == ["Ships", "Trains"])
        page.chord(Keys.CONTROL, "k")
        page.keys("timetab")
        until(lambda: page.listed() == [])                       # reasoning is not searched
        page.keys(*[Keys.BACKSPACE] * 7, "train lea")
        until(lambda: page.listed() == ["Trains"])
        assert page.js("return document.querySelector('#list mark').textContent").lower() == "train"
        page.keys(Keys.ARROW_DOWN, Keys.ENTER)
        until(lambda: page.answers() == ["At ten."])
        page.press("More about “Trains”")
        page.press("Rename", ".menu")
        page.one("dialog input").clear()
        page.one("dialog input").send_keys("Railways", Keys.ENTER)
        until(lambda: page.listed() == ["Railways"])             # still what was searched for
        assert json.loads(server.get("/trill/conversations/" + first)[2])["title"] == "Railways"
        page.press("More about “Railways”")
        page.press("Delete", ".menu")
        page.press("Cancel", "dialog")
        page.press("More about “Railways”")
        page.press("Delete", ".menu")
        page.press("Delete", "dialog")
        until(lambda: page.listed() == [] and page.answers() == [])
        assert [row["title"] for row in conversations(server)] == ["Ships"]


def test_delete_during_an_answer():
    with serve(longest=5000) as server, Browser() as page:
        page.open(server)
        page.ask(LONG, wait=False)
        until(lambda: len(page.answers()[0]) > 5 and page.listed() and conversations(server))
        page.js("document.querySelector('#list button').click()")
        page.press("Delete", ".menu")
        page.press("Delete", "dialog")
        until(lambda: page.listed() == [] and page.answers() == [])
        server.idle()                                            # the answer ends with it
        time.sleep(2)                                            # what was on its way would have come
        assert conversations(server) == [], "it is back"


def test_addresses_that_name_none():
    with serve() as server, Browser() as page:
        page.expected = ["404"]
        page.open(server, "#%")
        page.ask("Say one word.")
        assert page.answers() != [""]
        page.js("location.hash = 'nobody'")
        until(lambda: "not here any more" in page.one("#notices").text)


def test_export_and_import():
    with serve() as server, Browser() as page:
        add(server, DOCUMENT)
        page.open(server)
        page.press("More about “Trains”")
        page.press("Export as Markdown", ".menu")
        assert page.downloaded() == "# Trains\n\n## User\n\nWhen does the train leave?\n\n## Assistant\n\n> The timetable says so.\n\nAt **ten**.\n"
        page.press("More about “Trains”")
        page.press("Export as JSON", ".menu")
        assert [message["content"] for message in json.loads(page.downloaded())["messages"]] == ["When does the train leave?", "At **ten**."]
        page.press("Export all conversations (JSON)")
        text = page.downloaded()
        assert len(json.loads(text)["conversations"]) == 1
        file = pathlib.Path(page.folder.name, "again.txt")
        file.write_text(text)
        page.driver.find_element(By.ID, "import-file").send_keys(str(file))
        until(lambda: page.listed() == ["Trains", "Trains"])
        assert "Imported 1." in page.one("#notices").text
        file.write_text('{"messages": 5}')
        page.driver.find_element(By.ID, "import-file").send_keys(str(file))
        until(lambda: "was not imported" in page.one("#notices").text)
        assert len(conversations(server)) == 2


def test_none_are_kept():
    with server_of_its_own("--no-conversations") as server, Browser() as page:
        page.expected = ["404"]
        page.open(server)
        assert "Not kept" in page.one("#kept").text
        page.ask("Say one word.")
        assert page.listed() == ["Say one word."]
        page.press("New conversation (Ctrl+Shift+O)")
        page.one("#list a").click()
        until(lambda: page.questions() == ["Say one word."])


def test_a_damaged_file_is_told():
    with server_of_its_own(ready=False) as server:
        place = pathlib.Path(server.home.name)
        with Browser() as page:
            page.expected = ["500", "503"]
            state = [folder for folder in (place / "state", place) if folder.is_dir()][0]
            (state / "conversations.db").write_text("no database " * 20)
            server.wait_ready()
            page.open(server)
            until(lambda: "damaged" in page.one("#notices").text)
            page.ask("Say one word.")
            assert len(page.answers()[0]) > 0


def test_a_full_drive_is_told():
    limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 600; exec "$@"', "sh", TRILL]
    with server_of_its_own(command=limited) as server, Browser() as page:
        page.expected = ["507", "400"]
        page.open(server)
        page.ask("Say one word.")
        file = pathlib.Path(page.folder.name, "long.txt")
        file.write_text("word " * 200000)
        page.driver.find_element(By.ID, "files").send_keys(str(file))
        page.one("#chips .chip")
        page.ask("What is in there?")
        assert "Not saved" in until(lambda: page.one("#notices").text) and len(page.answers()) == 2
        page.driver.refresh()
        until(lambda: page.questions() == ["Say one word."], what="what was kept is lost")


# --- hostile texts -------------------------------------------------------------------------------------------------------------

PROBES = ["<script>window.hacked = 1</script>", "<img src=x onerror='window.hacked = 1'>", "[x](javascript:window.hacked=1)", "[x](JaVaScRiPt:alert(1))",
          "[x](data:text/html,<script>window.hacked=1</script>)", "[x](vbscript:x)", "<javascript:window.hacked=1>", "![x](http://127.0.0.1:1/x.png)",
          "<svg onload='window.hacked = 1'>", "[a](http://a.example/\"onmouseover=\"window.hacked=1)", "`</code><script>window.hacked=1</script>`",
          "```\"><script>window.hacked = 1</script>\n</pre><script>window.hacked = 1</script>\n```", "<a href='javascript:window.hacked=1'>x</a>",
          "| <script>window.hacked=1</script> | b |\n|---|---|\n| <img src=x onerror=window.hacked=1> | c |", "[x]( javascript:window.hacked=1 )",
          "http://a.example/<script>window.hacked=1</script>", "# <iframe src=javascript:window.hacked=1>", "- <style>*{display:none}</style>",
          "[x](\x01javascript:window.hacked=1)", "&lt;script&gt;window.hacked=1&lt;/script&gt;", "<base href=//a.example>", "<form action=//a.example><input>"]


def test_hostile_texts():
    evil = "\n\n".join(PROBES)
    file = "`\n</span><script>window.hacked=1</script>.txt"
    with serve() as server, Browser() as page:
        name = add(server, {"title": PROBES[1] + PROBES[0], "head": "b", "settings": {"system": PROBES[0], "model": PROBES[1], "__proto__": {"x": 1}}, "messages": [
            {"id": "a", "role": "user", "content": evil, "data": {"typed": 4, "files": [{"name": file, "at": 4, "length": 20}, {"name": 5}, None]}},
            {"id": "b", "parent": "a", "role": "assistant", "content": evil, "reasoning": evil,
             "data": {"model": PROBES[1], "finish": "failed", "error": {"message": PROBES[1]}, "figures": {"joules": PROBES[1], "tokens": {}}, "usage": 7, "timings": []}}]})
        page.open(server, "#" + name)
        until(lambda: page.answers())
        page.press("Where the time goes")
        page.one("#search").send_keys("script")
        until(lambda: page.js("return document.querySelectorAll('#list mark').length"))
        page.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        time.sleep(0.5)
        assert page.js("return window.hacked") is None
        assert page.js("return document.querySelectorAll('#main script, #main img, #main iframe, #main style, #main form form, #list img, base, #thread svg[onload]').length") == 0
        bad = page.js("""return [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => a.name.startsWith('on') || /^\\s*(javascript|data|vbscript):/i.test(a.value) && a.name === 'href').map((a) => a.name + '=' + a.value)""")
        assert bad == [], bad
        links = page.js("return [...document.querySelectorAll('.prose a')].map((a) => [a.protocol, a.rel, a.target])")
        assert links and all(protocol in ("http:", "https:") and "noopener" in rel and target == "_blank" for protocol, rel, target in links), links


def test_texts_that_take_long():
    texts = ["*" * 20000, "**a " * 8000, "[" * 20000, "`" * 20001 + "x", "> " * 5000 + "x", "- " * 5000 + "x", "_a" * 10000, "[x](" * 6000, "|a" * 3000 + "\n" + "|-" * 3000,
             "<http://" * 4000, "\\" * 20001, "~~" * 9000, "1. " * 6000, "\n".join(" " * (n % 40) + "- x" for n in range(3000)), "# " * 9000, "***" * 5000]
    with serve() as server, Browser() as page:
        for n, text in enumerate(texts):
            name = add(server, {"title": str(n), "head": "b", "messages": [{"id": "a", "role": "user", "content": "x"},
                                                                          {"id": "b", "parent": "a", "role": "assistant", "content": text}]})
            before = page.open(server).computed()
            page.open(server, "#" + name)
            until(lambda: page.answers())
            took = page.computed() - before
            assert took < 8, f"text {n} takes {took:.1f} s of the CPU"


MARKDOWN = """# One
Some *soft*, **hard** and ~~old~~ words, `code *not* soft`, snake_case_name and 2 * 3 * 4.

1. first
   - inner
2. second

```c
int main(void) { return 0; }
```

| a | b |
|:-:|--:|
| 1 | `x|y` \\| z |

> quoted **text**

[link](https://example.org/a_(b)) and https://example.org/c_d.

- [x] done
- [ ] not
"""


def test_markdown():
    with serve() as server, Browser() as page:
        name = add(server, {"title": "m", "head": "b", "messages": [{"id": "a", "role": "user", "content": "**not** <b>bold</b>"},
                                                                   {"id": "b", "parent": "a", "role": "assistant", "content": MARKDOWN}]})
        page.open(server, "#" + name)
        until(lambda: page.answers())
        assert page.questions() == ["**not** <b>bold</b>"]
        found = {tag: page.js("return [...document.querySelectorAll('.assistant .prose ' + arguments[0])].map((e) => e.textContent)", tag)
                 for tag in ("h3", "em", "strong", "s", "p code", "ol > li", "ol ul > li", "pre code", "th", "td", "blockquote", "a", "li.task")}
        assert found["h3"] == ["One"] and found["em"] == ["soft"] and found["strong"] == ["hard", "text"] and found["s"] == ["old"], found
        assert found["p code"] == ["code *not* soft"] and found["ol ul > li"] == ["inner"] and len(found["ol > li"]) == 2, found
        assert found["pre code"] == ["int main(void) { return 0; }"] and found["th"] == ["a", "b"] and found["blockquote"] == ["quoted text"], found
        assert found["a"] == ["link", "https://example.org/c_d"] and len(found["li.task"]) == 2, found
        assert "snake_case_name and 2 * 3 * 4." in page.answers()[0]
        assert page.js("return document.querySelector('.prose a').href") == "https://example.org/a_(b)"


# --- files ----------------------------------------------------------------------------------------------------------------------

def test_files():
    with serve() as server, Browser() as page:
        folder = pathlib.Path(page.folder.name)
        (folder / "notes.txt").write_text("remember the ``` milk\n")
        (folder / "picture.txt").write_bytes(b"\x89PNG\xff\x00")
        (folder / "large.txt").write_bytes(b"x" * (2 << 20))
        page.open(server)
        for name in ("notes.txt", "picture.txt", "large.txt"):
            page.driver.find_element(By.ID, "files").send_keys(str(folder / name))
            time.sleep(0.1)
        until(lambda: len(page.all("#chips .chip")) == 1 and "large.txt is too large" in page.one("#notices").text)
        assert "picture.txt is no text file" in page.one("#notices").text
        page.js("""const data = new DataTransfer(); data.items.add(new File(['pasted words'], 'pasted.md'));
                   document.querySelector('#input').dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))""")
        until(lambda: len(page.all("#chips .chip")) == 2)
        page.js("""const data = new DataTransfer(); data.items.add(new File(['dropped words'], 'dropped.md'));
                   for (const kind of ['dragenter', 'dragover', 'drop'])
                       document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))""")
        until(lambda: len(page.all("#chips .chip")) == 3)
        page.press("Remove dropped.md")
        page.ask("What is in there?")
        content = kept(server)["messages"][0]["content"]
        assert content == "What is in there?\n\n`notes.txt`:\n\n````txt\nremember the ``` milk\n````\n\n`pasted.md`:\n\n```md\npasted words\n```", content
        assert page.questions() == ["What is in there?"] and len(page.all("article.user .chip")) == 2


# --- keyboard, looks ------------------------------------------------------------------------------------------------------------

def test_keyboard_alone():
    with serve() as server, Browser() as page:
        page.open(server)
        until(lambda: page.js("return document.activeElement.id") == "input")
        page.keys("Say one", Keys.SHIFT, Keys.ENTER, Keys.SHIFT, "word.", Keys.ENTER)
        until(lambda: page.answers())
        page.wait_answer()
        assert page.questions() == ["Say one\nword."]
        seen = []
        for _ in range(40):
            page.chord(Keys.SHIFT, Keys.TAB)
            name = page.js("const e = document.activeElement; return (e.getAttribute('aria-label') || e.textContent || e.id).trim()")
            seen.append(name)
            assert name, page.js("return document.activeElement.outerHTML")
            box = page.js("const b = document.activeElement.getBoundingClientRect(); return [b.width, b.height, getComputedStyle(document.activeElement).opacity]")
            assert box[0] > 0 and box[1] > 0, name
        for wanted in ("Another answer", "Copy", "Edit", "Model", "Settings of this conversation", "New conversation (Ctrl+Shift+O)"):
            assert any(name.startswith(wanted) for name in seen) or wanted == "Model", (wanted, seen)
        page.chord(Keys.CONTROL, "k")
        assert page.js("return document.activeElement.id") == "search"
        page.chord(Keys.CONTROL, Keys.SHIFT, "o")
        until(lambda: page.answers() == [] and page.js("return document.activeElement.id") == "input")


def names_missing(page):
    return page.js("""return [...document.querySelectorAll('button, input, select, textarea, a')].filter((e) => e.checkVisibility() &&
        !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)""")


CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgb = (colour, under) => { canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                                 return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = (e) => e ? rgb(getComputedStyle(e).backgroundColor, behind(e.parentElement)) : [255, 255, 255];
return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility({opacityProperty: true}) && e.closest('.unseen, [inert], :disabled, .skip') === null &&
        [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())).map((e) => {
    const back = behind(e), [a, b] = [light(rgb(getComputedStyle(e).color, back)), light(back)];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 30)];
}).filter(([ratio]) => ratio < 4.5)"""


def test_looks():
    with serve() as server:
        name = add(server, {**DOCUMENT, "messages": DOCUMENT["messages"][:1] + [{"id": "b", "parent": "a", "role": "assistant", "content": MARKDOWN + "x" * 300 +
                            "\n\n```\n" + "y" * 300 + "\n```\n", "data": {"figures": {"tokens": 5, "prefill_s": 1, "decode_s": 2, "memory_bytes": 5e9, "drive_bytes": 1e9}}}]})
        for size in ("desktop", "tablet", "phone"):
            for dark in (False, True):
                with Browser(size, dark) as page:
                    for where in ("", "#" + name):
                        page.open(server, where)
                        until(lambda: page.answers() if where else page.all(".empty"))
                        check_looks(page, size, dark)
                    page.press("Where the time goes")
                    time.sleep(0.2)
                    check_looks(page, size, dark)


def check_looks(page, size, dark):
    assert page.js("return document.documentElement.scrollWidth <= innerWidth && document.querySelector('#scroll').scrollWidth <= document.querySelector('#scroll').clientWidth"), "it is too wide"
    assert not (missing := names_missing(page)), missing
    assert not (pale := page.js(CONTRAST)), pale
    paper = page.js("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(", "))) < 200) == dark, paper
    if size == "phone":
        small = page.js("return [...document.querySelectorAll('header button, .tools button')].filter((e) => e.checkVisibility() && Math.min(e.offsetWidth, e.offsetHeight) < 36).map((e) => e.id)")
        assert small == [], small


def test_theme_switch():
    with serve() as server, Browser() as page:
        paper = lambda: page.js("return getComputedStyle(document.body).backgroundColor")
        page.open(server)
        first = paper()
        page.js("document.querySelector('#theme').click(); document.querySelector('#theme').click()")
        dark = paper()
        assert dark != first
        page.driver.refresh()
        until(lambda: paper() == dark, what="the choice is forgotten")


def test_phone_drawer():
    with serve() as server, Browser("phone") as page:
        add(server, DOCUMENT)
        page.open(server)
        assert not page.all("#search")
        page.one("#side-open").click()
        page.one("#search")
        page.keys(Keys.ESCAPE)
        until(lambda: not page.all("#search"))
        page.one("#side-open").click()
        page.one("#list a").click()
        until(lambda: page.answers() == ["At ten."] and not page.all("#search"))
        page.ask("Say one word.")
        page.press("Where the time goes")
        page.one("#live h2")
        page.keys(Keys.ESCAPE)
        until(lambda: not page.all("#live"))


def test_settings():
    with serve() as server, Browser() as page:
        page.open(server)
        page.press("Settings of this conversation")
        page.one("dialog [name=system]").send_keys("You are a parrot.")
        page.one("dialog [name=max_tokens]").send_keys("5")
        page.one("dialog [name=temperature]").send_keys("0")
        page.js("document.querySelector('dialog [name=all]').click()")
        page.press("Save", "dialog")
        page.ask("Say something long.")
        assert until(lambda: kept(server)["messages"][1]["data"].get("usage"))["completion_tokens"] <= 5
        assert kept(server)["settings"]["system"] == "You are a parrot."
        page.driver.refresh()
        page.chord(Keys.CONTROL, Keys.SHIFT, "o")
        page.press("Settings of this conversation")
        assert page.one("dialog [name=max_tokens]").get_attribute("value") == "5"
        page.press("Cancel", "dialog")


def test_key():
    with server_of_its_own(env={"TRILL_API_KEY": "open sesame"}) as server, Browser() as page:
        page.expected = ["401"]
        page.origin = server.url
        page.driver.get(server.url + "/")
        page.one("dialog input").send_keys("wrong", Keys.ENTER)
        until(lambda: "not one of" in page.one("dialog").text)
        page.one("dialog input").send_keys("open sesame", Keys.ENTER)
        until(lambda: not page.all("dialog"))
        page.ask("Say one word.")
        page.driver.refresh()
        until(lambda: len(page.answers()) == 1 and not page.all("dialog"))


# --- a server that is slow, busy, or gone -----------------------------------------------------------------------------------------

def answer_well(handler):
    handler.begin()
    handler.chunk(role="assistant")
    for word in "Here is a short answer.".split():
        handler.chunk(content=word + " ")
    handler.end()


def test_while_loading():
    with StandIn(answer_well, loading=True) as server, Browser() as page:
        page.expected = ["503", "404"]
        page.open(server)
        until(lambda: "25 GB of 100 GB" in page.one("header").text and page.all(".empty .bar"))
        server.answer = lambda handler: handler.reply(503, {"error": {"message": "loading", "code": "loading"}}, Retry_After=1)
        page.ask("Hello?", wait=False)
        server.done = 50_000_000_000
        until(lambda: "50 GB of 100 GB" in page.one("article .note").text, what="the answer does not say what it waits for")
        server.answer, server.loading = answer_well, False
        page.wait_answer()
        assert page.answers() == ["Here is a short answer."]
        assert len([1 for body in server.asked if body["messages"][-1]["content"] == "Hello?"]) > 1


def test_progress_and_reasoning():
    def answer(handler):
        script = handler.server.script
        handler.begin()
        handler.chunk(role="assistant")
        handler.chunk(progress={"total": 1000, "cache": 200, "processed": 600, "time_ms": 8000})
        script.hold()
        handler.chunk(reasoning_content="Let me *think*.", reasoning="Let me *think*.")
        script.hold()
        handler.chunk(content="The answer is 4.")
        handler.end()
    with StandIn(answer) as server, Browser() as page:
        page.expected = ["404"]
        page.open(server)
        page.ask("2 + 2?", wait=False)
        until(lambda: "Reading 600 of 1,000 tokens" in page.one("article .note").text and "8 s left" in page.one("article .note").text)
        assert page.one("article .bar").get_attribute("aria-valuenow") == "60"
        server.go()
        until(lambda: page.one("details.reasoning .prose").text == "Let me think.", what="reasoning is not shown as it comes")
        server.go()
        page.wait_answer()
        assert page.answers() == ["The answer is 4."]
        assert not page.all("details.reasoning .prose") and "Reasoned for 3 words" in page.one("details.reasoning").text
        page.one("details.reasoning summary").click()
        page.one("details.reasoning .prose")


def test_lost_and_busy():
    def breaks_off(handler):
        handler.begin()
        handler.chunk(content="Half of")
        handler.connection.close()

    def fails(handler):
        handler.begin()
        handler.chunk(content="Half of")
        handler.wfile.write(b'data: {"error": {"message": "the drive failed"}}\n\n')

    def busy(handler):
        handler.reply(429, {"error": {"message": "the queue is full"}}, Retry_After=1)
        handler.server.script.answer = answer_well
    with StandIn(breaks_off) as server, Browser() as page:
        page.expected = ["404", "429", "ERR_", "400"]
        page.open(server)
        page.ask("One?")
        assert page.answers() == ["Half of"] and "lost" in page.one(".note.bad").text
        server.answer = answer_well
        page.press("Continue", ".note")
        until(lambda: page.answers()[0].startswith("Half of") and "short answer" in page.answers()[0])
        assert server.asked[-1]["messages"][-1] == {"role": "assistant", "content": "Half of"}
        server.answer = fails
        page.ask("Two?")
        assert page.answers()[1] == "Half of" and "the drive failed" in page.all(".note.bad")[-1].text
        server.answer = busy
        page.ask("Three?", wait=False)
        until(lambda: "busy" in page.one("article .note.busy").text)
        page.wait_answer()
        assert "short answer" in page.answers()[2]
        server.answer = lambda handler: handler.reply(400, {"error": {"message": "context_length_exceeded", "code": "context_length_exceeded",
                                                                      "n_prompt_tokens": 40210, "n_ctx": 32768}})
        page.ask("Four?")
        assert "40,210 tokens" in page.all(".note.bad")[-1].text and "32,768" in page.all(".note.bad")[-1].text
        server.answer = answer_well
        page.ask("Five?")
        assert server.asked[-1]["messages"][-1] == {"role": "user", "content": "Four?\n\nFive?"}      # roles take turns


def test_server_gone():
    with StandIn(answer_well) as server, Browser() as page:
        page.expected = ["404", "ERR_"]
        page.hurry()
        page.open(server)
        server.gone = True
        page.ask("Anybody?")
        assert "does not answer" in page.one(".note.bad").text
        until(lambda: "Trying again" in page.one("#notices").text)


def test_several_models():
    def answer(handler):
        script = handler.server.script
        handler.begin()
        script.models.reverse()
        script.loading = True
        script.hold()
        script.loading = False
        handler.chunk(content="From the other.")
        handler.end()
    with StandIn(answer, models=("one", "other")) as server, Browser() as page:
        page.expected = ["404", "503"]
        page.hurry()
        page.open(server)
        until(lambda: page.js("return document.querySelector('#model').value") == "one")
        page.js("const s = document.querySelector('#model'); s.value = 'other'; s.dispatchEvent(new Event('change'))")
        page.ask("Who are you?", wait=False)
        until(lambda: "Loading other" in page.one("article .note").text, what="the page does not say that a model loads")
        server.go()
        page.wait_answer()
        assert server.asked[-1]["model"] == "other" and page.answers() == ["From the other."]


def test_size():
    files = list((pathlib.Path(os.environ["TRILL_ROOT"]) / "src/serve/page").iterdir())
    assert sum(file.stat().st_size for file in files) < 128_000
    with serve() as server:
        status, headers, body = server.get("/")
        assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"]
        for file in files:
            status, headers, body = server.get("/page/" + file.name)
            assert status == 200 and body == file.read_bytes() and headers["ETag"], file
            assert server.get("/page/" + file.name, headers={"If-None-Match": headers["ETag"]})[0] == 304
        for name in ("", "nothing", "../serve.c", "%2e%2e/serve.c", "page.css/x"):
            assert server.get("/page/" + name)[0] == 404, name


try:
    run(globals())
finally:
    for one in shared.values():
        one.stop()
    Chromium.stop()
