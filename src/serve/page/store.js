/* SPDX-License-Identifier: MIT */
/* Where conversations are kept: on the server where it keeps any, else in this page alone. Changes are gathered and sent one
 * after another; what could not be sent is sent again with the next change. */
import {get, request, send} from "./api.js";
import {state, tell} from "./state.js";
import {fromDocument, toDocument} from "./tree.js";

const base = "trill/conversations";
const known = new Map();                     /* id -> conversation, of those that were opened here */
const pending = new Map();                   /* conversation -> {fields, messages, busy} */
let counter = 0;

/* --- looking --- */

function listInPage(search) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const holds = (text) => words.every((word) => text.toLowerCase().includes(word));
    return [...known.values()]
        .filter((one) => !words.length || holds(one.title) || [...one.messages.values()].some((message) => holds(message.content)))
        .sort((a, b) => b.changed - a.changed)
        .map(({id, title, changed}) => ({id, title, changed}));
}

/* {conversations: [{id, title, changed, found}], next}; from: the next of another list */
export async function list(search, from = null) {
    if (state.history !== "none") {
        try {
            const answer = await get(`${base}?limit=60&search=${encodeURIComponent(search)}${from ? "&from=" + from : ""}`);
            setHistory("kept");
            return answer;
        } catch (failure) {
            if (failure.code === "no_history" || failure.status === 404)
                setHistory("none");
            else if (failure.status)
                setHistory("failed", failure.message);
            else
                throw failure;
        }
    }
    return {conversations: listInPage(search), next: null};
}

function setHistory(history, reason = "") {
    if (state.history === history && state.historyReason === reason)
        return;
    state.history = history;
    state.historyReason = reason;
    tell("server");
}

export async function open(id) {
    const here = known.get(id);
    if (here && (state.runs.has(here) || pending.get(here)?.busy || state.history !== "kept"))
        return here;
    const conversation = fromDocument(await get(`${base}/${encodeURIComponent(id)}`));
    known.set(id, conversation);
    return conversation;
}

/* --- keeping --- */

/* fields: of "title", "head", "settings", those that changed; message: one that did. */
export function save(conversation, fields = [], message = null) {
    conversation.changed = Date.now();
    const work = pending.get(conversation) ?? {fields: new Set(), messages: new Set(), busy: false};
    pending.set(conversation, work);
    for (const field of fields)
        work.fields.add(field);
    if (message)
        work.messages.add(message);
    if (!conversation.id && state.history === "none") {
        conversation.id = "page-" + ++counter;
        known.set(conversation.id, conversation);
        tell("list");
    }
    return flush(conversation, work);
}

function documentOf(conversation, work) {
    if (!conversation.id)
        return toDocument(conversation);
    const document = {messages: [...work.messages]};
    for (const field of work.fields)
        document[field] = conversation[field];
    return document;
}

async function flush(conversation, work) {
    if (work.busy || state.history === "none")
        return;
    work.busy = true;
    while (!conversation.removed && (work.fields.size || work.messages.size)) {
        const document = documentOf(conversation, work), fields = [...work.fields], messages = [...work.messages];
        work.fields.clear();
        work.messages.clear();
        try {
            await put(conversation, document);
            state.unsaved = "";
        } catch (failure) {
            fields.forEach((field) => work.fields.add(field));
            messages.forEach((message) => work.messages.add(message));
            state.unsaved = failure.message;
            break;
        }
    }
    work.busy = false;
    tell("server");
}

async function put(conversation, document) {
    const isNew = !conversation.id;
    try {
        const answer = isNew ? await send("POST", base, document) : await send("PUT", `${base}/${conversation.id}`, document);
        conversation.changed = answer.changed;
        conversation.id = answer.id;
    } catch (failure) {
        if (conversation.removed)
            return;
        if (failure.status !== 404 || isNew)
            throw failure;
        known.delete(conversation.id);       /* deleted elsewhere, and still written here: it is a new one */
        conversation.id = "";
        return put(conversation, toDocument(conversation));
    }
    known.set(conversation.id, conversation);
    tell("list", isNew ? conversation : null);
}

/* The page goes away: what is small enough still goes out. */
export function saveLast() {
    for (const [conversation, work] of pending)
        if (conversation.id && state.history === "kept" && (work.fields.size || work.messages.size))
            request(`${base}/${conversation.id}`, {method: "PUT", body: documentOf(conversation, work), keepalive: true}).catch(() => {});
}

export function markUnsaved(conversation, message) {
    pending.get(conversation)?.messages.add(message);
}

/* --- whole conversations --- */

/* What is still on its way into one that is removed is let go. */
export async function remove(id) {
    const here = known.get(id) ?? {};
    here.removed = true;
    try {
        if (state.history === "kept")
            await send("DELETE", `${base}/${encodeURIComponent(id)}`);
    } catch (failure) {
        here.removed = false;
        throw failure;
    }
    known.delete(id);
}

export async function rename(id, title) {
    const here = known.get(id);
    if (here) {
        here.title = title;
        return save(here, ["title"]);
    }
    return send("PUT", `${base}/${encodeURIComponent(id)}`, {title});
}

export async function exported(id, format) {
    if (state.history !== "kept")
        return JSON.stringify(toDocument(known.get(id)), null, 1);
    return (await request(`${base}/${encodeURIComponent(id)}?format=${format}`)).text();
}

/* Listed first, as a conversation that goes on meanwhile moves to the front; one that is removed meanwhile is left out. */
export async function exportAll() {
    const ids = [], parts = [];
    let from = null;
    do {
        const {conversations, next} = await list("", from);
        ids.push(...conversations.map(({id}) => id));
        from = next;
    } while (from);
    for (const id of ids)
        try {
            parts.push(await exported(id, "json"));
        } catch (failure) {
            if (failure.status !== 404)
                throw failure;
        }
    return `{"conversations":[${parts.join(",\n")}]}\n`;
}

/* A document, a list of them, or what exportAll wrote. Returns how many. */
export async function importText(text, wrong) {
    const document = JSON.parse(text);
    const documents = Array.isArray(document) ? document : Array.isArray(document?.conversations) ? document.conversations : [document];
    for (const one of documents) {
        if (!Array.isArray(one?.messages))
            throw new Error(wrong);
        const conversation = fromDocument(one);
        conversation.id = "";
        if (state.history === "kept")
            await send("POST", base, toDocument(conversation));
        else
            known.set(conversation.id = "page-" + ++counter, conversation);
    }
    return documents.length;
}
