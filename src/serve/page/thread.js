/* SPDX-License-Identifier: MIT */
/* The messages of the conversation that is shown, and what can be done with each. */
import {button, byId, copyButton, el, icon, say} from "./dom.js";
import {chip, join, split} from "./files.js";
import {render} from "./markdown.js";
import {edit, goOn, retry} from "./run.js";
import {hear, state, tell} from "./state.js";
import {save} from "./store.js";
import {bytes, number, seconds, t} from "./strings.js";
import {leafBelow, path, versions} from "./tree.js";

const views = new Map();                     /* message -> its elements */
let atEnd = true;                            /* keep the end in sight */

/* --- what stands below a message --- */

function pager(message) {
    const all = versions(state.conversation, message), i = all.indexOf(message);
    if (all.length < 2)
        return null;
    const turn = (step) => () => {
        state.conversation.head = leafBelow(state.conversation, all[i + step].id);
        save(state.conversation, ["head"]);
        tell("conversation");
        views.get(all[i + step])?.element.querySelector(".pager button:not(:disabled)")?.focus();
    };
    const earlier = button("left", t("earlier"), turn(-1)), later = button("right", t("later"), turn(1));
    earlier.disabled = i === 0;
    later.disabled = i === all.length - 1;
    return el("span", {class: "pager"}, earlier, el("span", {}, t("version", {i: i + 1, n: all.length})), later);
}

function figures(message) {
    const {usage, timings, data = message.data} = {...message.data, data: message.data};
    const rate = timings?.predicted_per_second ?? (usage?.completion_tokens && data.seconds ? usage.completion_tokens / data.seconds : 0);
    const parts = [];
    if (data.model && state.models.length > 1)
        parts.push(String(data.model));
    if (usage?.completion_tokens > 0)
        parts.push(`${number(usage.completion_tokens)} ${t("live_tokens").toLowerCase()}`);
    if (rate > 0)
        parts.push(`${number(rate)}/s`);
    if (data.seconds > 0)
        parts.push(seconds(data.seconds));
    return el("span", {class: "figures"}, parts.join(" · "));
}

function actions(message, running) {
    const {conversation} = state, free = !state.runs.has(conversation), answered = message.role === "assistant";
    return el("div", {class: "actions"}, pager(message),
              message.content && copyButton(t("copy"), t("copied"), () => message.content),
              free && message.content && button("edit", t("edit"), () => beginEdit(message)),
              free && answered && button("retry", t("retry"), () => retry(conversation, message)),
              answered && !running && figures(message));
}

/* --- notes: how an answer stands or ended --- */

function bar(share) {
    const inner = el("span");
    inner.style.setProperty("width", `${Math.max(1, Math.min(100, 100 * share))}%`);
    return el("span", {class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * share)),
                       "aria-label": t("live_title")}, inner);
}

function loadingNote() {
    const {done, total, model} = state.server;
    return [el("span", {}, t("loading", {model: model || state.model}) + (total ? " · " + t("loading_done", {done: bytes(done), total: bytes(total)}) : "")),
            total ? bar(done / total) : null];
}

function readingNote({total, cache = 0, processed = 0, time_ms: ms = 0}) {
    const fresh = processed - cache, left = fresh > 0 ? ms / fresh * (total - processed) / 1000 : 0;
    return [el("span", {}, t("reading", {done: number(processed), total: number(total)}) + (left >= 1 ? " · " + t("reading_left", {left: seconds(left)}) : "")),
            bar(processed / total)];
}

function runNote(run) {
    if (run.stage === "writing")
        return null;
    const parts = state.server.status === "loading" ? loadingNote()
        : run.stage === "reading" && run.progress?.total ? readingNote(run.progress)
        : [el("span", {}, run.stage === "busy" ? t("busy", {n: run.again}) : t("waiting"))];
    return el("div", {class: "note busy"}, el("span", {class: "dots"}, el("i"), el("i"), el("i")), parts);
}

function reasonOf(error) {
    if (error.code === "context_length_exceeded" || error.needed)
        return error.needed && error.most ? t("context_full", {needed: number(error.needed), most: number(error.most)})
                                          : t("context_full_plain", {reason: error.message});
    if (error.lost)
        return t("lost");
    return error.status === 0 ? t("gone").split(".")[0] + "." : t("failed", {reason: error.message});
}

function endNote(message) {
    const {finish, partial, error} = message.data, {conversation} = state;
    const again = () => message.content ? goOn(conversation, message) : retry(conversation, message);
    const offer = (text, bad) => el("div", {class: bad ? "note bad" : "note", role: bad ? "alert" : null}, el("span", {}, text),
        message.id === conversation.head && !state.runs.has(conversation) &&
        el("button", {type: "button", on: {click: again}}, t(message.content ? "continue" : "again")));
    if (finish === "failed")
        return offer(reasonOf(error ?? {message: ""}), true);
    if (partial)
        return offer(t("unfinished"));
    if (finish === "stopped")
        return offer(t("stopped"));
    if (finish === "length")
        return offer(t("cut"));
    return !message.content && !message.reasoning ? offer(t("empty_answer")) : null;
}

/* --- a message --- */

function reasoningView() {
    const text = el("div", {class: "prose"});
    const summary = el("summary", {}, icon("right"), el("span"));
    return {element: el("details", {class: "reasoning", hidden: true}, summary, text), label: summary.lastChild, text};
}

function makeView(message) {
    const own = message.role === "user";
    const view = {text: el("div", {class: "prose"}), foot: el("div", {class: "foot"}), reasoning: reasoningView()};
    view.chips = el("div", {class: "chips"});
    view.body = el("div", {class: "body"}, view.reasoning.element, view.chips, view.text);
    view.element = el("article", {class: "turn " + message.role, "aria-label": t(own ? "you" : "answer"), tabindex: "-1"}, view.body, view.foot);
    return view;
}

function updateReasoning(view, message, run) {
    const {element, label, text} = view.reasoning, thinking = run && !message.content;
    element.hidden = !message.reasoning;
    if (!message.reasoning)
        return;
    label.textContent = thinking ? t("reasoning_now") : t("reasoning_for", {n: number(message.reasoning.split(/\s+/).length)});
    if (thinking && view.opened === undefined)
        view.opened = element.open = true;
    else if (!thinking && view.opened)
        view.opened = element.open = false;      /* the answer has begun; whoever opens it again keeps it open */
    render(text, message.reasoning);
}

function updateView(view, message) {
    const run = state.runs.get(state.conversation), own = run?.message === message ? run : null;
    view.element.setAttribute("aria-busy", String(Boolean(own)));
    view.element.classList.toggle("writing", own?.stage === "writing");
    if (message.role === "user") {
        const {typed, files} = split(message);
        view.text.textContent = typed;
        view.text.hidden = !typed;
        view.chips.replaceChildren(...files.map((file) => chip(file, null)));
    } else {
        updateReasoning(view, message, own);
        render(view.text, message.content);
    }
    const stamp = own ? own.stage : "";
    if (stamp !== "writing" || view.stamp !== stamp)         /* buttons stay where they are while text comes */
        view.foot.replaceChildren(...[own ? runNote(own) : message.role === "assistant" ? endNote(message) : null, own ? null : actions(message, own)].filter(Boolean));
    view.stamp = stamp;
}

/* --- editing --- */

export function beginEdit(message) {
    const view = views.get(message), {conversation} = state;
    if (!view || state.runs.has(conversation))
        return;
    const {typed, files} = split(message), kept = [...files];
    const area = el("textarea", {class: "edit", "aria-label": t("edit_label"), value: typed, rows: "3"});
    const chips = el("div", {class: "chips"});
    const drawChips = () => chips.replaceChildren(...kept.map((file, i) => chip(file, () => { kept.splice(i, 1); drawChips(); })));
    const end = () => { draw(); view.element.querySelector(".actions button")?.focus(); };
    const done = () => {
        const {content, data} = join(area.value.trim(), kept);
        if (content && content !== message.content)
            edit(conversation, message, content, message.role === "user" ? data : {finish: "stop", model: message.data.model});
        else
            end();
    };
    const grow = () => { area.style.height = "auto"; area.style.height = `${area.scrollHeight + 2}px`; };
    area.addEventListener("input", grow);
    area.addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
            event.stopPropagation();
            end();
        } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || (!event.shiftKey && message.role === "user")) && !event.isComposing) {
            event.preventDefault();
            done();
        }
    });
    drawChips();
    views.delete(message);                                   /* drawn anew behind this */
    view.body.replaceChildren(chips, area);
    view.foot.replaceChildren(el("div", {class: "edit-buttons"}, el("button", {type: "button", class: "plain", on: {click: end}}, t("cancel")),
        el("button", {type: "button", class: "strong", on: {click: done}}, t(message.role === "user" ? "edit_send" : "edit_keep"))));
    view.element.classList.add("editing");
    views.set(message, {...view, editing: true});
    grow();
    area.focus();
}

/* --- the thread --- */

function empty() {
    const known = state.models.find((one) => one.id === (state.conversation.settings.model || state.model));
    const tries = ["try_1", "try_2", "try_3"].map((name) => el("button", {type: "button", class: "try", on: {click: () => tell("try", t(name))}}, t(name)));
    return el("div", {class: "empty"}, el("h1", {}, t("hello")),
              known && el("p", {}, t("hello_model", {model: known.id}), known.context ? " " + t("hello_context", {n: number(known.context)}) : ""),
              state.server.status === "loading" && el("div", {class: "note busy"}, loadingNote()),
              el("div", {class: "tries"}, tries));
}

function viewOf(message) {
    if (!views.has(message) || views.get(message).editing)
        views.set(message, makeView(message));
    const view = views.get(message);
    updateView(view, message);
    return view.element;
}

/* Elements that are where they belong are not touched: they keep focus and selection. */
function arrange(parent, elements) {
    for (const [i, element] of elements.entries())
        if (parent.children[i] !== element)
            parent.insertBefore(element, parent.children[i] ?? null);
    while (parent.children.length > elements.length)
        parent.lastElementChild.remove();
}

export function draw() {
    const thread = byId("thread"), way = path(state.conversation);
    for (const message of [...views.keys()])
        if (!way.includes(message))
            views.delete(message);
    arrange(thread, way.length ? way.map(viewOf) : [empty()]);
    thread.setAttribute("aria-busy", String(state.runs.has(state.conversation)));
    follow();
}

function follow() {
    const scroll = byId("scroll");
    if (atEnd)
        scroll.scrollTop = scroll.scrollHeight;
    byId("to-end").hidden = atEnd;
}

function update(message) {
    const view = views.get(message);
    if (!view || view.editing)
        return;
    updateView(view, message);
    follow();
}

export function lastOwnMessage() {
    return path(state.conversation).findLast((message) => message.role === "user");
}

export function toEnd() {
    atEnd = true;
    follow();
}

export function begin() {
    const scroll = byId("scroll");
    scroll.addEventListener("scroll", () => {
        atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
        byId("to-end").hidden = atEnd;
    }, {passive: true});
    byId("to-end").addEventListener("click", toEnd);
    new ResizeObserver(follow).observe(byId("thread"));
    hear("conversation", () => { atEnd = true; draw(); });
    hear("message", update);
    hear("go-on", (message) => goOn(state.conversation, message));
    hear("run", (conversation) => {
        if (conversation !== state.conversation)
            return;
        if (!state.runs.has(conversation))
            say(path(conversation).at(-1)?.data.finish === "failed" ? "" : t("answer"));
        draw();
    });
    hear("server", () => {
        const run = state.runs.get(state.conversation);
        if (run)
            update(run.message);
        else if (!state.conversation.messages.size)
            draw();
    });
}
