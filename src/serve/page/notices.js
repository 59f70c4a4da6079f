/* SPDX-License-Identifier: MIT */
/* Lines above the conversation that say what is the matter, one of a kind, and questions in a dialog. */
import {button, byId, el} from "./dom.js";
import {t} from "./strings.js";

const shown = new Map();

/* An empty text takes the notice of that kind away. */
export function notice(kind, text, bad = true) {
    const before = shown.get(kind);
    if (before?.dataset.text === text)
        return;
    before?.remove();
    shown.delete(kind);
    if (!text)
        return;
    const line = el("div", {class: bad ? "notice bad" : "notice", "data-text": text}, el("span", {}, text), button("close", t("dismiss"), () => line.remove()));
    shown.set(kind, line);
    byId("notices").append(line);
}

/* A form in a dialog; resolves to what `take` gives, or null. */
export function ask(title, hint, fields, accept, take, danger = false) {
    return new Promise((resolve) => {
        const before = document.activeElement;
        const close = (value) => {
            dialog.close();
            dialog.remove();
            before?.blur();                      /* focus alone would not bring the caret back */
            before?.focus();
            resolve(value);
        };
        const form = el("form", {method: "dialog", on: {submit: (event) => { event.preventDefault(); close(take(form)); }}},
            el("h2", {}, title), hint && el("p", {}, hint), fields,
            el("div", {class: "dialog-buttons"}, el("button", {type: "button", class: "plain", on: {click: () => close(null)}}, t("cancel")),
               el("button", {type: "submit", class: danger ? "strong danger" : "strong"}, accept)));
        const dialog = el("dialog", {"aria-label": title, on: {cancel: (event) => { event.preventDefault(); close(null); }}}, form);
        document.body.append(dialog);
        dialog.showModal();
    });
}
