// What the tests share: a page without a browser, requests that are counted, and somebody who is signed in.

import { webcrypto } from "node:crypto";
import { JSDOM } from "jsdom";
import { Session } from "../src/session";

const { window } = new JSDOM("<!doctype html><body></body>", { url: "http://localhost/" });
const { document, navigator, HTMLElement, Node } = window;
const globals = { window, document, navigator, HTMLElement, Node, crypto: webcrypto, IS_REACT_ACT_ENVIRONMENT: true };
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

export const url = `${(process.env.AGORA_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "")}/graphql`;

/** The names of the operations that were sent, in order. */
export const sent: string[] = [];

const plain = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const name = typeof init?.body === "string" ? /(?:query|mutation|subscription) (\w+)/.exec(init.body)?.[1] : undefined;
  if (name) sent.push(name);
  return plain(input, init);
};

/** What was sent while this ran. */
export async function during(run: () => Promise<unknown>): Promise<string[]> {
  const before = sent.length;
  await run();
  return sent.slice(before).sort();
}

/** Somebody of the demo data, signed in by a plain request. */
export async function signIn(login = "amina"): Promise<Session> {
  const session = new Session(url);
  const query = `mutation ($login: String!) {
    login(input: { login: $login, password: "agora-demo-2026" }) { result { ... on Session { accessToken refreshToken } } }
  }`;
  const response = await plain(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables: { login } }),
  });
  const { data } = (await response.json()) as { data: { login: { result: { accessToken: string; refreshToken: string } } } };
  tokens.set(session, data.login.result);
  session.begin(data.login.result);
  return session;
}

const tokens = new WeakMap<Session, { accessToken: string; refreshToken: string }>();

/** Makes the server refuse the access token, as it does when it is over; the refresh token is as good as before. */
export function endAccess(session: Session): void {
  session.begin({ accessToken: "over", refreshToken: tokens.get(session)!.refreshToken });
}

/** Pays at the sandbox, as a person would on its page. */
export async function payAtSandbox(clientSecret: string): Promise<void> {
  const body = new URLSearchParams({ card: "4242424242424242", secret: clientSecret });
  const response = await plain(new URL("/sandbox/pay", url), { method: "POST", body, redirect: "manual" });
  if (response.status >= 400) throw new Error(`the sandbox answers ${response.status}`);
}
