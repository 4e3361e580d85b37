// What the checks share: where the server is, how to count, how to sign somebody in.

import { randomBytes } from "node:crypto";

/** The server under test, without a slash at its end. */
export const base = (process.env.AGORA_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "");
export const httpUrl = `${base}/graphql`;
export const socketUrl = httpUrl.replace(/^http/, "ws");

/** What an event may take from its cause to a subscriber: it travels through a job. */
export const EVENT_TIMEOUT = 15_000;

let passed = 0;
let failed = 0;

/** One check: counted, never stopping the others. Answers what `run` answers, or undefined when it failed. */
export async function check(name, run) {
  try {
    const result = await within(60_000, name, run());
    passed += 1;
    if (process.env.VERBOSE) console.log(`ok      ${name}`);
    return result;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${String(error?.message ?? error).replaceAll("\n", "\n        ")}`);
    return undefined;
  }
}

/** The closing line and the exit code. Exits even if a socket is still open somewhere. */
export function finish(what) {
  console.log(`${what}: ${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

export function assertEqual(actual, expected, what) {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: expected ${e}, got ${a}`);
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One operation by POST; answers `data`, throws on top-level errors. */
export async function graphql(query, { token, variables } = {}) {
  const response = await fetch(httpUrl, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      "content-type": "application/json",
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${response.status}: ${text.slice(0, 300)}`);
  }
  if (body.errors) throw new Error(`HTTP ${response.status}: ${JSON.stringify(body.errors)}`);
  return body.data;
}

/** A mutation's payload, which must be without errors. */
async function payload(field, query, options) {
  const result = (await graphql(query, options))[field];
  assert(result && result.errors.length === 0, `${field}: ${JSON.stringify(result?.errors ?? result)}`);
  return result;
}

/** The demo person that a development server loads: answers the access token. */
export async function signIn(login = "amina", password = "agora-demo-2026") {
  const { result } = await payload(
    "login",
    `mutation ($login: String!, $password: String!) {
      login(input: { login: $login, password: $password }) {
        result { __typename ... on Session { accessToken } }
        errors { code message }
      }
    }`,
    { variables: { login, password } },
  );
  assertEqual(result.__typename, "Session", "login");
  return result.accessToken;
}

/** Somebody new: answers the access token. */
export async function register() {
  const username = `visitor${randomBytes(5).toString("hex")}`;
  const { result } = await payload(
    "register",
    `mutation ($username: String!, $email: EmailAddress!, $password: String!) {
      register(input: {
        username: $username, email: $email, password: $password, firstName: "Some", lastName: "Visitor"
      }) {
        result { __typename ... on Session { accessToken } }
        errors { code message }
      }
    }`,
    {
      variables: {
        username,
        email: `${username}@example.org`,
        password: `long enough ${randomBytes(8).toString("hex")}`,
      },
    },
  );
  assertEqual(result.__typename, "Session", "register");
  return result.accessToken;
}

/** A new post: answers its id. */
export async function createPost(token, body) {
  const { post } = await payload(
    "postCreate",
    `mutation ($body: String!) { postCreate(input: { body: $body }) { post { id } errors { code message } } }`,
    { token, variables: { body } },
  );
  return post.id;
}

export async function likePost(token, id) {
  const { post } = await payload(
    "postLike",
    `mutation ($id: ID!) { postLike(input: { id: $id }) { post { id likeCount } errors { code message } } }`,
    { token, variables: { id } },
  );
  return post;
}

export async function assertHealthy() {
  const started = Date.now();
  const response = await within(5_000, "/health/ready", fetch(`${base}/health/ready`));
  assert(response.ok, `/health/ready answers ${response.status}`);
  return Date.now() - started;
}

// ---- live updates, by whichever client ------------------------------------------------------------------------------

export const NOTIFICATIONS = `subscription ($after: String) {
  notificationReceived(after: $after) { cursor phase notification { id kind title } }
}`;

/** One operation on a client of graphql-ws or graphql-sse: collects what arrives, and lets one wait for it. */
export function listen(client, query, variables) {
  const events = [];
  let taken = 0;
  let ended; // undefined while it runs, then { error } or {}
  let wake = () => {};
  const end = (error) => {
    ended ??= error === undefined ? {} : { error };
    wake();
  };
  const stop = client.subscribe(
    { query, variables },
    {
      next: (result) => {
        events.push(result);
        wake();
      },
      error: (error) => end(error),
      complete: () => end(),
    },
  );
  const woken = () => new Promise((resolve) => (wake = resolve));
  return {
    events,
    stop,
    /** The next result nobody has taken yet. */
    async next(what) {
      const wait = async () => {
        while (events.length === taken) {
          if (ended) throw new Error(`${what}: the operation ended: ${describe(ended.error)}`);
          await woken();
        }
        return events[taken++];
      };
      return within(EVENT_TIMEOUT, what, wait());
    },
    /** How it ended: { error } or {}. */
    async end(what) {
      const wait = async () => {
        while (!ended) await woken();
        return ended;
      };
      return within(EVENT_TIMEOUT, what, wait());
    },
  };
}

/** The next event of notificationReceived. */
export async function nextEvent(listener, what) {
  const result = await listener.next(what);
  assert(!result.errors, `${what}: ${JSON.stringify(result.errors)}`);
  const event = result.data.notificationReceived;
  assert(typeof event.cursor === "string" && event.cursor !== "", `${what}: no cursor: ${JSON.stringify(event)}`);
  return event;
}

export function describe(error) {
  if (error === undefined) return "complete";
  if (Array.isArray(error)) return JSON.stringify(error); // GraphQL errors
  if (error.code !== undefined && error.reason !== undefined) return `closed ${error.code} ${error.reason}`;
  return String(error.message ?? error);
}
