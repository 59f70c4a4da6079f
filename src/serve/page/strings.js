/* SPDX-License-Identifier: MIT */
/* All that the page says. Another language is another table: what it lacks is said in English. {name} stands for a value. */

const english = {
    skip: "To the message field",
    conversations: "Conversations", close: "Close", new: "New conversation", new_hint: "New conversation (Ctrl+Shift+O)",
    search: "Search", search_hint: "Search all conversations (Ctrl+K)", nothing_found: "Nothing is found.", no_conversations: "What you talk about will be listed here.",
    import: "Import", import_hint: "Import conversations (JSON)", export_all: "Export", export_all_hint: "Export all conversations (JSON)",
    kept: "Kept on this server.", not_kept: "Not kept: conversations end with this page.", keeping_failed: "The server cannot keep conversations: {reason}.",
    today: "Today", yesterday: "Yesterday", week: "This week", older: "Earlier", more: "Show more", untitled: "Untitled",
    menu: "More about “{title}”", rename: "Rename", delete: "Delete", export_json: "Export as JSON", export_markdown: "Export as Markdown",
    delete_question: "Delete “{title}”?", delete_hint: "It is removed from the server and cannot be brought back.", cancel: "Cancel", save: "Save",
    imported: "Imported {n}.", import_failed: "{name} was not imported: {reason}.", not_an_export: "it is no conversation",
    title: "Title", answering: "an answer is being written",

    model: "Model", settings: "Settings of this conversation", theme: "Light, dark, or as the system", theme_auto: "As the system", theme_light: "Light", theme_dark: "Dark",
    live: "Where the time goes", thread: "Conversation", composer: "Message", to_end: "To the end",
    say: "Say something", attach: "Attach text files", send: "Send", stop: "Stop (Esc)", keys: "Enter sends, Shift+Enter begins a line",
    you: "You", answer: "Answer", reasoning_now: "Reasoning…", reasoning_for: "Reasoned for {n} words",
    copy: "Copy", copied: "Copied", edit: "Edit", retry: "Another answer", again: "Try again", continue: "Continue", earlier: "Version before", later: "Version after", version: "{i} of {n}",
    edit_send: "Send anew", edit_keep: "Keep as a version", edit_label: "The message, to be edited",
    copy_code: "Copy this code", task_done: "done", task_open: "to do", file: "{name}, {size}", remove_file: "Remove {name}", show_file: "Show {name}",
    too_large: "{name} is too large: {size}, at most {most}.", too_many: "At most {n} files.", not_text: "{name} is no text file.",
    drop: "Drop text files here",

    hello: "What is on your mind?", hello_model: "{model} answers here, on this machine.", hello_context: "It reads up to {n} tokens at once.",
    try_1: "Explain how a sailing boat can go against the wind.", try_2: "Write a limerick about a very patient computer.", try_3: "What should I ask before I rent a flat?",
    waiting: "Waiting for its turn", reading: "Reading {done} of {total} tokens", reading_left: "{left} left",
    loading: "Loading {model}", loading_done: "{done} of {total}", switching: "{model} is loading; the answer begins behind it",
    stopped: "Stopped.", cut: "The answer reached its longest.", unfinished: "This answer is not finished.",
    lost: "The connection was lost in the middle of the answer.", gone: "The server does not answer. Trying again…",
    busy: "The server is busy; trying again in {n} s", failed: "That did not work: {reason}",
    context_full: "The context is full: this needs {needed} tokens, the model reads {most}. Shorten the message, remove files, or begin a new conversation.",
    context_full_plain: "The context is full: {reason}", not_saved: "Not saved: {reason}. It is tried again with the next change.", no_such: "That conversation is not here any more.",
    empty_answer: "The model said nothing.", dismiss: "Dismiss",

    key_title: "This server asks for a key", key_hint: "It stays in this tab and goes to this server alone.", key: "Key", key_wrong: "That key is not one of this server's.", key_use: "Use it",
    set_system: "System prompt", set_system_hint: "What the model should know or be, before everything else.",
    set_sampling: "Sampling", set_default: "server's", set_temperature: "Temperature", set_top_p: "Top p", set_top_k: "Top k", set_min_p: "Min p", set_repeat: "Repeat penalty",
    set_max: "Most tokens", set_seed: "Seed", set_effort: "Reasoning", effort_none: "none", effort_low: "little", effort_medium: "some", effort_high: "much",
    set_all: "New conversations begin with these", set_key: "Forget the key",
    temperature_hint: "0 is always the same answer", top_p_hint: "0 to 1", top_k_hint: "0 is all", min_p_hint: "0 to 1", repeat_hint: "1 is none", max_hint: "as long as it goes", seed_hint: "any",

    live_title: "Where the time goes", live_answer: "This answer", live_last: "Last answer", live_now: "Server now", live_none: "Nothing was asked yet.",
    live_bytes: "Bytes of weights", live_rate: "Bytes of weights a second", live_memory: "memory", live_drive: "drive", live_hits: "Expert hits", live_stages: "Seconds",
    live_stalls: "Stalled", stage_wait: "waiting", stage_prompt: "prompt", stage_decode: "answer", stage_stall: "stalls",
    live_speed: "Tokens a second", live_tokens: "Tokens", live_tokens_of: "{prompt} in, {out} out", live_reused: "{n} reused", live_drafted: "{n} of {of} drafts kept",
    live_energy: "Energy", live_energy_estimated: "{n}, estimated", live_money: "Money", live_limit: "Share of the limit", live_duty: "Drive duty", live_queue: "Answers", live_queue_of: "{running} running, {waiting} waiting",
    live_history: "the last minute",
};

const tables = {en: english};
const wanted = (navigator.languages ?? ["en"]).map((name) => name.split("-")[0]).find((name) => name in tables) ?? "en";
const table = {...english, ...tables[wanted]};

export function t(name, values = {}) {
    return (table[name] ?? name).replace(/\{(\w+)\}/g, (whole, key) => key in values ? values[key] : whole);
}

/* Texts of the elements of index.html. */
export function fillTexts(setLabel) {
    document.documentElement.lang = wanted;
    for (const element of document.querySelectorAll("[data-t]"))
        element.textContent = t(element.dataset.t);
    for (const element of document.querySelectorAll("[data-label]"))
        setLabel(element, t(element.dataset.label));
    for (const element of document.querySelectorAll("[data-hint]"))
        element.placeholder = t(element.dataset.hint);
}

/* --- amounts --- */

const decimals = (digits) => new Intl.NumberFormat(wanted, {maximumFractionDigits: digits});
const whole = decimals(0), one = decimals(1), two = decimals(2);

/* Three figures or so. What is no number, as in a document from elsewhere, is a dash. */
export function number(n) {
    if (!Number.isFinite(n))
        return "–";
    return n >= 100 ? whole.format(n) : n >= 10 ? one.format(n) : n >= 0.01 || n === 0 ? two.format(n) : n.toPrecision(2);
}

function scaled(n, step, units) {
    let i = 0;
    if (!Number.isFinite(n))
        return "–";
    for (; n >= step && i < units.length - 1; i++)
        n /= step;
    return (n >= 100 || i === 0 ? whole : one).format(n) + " " + units[i];
}

export const bytes = (n) => scaled(n, 1000, ["B", "kB", "MB", "GB", "TB", "PB"]);
export const joules = (n) => n < 1 ? number(n) + " J" : n < 3600 ? one.format(n) + " J" : scaled(n / 3600, 1000, ["Wh", "kWh", "MWh"]);
export const percent = (share) => whole.format(100 * share) + " %";

export function seconds(n) {
    if (n < 60)
        return (n < 1 ? two : n < 10 ? one : whole).format(n) + " s";
    return n < 3600 ? `${Math.floor(n / 60)} min ${whole.format(n % 60)} s` : `${Math.floor(n / 3600)} h ${Math.round(n % 3600 / 60)} min`;
}
