// Vectors as arrays of numbers: ways between two points, and planes through three.

export const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
export const norm = (a) => Math.sqrt(dot(a, a));
export const add = (a, b, scale = 1) => a.map((value, i) => value + scale * b[i]);
export const times = (a, scale) => a.map((value) => scale * value);

/** Returns (1 - t) a + t b. */
export const straight = (a, b, t) => add(times(a, 1 - t), b, t);

/** Turns from the direction of a to that of b about the origin, at an even pace; the length changes evenly too. */
export function spherical(a, b, t) {
  const [along, across] = [norm(a), norm(b)];
  if (along === 0 || across === 0) return straight(a, b, t);
  const [from, to] = [times(a, 1 / along), times(b, 1 / across)];
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(from, to))));
  if (Math.sin(angle) < 1e-6) return straight(a, b, t);
  const direction = add(times(from, Math.sin((1 - t) * angle) / Math.sin(angle)), to, Math.sin(t * angle) / Math.sin(angle));
  return times(direction, (1 - t) * along + t * across);
}

/** Returns the directions of given vectors, made orthonormal one after the other; what depends on those before it is left out. */
export function orthonormal(vectors) {
  const found = [];
  for (const vector of vectors) {
    const rest = found.reduce((left, one) => add(left, one, -dot(left, one)), vector);
    if (norm(rest) > 1e-6 * (1 + norm(vector))) found.push(times(rest, 1 / norm(rest)));
  }
  return found;
}

/** Returns the two directions in which weighted points [K, D] spread most, by power iteration on their covariance. */
export function principal(points, weights, center) {
  const moved = points.map((point) => add(point, center, -1));
  const found = [];
  for (let i = 0; i < Math.min(2, center.length); i++) {
    let direction = moved.reduce((largest, one) => (norm(one) > norm(largest) ? one : largest), moved[0]);
    for (let step = 0; step < 100; step++) {
      const product = moved.reduce((sum, one, k) => add(sum, one, weights[k] * dot(one, direction)), center.map(() => 0));
      const [clean] = orthonormal([...found, product]).slice(found.length);
      if (!clean) break;
      direction = clean;
    }
    found.splice(i, 1, ...orthonormal([...found, direction]).slice(i));
  }
  return found;
}

/** A plane with an origin and up to two orthonormal directions. */
export class Plane {
  constructor(origin, directions) {
    this.origin = origin;
    this.directions = directions;
  }

  /** Returns the coordinates of a point's projection. */
  project(z) {
    const moved = add(z, this.origin, -1);
    return [0, 1].map((i) => (this.directions[i] ? dot(moved, this.directions[i]) : 0));
  }

  /** Returns the point at given coordinates. */
  at(coordinates) {
    return this.directions.reduce((z, direction, i) => add(z, direction, coordinates[i]), this.origin);
  }
}
