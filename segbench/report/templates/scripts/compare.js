// Two models side by side, and what their images tell of the difference.

// The list that was just used: it is made anew with the view and gets the focus back.
let keepFocus = null;
const LEVEL = 0.05;

const points = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(100 * value).toFixed(1)}`.replace(/^[+−]0\.0$/, "0.0");
const pText = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(3));
const change = (value) => number(value, signed(value), "change");
const waiting = () => [el("td", { class: "number interval" }, "…"), el("td", { class: "number p" }, "…")];
const undefinedCells = () => [number(null, DASH, "interval"), number(null, DASH, "p")];

function judgedCells(each) {
  if (Number.isNaN(each.difference)) return [change(null), ...undefinedCells()];
  const [low, high] = each.interval ?? [];
  const interval = each.interval ? `${points(low)} to ${points(high)}` : DASH;
  return [number(each.difference, points(each.difference), "change"), number(low ?? null, interval, "interval"), number(each.p, pText(each.p), `p ${each.p <= LEVEL ? "sure" : ""}`)];
}

function verdict(group, a, b, { metrics }) {
  const { difference, interval, p } = metrics.mIoU;
  if (Number.isNaN(difference)) return "No mIoU is defined, so nothing is better.";
  const said = p < 0.001 ? "p < 0.001" : `p = ${pText(p)}`;
  const [A, B] = [called(group, a), called(group, b)];
  if (!difference || p > LEVEL) return `These images do not tell the mIoU of ${A} and ${B} apart (${said}).`;
  const [better, worse, sign] = difference > 0 ? [A, B, 1] : [B, A, -1];
  const bounds = interval ? `, 95 % interval ${interval.map((end) => points(sign * end)).sort((x, y) => x.replace("−", "-") - y.replace("−", "-")).join(" to ")}` : "";
  return `${better} is better than ${worse} by ${points(Math.abs(difference)).replace("+", "")} points of mIoU (${said}${bounds}).`;
}

function noteOfDraws(group, a, b, exact) {
  const command = `segbench compare ${a.file} ${b.file}`;
  const exchanges = exact ? "all exchanges of the two" : `${REPLICATES.toLocaleString("en")} drawn exchanges of the two`;
  return [
    `Intervals: ${REPLICATES.toLocaleString("en")} draws of the same ${group.images.length} images for both (paired bootstrap), made in this browser; p: ${exchanges}, those of classes Holm-corrected. The command draws others, so a last digit may differ: `,
    el("code", null, command),
  ];
}

// Why two models have no intervals here.
function whyNot(group, a, b) {
  if (a.seeds || b.seeds) return "A row of several seeds is compared by images and seeds: segbench compare 'A-*.json' 'B-*.json'.";
  return `Differences are those of the rounded numbers. For intervals and p-values: segbench compare ${a.file} ${b.file}`;
}

function picker(group, label, name, chosen, go) {
  const options = group.models.map((m) => el("option", { value: m.id, selected: m === chosen }, m.name));
  const select = el("select", { "aria-label": `model ${label}` }, ...options);
  select.addEventListener("change", () => {
    keepFocus = label;
    go(select.value);
  });
  return el("label", null, el("span", { class: `key ${name}` }), `${label}\u00a0`, select);
}

function compareView(board, group, a, b) {
  const drawn = a !== b && a.sums && b.sums;
  const scores = a.scores.map(([name, text, value], i) => {
    const [, other, second] = b.scores[i];
    const cells = drawn ? (METRICS_OF_SUMS.includes(name) ? waiting() : undefinedCells()) : [];
    const alone = (said) => (drawn ? said.split(" ±")[0] : said); // what a difference may be says more than ± of either
    return [[name], number(value, alone(text)), number(second, alone(other)), change(minus(value, second)), ...cells];
  });
  const rows = group.classes.map((name, i) => {
    const [x, y] = [a.iou[i], b.iou[i]];
    const bars = meter("pair", ...(x === null ? [] : [["i", "", 0, x]]), ...(y === null ? [] : [["i", "b", 0, y]]));
    return [[swatch(group, i), name], number(x), number(y), change(minus(x, y)), ...(drawn ? waiting() : []), bars];
  });
  const more = drawn ? [["95 % interval", "number", "descending"], ["p", "number", "ascending"]] : [];
  const columns = (first) => [[first, ""], ["A", "number", "descending"], ["B", "number", "descending"], ["A − B", "number", "descending"], ...more];
  const tables = [scrolling("Scores of both", columns("score"), scores), scrolling("IoU of each class of both", [...columns("class"), ["", "plain"]], rows)];
  if (drawn) tables.forEach((each) => each.firstChild.classList.add("judged"));
  const said = el("p", { class: "verdict", role: "status" }, drawn ? "Drawing the images …" : "");
  const note = el("p", { class: "note" }, ...(drawn ? noteOfDraws(group, a, b, false) : [whyNot(group, a, b)]));
  const both = viewer(board, group, [a, b]);
  const dots = drawn ? imageDots(group, a, b, both.open) : null;
  const title = `${a.name} and ${b.name}`;
  view.append(
    el("p", { class: "crumbs" }, el("a", { href: `#${board.id}`, "data-back": "" }, `← ${board.title}`), el("a", { href: `#${board.id}/${b.id}/${a.id}` }, "Exchange A and B")),
    el("h2", { tabindex: -1 }, title),
    el("p", { class: "pickers" },
      picker(group, "A", "", a, (id) => (location.hash = `${board.id}/${id}/${b.id}`)),
      picker(group, "B", "b", b, (id) => (location.hash = `${board.id}/${a.id}/${id}`))),
    ...(drawn ? [said] : []),
    el("div", { class: "columns" },
      el("section", { class: "block" }, el("h3", null, "Scores"), tables[0], ...(dots ? [dots.block] : [])),
      el("section", { class: "block" }, el("h3", null, "IoU of each class (%)"), tables[1])),
    ...(a === b ? [] : besideBlocks([a, b])),
    both.block,
    note,
  );
  dots?.paint();
  view.redraw = () => dots?.paint();
  if (drawn) {
    const cells = tables.map((each) => [...each.querySelectorAll("tbody tr")]);
    const fill = (row, each) => {
      const made = judgedCells(each);
      row.querySelectorAll(".change, .interval, .p").forEach((cell, i) => cell.replaceWith(made[i]));
    };
    compareImages(group, a, b, () => said.isConnected, (found) => {
      scores.forEach(([[name]], i) => METRICS_OF_SUMS.includes(name) && fill(cells[0][i], found.metrics[name]));
      found.classes.forEach((each, i) => fill(cells[1][i], each));
      said.textContent = verdict(group, a, b, found);
      note.replaceChildren(...noteOfDraws(group, a, b, found.exact));
    });
  }
  return title;
}
