/* SPDX-License-Identifier: MIT */
/* The server: requests with the key where there is one, failures as errors that say why, streams as their events. */

let key = "";
try {
    key = sessionStorage.getItem("trill-key") ?? "";
} catch {
    /* then it lasts as long as the page */
}

let askForKey = async () => null;            /* main.js */

export function onKeyNeeded(call) {
    askForKey = call;
}

export const hasKey = () => key !== "";

export function setKey(text) {
    key = text;
    try {
        sessionStorage.setItem("trill-key", text);
    } catch {
        /* as above */
    }
}

/* status 0: the server cannot be reached. */
export class Failure extends Error {
    constructor(status, message, details = {}) {
        super(message);
        this.status = status;
        this.details = details;
        this.code = details.code ?? "";
    }
}

async function failureOf(response) {
    let error = {};
    try {
        error = (await response.json()).error ?? {};
    } catch {
        /* no document: the status says it */
    }
    const failure = new Failure(response.status, String(error.message ?? `${response.status} ${response.statusText}`), error);
    failure.retryAfter = Number(response.headers.get("retry-after")) || 2;
    return failure;
}

/* One that asked together with others waits for the same answer. */
let asking = null;

async function keyFromUser(wrong) {
    asking ??= askForKey(wrong).finally(() => { asking = null; });
    return asking;
}

/* The response, whose status is good. options: method, body (an object), signal, keepalive. */
export async function request(path, options = {}) {
    const {body, ...rest} = options;
    const headers = body ? {"content-type": "application/json"} : {};
    const used = key;
    if (key)
        headers.authorization = "Bearer " + key;
    let response;
    try {
        response = await fetch(path, {...rest, headers, body: body ? JSON.stringify(body) : undefined, cache: "no-store"});
    } catch (error) {
        if (error.name === "AbortError")
            throw error;
        throw new Failure(0, String(error.message ?? error));
    }
    if (response.status === 401 && !options.keepalive && (used !== key || await keyFromUser(used !== "")))
        return request(path, options);
    if (!response.ok)
        throw await failureOf(response);
    return response;
}

export const get = async (path, options) => (await request(path, options)).json();
export const send = async (method, path, body, options) => (await request(path, {method, body, ...options})).json();

/* The data of server-sent events, as objects; comments are passed over. */
export async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
        const {value, done} = await reader.read();
        if (done)
            return;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
            if (!line.startsWith("data:"))
                continue;
            const data = line.slice(5).trim();
            if (data === "[DONE]")
                return;
            yield JSON.parse(data);
        }
    }
}
