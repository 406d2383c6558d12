// A confusion matrix as a heat map on a canvas.

function heat(board, group, model, open) {
  const { classes } = group;
  const [rows, columns] = [classes.length, classes.length + 1];
  const canvas = el("canvas", { id: "heat", tabindex: 0, role: "img", "aria-label": "Confusion matrix. The arrow keys walk over its cells." });
  const said = el("output", { class: "note", "aria-live": "polite" }, "Point at a cell, or walk with the arrow keys.");
  let [row, column, cell, left, top] = [0, -1, 0, 0, 0];
  const name = (index) => classes[index] ?? "no class";

  function paint() {
    const ctx = canvas.getContext("2d");
    const width = canvas.parentElement.clientWidth;
    const font = "11px system-ui, sans-serif";
    ctx.font = font;
    const text = Math.ceil(Math.max(...classes.map((each) => ctx.measureText(each).width))) + 8;
    const labelled = (width - text) / columns >= 11;
    cell = Math.max(Math.min(Math.floor((width - (labelled ? text : 0)) / columns), 26), 1);
    [left, top] = labelled ? [text, text] : [0, 0];
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [left + cell * columns + 1, top + cell * rows + 1];
    Object.assign(canvas, { width: w * ratio, height: h * ratio });
    Object.assign(canvas.style, { width: `${w}px`, height: `${h}px` });
    ctx.scale(ratio, ratio);
    const stops = color("heat").split(",").map((stop) => stop.trim().split(" ").map(Number));
    const shade = (share) => {
      const place = Math.sqrt(share / 1000) * (stops.length - 1);
      const from = Math.min(Math.floor(place), stops.length - 2);
      return `rgb(${stops[from].map((channel, i) => Math.round(channel + (stops[from + 1][i] - channel) * (place - from))).join(" ")})`;
    };
    model.shares.forEach((shares, i) => shares.forEach((share, j) => {
      ctx.fillStyle = share === null ? color("ground") : shade(share);
      ctx.fillRect(left + j * cell, top + i * cell, cell, cell);
    }));
    Object.assign(ctx, { strokeStyle: color("muted"), lineWidth: 1, fillStyle: color("ink"), font, textBaseline: "middle" });
    ctx.strokeRect(left + 0.5, top + 0.5, cell * rows, cell * rows);
    ctx.strokeRect(left + 0.5, top + 0.5, cell * columns, cell * rows);
    if (labelled) {
      for (let j = 0; j < columns; j++) {
        ctx.save();
        ctx.translate(left + (j + 0.5) * cell, top - 5);
        ctx.rotate(-Math.PI / 2);
        ctx.fillText(name(j), 0, 0);
        ctx.restore();
      }
      ctx.textAlign = "right";
      classes.forEach((each, i) => ctx.fillText(each, left - 5, top + (i + 0.5) * cell));
    }
    if (column >= 0) {
      Object.assign(ctx, { strokeStyle: color("b"), lineWidth: 2 });
      ctx.strokeRect(left + column * cell, top + row * cell, cell, cell);
    }
  }

  function point(i, j) {
    if (i < 0 || j < 0 || i >= rows || j >= columns || (i === row && j === column)) return;
    [row, column] = [i, j];
    const share = model.shares[i][j];
    said.value =
      share === null
        ? `${name(i)}: no pixel of this class`
        : `${name(i)} seen as ${name(j)}: ${tenths(share)} % of the class, ${model.counts[i][j].toLocaleString("en")} pixels`;
    paint();
  }

  const found = el("div", { class: "found", "aria-live": "polite" });
  function list() {
    if (column < 0 || !model.most || !model.counts[row][column]) return found.replaceChildren();
    const images = imagesOfCell(group, model, row, column).map(([image, pixels]) => [image, `${pixels.toLocaleString("en")} pixels`]);
    found.replaceChildren(el("p", { class: "note" }, `${name(row)} seen as ${name(column)}, the images with the most such pixels:`), imageButtons(board, group, model, images, open));
  }
  canvas.addEventListener("click", list);

  const pointed = (event) => point(Math.floor((event.offsetY - top) / cell), Math.floor((event.offsetX - left) / cell));
  canvas.addEventListener("pointermove", pointed);
  canvas.addEventListener("pointerdown", pointed);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") list();
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (down === undefined) return;
    event.preventDefault();
    if (column < 0) point(0, 0);
    else point(row + down, column + right);
  });
  const meaning = `Rows are target classes, columns what was predicted; the colour is the share of the row.${model.most ? " A click, or Enter, lists the images of a cell." : ""}`;
  const block = el("section", { class: "block" }, el("h3", null, "Confusion"), el("p", { class: "note" }, meaning), el("div", null, canvas), said, found);
  return { block, paint };
}
