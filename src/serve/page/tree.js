/* SPDX-License-Identifier: MIT */
/* A conversation: a tree of messages, of which the way from a root to `head` is shown. A message that is edited or answered
 * again gets a sibling; nothing is thrown away. Documents come from files, too: what is broken in them breaks nothing here. */

const roles = new Set(["system", "user", "assistant"]);

export function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(9));
    return Array.from(bytes, (byte) => "abcdefghijkmnpqrstuvwxyz23456789"[byte & 31]).join("");
}

export function newConversation(settings = {}) {
    return {id: "", title: "", created: Date.now(), changed: Date.now(), head: "", settings, messages: new Map(), children: new Map()};
}

function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/* A parent comes before its children: whoever names a later one has none. */
export function fromDocument(document) {
    const conversation = newConversation(isObject(document.settings) ? document.settings : {});
    for (const name of ["id", "title", "head"])
        conversation[name] = String(document[name] ?? "");
    conversation.created = Number(document.created) || Date.now();
    conversation.changed = Number(document.changed) || conversation.created;
    for (const message of Array.isArray(document.messages) ? document.messages : []) {
        if (!isObject(message) || !roles.has(message.role) || typeof message.content !== "string")
            continue;
        const parent = conversation.messages.has(message.parent) ? message.parent : "";
        insert(conversation, {id: String(message.id), parent, role: message.role, content: message.content,
                              reasoning: String(message.reasoning ?? ""), data: isObject(message.data) ? message.data : {}});
    }
    if (!conversation.messages.has(conversation.head))
        conversation.head = leafBelow(conversation, "");
    return conversation;
}

export function toDocument(conversation) {
    const {id, title, created, changed, head, settings} = conversation;
    return {id, title, created, changed, head, settings, messages: [...conversation.messages.values()]};
}

function insert(conversation, message) {
    if (conversation.messages.has(message.id))
        return;
    conversation.messages.set(message.id, message);
    if (!conversation.children.has(message.parent))
        conversation.children.set(message.parent, []);
    conversation.children.get(message.parent).push(message);
}

/* Below a message ("": a root), and now the one that is shown. */
export function add(conversation, parent, role, content, data = {}) {
    const message = {id: newId(), parent, role, content, reasoning: "", data};
    insert(conversation, message);
    conversation.head = message.id;
    return message;
}

/* From the root to the head. */
export function path(conversation) {
    const way = [];
    for (let message = conversation.messages.get(conversation.head); message; message = conversation.messages.get(message.parent))
        way.push(message);
    return way.reverse();
}

export const versions = (conversation, message) => conversation.children.get(message.parent) ?? [message];

/* The last child of the last child … of a message. */
export function leafBelow(conversation, id) {
    for (let children; (children = conversation.children.get(id))?.length;)
        id = children.at(-1).id;
    return id;
}

/* Cut at a word. */
export function titleOf(text) {
    const line = text.trim().split("\n")[0].replace(/\s+/g, " ");
    if (line.length <= 60)
        return line;
    const cut = line.slice(0, 60);
    return cut.slice(0, Math.max(cut.lastIndexOf(" "), 40)) + "…";
}
