// What the page is built of. A text of others arrives as text, never as HTML.
export const at = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map(visible));
  return node;
}
export const text = (node, value) => {
  const seen = visible(value);
  if (node.textContent !== seen) node.textContent = seen;
};
// With characters that are not seen, a text can look like another one, or show its words in another order.
export const visible = (value) => typeof value === "string" ? value.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD") : value;

export function section(id, title, ...children) {
  return make("section", { "aria-labelledby": id }, make("h2", { id }, title), ...children);
}

export function table(heads, rows, caption) {
  // On a narrow screen its rows are laid out as cards, and a browser forgets that it is a table unless it is told.
  const node = make("table", { role: "table" },
    make("thead", { role: "rowgroup" }, make("tr", {}, ...heads.map((head) => make("th", { scope: "col", role: "columnheader" }, head)))),
    make("tbody", { role: "rowgroup" }, ...rows));
  for (const row of node.rows) row.setAttribute("role", "row");
  for (const cell of node.querySelectorAll("tbody th")) cell.setAttribute("role", "rowheader");
  for (const cell of node.querySelectorAll("td")) cell.setAttribute("role", "cell");
  return make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption }, node);
}

// A command with a button that copies it. Where a browser gives no clipboard (plain HTTP), the text is selected and copied.
export function command(text, said) {
  const code = make("code", {}, text);
  const button = make("button", { type: "button", "aria-label": `${said.copy}: ${text}` }, said.copy);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = said.copied;
    setTimeout(() => { button.textContent = said.copy; }, 1500);
  });
  return make("span", { class: "command" }, code, button);
}
