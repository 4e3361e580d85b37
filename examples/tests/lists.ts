// Lists that are narrowed, in an order, and turned round.

import "./setup";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "../src/apollo/client";
import { PostsFoundDocument } from "../src/generated/graphql";
import { signIn } from "./setup";

test("a list has what is asked for, in its order and turned round", async () => {
  const client = createClient(await signIn());
  const found = async (authorIds: string[] | null, reverse: boolean) => {
    const variables = { where: { authorIds }, sortBy: "MOST_LIKED" as const, reverse, first: 20 };
    const { data } = await client.query({ query: PostsFoundDocument, variables });
    assert.ok(data);
    return data.posts;
  };
  const most = (await found(null, false)).edges.map(({ node }) => node.likeCount);
  const least = (await found(null, true)).edges.map(({ node }) => node.likeCount);
  assert.deepEqual(most, [...most].sort((a, b) => b - a));
  assert.deepEqual(least, [...least].sort((a, b) => a - b));
  const { totalCount, totalCountIsExact } = await found([], false);
  assert.deepEqual([totalCount, totalCountIsExact], [0, true]);
});
