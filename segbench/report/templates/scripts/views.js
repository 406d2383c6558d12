// What is shown of one model, and of two.

function modelView(board, group, model) {
  const place = group.models.indexOf(model);
  const to = (other, text) => (other ? el("a", { href: `#${board.id}/${other.id}` }, `${text} ${other.name}`) : null);
  const rival = group.models[place === 0 ? 1 : 0];
  const versus = rival ? el("a", { href: `#${board.id}/${model.id}/${rival.id}` }, `compare with ${rival.name}`) : null;
  const [before, after] = [group.models[place - 1], group.models[place + 1]];
  const facts = model.facts.flatMap(([name, text, url]) => [el("dt", null, name), el("dd", null, url ? el("a", { href: url, rel: "noreferrer" }, text) : text)]);
  const rows = model.iou.map((iou, i) => [
    [swatch(group, i), group.classes[i]],
    number(iou, undefined, iou !== null && iou === group.best[i] ? "best" : ""),
    number(model.half[i], model.half[i] === null ? "" : `± ${tenths(model.half[i])}`),
    iou === null
      ? el("td", { class: "meters" }, "in no target and no prediction")
      : meter("", ["i", "", 0, iou], ...(model.low[i] === null ? [] : [["b", "", model.low[i], model.high[i]]]), ["u", "", group.best[i], group.best[i]]),
  ]);
  const columns = [["class", ""], ["IoU", "number", "descending"], ["±", "number", "descending"], ["", "plain"]];
  const confusion = heat(group, model);
  const classes = el("section", { class: "block" }, el("h3", null, "IoU of each class (%)"), scrolling("IoU of each class", columns, rows),
    el("p", { class: "note" }, "Bar: IoU; thin line: its interval; upright mark: the best of the table."));
  const pictures = model.gallery.map(({ caption, src }) => el("figure", null, el("img", { src, alt: caption }), el("figcaption", { class: "note" }, caption)));
  view.append(
    el("p", { class: "crumbs" }, el("a", { href: `#${board.id}`, "data-back": "" }, `← ${board.title}`), to(before, "↑"), to(after, "↓"), versus),
    el("h2", { tabindex: -1 }, model.name),
    el("dl", { class: "tiles" }, ...model.scores.map(([name, text]) => el("div", null, el("dt", null, name), el("dd", null, text)))),
    el("dl", null, ...facts),
    el("div", { class: "columns" }, classes, confusion.block),
  );
  if (pictures.length) view.append(el("section", { class: "block" }, el("h3", null, "Gallery"), el("div", { class: "gallery" }, ...pictures)));
  confusion.paint();
  view.redraw = confusion.paint;
  return model.name;
}


// The list that was just used: it is made anew with the view and gets the focus back.
let keepFocus = null;

function compareView(board, group, a, b) {
  const picker = (label, name, chosen, go) => {
    const select = el("select", { "aria-label": `model ${label}` }, ...group.models.map((m) => el("option", { value: m.id, selected: m === chosen }, m.name)));
    select.addEventListener("change", () => {
      keepFocus = label;
      go(select.value);
    });
    return el("label", null, el("span", { class: `key ${name}` }), `${label}\u00a0`, select);
  };
  const change = (value) => number(value, signed(value));
  const scores = a.scores.map(([name, text, value], i) => {
    const [, other, second] = b.scores[i];
    return [[name], number(value, text), number(second, other), change(minus(value, second))];
  });
  const rows = group.classes.map((name, i) => {
    const [x, y] = [a.iou[i], b.iou[i]];
    const difference = minus(x, y);
    return [
      [swatch(group, i), name], number(x), number(y), change(difference),
      meter("pair", ...(x === null ? [] : [["i", "", 0, x]]), ...(y === null ? [] : [["i", "b", 0, y]])),
    ];
  });
  const columns = (first) => [[first, ""], ["A", "number", "descending"], ["B", "number", "descending"], ["A − B", "number", "descending"]];
  view.append(
    el("p", { class: "crumbs" }, el("a", { href: `#${board.id}`, "data-back": "" }, `← ${board.title}`), el("a", { href: `#${board.id}/${b.id}/${a.id}` }, "Exchange A and B")),
    el("h2", { tabindex: -1 }, `${a.name} and ${b.name}`),
    el("p", { class: "pickers" },
      picker("A", "", a, (id) => (location.hash = `${board.id}/${id}/${b.id}`)),
      picker("B", "b", b, (id) => (location.hash = `${board.id}/${a.id}/${id}`))),
    el("div", { class: "columns" },
      el("section", { class: "block" }, el("h3", null, "Scores"), scrolling("Scores of both", columns("score"), scores)),
      el("section", { class: "block" }, el("h3", null, "IoU of each class (%)"), scrolling("IoU of each class of both", [...columns("class"), ["", "plain"]], rows))),
    el("p", { class: "note" }, "Differences are those of the rounded numbers."),
  );
  view.redraw = () => {};
  return `${a.name} and ${b.name}`;
}
