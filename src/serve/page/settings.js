/* SPDX-License-Identifier: MIT */
/* Settings of a conversation, and how the page looks. A field that is left empty is the server's to fill. */
import {hasKey, setKey} from "./api.js";
import {byId, el, setLabel} from "./dom.js";
import {ask} from "./notices.js";
import {recall, remember, state, tell} from "./state.js";
import {save} from "./store.js";
import {t} from "./strings.js";

/* name, text, hint, least, most, step */
const numbers = [
    ["temperature", "set_temperature", "temperature_hint", 0, 5, 0.05],
    ["top_p", "set_top_p", "top_p_hint", 0, 1, 0.01],
    ["top_k", "set_top_k", "top_k_hint", 0, 100000, 1],
    ["min_p", "set_min_p", "min_p_hint", 0, 1, 0.01],
    ["repeat_penalty", "set_repeat", "repeat_hint", 0.1, 10, 0.01],
    ["max_tokens", "set_max", "max_hint", 1, 10000000, 1],
    ["seed", "set_seed", "seed_hint", 0, 4294967295, 1],
];
const efforts = ["none", "low", "medium", "high"];

function fieldsOf(settings) {
    const inputs = numbers.map(([name, text, hint, min, max, step]) => el("label", {}, el("span", {}, t(text)),
        el("input", {type: "number", name, min, max, step: name === "temperature" || step < 1 ? "any" : step, inputmode: "decimal",
                     placeholder: t("set_default"), title: t(hint), value: settings[name] ?? ""})));
    const effort = el("select", {name: "reasoning_effort"}, el("option", {value: ""}, t("set_default")),
                      efforts.map((name) => el("option", {value: name}, t("effort_" + name))));
    effort.value = settings.reasoning_effort ?? "";
    return [el("label", {class: "wide"}, el("span", {}, t("set_system")),
               el("textarea", {name: "system", rows: "5", maxlength: "50000", placeholder: t("set_system_hint"), value: settings.system ?? ""})),
            el("fieldset", {}, el("legend", {}, t("set_sampling")), inputs, el("label", {}, el("span", {}, t("set_effort")), effort)),
            el("label", {class: "tick"}, el("input", {type: "checkbox", name: "all"}), t("set_all")),
            hasKey() && el("button", {type: "button", class: "plain", on: {click: () => { setKey(""); location.reload(); }}}, t("set_key"))];
}

function settingsOf(form, before) {
    const settings = {...before}, {elements} = form;
    const put = (name, value) => value === "" ? delete settings[name] : settings[name] = value;
    put("system", elements.system.value.trim());
    put("reasoning_effort", elements.reasoning_effort.value);
    for (const [name] of numbers)
        put(name, elements[name].value === "" ? "" : Number(elements[name].value));
    return {settings, all: elements.all.checked};
}

async function openSettings() {
    const {conversation} = state;
    const result = await ask(t("settings"), null, fieldsOf(conversation.settings), t("save"), (form) => settingsOf(form, conversation.settings));
    if (!result)
        return;
    conversation.settings = result.settings;
    if (conversation.messages.size)
        save(conversation, ["settings"]);
    if (result.all) {
        const {model, ...others} = result.settings;
        state.newSettings = others;
        remember("settings", others);
    }
    tell("settings");
}

/* --- light and dark --- */

const themes = ["auto", "light", "dark"];

function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    setLabel(byId("theme"), `${t("theme")}: ${t("theme_" + theme)}`);
    remember("theme", theme);
}

export function begin() {
    state.newSettings = recall("settings", {});
    setTheme(themes.includes(recall("theme", "auto")) ? recall("theme", "auto") : "auto");
    byId("theme").addEventListener("click", () => setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
    byId("settings-open").addEventListener("click", openSettings);
}
