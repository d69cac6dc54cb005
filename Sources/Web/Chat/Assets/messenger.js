// The service as a person sees it: contacts, invitations, messages. Knows stanzas, and nothing of the page.

import { SignInRefused, Stream, NS as STREAM } from "./stream.js";
import { child, childText, element } from "./xml.js";

const NS = {
  ...STREAM,
  archive: "urn:xmpp:archive",
  chatstates: "http://jabber.org/protocol/chatstates",
  delay: "urn:xmpp:delay",
  disco: "http://jabber.org/protocol/disco#info",
  lookup: "http://messenger.live.com/xmpp/jidlookup",
  nick: "http://jabber.org/protocol/nick",
  roster: "jabber:iq:roster",
  vcard: "vcard-temp",
};

const LONGEST_WAIT = 60_000;
const AVAILABILITY = ["chat", "", "away", "xa", "dnd"];

export const bare = (jid) => jid.split("/", 1)[0];

class Contact {
  subscription = "none";
  isAsked = false;
  name = "";
  card = {};
  // By resource.
  presences = new Map();
  messages = [];
  isHistoryRead = false;
  unread = 0;
  isTyping = false;

  constructor(jid) {
    this.jid = jid;
  }

  get title() {
    return this.card.name || this.name || this.jid.split("@", 1)[0];
  }

  // The presence of whom one would reach; `undefined`: nobody.
  get show() {
    return this.#best?.show;
  }

  // What they say of themselves.
  get status() {
    return this.#best?.status;
  }

  get #best() {
    const all = [...this.presences.values()];
    for (const show of AVAILABILITY) {
      const found = all.find((presence) => presence.show === show);
      if (found) return found;
    }
    return all[0];
  }
}

// Events: "state" (connecting, online, waiting, signed-out), "contact", "message" and "removed" (detail: a contact),
// "invitations", "self".
export class Messenger extends EventTarget {
  #address;
  #domain;
  #token;
  #stream;
  #failures = 0;
  #retry;
  #isStopped = false;
  #lastId = 0;
  #features = new Set();
  state = "connecting";
  show = "";
  jid = "";
  card = {};
  contacts = new Map();
  // Nicknames by JID.
  invitations = new Map();

  // `token({ renew })` gives an access token, or `undefined` if the person has to sign in.
  constructor({ address, domain, token }) {
    super();
    this.#address = address;
    this.#domain = domain;
    this.#token = token;
    addEventListener("online", () => this.#connectNow());
  }

  // MARK: Connection

  async start() {
    this.#set("connecting");
    try {
      await this.#connect(false).catch((error) => {
        if (error instanceof SignInRefused) return this.#connect(true);
        throw error;
      });
    } catch {
      this.#lost();
    }
  }

  async #connect(renew) {
    const token = await this.#token({ renew });
    if (!token) return this.#signedOut();
    const stream = new Stream(this.#address, this.#domain);
    this.#stream = stream;
    stream.addEventListener("stanza", ({ detail }) => this.#received(detail));
    await stream.begin(token);
    stream.addEventListener("end", ({ detail }) => this.#ended(stream, detail));
    this.#failures = 0;
    this.jid = bare(stream.jid);
    await this.#signedIn();
  }

  #ended(stream, reason) {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    for (const contact of this.contacts.values()) {
      contact.presences.clear();
      contact.isTyping = false;
      this.#tell("contact", contact);
    }
    // The app's access was withdrawn, or the account is gone.
    if (reason === "not-authorized" || reason === "policy-violation") return this.#signedOut();
    this.#lost();
  }

  // Tries again, after a while that gets longer each time.
  async #lost() {
    if (this.#isStopped) return;
    if (!(await this.#hasToken())) return this.#signedOut();
    this.#set("waiting");
    const most = Math.min(LONGEST_WAIT, 1000 * 2 ** this.#failures++);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.start(), most / 2 + Math.random() * (most / 2));
  }

  // A server that can't be asked has not refused.
  async #hasToken() {
    return this.#token({ renew: false }).then(Boolean, () => true);
  }

  #connectNow() {
    if (this.state !== "waiting") return;
    clearTimeout(this.#retry);
    this.start();
  }

  #signedOut() {
    this.stop();
    this.#set("signed-out");
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    this.#stream?.close();
  }

  async #signedIn() {
    const info = await this.#request("get", this.#domain, element("query", NS.disco)).catch(() => undefined);
    for (const feature of info?.getElementsByTagNameNS(NS.disco, "feature") ?? []) {
      this.#features.add(feature.getAttribute("var"));
    }
    const roster = await this.#request("get", undefined, element("query", NS.roster));
    const items = [...(child(roster, "query", NS.roster)?.children ?? [])];
    const listed = new Set(items.map((item) => item.getAttribute("jid")));
    for (const jid of this.contacts.keys()) {
      if (!listed.has(jid)) this.#remove(jid);
    }
    for (const item of items) this.#take(item);
    this.#sendPresence();
    this.#set("online");
    this.card = await this.#readCard(undefined);
    this.#tell("self");
    for (const contact of this.contacts.values()) this.#readCardOf(contact);
  }

  #set(state) {
    this.state = state;
    this.#tell("state");
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #request(type, to, payload) {
    return this.#stream ? this.#stream.request(type, to, payload) : Promise.reject(new Error("connection lost"));
  }

  // MARK: What arrives

  #received(stanza) {
    const from = stanza.getAttribute("from");
    if (stanza.localName === "message" && from) this.#message(stanza, bare(from));
    if (stanza.localName === "presence" && from) this.#presence(stanza, from);
    if (stanza.localName === "iq") this.#push(stanza, from);
  }

  #push(stanza, from) {
    const query = child(stanza, "query", NS.roster);
    if (stanza.getAttribute("type") !== "set" || !query || (from && bare(from) !== this.jid)) return;
    for (const item of query.children) this.#take(item);
    this.#stream?.send(element("iq", NS.client, { type: "result", id: stanza.getAttribute("id") }));
  }

  // An item of the roster.
  #take(item) {
    const jid = item.getAttribute("jid");
    const subscription = item.getAttribute("subscription") ?? "none";
    if (subscription === "remove") return this.#remove(jid);
    const contact = this.contacts.get(jid) ?? new Contact(jid);
    const isNew = contact.subscription !== subscription;
    this.contacts.set(jid, contact);
    contact.subscription = subscription;
    contact.isAsked = item.getAttribute("ask") === "subscribe";
    contact.name = item.getAttribute("name") ?? "";
    this.#tell("contact", contact);
    if (isNew && this.state === "online") this.#readCardOf(contact);
  }

  #remove(jid) {
    const contact = this.contacts.get(jid);
    this.contacts.delete(jid);
    if (contact) this.#tell("removed", contact);
  }

  #presence(stanza, from) {
    const jid = bare(from);
    const type = stanza.getAttribute("type") ?? "available";
    if (type === "subscribe") {
      this.invitations.set(jid, childText(stanza, "nick", NS.nick) || jid);
      this.#tell("invitations");
    }
    const contact = this.contacts.get(jid);
    if (!contact || (type !== "available" && type !== "unavailable")) return;
    const [show, status] = [childText(stanza, "show", NS.client), childText(stanza, "status", NS.client)];
    if (type === "available") contact.presences.set(from, { show, status });
    else contact.presences.delete(from);
    if (!contact.presences.size) contact.isTyping = false;
    this.#tell("contact", contact);
  }

  #message(stanza, jid) {
    const contact = this.contacts.get(jid);
    if (!contact) return;
    if (stanza.getAttribute("type") === "error") {
      const message = contact.messages.find((message) => message.id === stanza.getAttribute("id"));
      if (!message) return;
      message.isRefused = true;
      return this.#tell("message", contact);
    }
    const state = [...stanza.children].find((node) => node.namespaceURI === NS.chatstates)?.localName;
    const text = childText(stanza, "body", NS.client);
    contact.isTyping = state === "composing" && !text;
    if (text) {
      const stamp = child(stanza, "delay", NS.delay)?.getAttribute("stamp");
      contact.messages.push({ text, isOwn: false, time: stamp ? new Date(stamp) : new Date() });
      contact.unread += 1;
      this.#tell("message", contact);
    }
    this.#tell("contact", contact);
  }

  // MARK: What the person does

  setShow(show) {
    this.show = show;
    this.#sendPresence();
  }

  #sendPresence() {
    const show = this.show ? element("show", NS.client, {}, this.show) : undefined;
    this.#stream?.send(element("presence", NS.client, {}, show));
  }

  say(contact, text) {
    const id = `m${++this.#lastId}`;
    this.#stream?.send(
      element("message", NS.client, { type: "chat", id, to: contact.jid },
        element("body", NS.client, {}, text), element("active", NS.chatstates)));
    contact.messages.push({ id, text, isOwn: true, time: new Date() });
    this.#tell("message", contact);
  }

  // "composing", "paused" or "active"; said only to who is there.
  tellState(contact, state) {
    if (contact.show === undefined) return;
    this.#stream?.send(
      element("message", NS.client, { type: "chat", to: contact.jid }, element(state, NS.chatstates)));
  }

  markRead(contact) {
    contact.unread = 0;
    this.#tell("contact", contact);
  }

  // Invites by e-mail address, or by JID where the service has no look-up. Rejects with a condition.
  async invite(address) {
    let jid = address;
    if (this.#features.has(NS.lookup)) {
      const answer = await this.#request("get", address, element("getjid", NS.lookup));
      jid = childText(child(answer, "getjid", NS.lookup), "jid", NS.lookup);
    }
    if (jid === this.jid) throw new Error("self");
    const known = this.contacts.get(jid);
    if (known && known.subscription !== "none") throw new Error("known");
    if (this.invitations.has(jid)) return this.accept(jid);
    if (!known) {
      const item = element("item", NS.roster, { jid, name: address });
      await this.#request("set", undefined, element("query", NS.roster, {}, item));
    }
    this.#stream?.send(element("presence", NS.client, { type: "subscribe", to: jid }));
  }

  accept(jid) {
    this.#answer(jid, "subscribed");
    // Where accepting is not mutual by itself, this asks for the other half.
    const contact = this.contacts.get(jid);
    if (!this.#features.has(NS.lookup) && contact?.subscription !== "to") {
      this.#stream?.send(element("presence", NS.client, { type: "subscribe", to: jid }));
    }
  }

  decline(jid) {
    this.#answer(jid, "unsubscribed");
  }

  #answer(jid, type) {
    this.#stream?.send(element("presence", NS.client, { type, to: jid }));
    this.invitations.delete(jid);
    this.#tell("invitations");
  }

  // MARK: Cards and history

  async #readCard(jid) {
    const answer = await this.#request("get", jid, element("vCard", NS.vcard)).catch(() => undefined);
    const card = child(answer, "vCard", NS.vcard);
    const photo = child(card, "PHOTO", NS.vcard);
    const type = childText(photo, "TYPE", NS.vcard);
    const data = childText(photo, "BINVAL", NS.vcard).replace(/\s/g, "");
    const isPicture = /^image\/(png|jpeg|gif|webp)$/.test(type) && /^[A-Za-z0-9+/=]+$/.test(data);
    return { name: childText(card, "FN", NS.vcard), photo: isPicture ? `data:${type};base64,${data}` : undefined };
  }

  async #readCardOf(contact) {
    if (contact.subscription !== "both" && contact.subscription !== "to") return;
    contact.card = await this.#readCard(contact.jid);
    this.#tell("contact", contact);
  }

  // Puts the last messages that the service keeps in front of those of this page.
  async readHistory(contact) {
    if (contact.isHistoryRead || !this.#features.has(NS.archive)) return;
    contact.isHistoryRead = true;
    try {
      const list = await this.#request("get", undefined, element("list", NS.archive, { with: contact.jid }));
      const start = child(child(list, "list", NS.archive), "chat", NS.archive)?.getAttribute("start");
      if (!start) return;
      const answer = await this.#request(
        "get", undefined, element("retrieve", NS.archive, { with: contact.jid, start }));
      this.#prepend(contact, child(answer, "chat", NS.archive));
    } catch {
      contact.isHistoryRead = false;
    }
  }

  #prepend(contact, chat) {
    let time = Date.parse(chat?.getAttribute("start"));
    const kept = [];
    for (const item of chat?.children ?? []) {
      time += 1000 * Number(item.getAttribute("secs") ?? 0);
      const text = childText(item, "body", NS.archive);
      kept.push({ text, isOwn: item.localName === "to", time: new Date(time) });
    }
    // What was said since the page was opened is in both.
    const isSame = (one, other) => one.text === other.text && one.isOwn === other.isOwn;
    let overlap = Math.min(kept.length, contact.messages.length);
    const begins = (count) => kept.slice(-count).every((message, index) => isSame(message, contact.messages[index]));
    while (overlap > 0 && !begins(overlap)) overlap -= 1;
    contact.messages.unshift(...kept.slice(0, kept.length - overlap));
    this.#tell("message", contact);
  }
}
