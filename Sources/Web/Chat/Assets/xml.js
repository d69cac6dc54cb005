// Elements to bytes and back.

const parser = new DOMParser();
const serializer = new XMLSerializer();

// What XML 1.0 can hold.
const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

// An element; children are elements, texts, or nothing.
export function element(name, namespace, attributes = {}, ...children) {
  const node = document.implementation.createDocument(namespace, name).documentElement;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(key, writable(String(value)));
  }
  for (const child of children) {
    if (child === undefined) continue;
    node.append(typeof child === "string" ? writable(child) : child);
  }
  return node;
}

// What of a text arrives.
export const writable = (text) => text.replace(forbidden, "");

// The element that a text is; `undefined` if the browser can't read it.
export function parse(text) {
  const root = parser.parseFromString(text, "text/xml").documentElement;
  const isError = (node) => node?.localName === "parsererror";
  return isError(root) || isError(root.firstElementChild) ? undefined : root;
}

export function serialize(node) {
  return serializer.serializeToString(node);
}

// The first child with that name and namespace.
export function child(node, name, namespace) {
  for (const found of node?.children ?? []) {
    if (found.localName === name && found.namespaceURI === namespace) return found;
  }
  return undefined;
}

export function childText(node, name, namespace) {
  return child(node, name, namespace)?.textContent ?? "";
}

// A name or a remark of somebody, to be shown in a line: without an end it would be no line, and what has nothing to see
// would be none.
export function line(text, longest = 200) {
  const short = [...(text ?? "").slice(0, 2 * longest).trim()].slice(0, longest).join("");
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(short) ? short : "";
}

// A moment as XEP-0082 writes it; `undefined` if it is none.
export function moment(text) {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text ?? "")) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
