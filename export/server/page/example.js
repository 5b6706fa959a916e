// How one example looks: an image, or a chart of its values.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
let range = 1;

/** Sets the largest magnitude that charts show. */
export function setRange(points) {
  range = Math.max(1e-6, ...points.flatMap(({ example }) => (example.values ?? []).map(Math.abs)));
}

/** Returns an element that shows an example, with a text for those who do not see it. */
export function show(example, label) {
  return example.picture ? image(example.picture, label) : chart(example.values, label);
}

function image(source, label) {
  const made = element("img", { src: source, alt: label });
  made.addEventListener("load", () => made.classList.toggle("pixels", made.naturalWidth < 128));
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Two values are a place in a square, others are bars; both on one scale for all. */
function chart(values, label) {
  const text = `${label}: ${values.slice(0, 8).map((value) => value.toFixed(2)).join(", ")}${values.length > 8 ? ", …" : ""}`;
  const made = shape("svg", { viewBox: "0 0 100 100", class: "chart", role: "img", "aria-label": text });
  const at = (value) => 50 + 42 * Math.min(1.05, Math.max(-1.05, value / range));
  made.append(shape("line", { x1: 0, x2: 100, y1: 50, y2: 50 }));
  if (values.length === 2) {
    made.append(shape("line", { x1: 50, x2: 50, y1: 0, y2: 100 }), shape("circle", { cx: at(values[0]), cy: 100 - at(values[1]), r: 5 }));
    return made;
  }
  const width = 100 / values.length;
  values.forEach((value, i) => {
    const height = Math.abs(at(value) - 50);
    made.append(shape("rect", { x: (i + 0.1) * width, y: value > 0 ? 50 - height : 50, width: 0.8 * width, height }));
  });
  return made;
}

/** Returns a button that shows a point. */
export function tile(point, label, select) {
  return element("button", { type: "button", className: "tile", title: label, onclick: select }, show(point.example, label));
}
