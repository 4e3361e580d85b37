import "./setup";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, words } from "../src/errors";
import { add, format } from "../src/money";
import { once } from "../src/once";

test("money is exact", () => {
  assert.equal(format({ amount: "12.50", currency: "USD" }, "en"), "$12.50");
  assert.equal(format({ amount: "1250", currency: "JPY" }, "en"), "¥1,250");
  assert.deepEqual(add({ amount: "0.10", currency: "USD" }, { amount: "0.20", currency: "USD" }), { amount: "0.30", currency: "USD" });
  assert.deepEqual(add({ amount: "-0.30", currency: "USD" }, { amount: "0.25", currency: "USD" }), { amount: "-0.05", currency: "USD" });
});

test("a limit is told in words of one's own", () => {
  const parameters = { min: 10, max: null };
  const mistake = { message: "Too short.", path: ["input", "password"], retryAfter: null };
  assert.equal(words({ ...mistake, code: "TOO_SHORT", parameters }), "10 characters or more, please.");
  assert.equal(words({ ...mistake, code: "BLANK", parameters: null }), "Too short.");
});

test("a lost answer is asked for again with the same key, a refusal is an answer", async () => {
  const keys: string[] = [];
  const answer = await once(async (key) => {
    keys.push(key);
    if (keys.length === 1) throw new TypeError("fetch failed");
    return "done";
  });
  assert.deepEqual([answer, keys.length, new Set(keys).size], ["done", 2, 1]);
  let calls = 0;
  const refused = once(async () => {
    calls += 1;
    throw new Refused([]);
  });
  await assert.rejects(refused, Refused);
  assert.equal(calls, 1);
});
