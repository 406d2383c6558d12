// The scatter plots of a board, drawn by Chart.js.

const charts = new Map();
const SUFFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

function tick(value) {
  const [size, suffix] = SUFFIXES.find(([size]) => Math.abs(value) >= size) ?? [1, ""];
  return `${Number((value / size).toPrecision(3))}${suffix && ` ${suffix}`}`;
}

function axis(title, logarithmic, values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const common = { title: { display: true, text: title, color: color("ink") }, grid: { color: color("rule") }, border: { color: color("muted") } };
  const ticks = { color: color("muted"), maxRotation: 0, callback: tick };
  if (!logarithmic) {
    const room = (high - low || Math.abs(high) || 1) * 0.12;
    return { ...common, type: "linear", ticks: { ...ticks, maxTicksLimit: 8 }, suggestedMin: Math.max(low - room, Math.min(low, 0)), suggestedMax: high + room };
  }
  const room = Math.max((high / low) ** 0.12, 1.2);
  const wide = high > 200 * low;
  const round = (value) => (wide ? [1] : [1, 2, 5]).some((digit) => Math.abs(value / 10 ** Math.floor(Math.log10(value) + 1e-9) - digit) < 1e-6);
  return { ...common, type: "logarithmic", min: low / room, max: high * room, ticks: { ...ticks, callback: (value) => (round(value) ? tick(value) : null) } };
}

const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
const between = (a, b) => ({ x: Math.min(a.x, b.x) - 1, y: Math.min(a.y, b.y) - 1, w: Math.abs(a.x - b.x) + 2, h: Math.abs(a.y - b.y) + 2 });

// Intervals behind the points, and a name beside each point where it hides nothing; a name without room is in the tooltip.
const annotations = {
  id: "annotations",
  beforeDatasetsDraw(chart, _, { ink }) {
    const { ctx, scales } = chart;
    ctx.save();
    Object.assign(ctx, { strokeStyle: ink, lineWidth: 1.5, globalAlpha: 0.45 });
    ctx.beginPath();
    for (const { x, y, across, upright } of chart.data.datasets[0].data) {
      for (const [from, to] of [across && across.map((end) => [end, y]), upright && upright.map((end) => [x, end])].filter(Boolean)) {
        ctx.moveTo(scales.x.getPixelForValue(from[0]), scales.y.getPixelForValue(from[1]));
        ctx.lineTo(scales.x.getPixelForValue(to[0]), scales.y.getPixelForValue(to[1]));
      }
    }
    ctx.stroke();
    ctx.restore();
  },
  afterDatasetsDraw(chart, _, { ink, ground }) {
    const { ctx, chartArea } = chart;
    const points = chart.data.datasets[0].data;
    const dots = chart.getDatasetMeta(0).data;
    const steps = chart.getDatasetMeta(1).data;
    const taken = dots.map(({ x, y }) => ({ x: x - 6, y: y - 6, w: 12, h: 12 }));
    steps.slice(1).forEach((to, i) => taken.push(between(steps[i], { x: to.x, y: steps[i].y }), between({ x: to.x, y: steps[i].y }, to)));
    ctx.save();
    Object.assign(ctx, { font: "12px system-ui, sans-serif", textBaseline: "middle", lineWidth: 3, strokeStyle: ground, fillStyle: ink });
    const order = points.map((_, i) => i).sort((a, b) => points[b].front - points[a].front);
    for (const i of order) {
      const { x, y } = dots[i];
      const w = ctx.measureText(points[i].label).width;
      const places = [[9, 0], [-w - 9, 0], [-w / 2, -16], [-w / 2, 16], [7, -13], [7, 13], [-w - 7, -13], [-w - 7, 13]];
      const boxes = places.map(([dx, dy]) => ({ x: x + dx, y: y + dy - 7, w, h: 14 }));
      const inside = (b) => b.x >= chartArea.left && b.x + b.w <= chartArea.right && b.y >= chartArea.top && b.y + b.h <= chartArea.bottom;
      const box = boxes.find((each) => inside(each) && !taken.some((other) => overlap(each, other)));
      if (!box) continue;
      taken.push(box);
      ctx.strokeText(points[i].label, box.x, box.y + 7);
      ctx.fillText(points[i].label, box.x, box.y + 7);
    }
    ctx.restore();
  },
};

// The plot of another metric than the mIoU: the same places to the right, and the front of that metric.
function ofMetric(plot, metric) {
  const k = (plot.metrics ?? []).indexOf(metric) - 1;
  if (k < 0) return plot;
  let best = -Infinity;
  const points = plot.points.filter((point) => point.others[k][0] !== null).map((point) => {
    const [y, upright] = point.others[k];
    return { ...point, y, upright, text: [`${metric} ${y.toFixed(1)}`, ...point.text.slice(1)], front: false };
  });
  for (const point of [...points].sort((p, q) => p.x - q.x || q.y - p.y)) {
    if (point.y > best) [point.front, best] = [true, point.y];
  }
  return { ...plot, points, y: `${metric} (%)` };
}

function draw(board, plot, canvas, said) {
  charts.get(board.id)?.destroy();
  const open = (point) => point?.id && (location.hash = `${board.id}/${point.id}`);
  const [a, front, ground, ink] = ["a", "front", "ground", "ink"].map(color);
  const dots = { borderColor: a, borderWidth: 1.5, pointRadius: 5.5, pointHoverRadius: 8, pointHitRadius: 12 };
  const fill = plot.points.map((point) => (point.front ? a : ground));
  const line = plot.points.filter((point) => point.front);
  const chart = new Chart(canvas, {
    type: "scatter",
    data: {
      datasets: [
        { ...dots, data: plot.points, pointBackgroundColor: fill, pointHoverBackgroundColor: fill },
        { type: "line", data: line, stepped: true, borderColor: front, borderWidth: 2, pointRadius: 0, pointHitRadius: 0 },
      ],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "nearest", intersect: true },
      onClick: (_, [hit]) => hit?.datasetIndex === 0 && open(plot.points[hit.index]),
      onHover: (event, hits) => (event.native.target.style.cursor = hits.some((hit) => plot.points[hit.index]?.id) ? "pointer" : ""),
      scales: {
        x: axis(plot.x, plot.log[0], plot.points.flatMap((point) => [point.x, ...(point.across ?? [])])),
        y: axis(plot.y, plot.log[1], plot.points.flatMap((point) => [point.y, ...(point.upright ?? [])])),
      },
      plugins: {
        legend: { display: false },
        annotations: { ink, ground },
        tooltip: {
          displayColors: false,
          filter: (item) => item.datasetIndex === 0,
          callbacks: { title: ([item]) => item && plot.points[item.dataIndex].name, label: (item) => plot.points[item.dataIndex].text },
        },
      },
    },
    plugins: [annotations],
  });
  charts.set(board.id, chart);
  let at = -1;
  canvas.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter") open(plot.points[at]);
    if (!step) return;
    event.preventDefault();
    at = Math.min(Math.max(at + step, 0), plot.points.length - 1);
    const active = [{ datasetIndex: 0, index: at }];
    const { x, y } = chart.getDatasetMeta(0).data[at];
    chart.setActiveElements(active);
    chart.tooltip.setActiveElements(active, { x, y });
    chart.update("none");
    said.value = `${plot.points[at].name}: ${plot.points[at].text.join(", ")}`;
  };
}

function showPlots(board) {
  const place = document.querySelector(`.plots[data-board="${CSS.escape(board.id)}"]`);
  if (!board.plots.length || place.childElementCount) return;
  const canvas = el("canvas", { tabindex: 0, role: "img" });
  const said = el("output", { class: "note", "aria-live": "polite" });
  const choose = (plot) => {
    canvas.setAttribute("aria-label", `Plot: ${plot.name}. The arrow keys walk over the points, Enter opens one.`);
    said.value = plot.note;
    draw(board, ofMetric(plot, board.metric), canvas, said);
  };
  const legend = el("legend", null, board.plots.length > 1 ? "Plot" : `Plot: ${board.plots[0].name}`);
  const radios = board.plots.map((plot, i) => {
    const radio = el("input", { type: "radio", name: `plot-${board.id}`, checked: i === 0 });
    radio.addEventListener("change", () => choose(plot));
    return el("label", { hidden: board.plots.length === 1 }, radio, ` ${plot.name}`);
  });
  place.append(el("fieldset", { class: "choice" }, legend, ...radios), el("div", { class: "canvas" }, canvas), said);
  place.redraw = () => choose(board.plots[radios.findIndex((label) => label.firstChild.checked)]);
  place.redraw();
}
