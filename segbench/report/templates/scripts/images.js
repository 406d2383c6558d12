// Single images: their pictures, and the dots of two models.

const shortName = (id) => id.split("/").pop();
const called = (group, model) => (group.models.filter((each) => each.short === model.short).length > 1 ? model.name : model.short);

// The picture of an image: a strip that the page holds, or one that `segbench view` draws when it is asked for.
function stripOf(board, model, image) {
  const held = model.gallery.find((each) => each.image === image);
  if (held) return held.src;
  return DATA.live ? `strip/${[board.id, model.id].map(encodeURIComponent).join("/")}/${image}.png` : null;
}

// Where the pictures of one image are shown, of one model or of two.
function viewer(board, group, models) {
  const block = el("section", { class: "block viewer", hidden: true, tabindex: -1, "aria-live": "polite" });
  function open(image) {
    const figures = models.map((model) => {
      const columns = imageSums(group, model);
      const score = columns ? `: mIoU ${(100 * imageScore(columns[image], group.classes.length)).toFixed(1)} %` : "";
      const src = stripOf(board, model, image);
      const nothing = () => el("p", { class: "note" }, DATA.live ? "No picture: the run kept no prediction of this image (--save-predictions)." : "No picture on this page; segbench view RUN draws any image of a run that kept its predictions.");
      const name = called(group, model) + score;
      const picture = src ? el("img", { src, alt: `${group.images[image]}, ${called(group, model)}: image, target, prediction, errors` }) : nothing();
      if (src) picture.addEventListener("error", () => picture.replaceWith(nothing()));
      return el("figure", null, el("figcaption", null, name), picture);
    });
    block.hidden = false;
    block.replaceChildren(el("h3", null, group.images[image]), el("div", { class: "strips" }, ...figures),
      ...(figures.some((figure) => figure.querySelector("img")) ? [el("p", { class: "note" }, "From left to right: image, target, prediction, errors.")] : []));
    block.scrollIntoView({ block: "nearest" });
  }
  return { block, open };
}

// Buttons that open images; `images` are pairs of a place and what is said of it.
function imageButtons(board, group, model, images, open) {
  const buttons = images.map(([image, said]) => {
    const button = el("button", { type: "button", class: stripOf(board, model, image) ? "pictured" : null }, shortName(group.images[image]), el("span", { class: "pm" }, ` ${said}`));
    button.addEventListener("click", () => open(image));
    return el("li", null, button);
  });
  return el("ol", { class: "images" }, ...buttons);
}

// The images of a model, the worst first.
function worstImages(board, group, model, open) {
  const columns = imageSums(group, model);
  if (!columns) return null;
  const scores = columns.map((column) => imageScore(column, group.classes.length));
  const order = scores.map((_, i) => i).filter((i) => !Number.isNaN(scores[i])).sort((i, j) => scores[i] - scores[j]);
  const list = imageButtons(board, group, model, order.map((i) => [i, `${(100 * scores[i]).toFixed(1)} %`]), open);
  return el("details", { class: "block" }, el("summary", null, "Images, the worst first (mIoU of the classes that each holds)"), list);
}

// The images with the most pixels of a cell of the confusion matrix.
function imagesOfCell(group, model, row, column) {
  if (!model.most) return null;
  if (!model.cells) {
    const numbers = unpack(model.most);
    model.cells = [];
    for (let i = 0; i < numbers.length; ) {
      const images = numbers[i++];
      model.cells.push(Array.from({ length: images }, () => [numbers[i++], numbers[i++]]));
    }
  }
  return model.cells[row * (group.classes.length + 1) + column];
}

// A dot for each image: the one model over the other.
function imageDots(group, a, b, open) {
  const C = group.classes.length;
  const [xs, ys] = [a, b].map((model) => imageSums(group, model).map((column) => 100 * imageScore(column, C)));
  const points = xs.map((x, image) => ({ x, y: ys[image], image })).filter(({ x, y }) => !Number.isNaN(x + y));
  const canvas = el("canvas", { tabindex: 0, role: "img", "aria-label": "Each image: mIoU of A to the right, of B upwards. The arrow keys walk from the image where A is ahead most, Enter opens one." });
  const said = el("output", { class: "note", "aria-live": "polite" }, "Above the line B is better, below it A. A click opens an image.");
  const text = ({ x, y, image }) => `${group.images[image]}: A ${x.toFixed(1)} %, B ${y.toFixed(1)} %`;
  let chart = null;
  function paint() {
    chart?.destroy();
    const [dot, line, muted] = ["a", "b", "muted"].map(color);
    const ends = points.flatMap(({ x, y }) => [x, y]);
    const [low, high] = [Math.max(0, Math.floor(Math.min(...ends) / 10) * 10), Math.min(100, Math.ceil(Math.max(...ends) / 10) * 10)];
    const side = (title) => ({ ...axis(title, false, ends), min: low, max: high, suggestedMin: undefined, suggestedMax: undefined });
    chart = new Chart(canvas, {
      type: "scatter",
      data: {
        datasets: [
          { data: points, pointRadius: 4, pointHoverRadius: 7, pointHitRadius: 8, borderColor: dot, backgroundColor: `${dot}66` },
          { type: "line", data: [{ x: low, y: low }, { x: high, y: high }], borderColor: muted, borderWidth: 1, borderDash: [5, 4], pointRadius: 0, pointHitRadius: 0 },
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "nearest", intersect: true },
        onClick: (_, [hit]) => hit?.datasetIndex === 0 && open(points[hit.index].image),
        onHover: (event, hits) => (event.native.target.style.cursor = hits.some((hit) => hit.datasetIndex === 0) ? "pointer" : ""),
        scales: { x: side(`A: ${called(group, a)}, mIoU (%)`), y: side(`B: ${called(group, b)}, mIoU (%)`) },
        plugins: {
          legend: { display: false },
          tooltip: { displayColors: false, filter: (item) => item.datasetIndex === 0, callbacks: { label: (item) => text(points[item.dataIndex]) } },
        },
      },
    });
  }
  const order = points.map((_, i) => i).sort((i, j) => points[j].x - points[j].y - (points[i].x - points[i].y));
  let at = -1;
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter" && at >= 0) open(points[order[at]].image);
    if (!step) return;
    event.preventDefault();
    at = Math.min(Math.max(at + step, 0), points.length - 1);
    const active = [{ datasetIndex: 0, index: order[at] }];
    chart.setActiveElements(active);
    chart.update("none");
    said.value = text(points[order[at]]);
  });
  const block = el("section", { class: "block" }, el("h3", null, "Each image (mIoU of the classes that it holds)"), el("div", { class: "canvas square" }, canvas), said);
  return { block, paint };
}
