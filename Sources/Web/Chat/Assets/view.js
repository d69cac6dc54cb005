// What the page shows. Texts of other people reach it as text alone, never as markup.

const $ = (selector) => document.querySelector(selector);

const PRESENCES = {
  "": "Available", chat: "Available", away: "Away", xa: "Away", dnd: "Busy",
};
const STATES = {
  sending: "Sending …", failed: "Perhaps not sent", refused: "Not delivered",
};
const NOTICES = {
  connecting: "Connecting …", waiting: "No connection. Trying again …",
};
const REFUSALS = new Map(Object.entries({
  "item-not-found": "Nobody here has this address.",
  "jid-malformed": "That is no address.",
  "remote-server-not-found": "Nobody here has this address.",
  "resource-constraint": "That was too much at once. Try again in a minute.",
  known: "You have this contact already.",
  self: "That is you.",
}));
const TYPING_PAUSE = 5_000;
const TYPING_MEMORY = 30_000;

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function paintAvatar(node, title, jid, photo) {
  const shown = photo ?? title;
  if (node.dataset.shown === shown) return;
  node.dataset.shown = shown;
  let hue = 0;
  for (const character of jid) hue = (hue * 31 + character.codePointAt(0)) % 360;
  node.style.setProperty("--hue", hue);
  node.replaceChildren(photo ? make("img", { src: photo, alt: "" }) : [...title][0]?.toUpperCase() ?? "?");
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export class View {
  #messenger;
  #buttons = new Map();
  #open;
  #isComposing = false;
  #pause;
  #typingEnds = new Map();

  constructor(messenger) {
    this.#messenger = messenger;
    const on = (name, body) => messenger.addEventListener(name, ({ detail }) => body(detail));
    on("state", () => this.#showState());
    on("self", () => this.#showSelf());
    on("contact", (contact) => this.#showContact(contact));
    on("message", (contact) => this.#showNews(contact));
    on("removed", (contact) => this.#removeContact(contact));
    on("invitations", () => this.#showInvitations());

    $("#own-status").addEventListener("change", (event) => messenger.setShow(event.target.value));
    $("#find").addEventListener("submit", (event) => this.#find(event));
    $("#find").addEventListener("input", () => ($("#find-result").textContent = ""));
    $("#composer").addEventListener("submit", (event) => this.#send(event));
    $("#text").addEventListener("input", () => this.#typed());
    $("#text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#send(event);
    });
    $("#back").addEventListener("click", () => this.#close());
    $("#conversation").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    document.addEventListener("visibilitychange", () => this.#seen());
    addEventListener("beforeunload", (event) => messenger.isSending && event.preventDefault());

    $("#welcome").hidden = true;
    $("#messenger").hidden = false;
    this.#showState();
    this.#showSelf();
  }

  // MARK: Oneself

  #showState() {
    const state = this.#messenger.state;
    $("#notice").textContent = NOTICES[state] ?? "";
    $("#send").disabled = state !== "online";
    $("#contacts .empty").hidden = state !== "online" || this.#buttons.size > 0;
    if (state !== "online") return;
    this.#showSelf();
    if (this.#open) this.#messenger.readHistory(this.#open);
  }

  #showSelf() {
    const { card, jid, contacts } = this.#messenger;
    const name = card.name || jid.split("@", 1)[0] || "Messenger";
    $("#own-name").textContent = name;
    paintAvatar($("#own-avatar"), name, jid, card.photo);
    const unread = [...contacts.values()].reduce((sum, contact) => sum + contact.unread, 0);
    document.title = (unread ? `(${unread}) ` : "") + "Messenger";
  }

  // MARK: Contacts

  #showContact(contact) {
    let button = this.#buttons.get(contact.jid);
    if (!button) {
      button = make("button", { type: "button" },
        make("span", { className: "avatar", ariaHidden: "true" }),
        make("span", { className: "names" },
          make("span", { className: "name", dir: "auto" }), make("span", { className: "about" })),
        make("span", { className: "count" }));
      button.addEventListener("click", () => this.#choose(contact));
      this.#buttons.set(contact.jid, button);
    }
    const [avatar, names, count] = button.children;
    paintAvatar(avatar, contact.title, contact.jid, contact.card.photo);
    avatar.dataset.show = contact.show === undefined ? "offline" : contact.show || "available";
    names.children[0].textContent = contact.title;
    names.children[1].replaceChildren(...(contact.isTyping ? ["is typing …"] : this.#about(contact)));
    count.textContent = contact.unread || "";
    count.hidden = !contact.unread;
    count.ariaLabel = `${contact.unread} unread`;
    this.#place(button, contact.title);
    $("#contacts .empty").hidden = true;
    if (this.#open === contact) this.#showHeader();
    this.#forgetTyping(contact);
    this.#showSelf();
  }

  #about(contact) {
    if (contact.isStranger) return ["Not a contact"];
    if (contact.subscription === "none") return [contact.isAsked ? "Invitation sent" : "Not a contact yet"];
    const presence = contact.show === undefined ? "Offline" : PRESENCES[contact.show];
    return contact.status ? [`${presence} · `, make("bdi", {}, contact.status)] : [presence];
  }

  // Keeps the list in the order of names, and moves only what is out of place: what moves loses the focus.
  #place(button, title) {
    const list = $("#contacts ul");
    const isBefore = (item) => item.dataset.title.localeCompare(title) < 0;
    const item = button.parentElement ?? make("li", {}, button);
    if (item.isConnected && item.dataset.title === title) return;
    item.dataset.title = title;
    const others = [...list.children].filter((other) => other !== item);
    list.insertBefore(item, others.find((other) => !isBefore(other)) ?? null);
  }

  // A contact that stops typing does not always say so.
  #forgetTyping(contact) {
    clearTimeout(this.#typingEnds.get(contact));
    this.#typingEnds.delete(contact);
    if (!contact.isTyping) return;
    this.#typingEnds.set(contact, setTimeout(() => {
      contact.isTyping = false;
      this.#showContact(contact);
    }, TYPING_MEMORY));
  }

  #removeContact(contact) {
    this.#buttons.get(contact.jid)?.parentElement?.remove();
    this.#buttons.delete(contact.jid);
    if (this.#open === contact) this.#close();
    this.#showState();
  }

  // MARK: Invitations

  #showInvitations() {
    const items = [...this.#messenger.invitations].map(([jid, nick]) => {
      const answer = (text, className, body) => {
        const button = make("button", { type: "button", className }, text);
        button.ariaLabel = `${text} the invitation of ${nick}`;
        button.addEventListener("click", body);
        return button;
      };
      return make("li", {},
        make("p", { title: jid }, make("strong", { dir: "auto" }, nick), " wants to be your contact."),
        make("div", { className: "row" },
          answer("Accept", "primary", () => this.#messenger.accept(jid)),
          answer("Decline", "", () => this.#messenger.decline(jid))));
    });
    $("#invitations ul").replaceChildren(...items);
    $("#invitations").hidden = !items.length;
  }

  async #find(event) {
    event.preventDefault();
    const form = event.target;
    const result = $("#find-result");
    result.textContent = "";
    try {
      await this.#messenger.invite(form.elements.address.value.trim());
      form.reset();
      result.textContent = "If somebody has this address, your invitation will reach them.";
    } catch (error) {
      result.textContent = REFUSALS.get(error.message) ?? "That did not work. Try again later.";
    }
  }

  // MARK: Conversation

  #choose(contact) {
    this.#leave();
    this.#open = contact;
    for (const [jid, button] of this.#buttons) button.ariaCurrent = jid === contact.jid ? "true" : null;
    $("#conversation").hidden = false;
    $("#messenger").classList.add("talking");
    $("#text").value = contact.draft ?? "";
    this.#showHeader();
    this.#showMessages();
    this.#read(contact);
    this.#messenger.readHistory(contact);
    this.#messenger.freshen(contact);
    $("#text").focus();
  }

  #close() {
    const button = this.#buttons.get(this.#open?.jid);
    this.#leave();
    this.#open = undefined;
    if (button) button.ariaCurrent = null;
    $("#conversation").hidden = true;
    $("#messenger").classList.remove("talking");
    button?.focus();
  }

  // What was begun and not sent stays with its contact.
  #leave() {
    if (!this.#open) return;
    this.#open.draft = $("#text").value;
    this.#pauseTyping();
  }

  #showHeader() {
    const contact = this.#open;
    paintAvatar($("#contact-avatar"), contact.title, contact.jid, contact.card.photo);
    $("#contact-avatar").dataset.show = contact.show === undefined ? "offline" : contact.show || "available";
    $("#contact-name").textContent = contact.title;
    $("#contact-status").replaceChildren(...this.#about(contact));
    $("#typing").replaceChildren(...(contact.isTyping ? [make("bdi", {}, contact.title), " is typing …"] : []));
  }

  #showMessages() {
    const list = $("#messages");
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    const items = [];
    let last;
    for (const message of this.#open.messages) {
      const isNewDay = message.time.toDateString() !== last?.time.toDateString();
      const isTurn = isNewDay || message.isOwn !== last.isOwn || message.time - last.time > 300_000;
      // The time stands below the last message of a turn.
      if (isTurn && last) items.at(-1).append(this.#time(last));
      if (isNewDay) items.push(make("li", { className: "day" }, calendar.format(message.time)));
      items.push(this.#item(message, isTurn));
      last = message;
    }
    if (last) items.at(-1).append(this.#time(last));
    list.replaceChildren(...items);
    if (isAtEnd || this.#open.messages.at(-1)?.isOwn) list.scrollTop = list.scrollHeight;
  }

  #item(message, isTurn) {
    const who = message.isOwn ? "You" : this.#open.title;
    const item = make("li", {}, make("span", { className: "sr" }, `${who}: `),
      make("div", { className: "bubble", dir: "auto" }, message.text));
    item.classList.toggle("own", message.isOwn);
    item.classList.toggle("turn", isTurn);
    if (message.state === "done") return item;
    item.classList.add(message.state);
    item.append(make("span", { className: "state" }, STATES[message.state]));
    if (message.state === "sending") return item;
    const button = make("button", { type: "button" }, "Try again");
    button.addEventListener("click", () => this.#messenger.sayAgain(this.#open, message));
    item.lastChild.append(" ", button);
    return item;
  }

  #time(message) {
    return make("time", { dateTime: message.time.toISOString() }, clock.format(message.time));
  }

  #showNews(contact) {
    if (this.#open === contact) {
      this.#showMessages();
      this.#read(contact);
    }
    this.#showSelf();
  }

  // Who comes back to the page sees what has changed meanwhile.
  #seen() {
    if (document.visibilityState !== "visible") return;
    this.#messenger.freshenSelf();
    if (!this.#open) return;
    this.#messenger.freshen(this.#open);
    this.#read(this.#open);
  }

  #read(contact) {
    if (contact.unread && document.visibilityState === "visible") this.#messenger.markRead(contact);
  }

  // MARK: Writing

  #send(event) {
    event.preventDefault();
    const text = $("#text").value.trim();
    if (!text || !this.#open || this.#messenger.state !== "online") return;
    clearTimeout(this.#pause);
    this.#isComposing = false;
    $("#text").value = "";
    this.#messenger.say(this.#open, text);
  }

  #typed() {
    clearTimeout(this.#pause);
    if (!$("#text").value) return this.#pauseTyping();
    if (!this.#isComposing) this.#messenger.tellState(this.#open, "composing");
    this.#isComposing = true;
    this.#pause = setTimeout(() => this.#pauseTyping(), TYPING_PAUSE);
  }

  #pauseTyping() {
    clearTimeout(this.#pause);
    if (this.#isComposing && this.#open) this.#messenger.tellState(this.#open, "paused");
    this.#isComposing = false;
  }
}
