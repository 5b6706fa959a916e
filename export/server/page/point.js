// The current point: its picture, a slider for each latent, and what it is kept as.

import * as api from "./api.js";
import { busy, byId, element, latest } from "./dom.js";
import { show } from "./example.js";

const FIRST = 12;
const REACH = 4; // standard deviations on either side of the mean

export class Point {
  constructor(store) {
    this.store = store;
    this.isWhole = store.names.length <= FIRST;
    this.seed = 0;
    this.draw = latest(() => this.drawNow());
    store.addEventListener("point", () => this.draw());
    this.makeSliders();
    this.makeCategory();
    byId("again").hidden = store.model.decoder !== "pixel";
    byId("again").addEventListener("click", () => this.redraw());
    byId("center").addEventListener("click", () => store.select({ z: store.mean, component: store.nearest(store.mean) }, "Mean of the prior"));
    for (const button of document.querySelectorAll("[data-keep]")) {
      button.addEventListener("click", () => this.keep(button.dataset.keep));
    }
  }

  makeSliders() {
    const { store } = this;
    const shown = this.isWhole ? store.byActivity : store.byActivity.slice(0, FIRST);
    this.sliders = new Map(shown.map((i) => [i, this.slider(i)]));
    byId("sliders").replaceChildren(...[...this.sliders.values()].map(({ row }) => row));
    byId("more").hidden = store.names.length <= FIRST;
    byId("more").textContent = this.isWhole ? `Show the ${FIRST} most active` : `Show all ${store.names.length} latents`;
    byId("more").onclick = () => {
      this.isWhole = !this.isWhole;
      this.makeSliders();
      this.setSliders();
    };
  }

  slider(i) {
    const { store } = this;
    const [low, high] = [-REACH, REACH].map((reach) => store.mean[i] + reach * store.stddev[i]);
    const input = element("input", { type: "range", min: low, max: high, step: (high - low) / 400 || "any", id: `latent-${i}` });
    const output = element("output", { htmlFor: `latent-${i}` });
    input.addEventListener("input", () => {
      const z = [...store.point.z];
      z[i] = Number(input.value);
      store.select({ z, component: store.point.component }, "Moved by hand");
    });
    const label = element("label", { htmlFor: `latent-${i}`, textContent: store.names[i], title: `activity ${store.activity[i].toPrecision(2)}` });
    return { row: element("div", { className: "slider" }, label, input, output), input, output };
  }

  setSliders() {
    for (const [i, { input, output }] of this.sliders) {
      const value = this.store.point.z[i];
      if (document.activeElement !== input || Math.abs(Number(input.value) - value) > Number(input.step)) input.value = value;
      output.textContent = value.toFixed(2);
    }
  }

  makeCategory() {
    const { store } = this;
    byId("category-label").hidden = !store.model.categories.length;
    byId("category").append(...store.weights.map((_, k) => new Option(k, k)));
    byId("category").addEventListener("change", () => {
      store.select({ z: store.point.z, component: Number(byId("category").value) }, "Another component");
    });
  }

  async drawNow() {
    const { point } = this.store;
    byId("category").value = point.component;
    byId("caption").textContent = point.caption;
    this.setSliders();
    await busy(byId("picture"), "point-status", () => this.draw(), async () => {
      if (!point.example) [{ example: point.example }] = await api.decode([point], this.seed);
      byId("picture").replaceChildren(show(point.example, point.caption));
      this.setTable(point.example.values);
    });
  }

  setTable(values) {
    byId("values").hidden = !values;
    const row = (value, i) => element("tr", {}, element("th", { scope: "row", textContent: i + 1 }), element("td", { className: "number", textContent: value }));
    byId("table").replaceChildren(...(values ?? []).map(row));
  }

  redraw() {
    this.seed += 1;
    const { z, component } = this.store.point;
    this.store.select({ z, component }, `Pixels drawn again, seed ${this.seed}`);
  }

  async keep(name) {
    const { point } = this.store;
    if (!point) return;
    await busy(byId("picture"), "point-status", () => this.keep(name), async () => {
      if (!point.example) [{ example: point.example }] = await api.decode([point], this.seed);
      this.store.keep({ [name]: point });
      return `Kept as ${name}.`;
    });
  }
}
