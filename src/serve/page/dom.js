/* SPDX-License-Identifier: MIT */
/* Building elements. Text only ever becomes text: nothing in this page parses markup. */

/* el("button", {class: "quiet", label: "Copy", on: {click: copy}}, icon("copy"), "Copy") */
export function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
        set(element, name, value);
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
}

function set(element, name, value) {
    if (value === null || value === undefined || value === false)
        return;
    if (name === "on")
        for (const [event, call] of Object.entries(value))
            element.addEventListener(event, call);
    else if (name === "label")
        setLabel(element, value);
    else if (name === "value")
        element.value = value;
    else
        element.setAttribute(name, value === true ? "" : value);
}

/* Its name for those who do not see it, and its tooltip. */
export function setLabel(element, text) {
    element.setAttribute("aria-label", text);
    if (element.matches("button, input, select"))
        element.title = text;
}

const svgSpace = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(svgSpace, tag);
    for (const [name, value] of Object.entries(attributes))
        element.setAttribute(name, value);
    element.append(...children);
    return element;
}

/* One of the symbols of index.html. */
export function icon(name) {
    return svg("svg", {"aria-hidden": "true"}, svg("use", {href: "#i-" + name}));
}

export function button(name, label, click, ...children) {
    return el("button", {type: "button", class: "quiet", label, on: {click}}, icon(name), ...children);
}

export const byId = (id) => document.getElementById(id);

export function download(name, type, text) {
    const address = URL.createObjectURL(new Blob([text], {type}));
    const link = el("a", {href: address, download: name});
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/* The clipboard, which browsers give to pages of this machine and of https alone; elsewhere a selection is copied. */
export async function copyText(text) {
    if (navigator.clipboard)
        return navigator.clipboard.writeText(text);
    const area = el("textarea", {class: "unseen", value: text});
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done)
        throw new Error("copy");
}

/* A copy button that says for a moment that it did. */
export function copyButton(label, done, text) {
    const self = button("copy", label, async () => {
        await copyText(text());
        self.replaceChildren(icon("check"));
        say(done);
        setTimeout(() => self.replaceChildren(icon("copy")), 1500);
    });
    return self;
}

/* For screen readers. */
export function say(text) {
    byId("said").textContent = text;
}
