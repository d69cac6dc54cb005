// An XMPP stream over WebSocket (RFC 7395), from the connection to a bound resource.

import { child, childText, element, parse, serialize } from "./xml.js";

export const NS = {
  client: "jabber:client",
  framing: "urn:ietf:params:xml:ns:xmpp-framing",
  streams: "http://etherx.jabber.org/streams",
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl",
  bind: "urn:ietf:params:xml:ns:xmpp-bind",
  ping: "urn:xmpp:ping",
};

// The server lets streams go that say nothing for five minutes; browsers slow timers of hidden pages down to a minute.
const PING = 100_000;
const PATIENCE = 20_000;

export class SignInRefused extends Error {}

// Events: "stanza" (detail: the element), "end" (detail: why, if the server said so).
export class Stream extends EventTarget {
  #socket;
  #domain;
  #arrived = [];
  #waiting;
  #requests = new Map();
  #lastId = 0;
  #pinging;
  #isBound = false;
  #reason;
  jid;

  constructor(address, domain) {
    super();
    this.#domain = domain;
    this.#socket = new WebSocket(address, "xmpp");
    this.#socket.addEventListener("message", (event) => this.#received(event.data));
    this.#socket.addEventListener("close", () => this.#ended());
  }

  // Signs in and binds a resource.
  async begin(token) {
    const late = setTimeout(() => this.#socket.close(), PATIENCE);
    try {
      await new Promise((resolve, reject) => {
        this.#socket.addEventListener("open", resolve, { once: true });
        this.#socket.addEventListener("close", () => reject(new Error("no connection")), { once: true });
      });
      await this.#authenticate(await this.#open(), token);
      await this.#open();
      const bound = await this.#bind();
      this.jid = childText(child(bound, "bind", NS.bind), "jid", NS.bind);
    } finally {
      clearTimeout(late);
    }
    this.#isBound = true;
    this.#pinging = setInterval(() => this.#ping(), PING);
    for (const stanza of this.#arrived.splice(0)) this.#handle(stanza);
  }

  async #open() {
    this.#write(element("open", NS.framing, { to: this.#domain, version: "1.0" }));
    for (;;) {
      const received = await this.#next();
      if (received.localName === "features") return received;
    }
  }

  async #authenticate(features, token) {
    const offered = [...features.getElementsByTagNameNS(NS.sasl, "mechanism")].map((item) => item.textContent);
    const texts = {
      "X-MESSENGER-OAUTH2": token,
      OAUTHBEARER: btoa(`n,,\u0001auth=Bearer ${token}\u0001\u0001`),
    };
    const mechanism = Object.keys(texts).find((name) => offered.includes(name));
    if (!mechanism) throw new Error("no way to sign in");
    this.#write(element("auth", NS.sasl, { mechanism }, texts[mechanism]));
    const verdict = await this.#next();
    if (verdict.localName !== "success") throw new SignInRefused();
  }

  async #bind() {
    this.#write(element("iq", NS.client, { type: "set", id: "bind" }, element("bind", NS.bind)));
    const answer = await this.#next();
    if (answer.getAttribute("type") !== "result") throw new Error("no resource");
    return answer;
  }

  send(stanza) {
    this.#write(stanza);
  }

  // Resolves with the result; rejects with the condition of the error as message.
  request(type, to, payload) {
    const id = `r${++this.#lastId}`;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#write(element("iq", NS.client, { type, id, to }, payload));
    });
  }

  close() {
    if (this.#socket.readyState === WebSocket.OPEN) this.#write(element("close", NS.framing));
    this.#socket.close();
  }

  async #ping() {
    const late = setTimeout(() => this.#socket.close(), PATIENCE);
    await this.request("get", this.#domain, element("ping", NS.ping)).catch(() => {});
    clearTimeout(late);
  }

  #write(node) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(serialize(node));
  }

  // During sign-in what arrives waits until it is asked for.
  #next() {
    if (this.#arrived.length) return Promise.resolve(this.#arrived.shift());
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error("connection lost"));
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  #received(text) {
    const received = parse(text);
    if (received.namespaceURI === NS.framing) {
      if (received.localName === "close") this.#socket.close();
    } else if (received.localName === "error" && received.namespaceURI === NS.streams) {
      this.#reason = received.firstElementChild?.localName;
    } else if (this.#isBound) {
      this.#handle(received);
    } else if (this.#waiting) {
      this.#waiting.resolve(received);
      this.#waiting = undefined;
    } else {
      this.#arrived.push(received);
    }
  }

  #handle(stanza) {
    const type = stanza.getAttribute("type");
    if (stanza.localName === "iq" && (type === "result" || type === "error")) {
      const request = this.#requests.get(stanza.getAttribute("id"));
      this.#requests.delete(stanza.getAttribute("id"));
      if (type === "result") request?.resolve(stanza);
      else request?.reject(new Error(condition(stanza)));
      return;
    }
    this.dispatchEvent(new CustomEvent("stanza", { detail: stanza }));
  }

  #ended() {
    clearInterval(this.#pinging);
    const lost = new Error("connection lost");
    this.#waiting?.reject(lost);
    for (const request of this.#requests.values()) request.reject(lost);
    this.#requests.clear();
    this.dispatchEvent(new CustomEvent("end", { detail: this.#reason }));
  }
}

// The defined condition of a stanza error.
export function condition(stanza) {
  return child(stanza, "error", NS.client)?.firstElementChild?.localName ?? "undefined-condition";
}
