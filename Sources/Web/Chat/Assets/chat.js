// Signs the person in, then gives the page to the messenger and its view.

import { Messenger } from "./messenger.js";
import * as oauth from "./oauth.js";
import { View } from "./view.js";

const WEBSOCKET = "urn:xmpp:alt-connections:websocket";

async function json(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

const settings = await json("settings.json");
const clientID = settings.client_id;

function welcome(text) {
  if (text) document.querySelector("#welcome-text").textContent = text;
  document.querySelector("#messenger").hidden = true;
  document.querySelector("#welcome").hidden = false;
}

async function begin() {
  const { links } = await json("/.well-known/host-meta.json");
  const messenger = new Messenger({
    address: links.find((link) => link.rel === WEBSOCKET).href,
    domain: settings.domain,
    // A server that refuses to renew has ended the sign-in; one that can't be reached has not.
    token: (options) =>
      oauth.accessToken(clientID, options).catch((error) => {
        if (oauth.isSignedIn()) throw error;
      }),
  });
  messenger.addEventListener("state", () => {
    if (messenger.state !== "signed-out") return;
    oauth.forget();
    welcome("You are signed out: this app's access has ended.");
  });
  document.querySelector("#sign-out").addEventListener("click", async () => {
    messenger.stop();
    await oauth.signOut(clientID).catch(() => {});
    location.reload();
  });
  new View(messenger);
  await messenger.start();
}

document.querySelector("#sign-in").addEventListener("click", () => {
  oauth.signIn(clientID, settings.scope).catch(() => welcome("Sign-in does not work right now. Try again later."));
});

try {
  await oauth.takeCode(clientID);
} catch (error) {
  welcome(error.message === "access_denied" ? "You did not let the Messenger in." : "Sign-in did not work. Try again.");
}
if (oauth.isSignedIn()) await begin();
else if (document.querySelector("#welcome").hidden) welcome();
