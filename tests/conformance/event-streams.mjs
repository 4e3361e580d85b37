// Live updates over HTTP: with the graphql-sse client as an application would use it, and with bare requests for what a
// client hides.

import { createClient } from "graphql-sse";
import {
  assert,
  assertEqual,
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
  within,
} from "./lib.mjs";

/** A graphql-sse client, and a way to cut its connections as a network does. It comes again so many times, at once. */
function connect(token, retryAttempts = 0) {
  const open = new Set();
  const client = createClient({
    url: httpUrl,
    retryAttempts,
    retry: async () => {},
    headers: token ? { authorization: `Bearer ${token}` } : {},
    fetchFn: (url, options) => {
      const network = new AbortController();
      options.signal.addEventListener("abort", () => network.abort());
      open.add(network);
      return fetch(url, { ...options, signal: network.signal });
    },
  });
  const cut = () => {
    for (const network of open) network.abort();
    open.clear();
  };
  return { client, cut };
}

const owner = await register();
const visitor = await register();
const posts = [];
for (const body of ["first", "second", "third"]) posts.push(await createPost(owner, `The ${body} loaf`));

await check("a query is one result and complete", async () => {
  const { client } = connect();
  const query = listen(client, "{ posts(first: 2) { nodes { id } } }");
  const result = await query.next("the result");
  assert(!result.errors && result.data.posts.nodes.length === 2, JSON.stringify(result));
  assertEqual(await query.end("the end"), {}, "the query's end");
  client.dispose();
});

await check("a mutation is one result and complete", async () => {
  const { client } = connect(visitor);
  const mutation = listen(client, `mutation { postCreate(input: { body: "Rye" }) { post { id } errors { code } } }`);
  assertEqual((await mutation.next("the result")).data.postCreate.errors, [], "errors");
  assertEqual(await mutation.end("the end"), {}, "the mutation's end");
  client.dispose();
});

for (const [name, document] of [
  ["a document that does not parse", "{ posts(first: 1) {"],
  ["a field that does not exist", "{ noSuchField }"],
  ["a subscription to a field that does not exist", "subscription { noSuchField }"],
  ["a subscription that needs somebody who is signed in", NOTIFICATIONS],
]) {
  await check(`${name} gives a result with errors, and is complete`, async () => {
    const { client } = connect();
    const refused = listen(client, document);
    const { errors } = await refused.next("the errors");
    assert(Array.isArray(errors) && errors[0].message, `expected GraphQL errors, got ${JSON.stringify(errors)}`);
    assertEqual(await refused.end("the end"), {}, "the end");
    client.dispose();
  });
}

await check("a notification arrives live; after a cut the client goes on from its cursor and misses nothing", async () => {
  const { client, cut } = connect(owner, 5);
  const variables = { after: null };
  const live = listen(client, NOTIFICATIONS, variables);
  // The client sends the request anew as it then is.
  const next = async (what) => {
    const event = await nextEvent(live, what);
    variables.after = event.cursor;
    return event;
  };
  const marker = await next("the marker");
  assertEqual([marker.phase, marker.notification], ["LIVE", null], "the first event");
  await likePost(visitor, posts[0]);
  const seen = await next("the live event");
  assertEqual(seen.phase, "LIVE", "phase");
  assert(seen.notification?.id, `no notification: ${JSON.stringify(seen)}`);

  cut();
  await likePost(visitor, posts[1]);
  const missed = [];
  do missed.push(await next("what was missed"));
  while (!missed.some((event) => event.notification));
  await likePost(visitor, posts[2]);
  do missed.push(await next("the live event after it"));
  while (missed.filter((event) => event.notification).length < 2);
  const ids = [seen, ...missed].filter((event) => event.notification).map((event) => event.notification.id);
  assertEqual(new Set(ids).size, 3, "different notifications");
  client.dispose();
});

await check("who completes hears nothing more", async () => {
  const { client } = connect(owner);
  const live = listen(client, NOTIFICATIONS);
  const other = listen(client, NOTIFICATIONS);
  await nextEvent(live, "the marker");
  await nextEvent(other, "the other one's marker");
  live.stop();
  assertEqual(await live.end("the end"), {}, "the end");
  await likePost(await register(), posts[0]);
  await nextEvent(other, "the event that the other one hears of");
  assertEqual(live.events.length, 1, "events in all");
  client.dispose();
});

await check("the end of the session ends its stream", async () => {
  const token = await register();
  const { client } = connect(token);
  const live = listen(client, NOTIFICATIONS);
  await nextEvent(live, "the marker");
  await graphql("mutation { logout { ended } }", { token });
  const last = await live.next("the last word");
  assertEqual(last.errors?.[0].extensions?.code, "UNAUTHENTICATED", "code");
  assertEqual(describe((await live.end("the end")).error), "complete", "the end");
  client.dispose();
});

// ---- bare requests -------------------------------------------------------------------------------------------------

const accept = "text/event-stream";

/** What a stream says until this was said. */
async function readUntil(response, wanted) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let said = "";
  const read = async () => {
    while (!wanted.test(said)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`it ended: ${JSON.stringify(said)}`);
      said += decoder.decode(value, { stream: true });
    }
  };
  await within(EVENT_TIMEOUT, String(wanted), read());
  await reader.cancel();
  return said;
}

await check("a subscription by GET, as curl and EventSource ask for it", async () => {
  const url = `${httpUrl}?query=${encodeURIComponent("subscription { notificationReceived { phase } }")}`;
  const response = await fetch(url, { headers: { accept, authorization: `Bearer ${owner}` } });
  assertEqual(response.status, 200, "status");
  assertEqual(response.headers.get("content-type"), "text/event-stream; charset=utf-8", "content-type");
  assertEqual(response.headers.get("content-encoding"), null, "content-encoding");
  const said = await readUntil(response, /^event: next\ndata: \{.*\}\n\n/m);
  assert(said.includes('{"data":{"notificationReceived":{"phase":"LIVE"}}'), said);
});

await check("a query by GET ends by an event that browsers don't pass over", async () => {
  const response = await fetch(`${httpUrl}?query=%7B__typename%7D`, { headers: { accept } });
  const said = await response.text();
  assert(/^event: next\ndata: \{.*\}\n\nevent: complete\ndata:\n\n$/.test(said), JSON.stringify(said));
});

await check("who accepts neither JSON nor events is told what there is", async () => {
  const response = await fetch(`${httpUrl}?query=%7B__typename%7D`, { headers: { accept: "text/html" } });
  assertEqual(response.status, 406, "status");
  const { errors } = await response.json();
  assert(errors[0].message.includes(accept), errors[0].message);
});

finish("event streams");
