// The tables of the page: the services, the checks of one, what happened in its rollout, and the rollouts before.
import { sparkline } from "./charts.js";
import { command, make, section, table } from "./elements.js";
import { commandOf, factText, number, say, span, when, words } from "./words.js";

export function chip(kind, tone, word) { return make("span", { class: `chip ${tone} ${kind}` }, word); }

export const decision = (headline, tone) => chip(headline.kind, tone, words.kind[headline.kind] ?? headline.word);

// The facts of a headline; those with a time that runs are told again each second.
export function facts(headline) {
  return make("span", { class: "facts" }, ...headline.facts.map((fact, index) => {
    const node = make("span", {}, `${index ? " · " : ""}${factText(fact)}`);
    if (fact.some((part) => part.since || part.until)) node.dataset.fact = JSON.stringify(fact);
    return node;
  }));
}

export function acts(headline, service) {
  if (!headline.acts.length) return null;
  return make("p", { class: "acts" }, ...headline.acts.map((act) =>
    make("span", {}, `${words.act[act]} `, command(commandOf(act, service), words))));
}

// All services: who needs a person comes first.
export function overview(services) {
  const rows = services.map((one) => make("tr", {},
    make("th", { scope: "row" }, make("a", { href: `#/${encodeURIComponent(one.service)}` }, one.service)),
    make("td", {}, decision(one.headline, one.tone)),
    make("td", { class: "figure" }, one.ended ? "" : `${number(one.weight)}%`),
    make("td", { class: "long" }, facts(one.headline), acts(one.headline, one.service))));
  return [make("h1", { id: "title", tabindex: -1 }, words.services),
    table([words.service, words.decision, words.share_, words.what], rows, words.services)];
}

export function checks(data) {
  if (!data.checks.length) return null;
  const sign = { pass: "✓", pending: "…", inconclusive: "…", error: "!", fail: "✗" };
  const rows = data.checks.map((check) => make("tr", { class: `${check.verdict} ${check.level}${check.advisory ? " advisory" : ""}` },
    make("th", { scope: "row", class: "check" }, make("span", { class: "sign", "aria-hidden": "true" }, sign[check.verdict]), check.name,
      make("small", {}, words.verdict[check.verdict] + (check.advisory ? ` · ${words.advisory}` : ""))),
    make("td", { class: "figure" }, say(check.value)), make("td", {}, say(check.bound)),
    make("td", {}, check.columns.some((one) => one) ? sparkline(check, `${check.name}, ${words.recent(span(60 * data.step))}`) : ""),
    make("td", { class: "long" }, say(check.detail), make("small", {}, check.rule))));
  return section("checks", words.checks,
    table([words.check, words.value, words.bound, words.recent(span(60 * data.step)), words.detail], rows, words.checks));
}

export function events(data) {
  // What each check says stands in its own table.
  const news = data.events.filter((one) => one.event !== "verdict");
  if (!news.length) return null;
  const rows = news.reverse().map((one) => make("tr", { class: one.event },
    make("td", {}, make("time", { datetime: one.time }, when(one.time))), make("th", { scope: "row" }, words.event_[one.event] ?? one.event),
    make("td", { class: "figure" }, one.weight === null ? "" : `${number(one.weight)}%`), make("td", {}, one.actor),
    make("td", { class: "long" }, say(one.detail ?? ""), one.hint ? make("small", {}, say(one.hint)) : null)));
  return section("events", words.events, table([words.time, words.event, words.weight_, words.who, words.what], rows, words.events));
}

export function history(data) {
  if (!data.history.length) return section("history", words.history, make("p", {}, words.noHistory));
  const rows = data.history.map((one) => make("tr", { class: one.result },
    make("th", { scope: "row" }, `${one.rollout}`),
    make("td", {}, chip(one.result, "", words.result[one.result] ?? one.result),
      one.report ? make("small", {}, make("a", { href: one.report, "aria-label": `${words.report} ${one.rollout}` }, words.report)) : null),
    make("td", {}, `${one.from} → ${one.to}`, one.release ? make("small", {}, one.release) : null),
    make("td", {}, make("time", { datetime: one.started }, when(one.started)),
      make("small", {}, [one.ended ? span((Date.parse(one.ended) - Date.parse(one.started)) / 1000) : "", one.actor].filter(Boolean).join(" · "))),
    make("td", { class: "long" }, say(one.reason ?? ""), one.hint ? make("small", {}, say(one.hint)) : null)));
  return section("history", words.history,
    table([words.rollout, words.result_, words.way, words.started, words.why], rows, words.history));
}
