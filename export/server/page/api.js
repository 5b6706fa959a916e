// Calls of the API, and the form of points: {z: all continuous latents one after the other, component: integer, example}.

let model = null;

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const body = await answer.json().catch(() => ({ detail: `The server answered with status ${answer.status}.` }));
  if (!answer.ok) throw new Error(`${body.title ?? "Error"}: ${body.detail}`);
  return body;
}

/** Asks what the model is; has to be called first. */
export async function load() {
  model = await call("v1/model");
  return model;
}

/** Returns what a model that is conditioned is given, which the address has, or null. */
export function given() {
  if (!model.condition) return null;
  const asked = new URLSearchParams(location.search).get("y");
  return asked === null ? Array(model.condition).fill(0) : asked.split(",").map(Number);
}

const asPictures = () => (model.is_image ? "true" : "false");

/** Returns the examples of an answer, {picture} or {values}. */
const examples = (answer) =>
  answer.pictures ? answer.pictures.map((png) => ({ picture: `data:image/png;base64,${png}` })) : answer.x.map((x) => ({ values: [x].flat(Infinity) }));

/** Returns `num` samples of a component, null for any, as points. */
export async function sample(num, component, seed) {
  const query = new URLSearchParams({ num, seed, pictures: asPictures(), format: "json" });
  if (component !== null) query.set("component", component);
  for (const value of given() ?? []) query.append("y", value);
  const answer = await call(`v1/sample?${query}`);
  return examples(answer).map((example, i) => ({
    z: model.latents.flatMap(({ name }) => answer.latents[name][i]),
    component: answer.component[i],
    example,
  }));
}

/** Returns points with what they decode to. */
export async function decode(points, seed = 0) {
  const most = model.limits.rows;
  const parts = [];
  for (let i = 0; i < points.length; i += most) parts.push(await decodeSome(points.slice(i, i + most), seed));
  return parts.flat();
}

/** The same for at most as many points as an answer may have rows; in halves, if they are more than a body may hold. */
async function decodeSome(points, seed) {
  const latents = {};
  let start = 0;
  for (const { name, size } of model.latents) {
    const at = start;
    latents[name] = points.map(({ z }) => z.slice(at, at + size));
    start += size;
  }
  for (const name of model.categories) latents[name] = points.map(({ component }) => component);
  const query = new URLSearchParams({ pictures: asPictures(), seed, format: "json" });
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(model.condition ? { latents, y: given() } : { latents });
  if (points.length > 1 && body.length > model.limits.body_bytes) {
    const middle = points.length >> 1;
    return [...(await decodeSome(points.slice(0, middle), seed)), ...(await decodeSome(points.slice(middle), seed))];
  }
  const answer = await call(`v1/decode?${query}`, { method: "POST", headers, body });
  return examples(answer).map((example, i) => ({ ...points[i], example }));
}
