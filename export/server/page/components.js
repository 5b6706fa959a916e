// The components of the prior: what each weighs, and the picture of its mean.

import * as api from "./api.js";
import { busy, byId, element } from "./dom.js";
import { show } from "./example.js";

const FIRST = 24;

export class Components {
  constructor(store, choose) {
    this.store = store;
    this.choose = choose;
    this.isWhole = false;
    const isMixture = store.weights.length > 1;
    byId("components").hidden = byId("to-components").hidden = !isMixture;
    byId("all-components").addEventListener("click", () => {
      this.isWhole = !this.isWhole;
      this.draw();
    });
    document.addEventListener("component", (event) => this.mark(event.detail));
    if (isMixture) this.draw();
  }

  draw() {
    const { weights, means } = this.store;
    const ranked = weights.map((_, k) => k).sort((i, j) => weights[j] - weights[i]);
    const shown = this.isWhole ? ranked : ranked.slice(0, FIRST);
    byId("all-components").hidden = ranked.length <= FIRST;
    byId("all-components").textContent = this.isWhole ? `Show the ${FIRST} heaviest` : `Show all ${ranked.length} components`;
    return busy(byId("weights"), "components-status", () => this.draw(), async () => {
      const points = await api.decode(shown.map((k) => ({ z: means[k], component: k })));
      byId("weights").replaceChildren(...points.map((point) => this.row(point, weights)));
      this.mark(this.chosen);
      return `${shown.length} of ${ranked.length} components, the heaviest first.`;
    });
  }

  row({ example, component: k }, weights) {
    const bar = element("span", { className: "bar" });
    bar.style.width = `${(100 * weights[k]) / Math.max(...weights)}%`;
    const share = `${(100 * weights[k]).toFixed(1)} %`;
    const button = element(
      "button",
      { type: "button", className: "weight", "aria-label": `Component ${k} weighs ${share}`, onclick: () => this.choose(k) },
      element("span", {}, show(example, "")),
      element("span", { textContent: k }),
      bar,
      element("span", { className: "share", textContent: share }),
    );
    button.dataset.component = k;
    return element("li", {}, button);
  }

  mark(chosen) {
    this.chosen = chosen;
    for (const button of byId("weights").querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.component === chosen);
  }
}
