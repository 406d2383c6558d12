// What was counted beside pairs, of one model or of two: errors by cause, reliability, and the mIoU near edges.

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, LEFT, BELOW] = [420, 300, 44, 40];

function shape(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const keyOf = (models, i) => (models.length > 1 ? el("span", { class: `key ${i ? "b" : ""}` }) : null);
const valueText = (value, half) => `${tenths(value)}${half === null || half === undefined ? "" : ` ± ${tenths(half)}`}`;
const noted = (name, own, ...parts) => el("section", { class: "block" }, el("h3", null, name), ...parts, el("p", { class: "note" }, own));

// Lines over places from 0 to 1, in per cent; `marks` are the places that are named, `bars` shares of all pixels.
function curve(said, xName, yName, lines, { marks, low = 0, high = 100, step = 25, diagonal = false, bars = [] }) {
  const x = (place) => LEFT + place * (WIDE - LEFT - 12);
  const y = (value) => 8 + (1 - (value - low) / (high - low)) * (HIGH - BELOW - 8);
  const rules = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
  const dot = (line, i) => line.map(([place, value, more]) => shape("circle", { class: i ? "b" : "a", cx: x(place), cy: y(value), r: 3.5 }, shape("title", {}, more)));
  return shape(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": said },
    ...rules.flatMap((value) => [
      shape("line", { class: "rule", x1: x(0), x2: x(1), y1: y(value), y2: y(value) }),
      shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value),
    ]),
    ...bars.map(([place, share, width]) => shape("rect", { class: "bar", x: x(place), width: x(width) - x(0) - 1, y: y(share), height: y(0) - y(share) })),
    ...(diagonal ? [shape("line", { class: "even", x1: x(0), y1: y(0), x2: x(1), y2: y(100) })] : []),
    ...marks.map(([place, text]) => shape("text", { x: x(place), y: HIGH - BELOW + 16, "text-anchor": "middle" }, text)),
    ...lines.flatMap((line, i) => [shape("polyline", { class: i ? "b" : "a", points: line.map(([place, value]) => `${x(place)},${y(value)}`).join(" ") }), ...dot(line, i)]),
    shape("text", { x: x(0.5), y: HIGH - 6, "text-anchor": "middle" }, xName),
    shape("text", { x: 12, y: y((low + high) / 2), "text-anchor": "middle", transform: `rotate(-90 12 ${y((low + high) / 2)})` }, yName),
  );
}

function causesBlock(models) {
  const found = models.map((model) => model.causes);
  const most = Math.max(1, ...found.flatMap(({ rows }) => rows.map(([, , gain]) => gain ?? 0)));
  const bar = (gain) => Math.max(0, ((gain ?? 0) / most) * 1000);
  const rows = found[0].rows.map(([cause, share, gain, half], i) => {
    if (models.length === 1) return [[cause], number(share), number(gain, valueText(gain, half)), meter("", ["i", "", 0, bar(gain)])];
    const [, , other, second] = found[1].rows[i];
    const bars = meter("pair", ["i", "", 0, bar(gain)], ["i", "b", 0, bar(other)]);
    return [[cause], number(gain, valueText(gain, half)), number(other, valueText(other, second)), change(minus(gain, other)), bars];
  });
  const down = "descending";
  const columns = models.length === 1
    ? [["cause", ""], ["wrong pixels (%)", "number", down], ["gain", "number", down], ["", "plain"]]
    : [["cause", ""], ["A", "number", down], ["B", "number", down], ["A − B", "number", down], ["", "plain"]];
  const borders = [...new Set(found.map(({ border }) => border))].join(" and ");
  const own = `Points of mIoU that would be gained if the wrong pixels of this cause alone were right; they do not add up. Border: within ${borders} px of an edge of the two classes.`;
  return noted("Errors by cause", own, scrolling("Errors by cause", columns, rows));
}

function reliabilityBlock(models) {
  const lines = models.map(({ reliability }) => reliability.bins.map(([sure, right, share]) => [sure / 1000, right / 10, `confidence ${tenths(sure)} %: ${tenths(right)} % right, ${tenths(share)} % of the pixels`]));
  const said = models.map((model, i) => [keyOf(models, i), `${models.length > 1 ? "AB"[i] + ": " : ""}ECE ${model.reliability.ece} %`]);
  const bars = models.length > 1 ? [] : models[0].reliability.bins.map(([sure, , share]) => [Math.min(Math.floor((sure / 1000) * 15), 14) / 15, share / 10, 1 / 15]);
  const marks = [0, 0.25, 0.5, 0.75, 1].map((place) => [place, 100 * place]);
  const picture = curve(`Reliability. ${said.map(([, text]) => text).join("; ")}`, "confidence (%)", "right pixels (%)", lines, { marks, diagonal: true, bars });
  const keys = el("p", { class: "keys" }, ...said.map((parts) => el("span", null, ...parts)));
  return noted("Reliability", `Below the broken line a network is too sure.${models.length > 1 ? "" : " Bars: share of all pixels."}`, keys, picture);
}

function trimapBlock(models) {
  const curves = models.map((model) => model.trimap);
  const last = curves[0].length - 1;
  const place = (i) => 0.04 + (last ? i / last : 0) * 0.92;
  const lines = curves.map((rows) => rows.flatMap(([width, value, half], i) => (value === null ? [] : [[place(i), value / 10, `within ${width} px: mIoU ${valueText(value, half)} %`]])));
  const values = lines.flat().map(([, value]) => value);
  if (!values.length) return null;
  const step = Math.max(...values) - Math.min(...values) > 40 ? 20 : 10;
  const low = Math.floor(Math.min(...values) / step) * step;
  const high = Math.max(low + step, Math.ceil(Math.max(...values) / step) * step);
  const marks = curves[0].map(([width], i) => [place(i), width]);
  const rows = curves[0].map(([width, value, half], i) => {
    const other = curves[1]?.[i];
    return [[`within ${width} px`], number(value, valueText(value, half)), ...(other ? [number(other[1], valueText(other[1], other[2])), change(minus(value, other[1]))] : [])];
  });
  const columns = [["pixels", ""], ...(models.length > 1 ? [["A", "number", "descending"], ["B", "number", "descending"], ["A − B", "number", "descending"]] : [["mIoU", "number", "descending"]])];
  const said = models.length > 1 ? el("p", { class: "keys" }, ...models.map((_, i) => el("span", null, keyOf(models, i), "AB"[i]))) : null;
  const picture = curve("mIoU by the distance from an edge of the target; the table holds the numbers", "pixels within this distance of an edge (px)", "mIoU (%)", lines, { marks, low, high, step });
  return noted("mIoU near edges", "Of the pixels within so many pixels of an edge of the target (trimap).", ...[said, picture].filter(Boolean), scrolling("mIoU near edges", columns, rows));
}

// Those of the three that all models have.
function besideBlocks(models) {
  const all = { causes: causesBlock, reliability: reliabilityBlock, trimap: trimapBlock };
  const blocks = Object.entries(all).filter(([name]) => models.every((model) => model[name])).map(([, block]) => block(models)).filter(Boolean);
  return blocks.length ? [el("div", { class: "columns" }, ...blocks)] : [];
}
