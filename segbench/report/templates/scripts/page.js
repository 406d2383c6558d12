// Links: #board, #board/model, #board/model/model. The last script: it starts the page.

const parts = (hash) => {
  try {
    return hash.replace(/^#/, "").split("/").map(decodeURIComponent);
  } catch {
    return [hash];
  }
};
const places = new Map();

function find(hash) {
  const [id, ...names] = parts(hash);
  const board = id ? DATA.boards.find((each) => each.id === id) : DATA.boards[0];
  if (!board || names.length > 2) return null;
  if (!names.length) return { board };
  const group = board.groups.find((each) => names.every((name) => each.models.some((model) => model.id === name)));
  return group ? { board, group, models: names.map((name) => group.models.find((model) => model.id === name)) } : null;
}

function route(event) {
  if (event) places.set(new URL(event.oldURL).hash, window.scrollY);
  const found = find(location.hash);
  const { board, group, models } = found ?? { board: DATA.boards[0] };
  missing.hidden = found !== null;
  if (!found) missing.textContent = `There is no ${location.hash} here. This is the first board; the others are listed above.`;
  view.replaceChildren();
  view.hidden = !models;
  for (const section of document.querySelectorAll(".board")) section.hidden = Boolean(models) || section.id !== board.id;
  for (const link of document.querySelectorAll("nav a")) {
    if (parts(link.hash)[0] === board.id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const folded = document.querySelector("nav details");
  if (folded?.querySelector("[aria-current]")) folded.open = true;
  let name = board.title;
  if (!models) showPlots(board);
  else name = models.length === 1 ? modelView(board, group, models[0]) : compareView(board, group, ...models);
  document.title = `${name} · ${DATA.title}`;
  if (event) land(event, board, models);
}

// After a link: the place on the board that was left, else the top; the focus goes to what was opened or to the row one comes from.
function land(event, board, models) {
  const list = keepFocus && view.querySelector(`select[aria-label="model ${keepFocus}"]`);
  keepFocus = null;
  if (list) return list.focus();
  window.scrollTo(0, models ? 0 : (places.get(location.hash) ?? 0));
  const from = new URL(event.oldURL).hash;
  const row = models ? null : document.querySelector(`#${CSS.escape(board.id)} tr[data-model="${CSS.escape(parts(from)[1] ?? "")}"] a`);
  (row ?? document.querySelector(models ? "#view h2" : `#${CSS.escape(board.id)} h2`)).focus({ preventScroll: true });
}

for (const table of document.querySelectorAll(".board table")) {
  makeSortable(table);
  makeRowsWalkable(table);
}
document.querySelectorAll("[data-filter]").forEach(makeFilter);
document.querySelectorAll("[data-compare]").forEach(makeComparison);
for (const select of document.querySelectorAll("[data-metric]")) {
  makeMetricSwitch(select, (id, metric) => {
    DATA.boards.find((board) => board.id === id).metric = metric;
    document.querySelector(`.plots[data-board="${CSS.escape(id)}"]`).redraw?.();
  });
}
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("[data-back]")?.click();
});
const redraw = () => {
  for (const place of document.querySelectorAll(".plots")) place.redraw?.();
  view.redraw?.();
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", () => view.redraw?.());
addEventListener("hashchange", route);
history.scrollRestoration = "manual";
route();
