// The service as a person sees it: contacts, invitations, messages. Knows stanzas, and nothing of the page.

import { NoAnswer, SignInRefused, Stream, NS as STREAM } from "./stream.js";
import { child, childText, element, line, moment, writable } from "./xml.js";

const NS = {
  ...STREAM,
  archive: "urn:xmpp:archive",
  chatstates: "http://jabber.org/protocol/chatstates",
  delay: "urn:xmpp:delay",
  disco: "http://jabber.org/protocol/disco#info",
  forms: "jabber:x:data",
  forward: "urn:xmpp:forward:0",
  lookup: "http://messenger.live.com/xmpp/jidlookup",
  mam: "urn:xmpp:mam:2",
  nick: "http://jabber.org/protocol/nick",
  roster: "jabber:iq:roster",
  rsm: "http://jabber.org/protocol/rsm",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
  update: "vcard-temp:x:update",
  vcard: "vcard-temp",
};

const LONGEST_WAIT = 60_000;
// How long a card is not asked for again.
const FRESH = 10_000;
// What others can fill the page with: messages of one conversation, and conversations with strangers.
const MOST_MESSAGES = 1000;
const MOST_STRANGERS = 100;
// Messages of a page of history.
const PAGE = 50;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+$|^(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)$/;
const AVAILABILITY = ["chat", "", "away", "xa", "dnd"];
const SUBSCRIPTIONS = ["none", "to", "from", "both", "remove"];

export const bare = (jid) => jid.split("/", 1)[0];

// What XEP-0153 calls a photo: the SHA-1 of its bytes, or nothing.
async function hash(photo) {
  if (!photo) return "";
  const bytes = Uint8Array.from(atob(photo.slice(photo.indexOf(",") + 1)), (character) => character.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A question that is asked at once, and again no sooner than a while after the last time.
class Question {
  #time = -Infinity;
  #timer;

  get isFresh() {
    return performance.now() < this.#time + FRESH;
  }

  ask(body) {
    if (this.#timer) return;
    const wait = Math.max(0, this.#time + FRESH - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#time = performance.now();
      body();
    }, wait);
  }

  drop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

// Somebody in the list: a contact, or a stranger who has written.
class Contact {
  isStranger = false;
  subscription = "none";
  isAsked = false;
  name = "";
  card = {};
  cardQuestion = new Question();
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
    return this.card.name || this.name || (this.isStranger ? this.jid : this.jid.split("@", 1)[0]);
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

  add(message) {
    this.messages.push(message);
    if (this.messages.length <= MOST_MESSAGES) return;
    const oldest = this.messages.findIndex((message) => message.state === "done");
    if (oldest >= 0) this.messages.splice(oldest, 1);
  }
}

// Messages have a state: "done"; of one's own also "sending", "failed" (nobody knows that it arrived) and "refused".
//
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
  #cardQuestion = new Question();
  #photoHash;
  #features = new Set();
  // Pages of history that are on their way, by the id of the query.
  #pages = new Map();
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
      this.#drop();
      this.#lost();
    }
  }

  #drop() {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }

  async #connect(renew) {
    const token = await this.#token({ renew });
    if (!token) return this.#signedOut();
    this.#drop();
    const stream = new Stream(this.#address, this.#domain);
    this.#stream = stream;
    stream.addEventListener("stanza", ({ detail }) => this.#received(detail));
    await stream.begin(token);
    stream.addEventListener("end", ({ detail }) => this.#ended(stream, detail));
    this.jid = bare(stream.jid);
    await this.#signedIn();
  }

  #ended(stream, reason) {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    this.#cardQuestion.drop();
    for (const contact of this.contacts.values()) {
      contact.cardQuestion.drop();
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
    if (this.#isStopped || this.state === "waiting") return;
    this.#set("waiting");
    if (!(await this.#hasToken())) return this.#signedOut();
    if (this.state !== "waiting") return;
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
    const unsure = this.#unsure();
    // The features of the host, and of the account (XEP-0313, section 8).
    for (const address of [this.#domain, this.jid]) {
      const info = await this.#request("get", address, element("query", NS.disco)).catch(() => undefined);
      for (const feature of info?.getElementsByTagNameNS(NS.disco, "feature") ?? []) {
        this.#features.add(feature.getAttribute("var"));
      }
    }
    const roster = await this.#request("get", undefined, element("query", NS.roster));
    const items = [...(child(roster, "query", NS.roster)?.children ?? [])];
    const listed = new Set(items.map((item) => item.getAttribute("jid")));
    for (const contact of [...this.contacts.values()]) {
      if (!contact.isStranger && !listed.has(contact.jid)) this.#remove(contact.jid);
    }
    for (const item of items) this.#take(item);
    this.#sendPresence();
    this.#failures = 0;
    this.#set("online");
    for (const [contact, messages] of unsure) this.#settle(contact, messages);
    await this.#readOwnCard();
    for (const contact of this.contacts.values()) {
      if (!contact.cardQuestion.isFresh) this.freshen(contact);
    }
  }

  #set(state) {
    this.state = state;
    this.#tell("state");
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #request(type, to, payload) {
    return this.#stream ? this.#stream.request(type, to, payload) : Promise.reject(new NoAnswer());
  }

  // MARK: What arrives

  #received(stanza) {
    const from = stanza.getAttribute("from");
    if (stanza.namespaceURI !== NS.client) return;
    if (stanza.localName === "message" && (!from || from === this.jid)) {
      const result = child(stanza, "result", NS.mam);
      if (result) return this.#pages.get(result.getAttribute("queryid"))?.push(result);
    }
    if (stanza.localName === "message" && from) this.#message(stanza, bare(from));
    if (stanza.localName === "presence" && from) this.#presence(stanza, from);
    if (stanza.localName === "iq") this.#asked(stanza, from);
  }

  // A push of the roster; every other request is answered that there is nobody for it (RFC 6120, section 8.4).
  #asked(stanza, from) {
    const [type, id] = [stanza.getAttribute("type"), stanza.getAttribute("id") ?? undefined];
    if (type !== "get" && type !== "set") return;
    const query = child(stanza, "query", NS.roster);
    if (type === "set" && query && (!from || bare(from) === this.jid)) {
      for (const item of query.children) this.#take(item);
      this.#stream?.send(element("iq", NS.client, { type: "result", id }));
      return;
    }
    this.#stream?.send(
      element("iq", NS.client, { type: "error", id, to: from ?? undefined },
        element("error", NS.client, { type: "cancel" }, element("service-unavailable", NS.stanzas))));
  }

  // An item of the roster.
  #take(item) {
    const jid = item.getAttribute("jid");
    if (item.localName !== "item" || item.namespaceURI !== NS.roster || !jid) return;
    const said = item.getAttribute("subscription");
    const subscription = SUBSCRIPTIONS.includes(said) ? said : "none";
    if (subscription === "remove") return this.#remove(jid);
    const contact = this.contacts.get(jid) ?? new Contact(jid);
    this.contacts.set(jid, contact);
    contact.isStranger = false;
    contact.subscription = subscription;
    contact.isAsked = item.getAttribute("ask") === "subscribe";
    contact.name = line(item.getAttribute("name"));
    this.#tell("contact", contact);
    this.freshen(contact);
  }

  #remove(jid) {
    const contact = this.contacts.get(jid);
    if (!contact) return;
    contact.cardQuestion.drop();
    this.contacts.delete(jid);
    this.#tell("removed", contact);
  }

  // Who is in the list, or a stranger who comes to it.
  #known(jid) {
    const known = this.contacts.get(jid);
    if (known) return known;
    const strangers = [...this.contacts.values()].filter((contact) => contact.isStranger);
    if (strangers.length >= MOST_STRANGERS) this.#remove(strangers[0].jid);
    const stranger = new Contact(jid);
    stranger.isStranger = true;
    this.contacts.set(jid, stranger);
    return stranger;
  }

  #presence(stanza, from) {
    const jid = bare(from);
    const type = stanza.getAttribute("type") ?? "available";
    if (type === "subscribe") {
      this.invitations.set(jid, line(childText(stanza, "nick", NS.nick)) || jid);
      this.#tell("invitations");
    }
    const contact = this.contacts.get(jid);
    if (!contact || (type !== "available" && type !== "unavailable")) return;
    if (type === "available") {
      const show = childText(stanza, "show", NS.client);
      // Of a new photo XEP-0153 tells; of a new name nothing does, but that presence is sent once more.
      if (contact.presences.has(from) || !contact.cardQuestion.isFresh) this.freshen(contact);
      contact.presences.set(from, {
        show: AVAILABILITY.includes(show) ? show : "",
        status: line(childText(stanza, "status", NS.client)),
      });
    } else {
      contact.presences.delete(from);
    }
    if (!contact.presences.size) contact.isTyping = false;
    this.#tell("contact", contact);
  }

  #message(stanza, jid) {
    const type = stanza.getAttribute("type") ?? "normal";
    if (type === "error") return this.#refused(stanza.getAttribute("id"), jid);
    if (type === "groupchat") return;
    const text = childText(stanza, "body", NS.client);
    const contact = text ? this.#known(jid) : this.contacts.get(jid);
    if (!contact) return;
    const state = [...stanza.children].find((node) => node.namespaceURI === NS.chatstates)?.localName;
    contact.isTyping = state === "composing" && !text;
    if (text) {
      contact.add({ text, isOwn: false, time: this.#sentAt(stanza) ?? new Date(), state: "done" });
      contact.unread += 1;
      this.#tell("message", contact);
    }
    this.#tell("contact", contact);
  }

  #refused(id, jid) {
    const contact = this.contacts.get(jid);
    const message = id && contact?.messages.find((message) => message.id === id);
    if (!message) return;
    message.state = "refused";
    this.#tell("message", contact);
  }

  // When a message came to the server that has kept it: only one's own server is believed (XEP-0203).
  #sentAt(stanza) {
    const believed = [this.#domain, this.jid];
    for (const delay of stanza.children) {
      if (delay.localName !== "delay" || delay.namespaceURI !== NS.delay) continue;
      if (believed.includes(delay.getAttribute("from"))) return moment(delay.getAttribute("stamp"));
    }
    return undefined;
  }

  // MARK: What the person does

  setShow(show) {
    this.show = show;
    this.#sendPresence();
  }

  #sendPresence() {
    const show = this.show ? element("show", NS.client, {}, this.show) : undefined;
    // XEP-0153, as soon as the photo is known.
    const photo = this.#photoHash === undefined ? undefined : element("photo", NS.update, {}, this.#photoHash);
    this.#stream?.send(element("presence", NS.client, {}, show, photo && element("x", NS.update, {}, photo)));
  }

  say(contact, text) {
    this.#send(contact, { text: writable(text), isOwn: true, tries: 0 });
  }

  // Says once more what failed, as the last of the conversation.
  sayAgain(contact, message) {
    if (this.state !== "online" || (message.state !== "failed" && message.state !== "refused")) return;
    contact.messages.splice(contact.messages.indexOf(message), 1);
    this.#send(contact, message);
  }

  async #send(contact, message) {
    const stream = this.#stream;
    Object.assign(message, {
      id: crypto.randomUUID(), time: new Date(), state: "sending", tries: message.tries + 1,
    });
    contact.add(message);
    this.#tell("message", contact);
    stream?.send(
      element("message", NS.client, { type: "chat", id: message.id, to: contact.jid },
        element("body", NS.client, {}, message.text), element("active", NS.chatstates)));
    // Otherwise it is looked for after the next sign-in.
    if (!(await stream?.isAlive()) || message.state !== "sending") return;
    message.state = "done";
    this.#tell("message", contact);
  }

  // What was sent on a connection that is lost, by contact.
  #unsure() {
    const unsure = new Map();
    for (const contact of this.contacts.values()) {
      const messages = contact.messages.filter((message) => message.state === "sending");
      if (messages.length) unsure.set(contact, messages);
    }
    return unsure;
  }

  // Whether anything is on its way.
  get isSending() {
    return this.#unsure().size > 0;
  }

  // Looks in the archive for what was sent on a connection that is lost. What is not there for sure has failed, and it is
  // up to the person whether to say it twice.
  async #settle(contact, messages) {
    let kept = [];
    try {
      if (contact.isHistoryRead) kept = await this.#kept(contact);
    } catch (error) {
      if (error instanceof NoAnswer) return;
    }
    for (const message of messages) {
      if (message.state !== "sending") continue;
      const isSame = (other) => other.isOwn && other.text === message.text;
      // All that this page has tried or knows with this text, but for this try.
      const others = contact.messages.filter(isSame).reduce((sum, other) => sum + (other.tries ?? 1), -1);
      // An archive that keeps ids says which of them it has; the same text may have come from another device.
      const isKept = this.#features.has(NS.mam)
        ? kept.some((other) => other.isOwn && other.id === message.id)
        : kept.filter(isSame).length > others;
      message.state = isKept ? "done" : "failed";
    }
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

  // `undefined`: nobody has answered. Who has no card has an empty one.
  async #readCard(jid) {
    let answer;
    try {
      answer = await this.#request("get", jid, element("vCard", NS.vcard));
    } catch (error) {
      if (error instanceof NoAnswer) return undefined;
    }
    const card = child(answer, "vCard", NS.vcard);
    const photo = child(card, "PHOTO", NS.vcard);
    const type = childText(photo, "TYPE", NS.vcard);
    const data = childText(photo, "BINVAL", NS.vcard).replace(/\s/g, "");
    const isPicture = /^image\/(png|jpeg|gif|webp)$/.test(type) && BASE64.test(data);
    return { name: line(childText(card, "FN", NS.vcard)), photo: isPicture ? `data:${type};base64,${data}` : undefined };
  }

  // Reads the card of a contact anew, now or as soon as it may have changed.
  freshen(contact) {
    if (this.state !== "online") return;
    if (contact.subscription !== "both" && contact.subscription !== "to") return;
    contact.cardQuestion.ask(async () => {
      const card = await this.#readCard(contact.jid);
      if (!card || this.contacts.get(contact.jid) !== contact) return;
      contact.card = card;
      this.#tell("contact", contact);
    });
  }

  // Looks whether oneself has another name or photo by now, and tells one's contacts.
  freshenSelf() {
    if (this.state !== "online") return;
    this.#cardQuestion.ask(async () => {
      const before = this.card;
      await this.#readOwnCard();
      if (before.name !== this.card.name || before.photo !== this.card.photo) this.#sendPresence();
    });
  }

  async #readOwnCard() {
    const card = await this.#readCard(undefined);
    if (!card) return;
    this.card = card;
    this.#photoHash = await hash(card.photo);
    this.#tell("self");
  }

  // Puts the last messages that the service keeps in front of those of this page.
  async readHistory(contact) {
    if (contact.isHistoryRead || (!this.#features.has(NS.mam) && !this.#features.has(NS.archive))) return;
    contact.isHistoryRead = true;
    try {
      this.#prepend(contact, await this.#kept(contact));
    } catch {
      contact.isHistoryRead = false;
    }
  }

  // The last messages of a conversation that the service keeps.
  async #kept(contact) {
    if (this.#features.has(NS.mam)) return this.#keptByMAM(contact);
    if (!this.#features.has(NS.archive)) return [];
    const list = await this.#request("get", undefined, element("list", NS.archive, { with: contact.jid }));
    const start = child(child(list, "list", NS.archive), "chat", NS.archive)?.getAttribute("start");
    if (!start) return [];
    const answer = await this.#request(
      "get", undefined, element("retrieve", NS.archive, { with: contact.jid, start }));
    const chat = child(answer, "chat", NS.archive);
    let time = moment(chat?.getAttribute("start"))?.getTime();
    if (time === undefined) return [];
    const kept = [];
    for (const item of chat.children) {
      const seconds = item.getAttribute("secs");
      if (/^\d{1,9}$/.test(seconds)) time += 1000 * Number(seconds);
      const text = childText(item, "body", NS.archive);
      if (text) kept.push({ text, isOwn: item.localName === "to", time: new Date(time), state: "done" });
    }
    return kept;
  }

  // The results come as messages, before the answer (XEP-0313, section 4).
  async #keptByMAM(contact) {
    const queryid = crypto.randomUUID();
    const field = (name, value) => element("field", NS.forms, { var: name }, element("value", NS.forms, {}, value));
    const form = element("x", NS.forms, { type: "submit" }, field("FORM_TYPE", NS.mam), field("with", contact.jid));
    const set = element("set", NS.rsm, {}, element("max", NS.rsm, {}, String(PAGE)), element("before", NS.rsm));
    const results = [];
    this.#pages.set(queryid, results);
    try {
      await this.#request("set", undefined, element("query", NS.mam, { queryid }, form, set));
    } finally {
      this.#pages.delete(queryid);
    }
    const kept = [];
    for (const result of results) {
      const forwarded = child(result, "forwarded", NS.forward);
      const message = child(forwarded, "message", NS.client);
      const text = childText(message, "body", NS.client);
      const time = moment(child(forwarded, "delay", NS.delay)?.getAttribute("stamp"));
      if (!text || !time || message.getAttribute("type") === "groupchat") continue;
      const isOwn = bare(message.getAttribute("from") ?? "") === this.jid;
      kept.push({ id: message.getAttribute("id"), text, isOwn, time, state: "done" });
    }
    return kept;
  }

  #prepend(contact, kept) {
    // What was said since the page was opened is in both.
    const isSame = (one, other) => one.text === other.text && one.isOwn === other.isOwn;
    let overlap = Math.min(kept.length, contact.messages.length);
    const begins = (count) => kept.slice(-count).every((message, index) => isSame(message, contact.messages[index]));
    while (overlap > 0 && !begins(overlap)) overlap -= 1;
    contact.messages.unshift(...kept.slice(0, kept.length - overlap));
    this.#tell("message", contact);
  }
}
