import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchQuery } from "relay-runtime";
import { createEnvironment } from "../src/relay/environment";
import FeedPage, { type FeedPageQuery } from "../src/relay/generated/FeedPageQuery.graphql";
import WalletPage, { type WalletPageQuery } from "../src/relay/generated/WalletPageQuery.graphql";
import WalletRefetch, { type WalletRefetchQuery } from "../src/relay/generated/WalletRefetchQuery.graphql";
import { during, endAccess, signIn } from "./setup";

test("Relay: the feed is kept as a connection, the wallet is fetched anew by its id, the token is renewed", async () => {
  const session = await signIn();
  endAccess(session);
  const environment = createEnvironment(session);
  const asked = await during(async () => {
    await fetchQuery<FeedPageQuery>(environment, FeedPage, {}).toPromise();
    await fetchQuery<WalletPageQuery>(environment, WalletPage, {}).toPromise();
  });
  assert.equal(asked.filter((operation) => operation === "TokenRefresh").length, 1, asked.join());
  const records = Object.values(environment.getStore().getSource().toJSON());
  assert.ok(records.some((record) => record?.__typename === "PostConnection"));
  const wallet = records.find((record) => record?.__typename === "Wallet");
  assert.ok(wallet);
  const id = wallet.__id as string;
  await fetchQuery<WalletRefetchQuery>(environment, WalletRefetch, { id }).toPromise();
});
