// What is shown of one model, and of two.

function modelView(board, group, model) {
  const place = group.models.indexOf(model);
  const to = (other, text) => (other ? el("a", { href: `#${board.id}/${other.id}` }, `${text} ${called(group, other)}`) : null);
  const rival = group.models[place === 0 ? 1 : 0];
  const versus = rival ? el("a", { href: `#${board.id}/${model.id}/${rival.id}` }, `compare with ${called(group, rival)}`) : null;
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
  const single = viewer(board, group, [model]);
  const confusion = model.counts ? heat(board, group, model, single.open) : null; // null: there are too many classes
  const classes = el("section", { class: "block" }, el("h3", null, "IoU of each class (%)"), scrolling("IoU of each class", columns, rows),
    el("p", { class: "note" }, `Bar: IoU; thin line: its interval; upright mark: the best of the table.${confusion ? "" : " Of very many classes those that the first model of the table does worst and best."}`));
  const pictures = model.gallery.map(({ caption, src }) => el("figure", null, el("img", { src, alt: caption }), el("figcaption", { class: "note" }, caption)));
  view.append(
    el("p", { class: "crumbs" }, el("a", { href: `#${board.id}`, "data-back": "" }, `← ${board.title}`), to(before, "↑"), to(after, "↓"), versus),
    el("h2", { tabindex: -1 }, model.name),
    el("dl", { class: "tiles" }, ...model.scores.map(([name, text]) => el("div", null, el("dt", null, name), el("dd", null, text)))),
    el("dl", null, ...facts),
    el("div", { class: "columns" }, classes, ...(confusion ? [confusion.block] : [])),
    ...besideBlocks([model]),
    single.block,
    ...[worstImages(board, group, model, single.open)].filter(Boolean),
  );
  if (pictures.length) view.append(el("section", { class: "block" }, el("h3", null, "Gallery"), el("div", { class: "gallery" }, ...pictures)));
  confusion?.paint();
  view.redraw = () => confusion?.paint();
  return model.name;
}
