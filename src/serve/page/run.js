/* SPDX-License-Identifier: MIT */
/* Answers: asking for one, taking it as it comes, stopping it. An answer belongs to its conversation, whichever is shown, and
 * what has come of it is kept while it comes, so that a reload finds it. */
import {events, get, request} from "./api.js";
import {save} from "./store.js";
import {state, tell} from "./state.js";
import {add, path, titleOf} from "./tree.js";

const saveEveryMs = 1500, mostTries = 60;

/* Fields of a request that a conversation's settings may name. */
export const sampling = ["temperature", "top_p", "top_k", "min_p", "repeat_penalty", "max_tokens", "seed", "reasoning_effort"];

/* What models are told: an answer that failed before it began is left out, and roles take turns all the same. */
function messagesOf(conversation, message) {
    const messages = [];
    if (conversation.settings.system)
        messages.push({role: "system", content: String(conversation.settings.system)});
    for (const {role, content} of path({...conversation, head: message.parent})) {
        const before = messages.at(-1);
        if (content && before?.role === role)
            before.content += "\n\n" + content;
        else if (content)
            messages.push({role, content});
    }
    if (message.content)                         /* it is continued */
        messages.push({role: message.role, content: message.content, ...(message.reasoning && {reasoning_content: message.reasoning})});
    return messages;
}

function requestOf(conversation, message) {
    const {settings} = conversation;
    const body = {model: settings.model || state.model, messages: messagesOf(conversation, message), stream: true, return_progress: true,
                  stream_options: {include_usage: true}};
    for (const name of sampling)
        if (settings[name] !== undefined && settings[name] !== null && settings[name] !== "")
            body[name] = settings[name];
    return body;
}

/* --- taking what comes --- */

function takeChunk(run, chunk) {
    const {message} = run, choice = chunk.choices?.[0], delta = choice?.delta ?? {};
    if (chunk.error)
        throw Object.assign(new Error(String(chunk.error.message ?? chunk.error)), {code: chunk.error.code, details: chunk.error});
    run.id ||= chunk.id ?? "";
    if (chunk.prompt_progress) {
        run.stage = "reading";
        run.readAt ||= performance.now();
        run.progress = chunk.prompt_progress;
    }
    const reasoning = delta.reasoning_content ?? delta.reasoning ?? "", content = delta.content ?? "";
    if (reasoning || content) {
        run.stage = "writing";
        run.firstAt ||= performance.now();
        run.pieces++;
        message.reasoning += reasoning;
        message.content += content;
    }
    if (choice?.finish_reason)
        message.data.finish = choice.finish_reason;
    if (chunk.usage)
        message.data.usage = chunk.usage;
    if (chunk.timings)
        message.data.timings = chunk.timings;
}

async function take(run, response) {
    for await (const chunk of events(response)) {
        takeChunk(run, chunk);
        changed(run);
        if (performance.now() - run.savedAt > saveEveryMs) {
            run.savedAt = performance.now();
            save(run.conversation, [], run.message);
        }
    }
    if (!run.message.data.finish)
        throw new Error("the stream ended early");
}

/* At most once a frame, and less often the more there is to draw. */
function changed(run) {
    if (run.drawing)
        return;
    run.drawing = true;
    setTimeout(() => requestAnimationFrame(() => {
        run.drawing = false;
        tell("message", run.message);
    }), Math.min(200, run.message.content.length / 200));
}

/* --- asking --- */

function pause(run, ms) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        run.controller.signal.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(run.controller.signal.reason);
        });
    });
}

/* A server that is busy or loading says when to come again. */
async function ask(run) {
    for (let tries = 0;; tries++) {
        try {
            return await request("v1/chat/completions", {method: "POST", body: requestOf(run.conversation, run.message), signal: run.controller.signal});
        } catch (failure) {
            if ((failure.status !== 429 && failure.status !== 503) || tries >= mostTries)
                throw failure;
            run.stage = "busy";
            run.again = Math.min(failure.retryAfter ?? 2, 30);
            tell("run", run.conversation);
            await pause(run, 1000 * run.again);
            run.stage = "waiting";
            tell("message", run.message);
        }
    }
}

function conclude(run, failure) {
    const {data} = run.message;
    if (failure?.name === "AbortError") {
        data.finish = "stopped";
    } else if (failure) {
        data.finish = "failed";
        data.error = {message: failure.message, status: failure.status, code: failure.code ?? "",
                      needed: failure.details?.n_prompt_tokens, most: failure.details?.n_ctx, lost: run.pieces > 0 && !failure.details};
    }
    delete data.partial;
    data.seconds = (data.seconds ?? 0) + (performance.now() - run.begunAt) / 1000;
}

/* What the server says that this answer took; one that was continued begins anew. */
async function figuresOf(run) {
    const name = run.id.replace(/^chatcmpl-/, "");
    if (!name)
        return undefined;
    try {
        const live = await get("trill/live", {signal: AbortSignal.timeout(3000)}), found = live.answers?.find(({id}) => id === name);
        return found && {...found, joules_source: live.totals?.joules_source};
    } catch {
        return undefined;
    }
}

/* Answers in this message, behind what it holds already. */
export async function answer(conversation, message) {
    const run = {conversation, message, stage: "waiting", begunAt: performance.now(), savedAt: performance.now(), readAt: 0, firstAt: 0, pieces: 0,
                 controller: new AbortController(), id: ""};
    state.runs.set(conversation, run);
    message.data = {model: conversation.settings.model || state.model, partial: true, seconds: message.data.seconds};
    save(conversation, ["head"], message);
    tell("run", conversation);
    let failed = null;
    try {
        await take(run, await ask(run));
    } catch (failure) {
        failed = failure;
        run.controller.abort();              /* where nobody listens the answer ends, too */
    }
    conclude(run, failed);
    message.data.figures = await figuresOf(run);
    state.runs.delete(conversation);
    save(conversation, [], message);
    tell("message", message);
    tell("run", conversation);
}

export function stop(conversation) {
    state.runs.get(conversation)?.controller.abort();
}

/* --- what the user does --- */

const runs = (conversation) => state.runs.has(conversation);

function show(conversation) {
    if (state.conversation === conversation)
        tell("conversation");
}

export function sendMessage(conversation, content, data) {
    if (runs(conversation))
        return;
    if (!conversation.title) {
        conversation.title = titleOf(content.slice(0, data.typed ?? content.length) || data.files?.[0]?.name || "");
        save(conversation, ["title"]);
    }
    save(conversation, [], add(conversation, conversation.head, "user", content, data));
    return answerBelow(conversation, conversation.head);
}

function answerBelow(conversation, parent) {
    const message = add(conversation, parent, "assistant", "");
    show(conversation);
    return answer(conversation, message);
}

export const retry = (conversation, message) => runs(conversation) ? null : answerBelow(conversation, message.parent);

/* Another version of a message; of the user's own it is answered. */
export function edit(conversation, message, content, data) {
    if (runs(conversation))
        return;
    const version = add(conversation, message.parent, message.role, content, data);
    save(conversation, ["head"], version);
    if (message.role === "user")
        return answerBelow(conversation, version.id);
    show(conversation);
}

export function goOn(conversation, message) {
    if (runs(conversation))
        return;
    conversation.head = message.id;
    message.content = message.content.trimEnd();
    if (!message.content)
        message.reasoning = "";              /* reasoning that was cut off begins again */
    show(conversation);
    return answer(conversation, message);
}
