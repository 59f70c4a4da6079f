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

/* --- pieces of the panel --- */

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

/* --- what is told --- */

const known = (value) => typeof value === "number" && Number.isFinite(value);

/* memory_bytes are those that steps read, wherever they were before. */
const inMemory = (all = 0, drive = 0) => Math.max(0, all - drive);

function bytesOf(answer) {
    const drive = answer.drive_bytes ?? 0, memory = inMemory(answer.memory_bytes, drive), uses = (answer.expert_hits ?? 0) + (answer.expert_misses ?? 0);
    return [memory + drive > 0 && [el("h4", {}, t("live_bytes")), stack([[t("live_memory"), "memory", memory, bytes(memory)], [t("live_drive"), "drive", drive, bytes(drive)]])],
            uses > 0 && meter(t("live_hits"), answer.expert_hits / uses)];
}

/* Stalls, where they are known, are shown by themselves, out of the stages in which they were. */
function stagesOf(answer) {
    const {queue_s: wait = 0, prefill_s: prompt = 0, decode_s: decode = 0, stall_s: stall} = answer;
    const share = 1 - Math.min(1, (stall ?? 0) / Math.max(prompt + decode, 1e-9));
    const parts = [["stage_wait", "wait", wait], ["stage_prompt", "prompt", prompt * share], ["stage_decode", "decode", decode * share], ["stage_stall", "stall", stall]];
    return [el("h4", {}, t("live_stages")), stack(parts.filter(([, , amount]) => known(amount)).map(([name, kind, amount]) => [t(name), kind, amount, seconds(amount)]))];
}

/* Of the better of what memory and drive could have brought in the time. */
function limitOf(answer, limits = {}) {
    const least = Math.max((answer.memory_bytes ?? 0) / (limits.memory_bytes_per_s || Infinity), (answer.drive_bytes ?? 0) / (limits.drive_bytes_per_s || Infinity));
    return least / Math.max(answer.step_s || answer.prefill_s + answer.decode_s, 1e-9);
}

function speedOf(answer, live) {
    const rate = answer.decode_s > 0 ? (answer.tokens ?? 0) / answer.decode_s : 0, share = limitOf(answer, live?.limits);
    return [rate > 0 && fact(t("live_speed"), number(rate)),
            fact(t("live_tokens"), t("live_tokens_of", {prompt: number(answer.prompt_tokens ?? 0), out: number(answer.tokens ?? 0)})),
            answer.reused_tokens > 0 && fact("", t("live_reused", {n: number(answer.reused_tokens)})),
            answer.drafted_tokens > 0 && fact("", t("live_drafted", {n: number(answer.accepted_tokens), of: number(answer.drafted_tokens)})),
            share > 0 && meter(t("live_limit"), share)];
}

function costOf(answer) {
    const text = known(answer.joules) ? joules(answer.joules) : "";
    return [text && fact(t("live_energy"), answer.joules_source === "estimated" ? t("live_energy_estimated", {n: text}) : text),
            known(answer.money) && fact(t("live_money"), number(answer.money))];
}

/* What was kept with the message, as the server told it when it ended. */
function answerShown() {
    return path(state.conversation).findLast(({role, data}) => role === "assistant" && data.figures)?.data.figures ?? null;
}

function nowOf(live) {
    const {queue = {}, rates} = live, drive = ["drive", rates?.drive_bytes_per_s ?? 0], memory = ["memory", inMemory(rates?.memory_bytes_per_s, drive[1])];
    return section(t("live_now"),
        fact(t("live_queue"), t("live_queue_of", {running: queue.running ?? 0, waiting: (queue.waiting ?? 0) + (live.parked ?? 0)})),
        rates && [fact(t("live_speed"), number(rates.decode_tokens_per_s)), curve(t("live_speed"), (one) => one.rate),
                  el("h4", {}, t("live_rate")), stack([memory, drive].map(([kind, amount]) => [t("live_" + kind), kind, amount, bytes(amount) + "/s"])),
                  past.some((one) => one.drive > 0) && [curve(t("live_drive"), (one) => one.drive), meter(t("live_duty"), rates.drive_duty)],
                  known(rates.hit_share) && meter(t("live_hits"), rates.hit_share), rates.stall_share > 0 && meter(t("live_stalls"), rates.stall_share)]);
}

/* By this page's own clock, as long as the answer comes. */
function runOf({begunAt, readAt, firstAt, pieces}) {
    const now = performance.now(), first = firstAt || now, read = readAt || first;
    return section(t("live_answer"), stagesOf({queue_s: (read - begunAt) / 1000, prefill_s: (first - read) / 1000, decode_s: (now - first) / 1000}),
                   pieces > 1 && fact(t("live_speed"), number(pieces / Math.max((now - first) / 1000, 0.05))));
}

function draw() {
    const {live} = state, answer = answerShown(), run = state.runs.get(state.conversation);
    byId("live").replaceChildren(
        el("div", {class: "live-head"}, el("h2", {}, t("live_title")), button("close", t("close"), () => show(false))),
        live ? nowOf(live) : "", run ? runOf(run) : "",
        answer ? section(t(run ? "live_last" : "live_answer"), stagesOf(answer), bytesOf(answer), speedOf(answer, live), costOf(answer))
               : run ? "" : section(t("live_answer"), el("p", {class: "none"}, t("live_none"))));
}

async function look() {
    clearTimeout(timer);
    if (byId("live").hidden || document.hidden)
        return;
    try {
        state.live = await get("trill/live");
        past.push({rate: state.live.rates?.decode_tokens_per_s ?? 0, drive: state.live.rates?.drive_bytes_per_s ?? 0});
        past.splice(0, past.length - pastSeconds);
    } catch (failure) {
        if (failure.status === 404)
            state.live = null;
    }
    draw();
    timer = setTimeout(look, 1000);
}

/* --- the panel --- */

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
