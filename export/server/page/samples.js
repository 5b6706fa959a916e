// Samples: a grid of one component, of all by their weights, or a row of each. Seed and component are in the address.

import * as api from "./api.js";
import { busy, byId, element, latest } from "./dom.js";
import { setRange, tile } from "./example.js";

const LARGEST = 2 ** 31 - 1;
const MOST_ROWS = 20;
const PER_ROW = 8;

const percent = (weight) => `${(100 * weight).toFixed(1)} %`;

export class Samples {
  constructor(store) {
    this.store = store;
    const { weights } = store;
    byId("component").append(new Option("any, by weight", ""));
    if (weights.length > 1) {
      byId("component").append(new Option(weights.length > MOST_ROWS ? `a row of the ${MOST_ROWS} heaviest` : "a row of each", "each"));
      byId("component").append(...weights.map((weight, k) => new Option(`${k} (${percent(weight)})`, k)));
    }
    for (const option of [...byId("num").options]) if (Number(option.value) > store.model.limits.rows) option.remove();
    if (!byId("num").options.length) byId("num").append(new Option(store.model.limits.rows));
    const given = api.given();
    byId("given-label").hidden = given === null;
    byId("given").value = given ?? "";
    byId("samples-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    byId("component").addEventListener("change", () => this.go());
    byId("num").addEventListener("change", () => this.go());
    byId("redraw").addEventListener("click", () => {
      byId("seed").value = Math.floor(Math.random() * LARGEST);
      this.go();
    });
    addEventListener("popstate", () => this.fromAddress());
    this.draw = latest(() => busy(byId("grid"), "samples-status", () => this.draw(), () => this.drawNow()));
  }

  /** Draws what the address asks for. */
  fromAddress() {
    const asked = new URLSearchParams(location.search);
    const has = (select, value) => [...byId(select).options].some((option) => option.value === value);
    const seed = Number(asked.get("seed") ?? 0);
    byId("seed").value = Number.isInteger(seed) && seed >= 0 && seed <= LARGEST ? seed : 0;
    byId("component").value = has("component", asked.get("component")) ? asked.get("component") : "";
    if (has("num", asked.get("num"))) byId("num").value = asked.get("num");
    return this.draw();
  }

  /** Draws what the form asks for, and puts it into the address. */
  go() {
    if (!byId("samples-form").reportValidity()) return;
    const asked = new URLSearchParams({ seed: byId("seed").value, num: byId("num").value });
    if (byId("component").value) asked.set("component", byId("component").value);
    const given = byId("given").value;
    if (given) asked.set("y", given);
    if (given !== String(api.given() ?? "")) {
      location.search = asked; // all of the page depends on it
      return;
    }
    history.pushState(null, "", `?${asked}${location.hash}`);
    this.draw();
  }

  choose(component) {
    byId("component").value = component;
    this.go();
    byId("samples").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion)").matches ? "auto" : "smooth" });
  }

  async drawNow() {
    const [chosen, seed] = [byId("component").value, Number(byId("seed").value)];
    byId("num").disabled = chosen === "each";
    const points = chosen === "each" ? await this.drawEach(seed) : await this.drawOne(chosen, seed);
    this.mark(0);
    document.dispatchEvent(new CustomEvent("component", { detail: chosen }));
    this.store.select(points[0], this.caption(points[0], 0));
    const apart = chosen === "each" ? this.perRow : 1;
    this.store.keep({ A: points[0], B: points[apart] ?? points[0], C: points[2 * apart] ?? points[0] });
    const of = { "": " drawn by weight", each: ", a row of each component" }[chosen] ?? ` of component ${chosen}`;
    return `${points.length} samples${of}, seed ${seed}.`;
  }

  async drawOne(chosen, seed) {
    const num = Number(byId("num").value);
    const points = await api.sample(num, chosen === "" ? null : Number(chosen), seed);
    setRange(points);
    this.columns(Math.ceil(Math.sqrt(num)), Math.min(6, Math.ceil(Math.sqrt(num))));
    this.tiles = points.map((point, i) => this.tile(point, i));
    byId("grid").replaceChildren(...this.tiles);
    return points;
  }

  async drawEach(seed) {
    const { weights, model } = this.store;
    const heaviest = weights.map((_, k) => k).sort((i, j) => weights[j] - weights[i]).slice(0, MOST_ROWS);
    const num = Math.min(PER_ROW, model.limits.rows);
    this.perRow = num;
    const rows = await Promise.all(heaviest.sort((i, j) => i - j).map((k) => api.sample(num, k, seed)));
    const points = rows.flat();
    setRange(points);
    this.columns(num + 1, num + 1);
    this.tiles = points.map((point, i) => this.tile(point, i));
    const label = (k) => element("div", { className: "row-label", textContent: k, title: `component ${k}, ${percent(weights[k])}` });
    byId("grid").replaceChildren(...heaviest.flatMap((k, row) => [label(k), ...this.tiles.slice(row * num, (row + 1) * num)]));
    return points;
  }

  columns(wide, narrow) {
    byId("grid").style.setProperty("--columns", wide);
    byId("grid").style.setProperty("--narrow", narrow);
  }

  caption(point, i) {
    return `Sample ${i + 1}${this.store.weights.length > 1 ? `, component ${point.component}` : ""}`;
  }

  tile(point, i) {
    const label = this.caption(point, i);
    return tile(point, label, () => {
      this.mark(i);
      this.store.select(point, label);
    });
  }

  mark(i) {
    this.tiles.forEach((one, j) => one.setAttribute("aria-pressed", i === j));
  }
}
