// What the other scripts are made of. Everything shown was computed and rounded before: scores, intervals and shares come as whole
// tenths of a per cent, null is undefined.

const DATA = JSON.parse(document.getElementById("data").textContent);
const DASH = "–";
const view = document.getElementById("view");
const missing = document.getElementById("missing");
const collator = new Intl.Collator("en", { numeric: true });
document.documentElement.classList.add("js");

const tenths = (value) => (value === null ? DASH : (value / 10).toFixed(1));
const signed = (value) => (value === null ? DASH : (value > 0 ? "+" : value < 0 ? "−" : "") + tenths(Math.abs(value)));
const minus = (a, b) => (a === null || b === null ? null : a - b);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
