/* SPDX-License-Identifier: MIT */
/* What the page knows, and who wants to hear when it changes. The parts of the page know each other through this alone. */

export const state = {
    conversation: null,      /* the one that is shown (tree.js) */
    runs: new Map(),         /* conversation -> the answer that is being written (run.js) */
    models: [],              /* {id, context, ...} */
    model: "",               /* the one that is open */
    server: {status: "unknown"},     /* ready, loading (done, total), gone */
    history: "unknown",      /* kept, none, failed: are conversations kept? */
    live: null,              /* the last of /trill/live */
};

const ears = new Map();

/* Events: "conversation", "message" (a message), "run" (a conversation), "list", "server", "live", "settings". */
export function hear(event, call) {
    if (!ears.has(event))
        ears.set(event, []);
    ears.get(event).push(call);
}

export function tell(event, detail) {
    for (const call of ears.get(event) ?? [])
        call(detail);
}

/* Small things that are kept in the browser; in some there is nowhere to keep them. */
export function recall(name, otherwise) {
    try {
        return JSON.parse(localStorage.getItem("trill-" + name)) ?? otherwise;
    } catch {
        return otherwise;
    }
}

export function remember(name, value) {
    try {
        localStorage.setItem("trill-" + name, JSON.stringify(value));
    } catch {
        /* then it is forgotten */
    }
}
