import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "../src/apollo/client";
import { LoginDocument, MeDocument } from "../src/generated/graphql";
import { Session } from "../src/session";
import { url } from "./setup";

test("a session in cookies: no script sees a token; a `me` that is null is tried once more after a refresh", async () => {
  // What a browser does by itself.
  const jar = new Map<string, string>();
  const plain = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await plain(input, { ...init, headers: { ...(init?.headers as Record<string, string>), cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "" || /max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };

  const session = new Session(url, "cookie");
  const client = createClient(session);
  const viewer = async () => (await client.query({ query: MeDocument, fetchPolicy: "network-only" })).data?.me?.username;
  const input = { login: "amina", password: "agora-demo-2026" };
  const { data } = await client.mutate({ mutation: LoginDocument, variables: { input } });
  const result = data?.login.result;
  assert.ok(result?.__typename === "Session" && result.accessToken === null && result.refreshToken === null);
  assert.equal(await viewer(), "amina");

  // The access token's cookie is gone when the token is over.
  const [access] = [...jar.keys()].filter((name) => name.includes("access"));
  assert.ok(access, [...jar.keys()].join());
  jar.delete(access);
  assert.equal(await viewer(), undefined);
  assert.equal(await session.refresh(), true);
  assert.equal(await viewer(), "amina");
  await session.end();
  assert.equal(await viewer(), undefined);
  globalThis.fetch = plain;
});
