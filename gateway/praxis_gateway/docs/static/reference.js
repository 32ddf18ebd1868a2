// The API reference: builds the page from the OpenAPI description with DOM calls only, so that no text becomes markup.
"use strict";

const VERBS = ["get", "post", "put", "patch", "delete"];
let description = null;

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

// What stands between backticks in a text of the description is code.
function prose(text) {
  return (text || "").split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

function resolved(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return description.components.schemas[schema.$ref.split("/").pop()] || {};
}

function operations() {
  const found = [];
  for (const [path, verbs] of Object.entries(description.paths)) {
    for (const verb of VERBS) if (verbs[verb]) found.push({ path, verb, ...verbs[verb] });
  }
  return found;
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items || {})}`;
  return [schema.type, schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

function limits(schema) {
  const words = { minLength: "at least", maxLength: "at most", minimum: "from", maximum: "to", pattern: "matches" };
  return Object.keys(words).filter((key) => key in schema).map((key) => `${words[key]} ${schema[key]}`).join(", ");
}

function nested(schema) {
  const inner = schema.anyOf ? schema.anyOf[0] : schema;
  const target = inner.type === "array" ? inner.items : inner;
  return target && target.$ref ? target : null;
}

function fieldTable(schema, depth) {
  const whole = resolved(schema);
  const table = element("table", {}, element("thead", {}, element("tr", {},
    element("th", { scope: "col" }, "Field"), element("th", { scope: "col" }, "Type"), element("th", { scope: "col" }, "Meaning"))));
  const body = element("tbody");
  for (const [name, field] of Object.entries(whole.properties || {})) {
    const required = (whole.required || []).includes(name) ? " · required" : field.readOnly ? " · read-only" : "";
    const meaning = element("td", {}, ...prose(field.description), element("div", { class: "muted" }, limits(field)));
    const inner = nested(field);
    if (inner && depth < 4) meaning.append(lazyDetails(typeOf(inner), () => fieldTable(inner, depth + 1)));
    body.append(element("tr", {}, element("td", {}, element("code", {}, name), element("span", { class: "muted" }, required)),
      element("td", {}, typeOf(field)), meaning));
  }
  table.append(body);
  return body.children.length ? table : element("p", { class: "muted" }, typeOf(schema) || "Nothing.");
}

function lazyDetails(title, make) {
  const box = element("details", {}, element("summary", {}, title));
  box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(make()); });
  return box;
}

function example(schema, depth) {
  const whole = resolved(schema);
  if (whole.examples) return whole.examples[0];
  if (whole.anyOf) return example(whole.anyOf[0], depth);
  if (whole.enum) return whole.enum[0];
  if (whole.type === "array") return depth > 3 ? [] : [example(whole.items || {}, depth + 1)];
  if (whole.type === "object") {
    const wanted = Object.entries(whole.properties || {})
      .filter(([name, field]) => !field.readOnly && (depth < 1 || (whole.required || []).includes(name)));
    return Object.fromEntries(wanted.map(([name, field]) => [name, example(field, depth + 1)]));
  }
  return { integer: 1, number: 1, boolean: true }[whole.type] ?? "";
}

function bodySchema(operation) {
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  return content ? content.schema : null;
}

function tryForm(operation) {
  const form = element("form");
  const fields = {};
  for (const parameter of operation.parameters || []) {
    const id = `try-${parameter.in}-${parameter.name}`;
    fields[id] = parameter;
    form.append(element("label", { for: id }, `${parameter.name} (${parameter.in})`), element("input", { id, autocomplete: "off" }));
  }
  form.append(element("label", { for: "try-token" }, "Session token or API key; stays in this page"),
    element("input", { id: "try-token", type: "password", autocomplete: "off", value: tryForm.token || "" }));
  const schema = bodySchema(operation);
  if (schema) {
    const area = element("textarea", { id: "try-body", rows: "12", spellcheck: "false" });
    area.value = JSON.stringify(example(schema, 0), null, 2);
    form.append(element("label", { for: "try-body" }, "Body"), area);
  }
  const output = element("pre", { role: "status" });
  form.append(element("p", {}, element("button", { type: "submit" }, "Send")), output);
  form.addEventListener("submit", (event) => { event.preventDefault(); send(operation, fields, output); });
  return form;
}

async function send(operation, fields, output) {
  let path = operation.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const [id, parameter] of Object.entries(fields)) {
    const value = document.getElementById(id).value;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.append(parameter.name, value);
    else if (value) headers[parameter.name] = value;
  }
  tryForm.token = document.getElementById("try-token").value;
  if (tryForm.token) headers.Authorization = `Bearer ${tryForm.token}`;
  const area = document.getElementById("try-body");
  if (area) headers["Content-Type"] = "application/json";
  const address = query.size ? `${path}?${query}` : path;
  const reply = await fetch(address, { method: operation.verb.toUpperCase(), headers, body: area ? area.value : undefined, credentials: "omit" });
  const text = await reply.text();
  output.textContent = `${reply.status}\n${pretty(text)}`;
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function showOperation(operation) {
  const permission = operation["x-permission"];
  const need = { public: "No login needed.", none: "Any login." }[permission] || `Needs the permission ${permission}.`;
  const parts = [
    element("h2", {}, operation.operationId),
    element("p", { class: "path" }, element("span", { class: "verb" }, operation.verb), operation.path),
    element("p", {}, ...prose(operation.description)), element("p", { class: "muted" }, need),
  ];
  if ((operation.parameters || []).length) {
    const properties = Object.fromEntries(operation.parameters.map((p) => [p.name, { ...p.schema, description: `${p.description} (${p.in})` }]));
    const required = operation.parameters.filter((p) => p.required).map((p) => p.name);
    parts.push(element("h3", {}, "Parameters"), fieldTable({ type: "object", properties, required }, 0));
  }
  const schema = bodySchema(operation);
  if (schema) parts.push(element("h3", {}, "Body"), fieldTable(schema, 0), lazyDetails("Example", () => element("pre", {}, JSON.stringify(example(schema, 0), null, 2))));
  else if (operation.requestBody) parts.push(element("h3", {}, "Body"), element("p", {}, "The bytes of the file."));
  parts.push(element("h3", {}, "Replies"));
  for (const [status, response] of Object.entries(operation.responses)) parts.push(showResponse(status, response));
  parts.push(lazyDetails("Try it", () => tryForm(operation)));
  show(...parts);
}

function showResponse(status, response) {
  const whole = response.$ref ? description.components.responses[status] : response;
  const content = Object.values(whole.content || {})[0];
  const title = `${status}: ${whole.description}`;
  return content ? lazyDetails(title, () => fieldTable(content.schema, 0)) : element("p", {}, title);
}

function showProblem(code) {
  const known = description["x-problems"][code];
  show(element("h2", {}, code), element("p", {}, ...prose(known ? known.description : "There is no such problem.")),
    element("p", { class: "muted" }, "The member detail of the answer says what to do in your case; errors says where the input was wrong."));
}

function showStart() {
  const problems = element("ul");
  for (const [code, problem] of Object.entries(description["x-problems"])) {
    problems.append(element("li", {}, element("a", { href: `#problem/${code}` }, code), " ", ...prose(problem.description)));
  }
  show(element("h2", {}, description.info.title), element("p", {}, ...prose(description.info.description)),
    element("p", {}, element("a", { href: "/v1/openapi.json" }, "OpenAPI 3.1 description")),
    element("h3", {}, "Problems"), problems);
}

function show(...parts) {
  const main = document.getElementById("content");
  main.replaceChildren(...parts);
  window.scrollTo(0, 0);
}

function menu(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map();
  for (const operation of operations()) {
    const line = `${operation.operationId} ${operation.verb} ${operation.path} ${operation.summary}`.toLowerCase();
    if (words.every((word) => line.includes(word))) {
      const tag = operation.tags[0];
      groups.set(tag, [...(groups.get(tag) || []), operation]);
    }
  }
  const blocks = [...groups.keys()].sort().map((tag) => element("section", {}, element("h2", {}, tag), element("ul", {},
    ...groups.get(tag).map((operation) => element("li", {}, element("a", { href: `#${operation.operationId}` }, operation.operationId))))));
  document.getElementById("menu").replaceChildren(...blocks);
}

function route() {
  const place = decodeURIComponent(location.hash.slice(1));
  const operation = operations().find((candidate) => candidate.operationId === place);
  if (operation) showOperation(operation);
  else if (place.startsWith("problem/")) showProblem(place.slice(8));
  else showStart();
}

async function start() {
  description = await (await fetch("/v1/openapi.json")).json();
  const search = document.getElementById("search");
  search.addEventListener("input", () => menu(search.value));
  window.addEventListener("hashchange", route);
  menu("");
  route();
}

start().catch(() => { document.getElementById("status").textContent = "The description cannot be read; reload the page."; });
