// Who is signed in. Tokens are in this page's memory and nowhere else: closing or reloading it forgets them.

import query from "./session.graphql";
import { post } from "./post.js";

/** A token that has less left than this is renewed before it is used. */
const MARGIN = 30_000;

let state = { session: null, notice: "Not signed in" };
const listeners = new Set();

export const current = () => state;

export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function become(session, notice) {
  state = { session, notice };
  for (const listener of listeners) listener();
}

/** The server said no, in words for people. */
class Refused extends Error {}

/** Runs one of the operations of session.graphql; answers its payload. */
async function call(operationName, input, headers) {
  const { data, errors } = await post({ query, operationName, variables: input && { input } }, headers);
  const [payload] = Object.values(data ?? {});
  const mistakes = payload?.errors?.length ? payload.errors : errors;
  if (mistakes?.length) throw new Refused(mistakes.map(({ message }) => message).join(" "));
  if (!payload) throw new Error("The server's answer is empty.");
  return payload;
}

function open(session) {
  const setup = session.requiresTwoFactorSetup ? "; first set up a second factor (twoFactorSetup)" : "";
  become(session, `Signed in as @${session.user.username}${setup}`);
}

/** By password; answers the challenge when a second factor is wanted, otherwise nothing. */
export async function signIn(login, password) {
  const { result } = await call("Login", { login, password });
  if (result.__typename === "TwoFactorChallenge") return result;
  open(result);
  return undefined;
}

/** Has a code sent for a challenge, by EMAIL or SMS. */
export const sendCode = (challengeToken, method) => call("SendCode", { challengeToken, method });

/** The second factor. */
export async function verify(challengeToken, method, code) {
  open((await call("Verify", { challengeToken, method, code })).session);
}

export async function signOut() {
  const { session } = state;
  become(null, "Signed out");
  if (session) await call("Logout", undefined, { authorization: `Bearer ${session.accessToken}` });
}

/** What comes of it is of the session it was begun for: whoever has signed out or in meanwhile stays so. */
async function renew(old) {
  try {
    const { session } = await call("Refresh", { refreshToken: old.refreshToken });
    if (state.session === old) open(session);
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // the network's fault: the next call tries again
    if (state.session === old) become(null, "The session has ended: sign in again");
  }
}

let renewal;

/** What to send as `Authorization`; nothing when nobody is signed in. */
export async function authorization() {
  if (state.session && Date.parse(state.session.accessTokenExpiresAt) - Date.now() < MARGIN) {
    renewal ??= renew(state.session).finally(() => (renewal = undefined));
    await renewal;
  }
  return state.session ? `Bearer ${state.session.accessToken}` : undefined;
}
