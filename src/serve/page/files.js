/* SPDX-License-Identifier: MIT */
/* Text files that go with a message: their text stands behind what was typed, each in a fenced block below its name, and
 * data.files remembers where, so that the page can show them as chips. */
import {el, icon} from "./dom.js";
import {bytes, t} from "./strings.js";

export const mostBytes = 1 << 20, mostFiles = 20;

/* {name, text}; throws a sentence. */
export async function readFile(file) {
    const name = file.name.replace(/[\p{Cc}`]/gu, " ").trim().slice(0, 100) || "file";
    if (file.size > mostBytes)
        throw new Error(t("too_large", {name, size: bytes(file.size), most: bytes(mostBytes)}));
    let text;
    try {
        text = new TextDecoder("utf-8", {fatal: true}).decode(await file.arrayBuffer());
    } catch {
        throw new Error(t("not_text", {name}));
    }
    if (text.includes("\0"))
        throw new Error(t("not_text", {name}));
    return {name, text};
}

/* A fence that the text does not hold. */
function fenceFor(text) {
    const longest = (text.match(/`{3,}/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
    return "`".repeat(longest + 1);
}

/* The content of a message and what data.files says of it. */
export function join(typed, files) {
    let content = typed;
    const places = [];
    for (const {name, text} of files) {
        const fence = fenceFor(text), kind = /\.([a-z0-9]{1,10})$/i.exec(name)?.[1] ?? "";
        content += `${content ? "\n\n" : ""}\`${name}\`:\n\n${fence}${kind}\n`;
        places.push({name, at: content.length, length: text.length});
        content += `${text}${text.endsWith("\n") ? "" : "\n"}${fence}`;
    }
    return {content, data: places.length ? {typed: typed.length, files: places} : {}};
}

/* The other way round; what does not fit the content is ignored. */
export function split(message) {
    const {typed, files} = message.data, {content} = message;
    if (!Array.isArray(files) || !Number.isInteger(typed) || typed < 0 || typed > content.length)
        return {typed: content, files: []};
    const good = files.slice(0, mostFiles).filter((file) => file && typeof file.name === "string" && Number.isInteger(file.at) &&
                                                  Number.isInteger(file.length) && file.at >= typed && file.at + file.length <= content.length);
    return {typed: content.slice(0, typed), files: good.map(({name, at, length}) => ({name: name.slice(0, 100), text: content.slice(at, at + length)}))};
}

const size = (text) => bytes(new Blob([text]).size);

/* remove: a function, or null where the chip only shows. */
export function chip(file, remove) {
    const label = t("file", {name: file.name, size: size(file.text)});
    if (remove)
        return el("span", {class: "chip"}, icon("file"), el("span", {}, label),
                  el("button", {type: "button", label: t("remove_file", {name: file.name}), on: {click: remove}}, icon("close")));
    return el("details", {class: "chip"}, el("summary", {label: t("show_file", {name: file.name})}, icon("file"), el("span", {}, label)),
              el("pre", {tabindex: "0"}, file.text));
}
