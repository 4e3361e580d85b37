// GraphiQL in a real browser, as somebody who has just started the server sees it: it renders without the internet
// and within the page's Content-Security-Policy, runs a query, signs in, and follows live notifications.
//
// Uses Debian's chromium, or the one CHROMIUM names. SCREENSHOTS, when set, is a folder for pictures of each step.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { assert, assertEqual, base, check, createPost, finish, likePost, register, signIn, within } from "./lib.mjs";

const TIMEOUT = 20_000;

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.log("GraphiQL: skipped: needs chromium");
  process.exit(process.env.CONFORMANCE_REQUIRED === "1" ? 1 : 0);
}

const profile = mkdtempSync(join(tmpdir(), "agora-chromium-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1400, height: 900 },
  timeout: 60_000,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
context.setDefaultTimeout(TIMEOUT);
const page = await context.newPage();

// What must not happen while the page is used.
const troubles = [];
page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
page.on("console", (message) => {
  if (message.type() === "error") troubles.push(`console: ${message.text().slice(0, 300)}`);
});
await page.route(
  (url) => url.protocol.startsWith("http") && !url.href.startsWith(base),
  (route) => {
    troubles.push(`asked another server: ${route.request().url()}`);
    return route.abort();
  },
);
await page.exposeFunction("reportViolation", (violation) => troubles.push(`Content-Security-Policy: ${violation}`));
await page.addInitScript(() =>
  document.addEventListener("securitypolicyviolation", (event) =>
    window.reportViolation(`${event.violatedDirective} ${event.blockedURI.slice(0, 100)}`),
  ),
);

// GraphiQL's editors: CodeMirror keeps itself at its element.
const QUERY = ".graphiql-query-editor .CodeMirror";
const HEADERS = ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror";
const RESULT = ".result-window .CodeMirror";
const write = (editor, text) =>
  page.evaluate(([selector, value]) => document.querySelector(selector).CodeMirror.setValue(value), [editor, text]);
const read = (editor) => page.evaluate((selector) => document.querySelector(selector)?.CodeMirror.getValue() ?? "", editor);
const run = () => page.click(".graphiql-execute-button");

/** Replaces the query; answers once GraphiQL, which waits for a pause in the typing, has read it. */
async function writeQuery(text, ...names) {
  await write(QUERY, text);
  await hasRead(names);
}

async function openTab(name) {
  await page.click(`.graphiql-tab:has-text("${name}") .graphiql-tab-button`);
  await hasRead([name]);
}

const hasRead = (names) =>
  page.waitForFunction(
    ([selector, wanted]) => {
      const { operations, operationName } = document.querySelector(selector).CodeMirror;
      const found = (operations ?? []).map((operation) => operation.name?.value);
      return found.join() === wanted.join() && wanted.includes(operationName);
    },
    [QUERY, names],
  );

/** Waits until the result shows this text; answers the result, parsed. */
async function result(text) {
  try {
    await page.waitForFunction(
      ([selector, wanted]) => document.querySelector(selector)?.CodeMirror.getValue().includes(wanted),
      [RESULT, text],
    );
  } catch {
    throw new Error(`the result never showed ${text}; it is:\n${(await read(RESULT)).slice(0, 800)}`);
  }
  return JSON.parse(await read(RESULT));
}

async function picture(name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
}

const renders = await check("the page renders, with a first query in it", async () => {
  const response = await page.goto(`${base}/`);
  assertEqual(response.status(), 200, "status");
  const policy = response.headers()["content-security-policy"] ?? "";
  assert(/script-src/.test(policy) && !/unsafe-eval/.test(policy), `Content-Security-Policy: ${policy}`);
  await page.waitForSelector(".graphiql-container");
  await page.waitForSelector(QUERY);
  assert((await read(QUERY)).includes("query Posts"), "the first query is missing");
  await picture("1-page");
  return true;
});
if (!renders) {
  for (const trouble of troubles) console.log(`        ${trouble}`);
  await close(); // the rest would only say the same
}

await check("the first query runs", async () => {
  await run();
  const { data, errors } = await result('"posts"');
  assert(!errors && data.posts.nodes.length > 0, "no posts: is the demo data there?");
  assert(data.posts.nodes.every((post) => post.author?.username), "a post without an author");
  await picture("2-posts");
});

await check("the schema arrives: the documentation opens and fields are suggested", async () => {
  await page.click('button[aria-label="Show Documentation Explorer"]');
  await page.waitForSelector(".graphiql-doc-explorer-content >> text=Query");
  await picture("3-documentation");
  await page.click('button[aria-label="Hide Documentation Explorer"]');
  await write(QUERY, "{  }");
  await page.click(QUERY);
  await page.evaluate((selector) => document.querySelector(selector).CodeMirror.setCursor({ line: 0, ch: 2 }), QUERY);
  await page.keyboard.type("post");
  await page.waitForSelector('.CodeMirror-hints >> text="posts"');
  await picture("4-suggestions");
  await page.keyboard.press("Escape");
});

await check("a query of one's own runs, and a mistake is shown", async () => {
  await writeQuery("query Mine { posts(first: 1) { nodes { __typename } } }", "Mine");
  await run();
  assertEqual((await result('"Post"')).data.posts.nodes, [{ __typename: "Post" }], "nodes");
  await writeQuery("query Wrong { noSuchField }", "Wrong");
  await run();
  const { errors } = await result('"errors"');
  assert(errors[0].message, "an error without a message");
});

const token = await check("one can sign in as the demo person", async () => {
  await openTab("SignIn");
  await run();
  const { data } = await result('"accessToken"');
  assertEqual(data.login.errors, [], "errors");
  assertEqual(data.login.result.user.username, "amina", "username");
  await picture("5-signed-in");
  return data.login.result.accessToken;
});

await check("live notifications: first the marker, then what happens", async () => {
  await openTab("Notifications");
  await write(HEADERS, JSON.stringify({ Authorization: `Bearer ${token ?? (await signIn())}` }));
  await run();
  const marker = await result('"LIVE"');
  assertEqual(marker.data.notificationReceived.notification, null, "the marker's notification");
  await likePost(await register(), await createPost(await signIn(), "A loaf to be liked"));
  const { data } = await result('"title"');
  assertEqual(data.notificationReceived.phase, "LIVE", "phase");
  await picture("6-live");
  await run(); // the same button stops it
});

await check("a wrong token is told, with its close code", async () => {
  await write(HEADERS, JSON.stringify({ authorization: "Bearer nonsense" }));
  await run();
  await result("4403");
});

await check("menus and dialogs work within the Content-Security-Policy", async () => {
  await page.click('button[aria-label="Open settings dialog"]');
  await page.waitForSelector("text=Persist headers");
  await picture("7-settings");
  await page.keyboard.press("Escape");
  await page.waitForSelector("text=Persist headers", { state: "detached" });
  await openTab("SignIn");
  await writeQuery("query First { __typename }\nquery Second { second: __typename }", "First", "Second");
  await run();
  await page.click('[role=menuitem]:has-text("Second")');
  await result('"second"');
});

await check("nothing went wrong meanwhile: no script errors, no violations, no foreign requests", async () => {
  // The query with a mistake was answered with 400, as HTTP wants it, which the console reports.
  const real = troubles.filter((trouble) => !/status of 400/.test(trouble));
  assertEqual(real, [], "troubles");
});

await close();

async function close() {
  await within(TIMEOUT, "closing the browser", context.close()).catch(() => {});
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  finish("GraphiQL");
}
