// The status page: reads what canary writes, once a second, and shows it. It can change nothing.
import { chart, isQuiet, roll } from "./charts.js";
import { at, make, section, text } from "./elements.js";
import { acts, checks, decision, events, facts, history, overview } from "./tables.js";
import { clockTime, factText, isChinese, number, setClock, span, when, words } from "./words.js";

const known = new Map(); // service → its line as text, its data and its row
let listed = null; // the version of the list that is shown
let offset = 0; // the clock of the host against this one, in milliseconds
let beaten = { text: "", at: performance.now() };
let shown = { name: null, text: "" };
let quantile = 2; // p99

const now = () => Date.now() + offset;

// What cannot be read now is read a second later; anything else that fails is a fault of this script, and is said.
class Unreadable extends Error {}
const later = (error) => { if (!(error instanceof Unreadable)) throw error; };

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) throw new Unreadable(path);
  const date = Date.parse(answer.headers.get("Date") ?? "");
  // Whole seconds: only a clock that is really off is corrected.
  if (Number.isFinite(date) && Math.abs(date - Date.now()) > 2000) setClock(offset = date - Date.now());
  return answer.text().catch(() => { throw new Unreadable(path); });
}

// --- the list

// Says which service is shown, to those who do not see the colour.
function markShown() {
  for (const [name, entry] of known) {
    const link = entry.row.firstChild;
    if (name === shown.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const urgent = (one) => one.tone === "bad" || one.tone === "warning";
const isRunning = (one) => !one.ended;

function row(one) {
  const parts = [make("span", { class: "service" }, one.service), decision(one.headline, one.tone)];
  if (one.frozen) parts.push(make("span", { class: "chip cold" }, words.frozen));
  if (isRunning(one)) parts.push(make("span", { class: "share" }, `${number(one.weight)}%`));
  const link = make("a", { href: `#/${encodeURIComponent(one.service)}` }, ...parts);
  if (one.stage) link.append(make("progress", { max: 1, value: 0, "aria-label": `${words.stages} ${one.stage.index + 1}/${one.stage.count}` }));
  return make("li", {}, link);
}

function showList(services) {
  const list = at("list");
  const names = new Set(services.map((one) => one.service));
  for (const [name, entry] of known) if (!names.has(name)) { entry.row.remove(); known.delete(name); }
  let isMoved = false;
  for (const one of services) {
    const line = JSON.stringify(one);
    const entry = known.get(one.service);
    if (entry?.line === line) continue;
    if (entry && entry.data.phase !== one.phase) text(at("said"), words.changed(one.service, words.phase[one.phase] ?? one.phase));
    const node = row(one);
    if (entry) {
      const hadFocus = entry.row.contains(document.activeElement);
      entry.row.replaceWith(node);
      if (hadFocus) node.firstChild.focus();
    }
    isMoved ||= !entry || entry.data.rank !== one.rank;
    known.set(one.service, { line, data: one, row: node });
  }
  if (isMoved) {
    const focused = document.activeElement;
    const sorted = [...known.values()].sort((a, b) => a.data.rank - b.data.rank || (a.data.service < b.data.service ? -1 : 1));
    list.append(...sorted.map((entry) => entry.row));
    if (focused && list.contains(focused)) focused.focus();
  }
  const all = [...known.values()].map((entry) => entry.data);
  text(at("counts"), words.counts(all.length, all.filter(isRunning).length, all.filter(urgent).length));
  const alarm = all.some(urgent);
  document.title = `${alarm ? "! " : ""}${words.title}`;
  filter();
  showOverview();
}

// What stands at the root: every service with what it needs.
function showOverview() {
  if (shown.name) return;
  const all = [...known.values()].map((entry) => entry.data).sort((a, b) => a.rank - b.rank || (a.service < b.service ? -1 : 1));
  at("main").replaceChildren(...(all.length ? overview(all) : [make("p", {}, words.empty)]));
}

function filter() {
  const wanted = at("filter").value.trim().toLowerCase();
  let count = 0;
  for (const [name, entry] of known) {
    entry.row.hidden = !name.toLowerCase().includes(wanted);
    if (!entry.row.hidden) count += 1;
  }
  at("none").hidden = count > 0 || !known.size;
}

// How far each running stage is; what merely passes is counted here.
function tick() {
  for (const { data, row: node } of known.values()) {
    const bar = node.querySelector("progress");
    if (!bar || !data.stage) continue;
    const share = data.stage.ends === null ? data.stage.share : 1 - (data.stage.ends * 1000 - now()) / 1000 / data.stage.soak;
    bar.value = Math.min(1, Math.max(0, (data.stage.index + Math.min(1, share)) / data.stage.count));
  }
  for (const node of document.querySelectorAll("[data-fact]")) {
    const said = factText(JSON.parse(node.dataset.fact));
    text(node, node.textContent.startsWith(" · ") ? ` · ${said}` : said);
  }
  const left = document.querySelector("[data-ends]");
  if (left) {
    const rest = (Number(left.dataset.ends) - now()) / 1000;
    text(left, rest > 0 ? words.left(span(rest)) : words.soaked);
  }
}

// --- one service

function alarms(data) {
  const freeze = data.status.freeze;
  if (!freeze || data.status.phase === "idle") return null;
  return make("ul", { class: "alarms" }, make("li", {}, `${words.frozen}: ${freeze.reason} (${freeze.actor})`));
}

function stages(data) {
  if (!data.plan.length) return null;
  const phase = data.status.phase;
  const items = data.plan.map((stage, index) => {
    const isNow = data.stage?.index === index;
    const isBroken = ["reverting", "reverted"].includes(phase) && index === data.passed;
    const state = index < data.passed ? "passed" : isNow ? "now" : isBroken ? "broken" : "coming";
    const share = state === "passed" ? 1 : isNow ? Math.min(1, data.stage.soak ? data.stage.elapsed / data.stage.soak : 1) : 0;
    const label = make("span", { class: "unseen" }, words[state]);
    const left = make("span", { class: "left" });
    if (isNow) {
      const rest = data.stage.soak - data.stage.elapsed;
      if (data.stage.ticking && rest > 0) left.dataset.ends = Date.parse(data.at) + rest * 1000;
      text(left, rest > 0 ? words.left(span(rest)) : words.soaked);
    }
    return make("li", { class: state, "aria-current": isNow ? "step" : null },
      make("span", { class: "sign", "aria-hidden": "true" }, { passed: "✓", now: "▶", broken: "✗", coming: "" }[state]),
      make("b", {}, `${number(stage.weight)}%`), label, left, make("progress", { max: 1, value: share, "aria-hidden": "true" }));
  });
  return section("stages", words.stages, make("ol", { class: "stages" }, ...items));
}

function charts(data) {
  const series = data.charted === shown.charted ? shown.series : null;
  if (!series || series.canary.length < 2) return null;
  const second = (time) => Date.parse(time) / 1000;
  const marks = data.events.filter((one) => !["verdict"].includes(one.event)).map((one) => ({
    at: second(one.time), kind: ["reverting", "reverted"].includes(one.event) ? "bad" : "", text: `${one.event} ${one.detail ?? ""}`,
  }));
  const steps = [{ at: series.start, weight: 0 }];
  for (const one of data.events) {
    if (["stage", "promoted"].includes(one.event) && one.weight !== null) steps.push({ at: second(one.time), weight: one.weight });
    if (one.event === "reverting") steps.push({ at: second(one.time), weight: 0 });
  }
  const size = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const room = at("main").clientWidth - 3 * size;
  const width = room / Math.max(1, Math.min(4, Math.floor((room + 1.5 * size) / (21.5 * size)))) - 1.5 * size;
  const lines = (pick, from = series) => [["stable", from.stable.map(pick)], ["canary", from.canary.map(pick)]];
  // With few requests the counts of the last half a minute say more than those of a second.
  const few = isQuiet(series);
  const counts = few ? { stable: roll(series.stable, series.length), canary: roll(series.canary, series.length) } : series;
  const legend = make("p", { class: "legend" },
    make("span", { class: "canary" }, `${words.canary} ${data.to}`), make("span", { class: "stable" }, `${words.stable} ${data.from}`));
  const choice = make("fieldset", { class: "choice" }, make("legend", {}, words.quantile), ...["p50", "p95", "p99"].map((name, index) => {
    const input = make("input", { type: "radio", name: "quantile", id: name, checked: index === quantile });
    input.addEventListener("change", () => { quantile = index; showCharts(data); at(name).focus(); });
    return make("label", { for: name }, input, name);
  }));
  return section("charts", words.charts, make("div", { class: "bar" }, legend, choice), make("div", { class: "charts" },
    chart(series, [width, size], words.weight, "%", [], marks, steps),
    few ? chart(series, [width, size], words.errorsFew, "", lines(([all, failed]) => (all ? failed : null), counts), marks)
      : chart(series, [width, size], words.errors, "%", lines(([all, failed]) => (all ? (failed / all) * 100 : null)), marks),
    chart(series, [width, size], `${words.latency} ${["p50", "p95", "p99"][quantile]}`, "ms", lines((point) => point[2 + quantile]), marks),
    few ? chart(series, [width, size], words.requestsFew, "", lines(([all]) => all, counts), marks)
      : chart(series, [width, size], words.requests, "", lines(([all]) => all / series.length), marks)));
}

function showCharts(data) {
  const old = at("charts")?.parentElement;
  const fresh = charts(data);
  if (old && fresh) old.replaceWith(fresh);
}

function showService(data) {
  const status = data.status;
  const isOver = ["promoted", "reverted", "idle", "scheduled"].includes(status.phase);
  const share = !isOver && status.canary && words.share(number(status.weight), data.to, number(100 - status.weight), data.from);
  const driver = status.driver?.alive && !isOver ? words.driver(status.driver.pid, data.controlled) : null;
  const rows = [[words.rollout, status.rollout], [words.done, data.done && clockTime(Date.parse(data.done))], [words.driven, driver],
    [words.started, data.started ? when(data.started) : null], [words.by, data.actor], [words.generation, status.generation]]
    .filter(([, value]) => value !== null && value !== undefined);
  const main = at("main");
  const focused = main.contains(document.activeElement) ? document.activeElement : null;
  const scrolls = [...main.querySelectorAll(".wide")].map((node) => node.scrollLeft);
  main.replaceChildren(...[
    make("p", { class: "back" }, make("a", { href: "#/" }, words.back)),
    make("h1", { id: "title", tabindex: -1 }, status.service, " ", decision(data.headline, data.tone)),
    make("p", { class: "sentence" }, facts(data.headline)), acts(data.headline, status.service), alarms(data), share && make("p", { class: "share" }, share),
    make("dl", {}, ...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, `${value}`)))),
    stages(data), checks(data), charts(data), events(data), history(data),
  ].filter(Boolean));
  main.querySelectorAll(".wide").forEach((node, index) => { node.scrollLeft = scrolls[index] ?? 0; });
  if (focused) refocus(main, focused);
  tick();
}

// What was focused is made anew with the rest; the same thing gets the focus again.
function refocus(main, old) {
  const href = old.getAttribute("href");
  const label = old.getAttribute("aria-label");
  const same = (old.id && at(old.id)) || (href && [...main.querySelectorAll("a")].find((node) => node.getAttribute("href") === href))
    || (label && [...main.querySelectorAll("[tabindex]")].find((node) => node.getAttribute("aria-label") === label));
  (same ?? main).focus({ preventScroll: true });
}

// --- what is read when

const wanted = () => decodeURIComponent(location.hash.replace(/^#\/?/, "")) || null;

async function readService() {
  const name = shown.name;
  if (!name) return;
  let body;
  try {
    body = await read(`services/${encodeURIComponent(name)}.json`);
  } catch (error) {
    if (known.size && !known.has(name)) at("main").replaceChildren(make("h1", { id: "title", tabindex: -1 }, name), make("p", {}, words.gone));
    throw error;
  }
  if (shown.name !== name || body === shown.text) return;
  const data = JSON.parse(body);
  if (data.charted !== shown.charted) {
    const series = data.charted && JSON.parse(await read(`services/${encodeURIComponent(name)}.charts.json`));
    if (shown.name !== name) return;
    Object.assign(shown, { series, charted: data.charted });
  }
  shown.text = body;
  showService(data);
  if (!shown.isOpen) at("title").focus({ preventScroll: true });
  shown.isOpen = true;
}

function navigate() {
  const name = wanted();
  if (name === "main" || (name === shown.name && name)) return;
  shown = { name, text: "" };
  document.body.classList.toggle("one", Boolean(name));
  markShown();
  if (!name) return showOverview();
  at("main").replaceChildren(make("p", {}, words.loading));
  scrollTo(0, 0);
  readService().catch(later);
}

async function look() {
  const fresh = at("fresh");
  try {
    const beat = await read("beat.json");
    if (beat !== beaten.text) beaten = { text: beat, at: performance.now() };
    const told = JSON.parse(beat);
    if (told.list !== listed) {
      showList(JSON.parse(await read("status.json")).services);
      listed = told.list;
      markShown();
    }
    await readService().catch(later);
    // Its own age by the host's clock, or how long it has not changed.
    const age = Math.max((now() - Date.parse(told.time)) / 1000, (performance.now() - beaten.at) / 1000);
    // Without a controller, what was true at the end of the last command stays so until the next one.
    const isStale = age > 20 && told.goes_on;
    fresh.className = isStale ? "stale" : told.goes_on ? "live" : "still";
    text(fresh, isStale ? words.stale(span(age)) : told.goes_on ? words.live : words.still(when(told.time)));
  } catch (error) {
    fresh.className = "stale";
    text(fresh, words.lost);
    if (!(error instanceof Unreadable)) console.error(error);
  }
}

document.documentElement.lang = isChinese ? "zh-CN" : "en";
text(at("skip"), words.skip);
text(at("filter-label"), words.find);
text(at("none"), words.none);
at("nav").setAttribute("aria-label", words.services);
at("skip").addEventListener("click", (event) => { event.preventDefault(); at("main").focus(); });
at("filter").addEventListener("input", filter);
addEventListener("hashchange", navigate);
addEventListener("resize", () => { shown.text = ""; });
navigate();
(async () => {
  for (;;) {
    await look();
    tick();
    // A page that nobody sees need not ask so often.
    await new Promise((resume) => setTimeout(resume, document.hidden ? 5000 : 1000));
  }
})();
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
