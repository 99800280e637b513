// The tables of one service: its checks, what happened in this rollout, and the rollouts before.
import { sparkline } from "./charts.js";
import { make, section, table } from "./elements.js";
import { number, span, when, words } from "./words.js";

export function chip(phase) { return make("span", { class: `chip ${phase}` }, words.phase[phase] ?? phase); }

export function checks(data) {
  if (!data.checks.length) return null;
  const sign = { pass: "✓", pending: "…", inconclusive: "…", error: "!", fail: "✗" };
  const rows = data.checks.map((check) => make("tr", { class: check.verdict },
    make("th", { scope: "row" }, make("span", { class: "sign", "aria-hidden": "true" }, sign[check.verdict]), check.name,
      make("small", {}, words.verdict[check.verdict] + (check.advisory ? ` · ${words.advisory}` : ""))),
    make("td", { class: "figure" }, check.value), make("td", {}, check.bound),
    make("td", {}, check.recent.length ? sparkline(check.recent, check.limit, `${check.name}, ${words.recent}`) : ""),
    make("td", { class: "long" }, check.detail, make("small", {}, check.rule))));
  return section("checks", words.checks, table([words.check, words.value, words.bound, words.recent, words.detail], rows, words.checks));
}

export function events(data) {
  if (!data.events.length) return null;
  const rows = [...data.events].reverse().map((one) => make("tr", { class: one.event },
    make("td", {}, make("time", { datetime: one.time }, when(one.time))), make("th", { scope: "row" }, one.event),
    make("td", { class: "figure" }, one.weight === null ? "" : `${number(one.weight)}%`), make("td", {}, one.actor), make("td", { class: "long" }, one.detail ?? "")));
  return section("events", words.events, table([words.time, words.event, words.weight_, words.who, words.what], rows, words.events));
}

export function history(data) {
  if (!data.history.length) return section("history", words.history, make("p", {}, words.noHistory));
  const rows = data.history.map((one) => make("tr", { class: one.result },
    make("th", { scope: "row" }, `${one.rollout}`), make("td", {}, make("span", { class: `chip ${one.result}` }, words.result[one.result] ?? one.result)),
    make("td", {}, one.report ? make("a", { href: one.report, "aria-label": `${words.report} ${one.rollout}` }, words.report) : ""),
    make("td", {}, `${one.from} → ${one.to}`), make("td", {}, one.release ?? ""), make("td", {}, make("time", { datetime: one.started }, when(one.started))),
    make("td", { class: "figure" }, one.ended ? span((Date.parse(one.ended) - Date.parse(one.started)) / 1000) : ""), make("td", {}, one.actor),
    make("td", { class: "long" }, one.reason ?? "")));
  return section("history", words.history,
    table([words.rollout, words.result_, words.report, words.way, words.release, words.started, words.took, words.by, words.why], rows, words.history));
}
