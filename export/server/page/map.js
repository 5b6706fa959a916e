// A plane through the latents: components with their weights, A, B and C, and the current point. A click decodes.

import * as api from "./api.js";
import { busy, byId, latest } from "./dom.js";
import { add, orthonormal, Plane, principal } from "./vectors.js";

const TILES = 12;
const MOST_LABELS = 40;
const STEP = 0.02; // of the map's width, for a key

export class LatentMap {
  constructor(store) {
    this.store = store;
    this.canvas = byId("canvas");
    this.planes = this.makePlanes();
    byId("plane").append(...Object.entries(this.planes).map(([name, { title }]) => new Option(title, name)));
    byId("plane").addEventListener("change", () => this.setPlane());
    byId("tiles").checked = store.model.is_image && store.model.decoder === "mean";
    byId("tiles").parentElement.hidden = !store.model.is_image;
    byId("tiles").addEventListener("change", () => this.setPlane());
    store.addEventListener("point", () => this.draw());
    store.addEventListener("kept", () => (byId("plane").value === "kept" ? this.setPlane() : this.draw()));
    this.listen();
    this.decodeTiles = latest(() => busy(this.canvas, "map-status", () => this.decodeTiles(), () => this.decodeNow()));
  }

  makePlanes() {
    const { store } = this;
    const { means, weights, mean, byActivity, names } = store;
    const axis = (i) => mean.map((_, j) => Number(i === j));
    const planes = {};
    if (names.length > 2 && means.length > 2) {
      planes.components = {
        title: "components: where their means differ most",
        note: "The plane through the mean of the prior in which the means of the components differ most. A circle is a component's mean, and its area its weight.",
        make: () => new Plane(mean, principal(means, weights, mean)),
      };
    }
    const [first, second] = byActivity;
    planes.active = {
      title: names.length > 1 ? `latents ${names[first]} and ${names[second]}` : `latent ${names[0]}`,
      note: "The most active latents; the others are at the mean of the prior.",
      make: () => new Plane(mean, [first, second].filter((i) => i !== undefined).map(axis)),
    };
    planes.kept = {
      title: "through A, B and C",
      note: "The plane through A, B and C; components are projected onto it.",
      make: () => {
        const { A, B, C } = store.kept;
        const directions = orthonormal([add(B.z, A.z, -1), add(C.z, A.z, -1)]);
        const center = A.z.map((_, i) => (A.z[i] + B.z[i] + C.z[i]) / 3);
        return new Plane(center, directions);
      },
    };
    return planes;
  }

  /** Takes the chosen plane, and the part of it that holds components, A, B and C. */
  setPlane() {
    const { store } = this;
    const chosen = this.planes[byId("plane").value];
    this.plane = chosen.make();
    byId("map-note").textContent = `${chosen.note} Click, drag or use the arrow keys to decode a point.`;
    const spread = Math.hypot(...this.plane.directions.map((direction) => Math.hypot(...direction.map((value, i) => value * store.stddev[i])))) / Math.SQRT2;
    const marks = [...(byId("plane").value === "kept" ? [] : store.means), ...Object.values(store.kept).filter(Boolean).map(({ z }) => z)];
    const reach = marks.map((z) => Math.max(...this.plane.project(z).map(Math.abs)));
    this.half = 1.15 * Math.max(1.5 * spread, ...reach, 1e-3);
    this.images = null;
    this.draw();
    if (byId("tiles").checked) this.decodeTiles();
  }

  async decodeNow() {
    const { plane, half } = this;
    const at = (i) => half * ((2 * i + 1) / TILES - 1);
    const rows = this.plane.directions.length > 1 ? TILES : 1;
    const points = Array.from({ length: rows * TILES }, (_, i) => this.pointAt([at(i % TILES), rows > 1 ? -at(Math.floor(i / TILES)) : 0]));
    const decoded = await api.decode(points);
    const images = await Promise.all(decoded.map(({ example }) => loaded(example.picture)));
    if (plane === this.plane && byId("tiles").checked) {
      this.images = images;
      this.draw();
    }
  }

  /** Returns the point at coordinates of the plane; a decoder that sees a component sees the nearest. */
  pointAt(coordinates) {
    const z = this.plane.at(coordinates);
    return { z, component: this.store.nearest(z) };
  }

  listen() {
    const { canvas } = this;
    const select = (event) => {
      const box = canvas.getBoundingClientRect();
      this.go([(2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height]);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
      select(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && select(event));
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }[event.key];
      if (!move || !this.store.point) return;
      event.preventDefault();
      const pace = event.shiftKey ? 10 : 2;
      this.go(this.plane.project(this.store.point.z).map((value, i) => value / this.half + pace * move[i]));
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Selects a place, in half widths from the middle. */
  go(place) {
    const [x, y] = place.map((value) => this.half * Math.min(1, Math.max(-1, value)));
    this.store.select(this.pointAt([x, y]), `Map at ${x.toFixed(2)}, ${y.toFixed(2)}`);
  }

  draw() {
    const { canvas, store } = this;
    if (!this.plane || !canvas.clientWidth) return;
    const scale = devicePixelRatio || 1;
    const size = canvas.clientWidth;
    canvas.width = canvas.height = size * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const color = (name) => getComputedStyle(canvas).getPropertyValue(name);
    const place = (z) => this.plane.project(z).map((value, i) => (size / 2) * (1 + (i ? -1 : 1) * (value / this.half)));
    pen.clearRect(0, 0, size, size);
    this.drawTiles(pen, size);
    this.drawComponents(pen, size, place, color);
    pen.font = "bold 15px system-ui";
    for (const [name, point] of Object.entries(store.kept)) if (point) this.text(pen, name, place(point.z), color);
    if (store.point) this.drawCross(pen, place(store.point.z), color("--mark"));
  }

  drawTiles(pen, size) {
    if (!this.images) return;
    const side = size / TILES;
    pen.imageSmoothingEnabled = this.images[0].naturalWidth > side;
    this.images.forEach((image, i) => {
      const row = this.images.length > TILES ? Math.floor(i / TILES) : (TILES - 1) / 2;
      pen.drawImage(image, (i % TILES) * side, row * side, side, side);
    });
  }

  drawComponents(pen, size, place, color) {
    const { means, weights } = this.store;
    if (means.length < 2) return;
    const heaviest = Math.max(...weights);
    means.forEach((mean, k) => {
      const radius = Math.max(2, (size / 28) * Math.sqrt(weights[k] / heaviest));
      pen.beginPath();
      pen.arc(...place(mean), radius, 0, 2 * Math.PI);
      pen.globalAlpha = 0.45;
      pen.fillStyle = color("--accent");
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5;
      pen.strokeStyle = color("--panel");
      pen.stroke();
    });
    pen.font = "12px system-ui";
    if (means.length <= MOST_LABELS) means.forEach((mean, k) => this.text(pen, k, place(mean), color));
  }

  text(pen, text, [x, y], color) {
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.strokeStyle = color("--panel");
    pen.strokeText(text, x, y);
    pen.fillStyle = color("--text");
    pen.fillText(text, x, y);
  }

  drawCross(pen, [x, y], color) {
    pen.lineWidth = 2.5;
    pen.strokeStyle = color;
    pen.beginPath();
    pen.arc(x, y, 9, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + 5 * dx, y + 5 * dy);
      pen.lineTo(x + 15 * dx, y + 15 * dy);
    }
    pen.stroke();
  }
}

function loaded(source) {
  const image = new Image();
  image.src = source;
  return image.decode().then(() => image);
}
