// The way from A to B, straight or spherical.

import * as api from "./api.js";
import { busy, byId, element, latest } from "./dom.js";
import { show, tile } from "./example.js";
import { spherical, straight } from "./vectors.js";

const STEPS = 11;
const WAYS = {
  straight: [straight, "Straight: z = (1 − t) a + t b, in equal steps. In many dimensions its middle lies nearer to the origin than draws do."],
  spherical: [spherical, "Spherical: z turns from a to b about the origin at an even pace, and its length changes evenly, so that it stays as far out as draws are."],
};

export class Way {
  constructor(store) {
    this.store = store;
    this.draw = latest(() => busy(byId("steps"), "way-status", () => this.draw(), () => this.drawNow()));
    store.addEventListener("kept", () => this.draw());
    byId("swap").addEventListener("click", () => store.keep({ A: store.kept.B, B: store.kept.A }));
    for (const input of document.querySelectorAll("[name=way]")) input.addEventListener("change", () => this.draw());
  }

  async drawNow() {
    const { store } = this;
    const { A, B } = store.kept;
    const [between, note] = WAYS[document.querySelector("[name=way]:checked").value];
    const seen = store.model.categories.length ? " The decoder's component changes from A's to B's half-way." : "";
    byId("way-note").textContent = note + seen;
    byId("ends").replaceChildren(...Object.entries(store.kept).map(([name, point]) => this.end(name, point)));
    const at = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
    const points = await api.decode(at.map((t) => ({ z: between(A.z, B.z, t), component: (t < 0.5 ? A : B).component })));
    const label = (t) => (t === 0 ? "A" : t === 1 ? "B" : `t = ${t.toFixed(1)}`);
    const steps = points.map((point, i) => {
      const made = tile(point, `Way from A to B, ${label(at[i])}`, () => store.select(point, `Way from A to B, ${label(at[i])}`));
      made.append(element("small", { textContent: label(at[i]), "aria-hidden": "true" }));
      return made;
    });
    byId("steps").replaceChildren(...steps);
  }

  end(name, point) {
    return element("div", { className: "end" }, show(point.example, `Point ${name}`), name);
  }
}
