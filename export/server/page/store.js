// What the parts of the page share: the current point, and the points A, B and C.

export class Store extends EventTarget {
  constructor(model) {
    super();
    this.model = model;
    this.point = null;
    this.kept = { A: null, B: null, C: null };
    this.mean = model.latents.flatMap(({ mean }) => mean);
    this.stddev = model.latents.flatMap(({ stddev }) => stddev);
    this.activity = model.latents.flatMap(({ activity }) => activity);
    this.names = model.latents.flatMap(({ name, size }) => Array.from({ length: size }, (_, i) => `${name} ${i + 1}`));
    this.weights = model.components.weights;
    this.means = this.weights.map((_, k) => model.latents.flatMap(({ name }) => model.components.means[name][k]));
    /** Numbers of the latents, the most active first. */
    this.byActivity = this.activity.map((_, i) => i).sort((i, j) => this.activity[j] - this.activity[i]);
  }

  /** Sets the current point; `caption` says where it comes from. One without an example is decoded. */
  select(point, caption) {
    this.point = { ...point, caption };
    this.dispatchEvent(new Event("point"));
  }

  /** Keeps a point as A, B or C. */
  keep(points) {
    Object.assign(this.kept, points);
    this.dispatchEvent(new Event("kept"));
  }

  /** Returns the number of the component whose mean is nearest. */
  nearest(z) {
    const distance = (mean) => mean.reduce((sum, value, i) => sum + (value - z[i]) ** 2, 0);
    const distances = this.means.map(distance);
    return distances.indexOf(Math.min(...distances));
  }
}
