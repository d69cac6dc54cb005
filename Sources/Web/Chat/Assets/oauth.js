// Sign-in by the authorization-code flow with PKCE (RFC 6749, RFC 7636), as a client without a secret.
//
// Tokens live as long as the tab: in its session storage, where a reload finds them and no other tab does.

const TOKENS = "messenger.tokens";
const REQUEST = "messenger.request";

let metadata;

async function endpoints() {
  if (!metadata) {
    const response = await fetch("/.well-known/oauth-authorization-server");
    if (!response.ok) throw new Error("no sign-in");
    metadata = await response.json();
  }
  return metadata;
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const redirect = () => new URL(".", location.href).href;

// Leaves the page; it comes back with a code.
export async function signIn(clientID, scope) {
  const { authorization_endpoint: endpoint } = await endpoints();
  const request = { verifier: random(), state: random() };
  sessionStorage.setItem(REQUEST, JSON.stringify(request));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(request.verifier));
  const address = new URL(endpoint);
  address.search = new URLSearchParams({
    response_type: "code",
    client_id: clientID,
    redirect_uri: redirect(),
    scope,
    state: request.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(address);
}

// Takes the code that the page came back with, if it did. Throws what the server said where it refused.
export async function takeCode(clientID) {
  const answer = new URLSearchParams(location.search);
  const request = JSON.parse(sessionStorage.getItem(REQUEST) ?? "null");
  sessionStorage.removeItem(REQUEST);
  if (!answer.has("state")) return;
  history.replaceState(null, "", redirect());
  if (!request || answer.get("state") !== request.state) return;
  if (answer.has("error")) throw new Error(answer.get("error"));
  await exchange({
    grant_type: "authorization_code",
    client_id: clientID,
    redirect_uri: redirect(),
    code: answer.get("code"),
    code_verifier: request.verifier,
  });
}

async function exchange(parameters) {
  const { token_endpoint: endpoint } = await endpoints();
  const response = await fetch(endpoint, { method: "POST", body: new URLSearchParams(parameters) });
  if (response.status >= 500) throw new Error("server");
  const answer = await response.json();
  if (!response.ok) {
    forget();
    throw new Error(answer.error);
  }
  const expires = Date.now() + (answer.expires_in - 60) * 1000;
  sessionStorage.setItem(TOKENS, JSON.stringify({ access: answer.access_token, refresh: answer.refresh_token, expires }));
}

const tokens = () => JSON.parse(sessionStorage.getItem(TOKENS) ?? "null");

export const isSignedIn = () => tokens() !== null;

// A token that works now. `undefined`: the person has to sign in.
export async function accessToken(clientID, { renew = false } = {}) {
  const held = tokens();
  if (held && (renew || Date.now() > held.expires)) {
    if (!held.refresh) forget();
    else await exchange({ grant_type: "refresh_token", client_id: clientID, refresh_token: held.refresh });
  }
  return tokens()?.access;
}

export function forget() {
  sessionStorage.removeItem(TOKENS);
}

// Tells the server that the tokens are not needed any more.
export async function signOut(clientID) {
  const held = tokens();
  forget();
  const { revocation_endpoint: endpoint } = await endpoints();
  const token = held?.refresh ?? held?.access;
  if (token) await fetch(endpoint, { method: "POST", body: new URLSearchParams({ token, client_id: clientID }) });
}
