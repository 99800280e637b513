// Charts as SVG, made node by node: nothing of what is shown can become markup.
import { clockTime, number, words } from "./words.js";

const space = "http://www.w3.org/2000/svg";

export function draw(name, attributes = {}, ...children) {
  const node = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// The next of 1, 2, 5, 10, 20, … above a value.
function ceiling(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 5, 10].find((step) => unit * step >= value * 0.999999);
}

// One chart over the time of `series`, as wide as it will be shown, with text of the page's size: `lines` are
// [class, values], with null where there is nothing to show.
export function chart(series, [width, size], title, unit, lines, marks, steps) {
  const [height, left, right, top, bottom] = [9.5 * size, 3 * size, 0.5 * size, 0.5 * size, 1.4 * size];
  const begin = series.start;
  const count = Math.max(series.canary.length, 2);
  const spanned = (count - 1) * series.length;
  const x = (second) => left + (width - left - right) * Math.min(1, Math.max(0, (second - begin) / spanned));
  const most = steps ? 100 : ceiling(Math.max(0, ...lines.flatMap(([, values]) => values.filter((value) => value !== null))));
  const y = (value) => height - bottom - (height - bottom - top) * Math.min(1, value / most);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "font-size": 0.75 * size });
  const floor = y(0);
  svg.append(
    draw("line", { class: "axis", x1: left, x2: width - right, y1: floor, y2: floor }),
    draw("line", { class: "axis faint", x1: left, x2: width - right, y1: y(most), y2: y(most) }),
    draw("text", { x: left - 6, y: y(most) + 0.7 * size, "text-anchor": "end" }, `${number(most)}${unit}`),
    draw("text", { x: left - 6, y: floor, "text-anchor": "end" }, "0"));
  const parts = width < 25 * size ? 2 : 4;
  for (let part = 0; part <= parts; part += 1) {
    const at = begin + (spanned * part) / parts;
    const anchor = part === 0 ? "start" : part === parts ? "end" : "middle";
    svg.append(draw("text", { x: x(at), y: height - 0.3 * size, "text-anchor": anchor }, clockTime(at * 1000)));
  }
  for (const mark of marks) {
    const line = draw("line", { class: `mark ${mark.kind}`, x1: x(mark.at), x2: x(mark.at), y1: top, y2: floor });
    line.append(draw("title", {}, `${clockTime(mark.at * 1000)} ${mark.text}`));
    svg.append(line);
  }
  if (steps) {
    const end = begin + spanned;
    const points = [`${x(begin)},${floor}`];
    steps.forEach((step, index) => {
      const until = steps[index + 1]?.at ?? end;
      points.push(`${x(step.at)},${y(step.weight)}`, `${x(until)},${y(step.weight)}`);
    });
    points.push(`${x(end)},${floor}`);
    svg.append(draw("polygon", { class: "weight", points: points.join(" ") }));
  }
  for (const [kind, values] of lines) {
    let run = [];
    const flush = () => {
      if (!run.length) return;
      const points = run.length === 1 ? [run[0], run[0]] : run;
      svg.append(draw("polyline", { class: kind, points: points.join(" ") }));
      run = [];
    };
    values.forEach((value, index) => {
      if (value === null) flush();
      else run.push(`${x(begin + index * series.length).toFixed(1)},${y(value).toFixed(1)}`);
    });
    flush();
  }
  // For those who do not see it: the height of each line.
  const said = steps
    ? steps.map((step) => `${number(step.weight)} % ${clockTime(step.at * 1000)}`)
    : lines.map(([kind, values]) => {
      const known = values.filter((value) => value !== null);
      const text = known.length ? number(Math.max(...known)) + unit : words.noRequests;
      return words.most(words[kind], text);
    });
  svg.setAttribute("aria-label", `${title}: ${said.join("; ")}`);
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  figure.append(caption, svg);
  return figure;
}

// The columns of a check, the same times for all: as high as its bound, and coloured by how near they are to it.
export function sparkline(check, label) {
  const [wide, high] = [120, 22];
  const numbers = check.columns.filter((one) => one?.length).map(([value]) => value);
  const most = Math.max(...numbers, check.limit ?? 0, 1e-9);
  const svg = draw("svg", { class: "spark", viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label });
  const step = wide / check.columns.length;
  check.columns.forEach((one, index) => {
    if (one === null) return;
    const [value, level] = one.length ? one : [0, "gap"];
    const failed = level === "over" && (check.answers || check.verdict === "fail") ? " failed" : "";
    if (check.answers) {
      svg.append(draw("circle", { class: `${level}${failed}`, cx: ((index + 0.4) * step).toFixed(1), cy: high / 2, r: failed ? 2 : 0.9 }));
      return;
    }
    const tall = level === "gap" ? 1 : Math.max(1.5, (value / most) * (high - 2));
    svg.append(draw("rect", { class: `${level}${failed}`, x: (index * step).toFixed(1), y: (high - tall).toFixed(1), width: (step * 0.8).toFixed(2), height: tall.toFixed(1) }));
  });
  return svg;
}

// With few requests a second says nothing, so each point counts the last half a minute.
const rolled = 30;
export const isQuiet = (series) => {
  const sum = (points) => points.reduce((all, [count]) => all + count, 0);
  return Math.min(sum(series.canary), sum(series.stable)) / Math.max(1, series.canary.length * series.length) < 1;
};

export function roll(points, length) {
  const wide = Math.max(1, Math.round(rolled / length));
  let [all, failed] = [0, 0];
  return points.map(([count, bad], index) => {
    all += count;
    failed += bad;
    if (index >= wide) {
      all -= points[index - wide][0];
      failed -= points[index - wide][1];
    }
    return [all, failed];
  });
}
