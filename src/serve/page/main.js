/* SPDX-License-Identifier: MIT */
/* Where the page begins: its parts are woken, the server is watched, the address says which conversation is shown. */
import * as composer from "./composer.js";
import * as live from "./live.js";
import * as settings from "./settings.js";
import * as sidebar from "./sidebar.js";
import * as store from "./store.js";
import * as thread from "./thread.js";
import {get, onKeyNeeded, setKey} from "./api.js";
import {byId, el, setLabel} from "./dom.js";
import {ask, notice} from "./notices.js";
import {stop} from "./run.js";
import {hear, state, tell} from "./state.js";
import {bytes, fillTexts, t} from "./strings.js";
import {newConversation, path} from "./tree.js";

/* --- the server --- */

/* 503 has a document, too: the model is loading, or could not be opened. */
async function lookAtServer() {
    let health = null;
    try {
        health = await (await fetch("health", {cache: "no-store"})).json();
    } catch {
        /* gone */
    }
    const before = state.server, status = !health ? "gone" : health.status === "ok" ? "ready" : health.status === "failed" ? "failed" : "loading";
    state.server = {status, model: health?.model ?? before.model, done: health?.done_bytes ?? 0, total: health?.total_bytes ?? 0, reason: health?.error?.message};
    notice("server", status === "gone" ? t("gone") : status === "failed" ? t("failed", {reason: state.server.reason}) : "");
    if (before.status === "gone" && status !== "gone")
        sidebar.refresh();
    if (before.status !== status || before.model !== state.server.model)
        await readModels(status);
    if (before.status !== status || before.done !== state.server.done)
        tell("server");
    setTimeout(lookAtServer, status === "loading" || status === "gone" ? 700 : state.runs.size ? 2000 : 5000);
}

async function readModels(status) {
    if (status === "gone")
        return;
    state.model = state.server.model ?? "";
    try {
        const {data} = await get("v1/models");
        state.models = data.map(({id, meta, loaded, max_model_len: context}) => ({id, loaded, context: context ?? meta?.n_ctx}));
    } catch (failure) {
        notice("models", t("failed", {reason: failure.message}));
    }
    drawModels();
    tell("conversation");
}

/* --- the head --- */

function drawModels() {
    const select = byId("model"), chosen = state.conversation.settings.model || state.model;
    const names = state.models.map(({id}) => id);
    if (chosen && !names.includes(chosen))
        names.unshift(chosen);
    select.replaceChildren(...names.map((name) => el("option", {value: name}, name)));
    select.value = chosen;
    select.disabled = names.length < 2;
    setLabel(select, t("model"));
}

function drawState() {
    const {status, done, total, model} = state.server, wanted = state.conversation.settings.model;
    const text = status === "loading" ? total ? t("loading_done", {done: bytes(done), total: bytes(total)}) : t("loading", {model: ""}).trim() : "";
    byId("state").textContent = text;
    byId("state").title = wanted && wanted !== model && status === "loading" ? t("switching", {model: wanted}) : "";
    document.body.classList.toggle("loading", status === "loading");
    notice("saving", state.unsaved ? t("not_saved", {reason: state.unsaved}) : state.history === "failed" ? t("keeping_failed", {reason: state.historyReason}) : "");
}

function chooseModel(event) {
    const {conversation} = state;
    conversation.settings = {...conversation.settings, model: event.target.value};
    if (conversation.messages.size)
        store.save(conversation, ["settings"]);
    tell("settings");
}

function drawTitle() {
    const {title} = state.conversation;
    document.title = title ? `${title} – trill` : "trill";
}

/* --- which conversation is shown --- */

/* An address may be anything. */
function idOfAddress() {
    try {
        return decodeURIComponent(location.hash.slice(1));
    } catch {
        return "";
    }
}

async function follow() {
    const id = idOfAddress();
    closeDrawers();
    if (!id) {
        if (state.conversation.id)
            sidebar.beginNew();
        return;
    }
    if (id === state.conversation.id)
        return;
    notice("open", "");
    const found = await store.open(id).catch((failure) => failure);
    if (id !== idOfAddress())
        return;                              /* another one was chosen meanwhile */
    if (found instanceof Error) {
        notice("open", found.status === 404 ? t("no_such") : t("failed", {reason: found.message}));
        sidebar.beginNew();
        return;
    }
    state.conversation = found;
    tell("conversation");
    goOnAfterReload();
}

/* A conversation that was new has its name now. */
function nameAddress(conversation) {
    if (conversation && conversation === state.conversation)
        history.replaceState(null, "", "#" + conversation.id);
    drawTitle();
}

/* --- answers that a reload cut off --- */

let interrupted = [];                        /* ids of messages that were being written when this tab was reloaded */

function rememberRuns() {
    for (const {conversation, message} of state.runs.values())
        store.markUnsaved(conversation, message);
    store.saveLast();
    try {
        sessionStorage.setItem("trill-running", JSON.stringify([...state.runs.values()].map(({message}) => message.id)));
    } catch {
        /* then they stay as they are */
    }
}

function recallRuns() {
    try {
        interrupted = JSON.parse(sessionStorage.getItem("trill-running")) ?? [];
        sessionStorage.removeItem("trill-running");
    } catch {
        /* as above */
    }
}

function goOnAfterReload() {
    const last = path(state.conversation).at(-1);
    if (last?.data.partial && interrupted.includes(last.id))
        tell("go-on", last);
    interrupted = [];
}

/* One that was so new that the address did not name it yet is the newest. */
async function findInterrupted() {
    const newest = !location.hash && interrupted.length && (await store.list("")).conversations[0];
    if (newest && interrupted.includes(path(await store.open(newest.id)).at(-1)?.id))
        location.hash = newest.id;
}

/* --- keys of the keyboard, drawers --- */

const narrow = matchMedia("(max-width: 820px)");

function setSide(open) {
    document.body.classList.toggle("side-open", open);
    byId("shade").hidden = !open;
    byId("main").inert = open && narrow.matches;
    byId("side").inert = !open && narrow.matches;
    if (open)
        byId("search").focus({preventScroll: true});
}

function closeDrawers() {
    if (document.body.classList.contains("side-open")) {
        setSide(false);
        byId("side-open").focus();
    }
}

function onKey(event) {
    const command = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    if (document.querySelector("dialog[open]"))
        return;
    if (event.key === "Escape") {
        if (document.body.classList.contains("side-open"))
            closeDrawers();
        else if (live.closeOverlay())
            byId("live-open").focus();
        else
            stop(state.conversation);
    } else if (command && !event.shiftKey && key === "k") {
        event.preventDefault();
        if (narrow.matches)
            setSide(true);
        byId("search").focus();
        byId("search").select();
    } else if (command && event.shiftKey && key === "o") {
        event.preventDefault();
        closeDrawers();
        sidebar.beginNew();
    }
}

/* --- the key of the server --- */

async function keyFromUser(wrong) {
    const field = el("input", {name: "key", type: "password", required: true, autocomplete: "current-password", "aria-label": t("key"), placeholder: t("key")});
    const text = await ask(t("key_title"), wrong ? t("key_wrong") : t("key_hint"), field, t("key_use"), (form) => form.elements.key.value.trim());
    if (text)
        setKey(text);
    return Boolean(text);
}

/* --- the beginning --- */

async function begin() {
    fillTexts(setLabel);
    onKeyNeeded(keyFromUser);
    settings.begin();
    state.conversation = newConversation({...state.newSettings});
    for (const part of [thread, composer, sidebar, live])
        part.begin();
    hear("server", drawState);
    hear("conversation", () => { drawModels(); drawTitle(); drawState(); });
    hear("list", nameAddress);
    byId("model").addEventListener("change", chooseModel);
    byId("side-open").addEventListener("click", () => setSide(true));
    byId("side-close").addEventListener("click", closeDrawers);
    byId("shade").addEventListener("click", closeDrawers);
    byId("new").addEventListener("click", closeDrawers);
    narrow.addEventListener("change", () => setSide(false));
    addEventListener("keydown", onKey);
    addEventListener("hashchange", follow);
    addEventListener("pagehide", rememberRuns);
    setSide(false);
    tell("conversation");
    lookAtServer();
    recallRuns();
    await sidebar.refresh();
    await follow();
    await findInterrupted().catch(() => {});
    if (!narrow.matches)
        byId("input").focus();
}

begin();
