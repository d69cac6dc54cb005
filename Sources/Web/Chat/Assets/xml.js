// Elements to bytes and back.

const parser = new DOMParser();
const serializer = new XMLSerializer();

// What XML 1.0 can hold.
const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

// An element; children are elements, texts, or nothing.
export function element(name, namespace, attributes = {}, ...children) {
  const node = document.implementation.createDocument(namespace, name).documentElement;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(key, String(value).replace(forbidden, ""));
  }
  for (const child of children) {
    if (child === undefined) continue;
    node.append(typeof child === "string" ? child.replace(forbidden, "") : child);
  }
  return node;
}

export function parse(text) {
  return parser.parseFromString(text, "text/xml").documentElement;
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
