// Live updates over graphql-transport-ws: with the graphql-ws client as an application would use it, and with bare
// sockets for what a well-behaved client never does.
//
// AGORA_PID, when set, is the server's process on this machine: its memory is looked at.

import { readFileSync } from "node:fs";
import http from "node:http";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import {
  assert,
  assertEqual,
  assertHealthy,
  base,
  check,
  createPost,
  describe,
  EVENT_TIMEOUT,
  finish,
  graphql,
  httpUrl,
  likePost,
  listen,
  nextEvent,
  NOTIFICATIONS,
  register,
  signIn,
  sleep,
  socketUrl,
  within,
} from "./lib.mjs";

const PROTOCOL = "graphql-transport-ws";
const MAX_SUBSCRIPTIONS = 50;
const MAX_MESSAGE = 64 * 1024;

// ---- a client as applications use it -------------------------------------------------------------------------------

/** A graphql-ws client that does not reconnect, and a way to cut its socket as a network does. */
function connect(token) {
  let socket;
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: token ? { authorization: `Bearer ${token}` } : undefined,
    on: { connected: (connected) => (socket = connected) },
  });
  return { client, cut: () => socket.terminate() };
}

const amina = await signIn();
const visitor = await register();
const posts = [];
for (const body of ["first", "second", "third"]) posts.push(await createPost(amina, `The ${body} loaf`));

// The demo data's own notifications may still be on their way: wait until none comes any more.
await (async () => {
  const { client } = connect(amina);
  const live = listen(client, NOTIFICATIONS);
  await nextEvent(live, "the first event");
  for (let seen = -1; seen !== live.events.length; await sleep(1_500)) seen = live.events.length;
  await client.dispose();
})();

await check("a query over the socket", async () => {
  const { client } = connect();
  const query = listen(client, "{ posts(first: 2) { nodes { id } } }");
  const result = await query.next("the result");
  assert(!result.errors && result.data.posts.nodes.length === 2, JSON.stringify(result));
  assertEqual(await query.end("the end"), {}, "the query's end");
  await client.dispose();
});

await check("two operations on one socket don't disturb each other", async () => {
  const { client } = connect(amina);
  const live = listen(client, NOTIFICATIONS);
  assertEqual((await nextEvent(live, "the marker")).phase, "LIVE", "phase");
  const query = listen(client, "{ __typename }");
  assertEqual((await query.next("the query's result")).data, { __typename: "Query" }, "data");
  assertEqual(live.events.length, 1, "events of the subscription");
  await client.dispose();
});

for (const [name, document] of [
  ["a document that does not parse", "{ posts(first: 1) {"],
  ["a field that does not exist", "{ noSuchField }"],
  ["a subscription to a field that does not exist", "subscription { noSuchField }"],
]) {
  await check(`${name} gives an error message and leaves the socket open`, async () => {
    const { client } = connect(amina);
    const live = listen(client, NOTIFICATIONS); // keeps the socket open
    await nextEvent(live, "the marker");
    const { error } = await listen(client, document).end("the error");
    assert(Array.isArray(error) && error[0].message, `expected GraphQL errors, got ${describe(error)}`);
    assertEqual((await listen(client, "{ __typename }").next("a query after it")).data, { __typename: "Query" }, "data");
    await client.dispose();
  });
}

await check("mutations are not taken over the socket", async () => {
  const { client } = connect(visitor);
  const post = await createPost(await register(), "Somebody else's loaf"); // whose notifications nobody listens to
  const mutation = listen(client, `mutation { postLike(input: { id: "${post}" }) { post { likeCount } } }`);
  const { error } = await mutation.end("the answer");
  const errors = error ?? mutation.events[0]?.errors;
  assert(Array.isArray(errors) && errors.length > 0, `expected errors, got ${JSON.stringify(mutation.events)}`);
  const found = await graphql(`{ node(id: "${post}") { ... on Post { likeCount } } }`, { token: visitor });
  assertEqual(found.node.likeCount, 0, "likes");
  await client.dispose();
});

await check("notifications need somebody who is signed in", async () => {
  const { client } = connect();
  const anonymous = listen(client, NOTIFICATIONS);
  const { error } = await anonymous.end("the answer");
  const errors = error ?? anonymous.events[0]?.errors;
  assert(Array.isArray(errors), `expected GraphQL errors, got ${describe(error)}`);
  assertEqual(errors[0].extensions?.code, "UNAUTHENTICATED", "code");
  await client.dispose();
});

await check("a notification arrives live; after a cut, exactly the missed one is replayed, then it is live again", async () => {
  const first = connect(amina);
  let live = listen(first.client, NOTIFICATIONS);
  const marker = await nextEvent(live, "the marker");
  assertEqual([marker.phase, marker.notification], ["LIVE", null], "the first event");

  await likePost(visitor, posts[0]);
  const seen = await nextEvent(live, "the live event");
  assertEqual(seen.phase, "LIVE", "phase");
  assert(seen.notification?.id, `no notification: ${JSON.stringify(seen)}`);
  assert(seen.cursor !== marker.cursor, "the cursor did not move");

  first.cut();
  await live.end("the cut");
  await likePost(visitor, posts[1]);
  // A job tells of it, a moment later.
  const newest = async () => (await graphql("{ me { notifications(first: 1) { nodes { id } } } }", { token: amina })).me.notifications.nodes[0];
  const told = async () => {
    while ((await newest()).id === seen.notification.id) await sleep(50);
  };
  await within(EVENT_TIMEOUT, "the notification", told());

  const second = connect(amina);
  live = listen(second.client, NOTIFICATIONS, { after: seen.cursor });
  const missed = await nextEvent(live, "the replayed event");
  assertEqual(missed.phase, "REPLAY", "phase");
  assert(missed.notification && missed.notification.id !== seen.notification.id, "the replay repeats what was seen");

  await likePost(visitor, posts[2]);
  let next = await nextEvent(live, "the event after the replay");
  // A marker may say that the replay is over.
  if (next.phase === "LIVE" && next.notification === null) next = await nextEvent(live, "the second live event");
  assertEqual(next.phase, "LIVE", "phase after the replay");
  const ids = [seen, missed, next].map((event) => event.notification.id);
  assertEqual(new Set(ids).size, 3, "different notifications");

  // From the very first cursor, all three are replayed, in order and once each.
  const third = connect(amina);
  const again = listen(third.client, NOTIFICATIONS, { after: marker.cursor });
  for (const id of ids) {
    const event = await nextEvent(again, "a replayed event");
    assertEqual([event.phase, event.notification?.id], ["REPLAY", id], "replayed");
  }
  await second.client.dispose();
  await third.client.dispose();
});

await check("a cursor that is none is refused", async () => {
  const { client } = connect(amina);
  const wrong = listen(client, NOTIFICATIONS, { after: "not a cursor" });
  const { error } = await wrong.end("the answer");
  assert(Array.isArray(error ?? wrong.events[0]?.errors), `expected GraphQL errors, got ${describe(error)}`);
  await client.dispose();
});

await check("after complete nothing more arrives, and the id can be used again", async () => {
  const socket = await ready(amina);
  socket.message({ id: "a", type: "subscribe", payload: { query: NOTIFICATIONS } });
  await socket.received((message) => message.type === "next" && message.id === "a");
  socket.message({ id: "a", type: "complete" });
  await sleep(200);
  const before = socket.messages.length;
  await likePost(await register(), posts[0]);
  await sleep(2_500);
  assertEqual(socket.messages.slice(before), [], "messages after complete");
  socket.message({ id: "a", type: "subscribe", payload: { query: "{ __typename }" } });
  await socket.received((message) => message.type === "complete" && message.id === "a");
  socket.terminate();
});

// ---- bare sockets --------------------------------------------------------------------------------------------------

/** A socket that keeps what it received; `closed` is a promise of the close code. */
function open({ protocol = PROTOCOL, origin } = {}) {
  const socket = new WebSocket(socketUrl, protocol ?? [], origin ? { origin } : {});
  let wake = () => {};
  socket.messages = [];
  socket.on("message", (data) => {
    socket.messages.push(JSON.parse(data));
    wake();
  });
  socket.on("error", () => {}); // a "close" follows
  socket.closed = new Promise((resolve) => socket.on("close", (code) => resolve(code)));
  socket.opened = new Promise((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
    socket.on("unexpected-response", (_, response) => {
      reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
      socket.terminate();
    });
  });
  socket.opened.catch(() => {});
  socket.message = (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message));
  socket.received = (wanted) =>
    within(
      EVENT_TIMEOUT,
      "a message",
      (async () => {
        for (let from = 0; ; ) {
          for (; from < socket.messages.length; from += 1) {
            if (wanted(socket.messages[from])) return socket.messages[from];
          }
          await new Promise((resolve) => (wake = resolve));
        }
      })(),
    );
  return socket;
}

/** A socket after connection_ack. */
async function ready(token) {
  const socket = open();
  await within(EVENT_TIMEOUT, "the handshake", socket.opened);
  socket.message({ type: "connection_init", payload: token ? { authorization: `Bearer ${token}` } : undefined });
  await socket.received((message) => message.type === "connection_ack");
  return socket;
}

const subscribe = (id, query = NOTIFICATIONS) => ({ id, type: "subscribe", payload: { query } });

async function closesWith(expected, socket) {
  const code = await within(EVENT_TIMEOUT, `the close code ${expected}`, socket.closed);
  const codes = [expected].flat();
  assert(codes.includes(code), `expected close code ${codes.join(" or ")}, got ${code}`);
}

/** The same, for a socket that the server shall close because of these messages before connection_init. */
const closedUninitialised = (code, ...messages) => async () => {
  const socket = open();
  await socket.opened;
  for (const message of messages) socket.message(message);
  await closesWith(code, socket);
};

/** The same, after connection_ack. */
const closedReady = (code, ...messages) => async () => {
  const socket = await ready(amina);
  for (const message of messages) socket.message(message);
  await closesWith(code, socket);
};

const payload = { query: "{ __typename }" };
await check("4400 for what is not JSON", closedReady(4400, "hello"));
await check("4400 for what is not JSON, before connection_init", closedUninitialised(4400, "hello"));
await check("4400 for JSON that is no message", closedReady(4400, "[1]"));
await check("4400 for a message of an unknown type", closedReady(4400, { type: "start", id: "1", payload }));
await check("4400 for subscribe without an id", closedReady(4400, { type: "subscribe", payload }));
await check("4400 for subscribe without a query", closedReady(4400, { type: "subscribe", id: "1", payload: {} }));
await check("4401 for subscribe before connection_init", closedUninitialised(4401, subscribe("1")));
await check("4408 without connection_init", closedUninitialised(4408));
await check("4409 for an id that is in use", closedReady(4409, subscribe("1"), subscribe("1")));
await check("4429 for a second connection_init", closedReady(4429, { type: "connection_init" }));

for (const authorization of ["Bearer not-a-token", "Basic YW1pbmE6YQ==", `Bearer ${tampered(amina)}`]) {
  await check(`4403 for the authorization ${authorization.slice(0, 18)}`, async () => {
    const socket = open();
    await socket.opened;
    socket.message({ type: "connection_init", payload: { authorization } });
    await closesWith(4403, socket);
    assertEqual(socket.messages.length, 0, "messages before the close");
  });
}

function tampered(token) {
  const middle = Math.floor(token.length / 2);
  return token.slice(0, middle) + (token[middle] === "A" ? "B" : "A") + token.slice(middle + 1);
}

await check("4406 without a subprotocol", async () => {
  const socket = open({ protocol: null });
  await socket.opened;
  await closesWith(4406, socket);
});

await check("4406 for the old subprotocol graphql-ws", async () => {
  // Clients give up when their subprotocol is not taken, so this one reads the close frame itself.
  const code = await within(EVENT_TIMEOUT, "a close frame", closeCodeForProtocol("graphql-ws"));
  assertEqual(code, 4406, "close code");
});

function closeCodeForProtocol(protocol) {
  return new Promise((resolve, reject) => {
    const request = http.get(httpUrl, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol": protocol,
      },
    });
    request.on("error", reject);
    request.on("response", (response) => reject(new Error(`HTTP ${response.statusCode} instead of an upgrade`)));
    request.on("upgrade", (response, socket, head) => {
      const read = (bytes) => {
        if (bytes.length < 4) return;
        // 0x88: the last frame of a close message; then its length, then the code.
        if (bytes[0] === 0x88) resolve(bytes.readUInt16BE(2));
        else reject(new Error(`expected a close frame, got ${bytes.subarray(0, 8).toString("hex")}`));
        socket.destroy();
      };
      let bytes = head;
      read(bytes);
      socket.on("data", (more) => read((bytes = Buffer.concat([bytes, more]))));
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the connection ended without a close frame")));
    });
  });
}

await check("a foreign origin is refused with HTTP 403", async () => {
  for (const origin of ["https://evil.example", "null"]) {
    const socket = open({ origin });
    const outcome = await socket.opened.then(() => "opened", (error) => error.status ?? error.message);
    assertEqual(outcome, 403, `upgrade with the origin ${origin}`);
  }
});

await check("the server's own origin is welcome", async () => {
  const socket = open({ origin: base });
  await socket.opened;
  socket.message({ type: "connection_init" });
  await socket.received((message) => message.type === "connection_ack");
  socket.terminate();
});

await check("ping is answered by pong, before and after connection_init", async () => {
  const socket = open();
  await socket.opened;
  socket.message({ type: "ping" });
  await socket.received((message) => message.type === "pong");
  socket.message({ type: "connection_init" });
  await socket.received((message) => message.type === "connection_ack");
  const before = socket.messages.length;
  socket.message({ type: "ping" });
  await socket.received((message) => message.type === "pong" && socket.messages.length > before);
  socket.terminate();
});

// ---- bounds --------------------------------------------------------------------------------------------------------

await check("a message just below 64 KiB is read", async () => {
  const socket = await ready();
  const message = { id: "1", type: "subscribe", payload: { query: "{ __typename }", extensions: { filler: "" } } };
  message.payload.extensions.filler = "x".repeat(MAX_MESSAGE - 1024 - JSON.stringify(message).length);
  socket.message(message);
  await socket.received((answer) => answer.id === "1" && answer.type === "next");
  socket.terminate();
});

for (const size of [MAX_MESSAGE + 1024, 16 * MAX_MESSAGE]) {
  await check(`a message of ${size / 1024} KiB closes the socket`, async () => {
    const socket = await ready();
    socket.message({ ...subscribe("1", "{ __typename }"), filler: "x".repeat(size) });
    await closesWith([1009, 4400], socket); // 1009: message too big, of the WebSocket protocol itself
    assert(!socket.messages.some((message) => message.id === "1"), "the message was answered");
    await assertHealthy();
  });
}

await check(`${MAX_SUBSCRIPTIONS} subscriptions on a socket, one more gives 4429`, async () => {
  const socket = await ready(amina);
  for (let n = 1; n <= MAX_SUBSCRIPTIONS; n += 1) {
    socket.message(subscribe(String(n)));
    await socket.received((message) => message.id === String(n) && message.type === "next");
  }
  assertEqual(socket.readyState, WebSocket.OPEN, "the socket's state");
  socket.message(subscribe("one too many"));
  await closesWith(4429, socket);
  await assertHealthy();
});

await check("2,000 queries at once are each answered, or the socket is closed with 4429", async () => {
  const count = 2_000;
  const socket = await ready();
  for (let n = 0; n < count; n += 1) socket.message(subscribe(`q${n}`, "{ __typename }"));
  const finished = () => socket.messages.filter((m) => m.type === "complete" || m.type === "error").length;
  const answered = (async () => {
    while (finished() < count) await sleep(50);
    return "answered";
  })();
  const outcome = await Promise.race([answered, socket.closed]);
  assert(outcome === "answered" || outcome === 4429, `closed with ${outcome} after ${finished()} answers`);
  socket.terminate();
  await assertHealthy();
});

await check("20,000 pings don't keep the server from others", async () => {
  const socket = await ready();
  for (let n = 0; n < 20_000; n += 1) socket.message({ type: "ping" });
  await assertHealthy();
  socket.terminate();
});

await check("100 sockets that never say a word are closed with 4408", async () => {
  const sockets = Array.from({ length: 100 }, () => open());
  await Promise.all(sockets.map((socket) => within(EVENT_TIMEOUT, "the handshake", socket.opened)));
  await assertHealthy();
  await Promise.all(sockets.map((socket) => closesWith(4408, socket)));
});

await check("a client that asks much and reads nothing costs little memory", async () => {
  const socket = await ready();
  const before = residentMebibytes();
  socket.pause();
  const large = "{ __schema { types { name description fields { name description type { name } } } } }";
  for (let n = 0; n < 5_000; n += 1) socket.message(subscribe(`q${n}`, large));
  await sleep(5_000);
  await assertHealthy();
  const grown = residentMebibytes() - before;
  socket.terminate();
  assert(!(grown > 192), `the server grew by ${grown.toFixed()} MiB`);
});

/** What the server's process occupies; NaN when that cannot be seen. */
function residentMebibytes() {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process.env.AGORA_PID}/status`, "utf8"))[1]) / 1024;
  } catch {
    return NaN;
  }
}

await check("after all that, live events still arrive", async () => {
  const { client } = connect(amina);
  const live = listen(client, NOTIFICATIONS);
  await nextEvent(live, "the marker");
  await likePost(await register(), posts[1]);
  assertEqual((await nextEvent(live, "the live event")).phase, "LIVE", "phase");
  await client.dispose();
});

finish("subscriptions");
