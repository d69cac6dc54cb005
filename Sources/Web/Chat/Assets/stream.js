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

// There was no answer to a request: the connection is lost, or the server says nothing.
export class NoAnswer extends Error {}

// Events: "stanza" (detail: the element), "end" (detail: why, if the server said so).
export class Stream extends EventTarget {
  #socket;
  #domain;
  #arrived = [];
  #waiting;
  #requests = new Map();
  #pinging;
  #isBound = false;
  #isOver = false;
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
    this.#pinging = setInterval(() => this.isAlive(), PING);
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

  // Resolves with the result; rejects with the condition of the error as message. Only who was asked knows the id, so
  // nobody else can answer.
  request(type, to, payload) {
    const id = crypto.randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers();
    const late = setTimeout(() => this.#take(id)?.reject(new NoAnswer()), PATIENCE);
    this.#requests.set(id, { resolve, reject, late });
    if (this.#isOver) this.#take(id).reject(new NoAnswer());
    else this.#write(element("iq", NS.client, { type, id, to }, payload));
    return promise;
  }

  // The request with that id, which is not waited for any longer.
  #take(id) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    clearTimeout(request?.late);
    return request;
  }

  close() {
    if (this.#socket.readyState === WebSocket.OPEN) this.#write(element("close", NS.framing));
    this.#socket.close();
  }

  // Whether the server answers. As it handles what a client sends in order (RFC 6120, section 10.1), it has then taken
  // all that was sent before. A connection on which it does not answer is given up.
  async isAlive() {
    try {
      await this.request("get", this.#domain, element("ping", NS.ping));
    } catch (error) {
      if (!(error instanceof NoAnswer)) return true;
      this.#socket.close();
      this.#ended();
      return false;
    }
    return true;
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
    if (!received) return;
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
      const request = this.#take(stanza.getAttribute("id"));
      if (type === "result") request?.resolve(stanza);
      else request?.reject(new Error(condition(stanza)));
      return;
    }
    this.dispatchEvent(new CustomEvent("stanza", { detail: stanza }));
  }

  #ended() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#pinging);
    this.#waiting?.reject(new Error("connection lost"));
    for (const id of [...this.#requests.keys()]) this.#take(id).reject(new NoAnswer());
    this.dispatchEvent(new CustomEvent("end", { detail: this.#reason }));
  }
}

// The defined condition of a stanza error.
export function condition(stanza) {
  return child(stanza, "error", NS.client)?.firstElementChild?.localName ?? "undefined-condition";
}
