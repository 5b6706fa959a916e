// The page of the API, made from /openapi.json.

import { byId, element, fail } from "./dom.js";

let schemas = {};

const resolve = (schema) => (schema?.$ref ? schemas[schema.$ref.split("/").pop()] : schema) ?? {};
const cell = (content) => element("td", {}, content);

/** Returns what a schema allows, in words. */
function kind(given) {
  const schema = resolve(given);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.anyOf) return schema.anyOf.filter(({ type }) => type !== "null").map(kind).join(" or ");
  const [low, high] = [schema.minimum ?? schema.minItems, schema.maximum ?? schema.maxItems];
  const many = low === high ? low : `${low} to ${high ?? "…"}`;
  if (schema.type === "array") return `list ${low === undefined ? "" : `of ${many}: `}[${kind(schema.items)}]`;
  if (schema.type === "object" && schema.properties) return `{${Object.entries(schema.properties).map(([name, one]) => `${name}: ${kind(one)}`).join(", ")}}`;
  return `${schema.type ?? "any"}${low === undefined ? "" : ` from ${many}`}`;
}

function table(rows) {
  const made = rows.map(([name, what, text]) => element("tr", {}, element("th", { scope: "row" }, element("code", { textContent: name })), cell(what), cell(text ?? "")));
  return element("div", { className: "scroll" }, element("table", {}, ...made));
}

function operation(path, method, { summary, parameters = [], requestBody, responses }) {
  const title = element("h2", {}, element("span", { className: "method", textContent: method.toUpperCase() }), " ", element("code", { textContent: path }));
  const parts = [title, element("p", { textContent: summary })];
  if (parameters.length) {
    const described = ({ name, schema, description }) => [name, `${kind(schema)}${schema.default === undefined ? "" : `, default ${schema.default}`}`, description ?? schema.description];
    parts.push(element("h3", { textContent: "Query" }), table(parameters.map(described)));
  }
  if (requestBody) {
    const body = resolve(requestBody.content["application/json"].schema);
    const fields = Object.entries(body.properties).map(([name, one]) => [name, kind(one), one.description]);
    parts.push(element("h3", { textContent: "Body, application/json" }), table(fields));
  }
  const answers = Object.entries(responses).map(([status, one]) => [status, Object.keys(one.content ?? {}).join(", "), one.description]);
  parts.push(element("h3", { textContent: "Answers" }), table(answers));
  return element("section", {}, ...parts);
}

async function start() {
  try {
    const answer = await fetch("openapi.json");
    const { info, paths, components } = await answer.json();
    schemas = components.schemas;
    byId("title").textContent = info.title;
    byId("about").textContent = info.description.replaceAll("`", "");
    const all = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => operation(path, method, one)));
    byId("operations").replaceChildren(...all);
    byId("start").hidden = true;
  } catch (error) {
    fail("start", error, start);
  }
}

start();
