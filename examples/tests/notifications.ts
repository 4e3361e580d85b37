import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { createClient } from "../src/apollo/client";
import { PostCreateDocument, PostLikeDocument } from "../src/generated/graphql";
import { type NotificationEvent, overEvents, overSocket } from "../src/notifications";
import type { Session } from "../src/session";
import { endAccess, signIn } from "./setup";

/** What the session's owner is told of. */
async function likeSomethingNew(session: Session, stranger: Session): Promise<void> {
  const [author, reader] = [createClient(session), createClient(stranger)];
  const { data } = await author.mutate({ mutation: PostCreateDocument, variables: { input: { body: "To be liked" } } });
  await reader.mutate({ mutation: PostLikeDocument, variables: { input: { id: data!.postCreate.post!.id } } });
}

/** The next event that tells of a notification. */
async function told(stream: AsyncGenerator<NotificationEvent>): Promise<NotificationEvent> {
  for (;;) {
    const { value, done } = await stream.next();
    assert.ok(!done, "the stream ended");
    if (value.notification) return value;
  }
}

for (const [name, follow] of [
  ["server-sent events", (session: Session, after?: string) => overEvents(session, after)],
  ["a socket", (session: Session, after?: string) => overSocket(session, after, WebSocket)],
] as const) {
  test(`over ${name}: live, then what was missed, also when the token was over meanwhile`, { timeout: 30_000 }, async () => {
    const [session, stranger] = [await signIn(), await signIn("yusuf")];
    let stream = follow(session);
    const { value: marker } = await stream.next();
    assert.equal(marker.phase, "LIVE");
    await likeSomethingNew(session, stranger);
    const seen = await told(stream);
    await stream.return(undefined);

    await likeSomethingNew(session, stranger);
    endAccess(session);
    stream = follow(session, seen.cursor);
    const missed = await told(stream);
    assert.notEqual(missed.notification!.id, seen.notification!.id);
    await stream.return(undefined);
  });
}
