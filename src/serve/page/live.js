/* SPDX-License-Identifier: MIT */
/* Where the time goes: what the server does now, and what this answer took, from GET /trill/live, which is asked once a second
 * while the panel is open. What the server does not tell is not shown. */
import {get} from "./api.js";
import {button, byId, el, svg} from "./dom.js";
import {hear, recall, remember, state} from "./state.js";
import {bytes, joules, number, percent, seconds, t} from "./strings.js";
import {path} from "./tree.js";

const pastSeconds = 60, wide = matchMedia("(min-width: 1180px)");
const past = [];                             /* {rate, drive}: of each second */
let timer = 0;

/* --- pieces of the panel ----------------------------------------------------------------------------------------------------------- */

/* A bar of parts: [name, class, amount, text]. */
function stack(parts) {
    const total = parts.reduce((sum, part) => sum + part[2], 0);
    const shares = parts.filter((part) => part[2] > 0).map(([name, kind, amount, text]) => {
        const piece = el("i", {class: kind, title: `${name}: ${text}`});
        piece.style.setProperty("flex-grow", String(amount / total));
        return piece;
    });
    return el("div", {class: "stack"}, el("div", {class: "stack-bar", "aria-hidden": "true"}, shares),
              el("dl", {}, parts.map(([name, kind, , text]) => el("div", {}, el("dt", {class: kind}, name), el("dd", {}, text)))));
}

function meter(name, share, text = percent(share)) {
    const inner = el("i");
    inner.style.setProperty("width", `${Math.min(100, Math.max(0, 100 * share))}%`);
    return el("div", {class: "meter"}, el("span", {}, name), el("b", {}, text), el("div", {class: "meter-bar", "aria-hidden": "true"}, inner));
}

const fact = (name, text) => el("div", {class: "fact"}, el("span", {}, name), el("b", {}, text));

function curve(name, pick) {
    const values = past.map(pick), most = Math.max(...values, 1e-9), step = 240 / (pastSeconds - 1);
    const points = values.map((value, i) => `${(240 - (values.length - 1 - i) * step).toFixed(1)},${(39 - 36 * value / most).toFixed(1)}`);
    return svg("svg", {class: "curve", viewBox: "0 0 240 40", preserveAspectRatio: "none", role: "img", "aria-label": `${name}, ${t("live_history")}`},
               svg("polyline", {points: points.join(" ")}));
}

const section = (title, ...inside) => el("section", {}, el("h3", {}, title), inside);

/* --- what is told ------------------------------------------------------------------------------------------------------------------ */

const known = (value) => typeof value === "number" && Number.isFinite(value);

function bytesOf(answer) {
    const memory = answer.memory_bytes ?? 0, drive = answer.drive_bytes ?? 0, uses = (answer.expert_hits ?? 0) + (answer.expert_misses ?? 0);
    return [memory + drive > 0 && [el("h4", {}, t("live_bytes")), stack([[t("live_memory"), "memory", memory, bytes(memory)], [t("live_drive"), "drive", drive, bytes(drive)]])],
            uses > 0 && meter(t("live_hits"), answer.expert_hits / uses)];
}

function stagesOf(answer) {
    const stall = answer.stall_seconds ?? 0, prompt = answer.prefill_seconds ?? 0, decode = answer.decode_seconds ?? 0;
    const busy = Math.max(prompt + decode, 1e-9), wait = answer.queue_seconds ?? answer.wait_seconds ?? 0;
    const of = (part) => part - stall * part / busy;             /* stalls are shown by themselves */
    return [el("h4", {}, t("live_stages")), stack([[t("stage_wait"), "wait", wait, seconds(wait)], [t("stage_prompt"), "prompt", of(prompt), seconds(of(prompt))],
            [t("stage_decode"), "decode", of(decode), seconds(of(decode))], [t("stage_stall"), "stall", stall, seconds(stall)]])];
}

function speedOf(answer) {
    const rate = answer.tokens_per_second ?? (answer.decode_seconds > 0 ? (answer.tokens ?? 0) / answer.decode_seconds : NaN);
    return [known(rate) && fact(t("live_speed"), number(rate)),
            fact(t("live_tokens"), t("live_tokens_of", {prompt: number(answer.prompt_tokens ?? 0), out: number(answer.tokens ?? 0)})),
            answer.reused_tokens > 0 && fact("", t("live_reused", {n: number(answer.reused_tokens)})),
            answer.drafted_tokens > 0 && fact("", t("live_drafted", {n: number(answer.accepted_tokens), of: number(answer.drafted_tokens)})),
            known(answer.limit_share) && meter(t("live_limit"), answer.limit_share)];
}

function costOf(answer) {
    const text = known(answer.joules) ? joules(answer.joules) : "";
    return [text && fact(t("live_energy"), answer.joules_source === "estimated" ? t("live_energy_estimated", {n: text}) : text),
            known(answer.money) && fact(t("live_money"), `${number(answer.money)}${answer.currency ? " " + answer.currency : ""}`)];
}

/* The last answer of this conversation, as the server's figures or, where it forgot them, as they were kept with the message. */
function answerShown(live) {
    const message = path(state.conversation).findLast(({role}) => role === "assistant");
    const id = state.runs.get(state.conversation)?.id || message?.data.answer || "";
    const told = (live?.answers ?? []).find((answer) => id && (answer.id === id || id.endsWith("-" + answer.id)));
    if (told)
        return told;
    const {usage, timings} = message?.data ?? {};
    return timings ? {prompt_tokens: usage?.prompt_tokens ?? timings.cache_n + timings.prompt_n, tokens: usage?.completion_tokens ?? timings.predicted_n,
                      reused_tokens: timings.cache_n, prefill_seconds: timings.prompt_ms / 1000, decode_seconds: timings.predicted_ms / 1000,
                      tokens_per_second: timings.predicted_per_second} : null;
}

function nowOf(live) {
    const {now = {}} = live;
    return section(t("live_now"),
        known(now.running) && fact(t("live_queue"), t("live_queue_of", {running: now.running, waiting: now.waiting ?? 0})),
        known(now.tokens_per_second) && [fact(t("live_speed"), number(now.tokens_per_second)), curve(t("live_speed"), (one) => one.rate)],
        known(now.drive_bytes_per_second) && [fact(t("live_drive"), bytes(now.drive_bytes_per_second) + "/s"), curve(t("live_drive"), (one) => one.drive)],
        known(now.drive_duty) && meter(t("live_duty"), now.drive_duty));
}

function draw() {
    const {live} = state, answer = answerShown(live), running = state.runs.has(state.conversation);
    byId("live").replaceChildren(
        el("div", {class: "live-head"}, el("h2", {}, t("live_title")), button("close", t("close"), () => show(false))),
        answer ? section(t(running ? "live_answer" : "live_last"), stagesOf(answer), bytesOf(answer), speedOf(answer), costOf(answer))
               : section(t("live_answer"), el("p", {class: "none"}, t("live_none"))),
        live ? nowOf(live) : "");
}

async function look() {
    clearTimeout(timer);
    if (byId("live").hidden || document.hidden)
        return;
    try {
        state.live = await get("trill/live");
        past.push({rate: state.live.now?.tokens_per_second ?? 0, drive: state.live.now?.drive_bytes_per_second ?? 0});
        past.splice(0, past.length - pastSeconds);
    } catch (failure) {
        if (failure.status === 404)
            state.live = null;
    }
    draw();
    timer = setTimeout(look, 1000);
}

/* --- the panel ------------------------------------------------------------------------------------------------------------------------ */

function show(open) {
    byId("live").hidden = !open;
    byId("live-open").setAttribute("aria-expanded", String(open));
    document.body.classList.toggle("live-shown", open);
    remember("live", open && wide.matches);
    draw();
    look();
}

/* Where it lies over the conversation, Escape closes it. */
export function closeOverlay() {
    if (byId("live").hidden || wide.matches)
        return false;
    show(false);
    return true;
}

export function begin() {
    byId("live-open").addEventListener("click", () => show(byId("live").hidden));
    document.addEventListener("visibilitychange", look);
    for (const event of ["conversation", "run"])
        hear(event, () => byId("live").hidden || draw());
    if (recall("live", false) && wide.matches)
        show(true);
}
