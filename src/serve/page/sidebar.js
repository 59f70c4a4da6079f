/* SPDX-License-Identifier: MIT */
/* The list of conversations: searching, opening, renaming, deleting, exporting, importing. */
import {button, byId, download, el, icon} from "./dom.js";
import {ask, notice} from "./notices.js";
import {stop} from "./run.js";
import {hear, state, tell} from "./state.js";
import * as store from "./store.js";
import {t} from "./strings.js";
import {newConversation} from "./tree.js";

let rows = [], next = null, turn = 0;

/* --- what is listed --- */

export async function refresh(further = false) {
    const mine = ++turn, search = byId("search").value.trim();
    try {
        const answer = await store.list(search, further ? next : null);
        if (mine !== turn)
            return;
        rows = further ? rows.concat(answer.conversations) : answer.conversations;
        next = answer.next;
        draw();
    } catch {
        /* the server is away; main.js says so */
    }
}

/* Where words were found they stand between U+0002 and U+0003. */
function marked(text) {
    return text.split("\u0002").flatMap((part, i) => {
        const [word, ...rest] = i ? part.split("\u0003") : ["", part];
        return [word && el("mark", {}, word), rest.join("")];
    });
}

function ageOf(changed) {
    const midnight = new Date().setHours(0, 0, 0, 0), day = 86400000;
    return changed >= midnight ? "today" : changed >= midnight - day ? "yesterday" : changed >= midnight - 6 * day ? "week" : "older";
}

const titleOf = (row) => row.title || t("untitled");

function isRunning(row) {
    return [...state.runs.keys()].some((conversation) => conversation.id === row.id);
}

function drawRow(row) {
    const current = row.id === state.conversation.id && row.id !== "", plain = (row.found ?? "").replace(/[\u0002\u0003…]/g, "");
    const inTitle = row.found && row.title.includes(plain);
    return el("li", {class: current ? "current" : null},
        el("a", {href: "#" + row.id, "aria-current": current ? "page" : null, title: titleOf(row)},
           el("span", {class: "title"}, isRunning(row) && el("span", {class: "dot", role: "img", "aria-label": t("answering")}),
              inTitle ? marked(row.found) : titleOf(row)),
           row.found && !inTitle && el("span", {class: "found"}, marked(row.found))),
        button("more", t("menu", {title: titleOf(row)}), (event) => openMenu(row, event.currentTarget)));
}

function draw() {
    const groups = [];
    for (const row of rows) {
        const age = byId("search").value.trim() ? "" : ageOf(row.changed);
        if (groups.at(-1)?.age !== age)
            groups.push({age, items: []});
        groups.at(-1).items.push(drawRow(row));
    }
    byId("list").replaceChildren(
        ...groups.flatMap(({age, items}) => [age && el("h2", {}, t(age)), el("ul", {}, items)]).filter(Boolean),
        ...(rows.length ? [] : [el("p", {class: "none"}, t(byId("search").value.trim() ? "nothing_found" : "no_conversations"))]),
        ...(next ? [el("button", {type: "button", class: "plain", on: {click: () => refresh(true)}}, t("more"))] : []));
}

/* --- what is done with one --- */

async function rename(row) {
    const field = el("input", {name: "title", value: row.title, maxlength: "200", "aria-label": t("title")});
    const title = await ask(t("rename"), null, field, t("save"), (form) => form.elements.title.value.trim());
    if (!title)
        return;
    await store.rename(row.id, title);
    if (row.id === state.conversation.id)
        state.conversation.title = title;
    tell("conversation");
}

async function remove(row) {
    if (!await ask(t("delete_question", {title: titleOf(row)}), state.history === "kept" ? t("delete_hint") : null, [], t("delete"), () => true, true))
        return;
    for (const conversation of state.runs.keys())
        if (conversation.id === row.id)
            stop(conversation);
    await store.remove(row.id);
    if (row.id === state.conversation.id)
        location.hash = "";
}

const nameOf = (row) => titleOf(row).replace(/[^\p{L}\p{N} _-]/gu, "").trim().slice(0, 60) || "conversation";

const works = [
    ["edit", "rename", rename],
    ["out", "export_json", async (row) => download(nameOf(row) + ".json", "application/json", await store.exported(row.id, "json"))],
    ["file", "export_markdown", async (row) => download(nameOf(row) + ".md", "text/markdown", await store.exported(row.id, "markdown"))],
    ["trash", "delete", remove],
];

async function attempt(work) {
    try {
        await work();
        notice("list", "");
    } catch (failure) {
        notice("list", t("failed", {reason: failure.message}));
    }
    refresh();
}

function openMenu(row, origin) {
    const close = () => { menu.remove(); removeEventListener("pointerdown", outside, true); };
    const outside = (event) => { if (!menu.contains(event.target)) close(); };
    const step = (by) => {
        const items = [...menu.children];
        items[(items.indexOf(document.activeElement) + by + items.length) % items.length].focus();
    };
    const keys = {Escape: () => { close(); origin.focus(); }, Tab: close, ArrowDown: () => step(1), ArrowUp: () => step(-1)};
    const menu = el("div", {class: "menu", role: "menu", on: {keydown: (event) => {
        if (!keys[event.key])
            return;
        event.stopPropagation();
        if (event.key !== "Tab")
            event.preventDefault();
        keys[event.key]();
    }}}, works.filter(([, name]) => name !== "export_markdown" || state.history === "kept").map(([image, name, work]) =>
        el("button", {type: "button", role: "menuitem", on: {click: () => { close(); attempt(() => work(row)); }}}, icon(image), t(name))));
    const place = origin.getBoundingClientRect();
    document.body.append(menu);
    menu.style.left = `${Math.min(place.left, innerWidth - menu.offsetWidth - 8)}px`;
    menu.style.top = `${Math.min(place.bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
    addEventListener("pointerdown", outside, true);
    menu.firstChild.focus();
}

/* --- files --- */

async function importFiles(files) {
    let n = 0;
    notice("import", "");
    for (const file of files)
        try {
            notice("import-" + file.name, "");
            n += await store.importText(await file.text(), t("not_an_export"));
        } catch (failure) {
            notice("import-" + file.name, t("import_failed", {name: file.name.slice(0, 80), reason: failure.message}));
        }
    if (n)
        notice("import", t("imported", {n}), false);
    refresh();
}

export function beginNew() {
    const settings = {...state.newSettings};
    state.conversation = newConversation(settings);
    history.replaceState(null, "", location.pathname + location.search);
    tell("conversation");
    byId("input").focus();
}

export function begin() {
    let timer = 0;
    byId("new").addEventListener("click", beginNew);
    byId("search").addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(refresh, 150);
    });
    byId("search").addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown")
            byId("list").querySelector("a")?.focus();
        else if (event.key === "Escape" && event.target.value) {
            event.stopPropagation();
            event.target.value = "";
            refresh();
        }
    });
    byId("list").addEventListener("keydown", (event) => {
        const links = [...byId("list").querySelectorAll("a")], i = links.indexOf(document.activeElement);
        if (i < 0 || (event.key !== "ArrowDown" && event.key !== "ArrowUp"))
            return;
        event.preventDefault();
        (links[i + (event.key === "ArrowDown" ? 1 : -1)] ?? byId("search")).focus();
    });
    byId("import").addEventListener("click", () => byId("import-file").click());
    byId("import-file").addEventListener("change", (event) => {
        importFiles([...event.target.files]);
        event.target.value = "";
    });
    byId("export-all").addEventListener("click", () => attempt(async () => download("conversations.json", "application/json", await store.exportAll())));
    hear("conversation", draw);
    hear("run", draw);
    hear("list", () => refresh());
    hear("server", () => {
        byId("kept").textContent = state.history === "none" ? t("not_kept") : state.history === "kept" ? t("kept") : "";
    });
}
