// The GraphQL over HTTP specification, judged by graphql-http's audits. All of them must hold: what the
// specification only recommends (SHOULD) or allows (MAY) as well.

import { serverAudits } from "graphql-http";
import { assert, assertEqual, check, finish, httpUrl } from "./lib.mjs";

const EXPECTED = 61;

const audits = serverAudits({ url: httpUrl, fetchFn: fetch });
for (const audit of audits) {
  await check(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    assert(result.status === "ok", `${result.status}: ${result.reason}\n${await describe(result.response)}`);
  });
}
if (audits.length !== EXPECTED) {
  await check("the number of audits", async () => assertEqual(audits.length, EXPECTED, "audits"));
}
finish("GraphQL over HTTP");

async function describe(response) {
  if (!response) return "no response";
  const body = response.bodyUsed ? "(already read)" : await response.text().catch((error) => String(error));
  return `HTTP ${response.status}, ${response.headers.get("content-type")}: ${body.slice(0, 300)}`;
}
