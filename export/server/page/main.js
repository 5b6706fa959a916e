// Asks what the model is, and builds the parts of the page.

import { load } from "./api.js";
import { Components } from "./components.js";
import { byId, fail, say } from "./dom.js";
import { LatentMap } from "./map.js";
import { Point } from "./point.js";
import { Samples } from "./samples.js";
import { Store } from "./store.js";
import { Way } from "./way.js";

function introduce(model, store) {
  const components = store.weights.length > 1 ? `, ${store.weights.length} components` : "";
  const what = [`${model.prior ?? "prior"}${components}`, `${store.names.length} latents`, model.likelihood ?? model.cost, model.x_shape.length > 1 ? model.x_shape.join(" × ") : `${model.x_shape[0]} values`];
  const kind = model.decoder === "pixel" ? ["pixels are drawn"] : ["means are shown"];
  document.title = `Explore ${model.model ?? "a model"}`;
  byId("title").textContent = model.model ?? "Model";
  byId("facts").textContent = [...what, ...kind].filter(Boolean).join(" · ");
}

async function start() {
  say("start", "Asking what the model is…");
  try {
    const model = await load();
    const store = new Store(model);
    introduce(model, store);
    byId("main").hidden = false;
    const [samples, map] = [new Samples(store), new LatentMap(store)];
    new Point(store);
    new Way(store);
    await samples.fromAddress();
    map.setPlane();
    new Components(store, (component) => samples.choose(component));
    byId("start").hidden = true;
    document.body.dataset.ready = "true";
  } catch (error) {
    byId("facts").textContent = "";
    fail("start", error, start);
  }
}

start();
