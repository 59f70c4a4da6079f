/* SPDX-License-Identifier: MIT */
/* The field in which messages are written, with the files that go along. What is typed is kept for each conversation. */
import {byId, el} from "./dom.js";
import {chip, join, mostFiles, readFile} from "./files.js";
import {notice} from "./notices.js";
import {sendMessage, stop} from "./run.js";
import {hear, state} from "./state.js";
import {t} from "./strings.js";
import {beginEdit, lastOwnMessage, toEnd} from "./thread.js";

const drafts = new WeakMap();                /* conversation -> {text, files} */
let files = [], shown = null;

const input = () => byId("input");

function grow() {
    input().style.height = "auto";
    input().style.height = `${input().scrollHeight}px`;
    byId("send").disabled = !input().value.trim() && !files.length;
}

function drawChips() {
    byId("chips").replaceChildren(...files.map((file) => chip(file, () => {
        files = files.filter((other) => other !== file);
        drawChips();
        input().focus();
    })));
    grow();
}

export async function addFiles(list) {
    for (const file of list) {
        notice("file-" + file.name, "");
        try {
            if (files.length >= mostFiles)
                throw new Error(t("too_many", {n: mostFiles}));
            files.push(await readFile(file));
        } catch (failure) {
            notice("file-" + file.name, failure.message);
        }
    }
    drawChips();
    input().focus();
}

function submit(event) {
    event?.preventDefault();
    const typed = input().value.trim();
    if ((!typed && !files.length) || state.runs.has(state.conversation))
        return;
    const {content, data} = join(typed, files);
    files = [];
    input().value = "";
    drawChips();
    toEnd();
    sendMessage(state.conversation, content, data);
}

function onKey(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        submit();
    } else if (event.key === "ArrowUp" && !input().value && lastOwnMessage()) {
        event.preventDefault();
        beginEdit(lastOwnMessage());
    }
}

function showState() {
    const running = state.runs.has(state.conversation), hadStop = document.activeElement === byId("stop");
    byId("send").hidden = running;
    byId("stop").hidden = !running;
    if (!running && hadStop)
        input().focus();
}

function switchDraft() {
    if (shown)
        drafts.set(shown, {text: input().value, files});
    shown = state.conversation;
    const draft = drafts.get(shown) ?? {text: "", files: []};
    input().value = draft.text;
    files = draft.files;
    drawChips();
    showState();
}

/* Files that are dragged over the page, wherever they are let go. */
function takeDrops() {
    let over = 0;
    const veil = el("div", {class: "veil", hidden: true}, el("span", {}, t("drop")));
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const enter = (step) => (event) => {
        if (!hasFiles(event))
            return;
        event.preventDefault();
        over = Math.max(0, over + step);
        veil.hidden = over === 0;
    };
    document.body.append(veil);
    addEventListener("dragenter", enter(1));
    addEventListener("dragleave", enter(-1));
    addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    addEventListener("drop", (event) => {
        if (!hasFiles(event))
            return;
        event.preventDefault();
        over = 0;
        veil.hidden = true;
        addFiles(event.dataTransfer.files);
    });
}

export function begin() {
    byId("composer").addEventListener("submit", submit);
    byId("stop").addEventListener("click", () => stop(state.conversation));
    byId("attach").addEventListener("click", () => byId("files").click());
    byId("files").addEventListener("change", (event) => {
        addFiles([...event.target.files]);
        event.target.value = "";
    });
    byId("hint").textContent = t("keys");
    input().addEventListener("input", grow);
    input().addEventListener("keydown", onKey);
    input().addEventListener("paste", (event) => {
        if (event.clipboardData?.files.length) {
            event.preventDefault();
            addFiles([...event.clipboardData.files]);
        }
    });
    takeDrops();
    hear("conversation", () => shown !== state.conversation ? switchDraft() : showState());
    hear("run", showState);
    hear("try", (text) => {
        input().value = text;
        grow();
        input().focus();
    });
}
