/* SPDX-License-Identifier: MIT */
/* Markdown into elements, as models write it: headings, lists, quotes, tables, code, emphasis, links. Text comes from a model or
 * a file and is hostile: elements are built, no markup is ever parsed, links lead to http and https alone, depth and the way that
 * is looked ahead have bounds, so that no text takes long. What is not understood stays as it is written. */
import {copyButton, el} from "./dom.js";
import {t} from "./strings.js";

const deepest = 8, farthest = 4000;

/* --- within a line --- */

/* [where it may begin, what it becomes] in the order of trying; each is tried at one place and never looks further than `farthest`. */
const spans = [
    [/\\([!-/:-@[-`{-~])/y, (m) => m[1]],
    [/(`+)(?!`)([^]{1,4000}?[^`])\1(?!`)/y, (m) => el("code", {}, m[2].replace(/^ (.*[^ ].*) $/s, "$1").replace(/\n/g, " "))],
    [/\*\*(?=\S)([^]{0,4000}?\S)\*\*/y, (m, depth) => el("strong", {}, inline(m[1], depth))],
    [/__(?=\S)([^]{0,4000}?\S)__(?!\w)/y, (m, depth) => el("strong", {}, inline(m[1], depth))],
    [/~~(?=\S)([^]{0,4000}?\S)~~/y, (m, depth) => el("s", {}, inline(m[1], depth))],
    [/\*(?![\s*])([^*]{0,4000}?[^\s*])\*(?!\*)/y, (m, depth) => el("em", {}, inline(m[1], depth))],
    [/_(?![\s_])([^_]{0,4000}?[^\s_])_(?!\w)/y, (m, depth) => el("em", {}, inline(m[1], depth))],
    [/!?\[([^\]\n]{1,1000})\]\(\s*<?([^\s<>()]{1,2000}(?:\([^\s<>()]{0,500}\)[^\s<>()]{0,500})?)>?(?:\s+"[^"\n]{0,500}")?\s*\)/y,
        (m, depth) => link(m[2], inline(m[1], depth)) ?? m[0]],
    [/<(https?:\/\/[^\s<>]{1,2000})>/y, (m) => link(m[1], [m[1]]) ?? m[0]],
    [/https?:\/\/[^\s<>"'`)\]]{1,2000}[^\s<>"'`)\].,;:!?*_]/y, (m) => link(m[0], [m[0]]) ?? m[0]],
    [/<br ?\/?>/yi, () => el("br")],
    [/(?: {2,}|\\)\n/y, () => el("br")],
];

const special = /[\\`*_~[!<h ]/g;

function link(address, inside) {
    let url;
    try {
        url = new URL(address);
    } catch {
        return null;
    }
    if (url.protocol !== "https:" && url.protocol !== "http:")
        return null;
    return el("a", {href: url.href, target: "_blank", rel: "noopener noreferrer nofollow"}, inside);
}

function spanAt(text, at, depth) {
    for (const [pattern, make] of spans) {
        pattern.lastIndex = at;
        const match = pattern.exec(text);
        if (match)
            return {node: make(match, depth + 1), end: at + match[0].length};
    }
    return null;
}

/* A character that joins a word does not begin emphasis: some_name_here. */
const insideWord = (text, at) => text[at] === "_" && at > 0 && /\w/.test(text[at - 1]);

export function inline(text, depth = 0) {
    const nodes = [];
    let plain = 0, failures = 0;
    for (let at = 0; depth < deepest && failures < farthest;) {
        special.lastIndex = at;
        const next = special.exec(text);
        if (!next)
            break;
        at = next.index;
        const span = insideWord(text, at) ? null : spanAt(text, at, depth);
        if (!span) {
            failures += text[at] !== "h" && text[at] !== " ";
            at++;
            continue;
        }
        nodes.push(text.slice(plain, at), span.node);
        plain = at = span.end;
    }
    nodes.push(text.slice(plain));
    return nodes.filter((node) => node !== "");
}

/* --- blocks --- */

const fence = /^ {0,3}(`{3,}|~{3,})\s*([^`\n]*)$/;
const heading = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const rule = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const item = /^( {0,12})([-*+]|\d{1,9}[.)])(?:\s+(.*))?$/;
const quote = /^ {0,3}> ?/;
const tableRule = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

/* Each takes lines from `at` and returns {end, make}, or null where it does not begin there. */
const blocks = [takeFence, takeHeading, takeRule, takeQuote, takeList, takeTable];

function takeFence(lines, at) {
    const open = fence.exec(lines[at]);
    if (!open)
        return null;
    const close = new RegExp(`^ {0,3}${open[1][0]}{${open[1].length},}\\s*$`);
    let end = at + 1;
    while (end < lines.length && !close.test(lines[end]))
        end++;
    const text = lines.slice(at + 1, end).join("\n");
    return {end: end + 1, make: () => code(text, open[2].trim().split(/\s+/)[0])};
}

export function code(text, language) {
    return el("div", {class: "code"},
              el("div", {class: "code-head"}, el("span", {}, language.slice(0, 40)), copyButton(t("copy_code"), t("copied"), () => text)),
              el("pre", {tabindex: "0"}, el("code", {}, text)));
}

function takeHeading(lines, at) {
    const found = heading.exec(lines[at]);
    return found && {end: at + 1, make: (depth) => el("h" + Math.min(6, found[1].length + 2), {}, inline(found[2], depth))};
}

function takeRule(lines, at) {
    return rule.test(lines[at]) ? {end: at + 1, make: () => el("hr")} : null;
}

function takeQuote(lines, at) {
    let end = at;
    while (end < lines.length && (quote.test(lines[end]) || (end > at && lines[end].trim() && !beginsBlock(lines, end))))
        end++;
    return end > at ? {end, make: (depth) => el("blockquote", {}, build(lines.slice(at, end).map((line) => line.replace(quote, "")), depth + 1))} : null;
}

/* The items of a list: each its first line and all that is indented below it. */
function takeList(lines, at) {
    const first = item.exec(lines[at]);
    if (!first)
        return null;
    const ordered = /\d/.test(first[2]), items = [];
    let end = at, loose = false;
    while (end < lines.length) {
        const found = item.exec(lines[end]);
        if (!found || found[1].length > first[1].length + 1 || /\d/.test(found[2]) !== ordered || rule.test(lines[end]))
            break;
        const own = [found[3] ?? ""], indent = found[1].length + found[2].length + 1;
        let blank = false;
        for (end++; end < lines.length; end++) {
            const line = lines[end], depth = line.search(/\S/);
            if (depth < 0) {
                blank = true;
                own.push("");
                continue;
            }
            if (depth < Math.min(indent, found[1].length + 2) && (blank || item.test(line) || beginsBlock(lines, end)))
                break;
            own.push(line.slice(Math.min(depth, indent)));
            loose ||= blank && depth < indent + 4;
            blank = false;
        }
        while (own.length && !own.at(-1))
            own.pop();
        items.push(own);
    }
    const start = ordered ? parseInt(first[2], 10) : 1;
    return {end, make: (depth) => el(ordered ? "ol" : "ul", start !== 1 ? {start: String(start)} : {}, items.map((own) => listItem(own, loose, depth)))};
}

function listItem(own, loose, depth) {
    const task = /^\[([ xX])\]\s+/.exec(own[0] ?? "");
    if (task)
        own[0] = own[0].slice(task[0].length);
    const inside = build(own, depth + 1);
    if (!loose && inside[0]?.tagName === "P")
        inside.splice(0, 1, ...inside[0].childNodes);
    return task ? el("li", {class: "task"}, el("input", {type: "checkbox", disabled: true, checked: task[1] !== " ", label: t(task[1] !== " " ? "task_done" : "task_open")}), inside) : el("li", {}, inside);
}

function cells(line) {
    const text = line.trim().replace(/^\|/, "").replace(/([^\\])\|$/, "$1");
    return text.split(/(?<!\\)\|/).slice(0, 100).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function takeTable(lines, at) {
    if (!lines[at].includes("|") || at + 1 >= lines.length || !lines[at + 1].includes("-") || !tableRule.test(lines[at + 1]))
        return null;
    const head = cells(lines[at]), sides = cells(lines[at + 1]);
    if (head.length !== sides.length)
        return null;
    let end = at + 2;
    while (end < lines.length && lines[end].trim() && lines[end].includes("|"))
        end++;
    const side = (i) => ({class: /^:?-+:$/.test(sides[i]) ? sides[i][0] === ":" ? "middle" : "right" : null});
    const row = (line, tag, depth) => el("tr", {}, cells(line).slice(0, head.length).map((cell, i) => el(tag, side(i), inline(cell, depth))));
    return {end, make: (depth) => el("div", {class: "table", tabindex: "0"}, el("table", {}, el("thead", {}, row(lines[at], "th", depth)),
                el("tbody", {}, lines.slice(at + 2, end).map((line) => row(line, "td", depth)))))};
}

function beginsBlock(lines, at) {
    const line = lines[at];
    return fence.test(line) || heading.test(line) || rule.test(line) || quote.test(line) || item.test(line);
}

function takeParagraph(lines, at) {
    let end = at + 1;
    while (end < lines.length && lines[end].trim() && !fence.test(lines[end]) && !heading.test(lines[end]) && !quote.test(lines[end]) &&
           !rule.test(lines[end]) && !(item.test(lines[end]) && !/^\s*\d{1,9}[.)]/.test(lines[end])) && !/^\s*1[.)]\s/.test(lines[end]) &&
           !takeTable(lines, end))
        end++;
    const text = lines.slice(at, end).join("\n").trim();
    return {end, make: (depth) => el("p", {}, inline(text, depth))};
}

/* [{from, to, make}]: the blocks of a text and the lines they are of. */
function split(lines, depth) {
    const found = [];
    for (let at = 0; at < lines.length;) {
        if (!lines[at].trim()) {
            at++;
            continue;
        }
        let block = null;
        for (let i = 0; i < blocks.length && !block && depth < deepest; i++)
            block = blocks[i](lines, at);
        block ??= takeParagraph(lines, at);
        found.push({source: lines.slice(at, block.end).join("\n"), make: block.make});
        at = block.end;
    }
    return found;
}

const build = (lines, depth) => split(lines, depth).map((block) => block.make(depth));

/* Shows a text in an element, again and again as it grows: blocks that are as they were stay. */
export function render(element, text) {
    const before = element.blocks ?? [], now = split(text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), 0);
    let same = 0;
    while (same < before.length && same < now.length && before[same].source === now[same].source)
        same++;
    for (const block of before.slice(same))
        block.node.remove();
    for (const [i, block] of now.entries()) {
        block.node = i < same ? before[i].node : block.make(0);
        if (i >= same)
            element.append(block.node);
    }
    element.blocks = now;
}
