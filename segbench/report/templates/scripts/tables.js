// Tables that are sorted, filtered and walked through: those of the page and those that the views make.

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const opposite = { ascending: "descending", descending: "ascending" };
  const order = opposite[heads[column].getAttribute("aria-sort")] ?? heads[column].dataset.first ?? "ascending";
  const numeric = heads[column].classList.contains("number");
  const key = (row) => (numeric ? row.cells[column].dataset.v : row.cells[column].textContent.trim()) || null;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row), row]);
  const compare = numeric ? (a, b) => a - b : collator.compare;
  const side = order === "ascending" ? 1 : -1;
  rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : side * compare(a, b)));
  body.append(...rows.map(([, row]) => row));
  heads.forEach((head, i) => (i === column ? head.setAttribute("aria-sort", order) : head.removeAttribute("aria-sort")));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells].filter((head) => !head.classList.contains("plain"));
  const buttons = heads.map((head) => {
    const button = el("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => sort(table, head.cellIndex));
    head.replaceChildren(button);
    return button;
  });
  table.tHead.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = buttons[buttons.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function makeRowsWalkable(table) {
  table.tBodies[0].addEventListener("keydown", (event) => {
    const side = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (!side) return;
    let row = event.target.closest("tr")[side];
    while (row && row.hidden) row = row[side];
    const next = row?.querySelector(event.target.matches("input") ? "input" : "th a");
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

// Words must all occur in the row; `mIoU>50` or `params<1M` compares a column.
function rowTest(table, text) {
  const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent.toLowerCase().replaceAll(" ", ""));
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const [, name, sign, number, unit] = word.match(/^([^<>=]+)([<>]=?|=)(-?[\d.]+)([kmgt]?)$/) ?? [];
    const column = heads.indexOf(name);
    if (column < 0) return (row) => row.textContent.toLowerCase().includes(word);
    const limit = number * { k: 1e3, m: 1e6, g: 1e9, t: 1e12 }[unit || "k"] / (unit ? 1 : 1e3);
    return (row) => {
      const value = row.cells[column].dataset.v;
      if (value === undefined) return false;
      return (sign.includes("=") && Number(value) === limit) || (sign[0] === "<" && value < limit) || (sign[0] === ">" && value > limit);
    };
  });
  return (row) => tests.every((test) => test(row));
}

function makeFilter(input) {
  const table = document.getElementById(input.dataset.filter);
  const output = document.querySelector(`[data-rows="${table.id}"]`);
  const limits = [...document.querySelectorAll(`[data-limits="${table.id}"]`)];
  const apply = () => {
    const pressed = limits.filter((button) => button.getAttribute("aria-pressed") === "true").map((button) => button.value);
    const keep = rowTest(table, [input.value, ...pressed].join(" "));
    const rows = [...table.tBodies[0].rows];
    rows.forEach((row) => (row.hidden = !keep(row)));
    const shown = rows.filter((row) => !row.hidden).length;
    const of = shown ? `${shown} of ` : "nothing fits the filter: 0 of ";
    output.value = `${shown === rows.length ? "" : of}${rows.length} row${rows.length === 1 ? "" : "s"}`;
  };
  input.addEventListener("input", apply);
  for (const button of limits) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      apply();
    });
  }
}

// Ranks a table by another metric: its column comes first, and the rank is the place. Ranks that rows share are tested for the mIoU alone.
function makeMetricSwitch(select, chosen) {
  const table = document.getElementById(select.dataset.metric);
  const rows = [...table.tBodies[0].rows];
  const head = (name) => [...table.tHead.rows[0].cells].find((cell) => cell.textContent === name);
  const ranks = new Map(rows.map((row) => [row, head("rank") && row.cells[head("rank").cellIndex].cloneNode(true)]));
  select.addEventListener("change", () => {
    const metric = select.value;
    const first = head("rank") ? head("rank").cellIndex + 1 : 1;
    const from = head(metric).cellIndex;
    for (const row of [table.tHead.rows[0], ...rows]) row.insertBefore(row.cells[from], row.cells[first]);
    head(metric).removeAttribute("aria-sort");
    sort(table, first);
    const values = [...table.tBodies[0].rows].map((row) => row.cells[first].dataset.v);
    [...table.tBodies[0].rows].forEach((row, i) => {
      if (!head("rank")) return;
      const place = values[i] === undefined ? null : values.findIndex((value) => Number(value).toFixed(1) === Number(values[i]).toFixed(1)) + 1;
      row.cells[first - 1].replaceWith(metric === table.dataset.rankedBy ? ranks.get(row).cloneNode(true) : number(place, place ?? DASH));
    });
    select.closest(".bar").querySelector(".places").hidden = metric === table.dataset.rankedBy || !head("rank");
    chosen(table.dataset.board, metric);
  });
}

function makeComparison(link) {
  const table = document.getElementById(link.dataset.compare);
  const ticked = [];
  table.addEventListener("change", (event) => {
    const box = event.target;
    if (box.checked) ticked.push(box);
    else ticked.splice(ticked.indexOf(box), 1);
    if (ticked.length > 2) ticked.shift().checked = false;
    const names = ticked.map((each) => each.closest("tr").dataset.model);
    const ready = names.length === 2;
    link.textContent = ready ? "Compare the two" : names.length ? "Tick one more row to compare" : "Tick two rows to compare";
    if (ready) link.setAttribute("href", `#${[table.dataset.board, ...names].map(encodeURIComponent).join("/")}`);
    else link.removeAttribute("href");
    link.toggleAttribute("aria-disabled", !ready);
  });
}

function scrolling(label, columns, rows) {
  const head = el("tr", null, ...columns.map(([name, kind, first]) => el("th", { scope: "col", class: kind, "data-first": first }, name)));
  const body = rows.map(([name, ...cells]) => el("tr", null, el("th", { scope: "row" }, ...name), ...cells));
  const table = el("table", { class: "classes" }, el("thead", null, head), el("tbody", null, ...body));
  makeSortable(table);
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table);
}

const number = (value, text = tenths(value), more = "") => el("td", { class: `number ${more}`, "data-v": value }, text);
const swatch = (group, index) => el("span", { class: "key", style: `background: ${group.colors[index]}` });

function meter(kind, ...parts) {
  const shapes = parts.map(([tag, name, from, to]) => {
    const [left, right] = [Math.min(from, to), Math.max(from, to)].map((value) => value / 10);
    return el(tag, { class: name, style: `left: ${left}%; ${tag === "u" ? "" : `width: ${right - left}%`}` });
  });
  return el("td", { class: "meters" }, el("div", { class: `meter ${kind}`, "aria-hidden": "true" }, ...shapes));
}
