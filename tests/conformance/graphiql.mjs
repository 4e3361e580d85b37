// GraphiQL in a real browser, as somebody who has just started the server sees it: it renders without the internet
// and within the page's Content-Security-Policy, runs queries, signs in (by a second factor, too), follows live
// notifications; on a desk and on a telephone, in light and in dark.
//
// Uses Debian's chromium, or the one CHROMIUM names. SCREENSHOTS is a folder for pictures of it.

import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { assert, assertEqual, base, check, createPost, finish, graphql, likePost, register, signIn, within } from "./lib.mjs";

const TIMEOUT = 20_000;
const DESK = { width: 1280, height: 800 };
const TELEPHONE = { width: 390, height: 844 };
const TABS = ["Welcome", "Accounts", "Posts", "Goals", "Wallet", "Payments", "Notifications", "Admin"];

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.log("GraphiQL: skipped: needs chromium");
  process.exit(process.env.CONFORMANCE_REQUIRED === "1" ? 1 : 0);
}

const profile = mkdtempSync(join(tmpdir(), "agora-chromium-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: DESK,
  colorScheme: "light",
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

/** Presses play; where a tab has several operations, this one. */
async function run(name) {
  await page.click(".graphiql-execute-button");
  if (name) await page.click(`[role=menuitem]:text-is("${name}")`);
}

/** Replaces the query; answers once GraphiQL, which waits for a pause in the typing, has read it. */
async function writeQuery(text, ...names) {
  await write(QUERY, text);
  await hasRead(names);
}

/** Opens one of the first tabs. Its title is the operation that ran last. */
async function openTab(name) {
  await page.locator(".graphiql-tab-button").nth(TABS.indexOf(name)).click();
  await page.waitForFunction(
    ([selector, wanted]) => {
      const { operations } = document.querySelector(selector).CodeMirror;
      return operations?.[0]?.name?.value === wanted;
    },
    [QUERY, name],
  );
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

const says = (text) => page.waitForSelector(`.bar [role=status]:has-text("${text}")`);

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

const pictures = process.env.SCREENSHOTS;
if (pictures) mkdirSync(pictures, { recursive: true });
async function picture(name) {
  const { width } = page.viewportSize();
  if (pictures) await page.screenshot({ path: join(pictures, `${width}-${name}.png`), animations: "disabled" });
}

const renders = await check("the page renders, with a tab of examples for each capability", async () => {
  const response = await page.goto(`${base}/`);
  assertEqual(response.status(), 200, "status");
  const policy = response.headers()["content-security-policy"] ?? "";
  assert(/script-src 'nonce-/.test(policy) && !/unsafe-|https?:/.test(policy), `Content-Security-Policy: ${policy}`);
  await page.waitForSelector(".graphiql-container");
  await page.waitForSelector(QUERY);
  assert((await read(QUERY)).includes("query Welcome"), "the first query is missing");
  assertEqual(await page.locator(".graphiql-tab-button").allTextContents(), TABS, "tabs");
  await picture("light-page");
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
  assert(data.posts.nodes.every((post) => post.author?.displayName), "a post without an author");
  await picture("light-welcome");
});

await check("the schema arrives: the documentation opens and fields are suggested", async () => {
  await page.click('button[aria-label="Show Documentation Explorer"]');
  await page.waitForSelector(".graphiql-doc-explorer-content >> text=Query");
  await picture("light-documentation");
  await page.click('button[aria-label="Hide Documentation Explorer"]');
  await write(QUERY, "{  }");
  await page.click(QUERY);
  await page.evaluate((selector) => document.querySelector(selector).CodeMirror.setCursor({ line: 0, ch: 2 }), QUERY);
  await page.keyboard.type("post");
  await page.waitForSelector('.CodeMirror-hints >> text="posts"');
  await picture("light-suggestions");
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

await check("one signs in by the keyboard alone, and is told what is wrong", async () => {
  await says("Not signed in");
  await page.focus(".bar > button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.type("amina"); // the focus is there
  await page.keyboard.press("Tab");
  await page.keyboard.type("not hers at all");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".sign-in [role=alert]:not(:empty)");
  await picture("light-sign-in");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "detached" });
  await enter("amina", "agora-demo-2026");
  await says("Signed in as @amina");
});

await check("the token is sent with every tab's operations", async () => {
  await openTab("Accounts");
  await run("Accounts");
  assertEqual((await result('"username"')).data.me.username, "amina", "me");
  await picture("light-accounts");
  await openTab("Wallet");
  await run("Wallet");
  const { data } = await result('"balances"');
  assert(data.me.wallet.balances.length > 0, "an empty wallet");
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert(!/Bearer|eyJ/.test(kept), "a token is kept in the browser's storage");
});

await check("a token that is about to end is renewed before it is used", async () => {
  const answer = (name) =>
    page.waitForResponse((response) => response.request().postData()?.includes(`"operationName":"${name}"`));
  await openTab("Accounts");
  const answers = Promise.all([answer("Refresh"), answer("Accounts")]);
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 365 * 86_400_000;
    window.comeBack = () => (Date.now = now);
  });
  await run("Accounts");
  const [, accounts] = await answers;
  await page.evaluate(() => window.comeBack());
  assertEqual((await accounts.json()).data.me.username, "amina", "me");
});

await check("who signs in anew while a token is being renewed stays signed in", async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const isRefresh = (request) => request.postData()?.includes('"operationName":"Refresh"');
  const hold = async (route) => {
    if (isRefresh(route.request())) await held;
    await route.continue();
  };
  await page.route("**/graphql", hold);
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 365 * 86_400_000;
    window.comeBack = () => (Date.now = now);
  });
  await openTab("Accounts");
  const asked = page.waitForRequest(isRefresh);
  await run("Accounts");
  await asked;
  await page.evaluate(() => window.comeBack());
  await page.click('.bar > button:text-is("Sign out")');
  await says("Signed out");
  await enter("amina", "agora-demo-2026");
  await says("Signed in as @amina");
  const answered = page.waitForResponse((response) => response.request().postData()?.includes('"operationName":"Accounts"'));
  release(); // too late: that session is over
  assertEqual((await (await answered).json()).data.me.username, "amina", "me");
  await says("Signed in as @amina");
  await page.unroute("**/graphql", hold);
});

await check("variables come with the examples: a filter, and a post by one key", async () => {
  await openTab("Goals");
  await run("Goals");
  assert((await result('"progressPercent"')).data.goals.nodes.length > 0, "no goals");
  await openTab("Posts");
  await run("PostCreate");
  const { data } = await result('"replayed"');
  assertEqual([data.postCreate.errors, data.postCreate.replayed], [[], false], "errors, replayed");
});

await check("live notifications: first the marker, then what happens", async () => {
  await openTab("Notifications");
  await run("Notifications");
  const marker = await result('"LIVE"');
  assertEqual(marker.data.notificationReceived.notification, null, "the marker's notification");
  await likePost(await register(), await createPost(await signIn(), "A loaf to be liked"));
  const { data } = await result('"title"');
  assertEqual(data.notificationReceived.phase, "LIVE", "phase");
  await picture("light-live");
  await run(); // the same button stops it
});

await check("a tab may send a header of its own; a wrong token is told, with its close code", async () => {
  await page.click('.graphiql-editor-tools button:text-is("Headers")');
  await write(HEADERS, JSON.stringify({ authorization: "Bearer nonsense" }));
  await run("Notifications");
  await result("4403");
  await write(HEADERS, "");
  await page.click('.graphiql-editor-tools button:text-is("Variables")');
});

await check("menus and dialogs work within the Content-Security-Policy", async () => {
  await page.click('button[aria-label="Open settings dialog"]');
  await page.waitForSelector("text=Persist headers");
  await picture("light-settings");
  await page.click('.graphiql-dialog button:text-is("Dark")');
  await page.keyboard.press("Escape");
  await page.waitForSelector("text=Persist headers", { state: "detached" });
  assert((await page.evaluate(darkness)) < 80, "the page does not follow the theme that was chosen");
  await picture("dark-chosen");
  await page.click('button[aria-label="Open settings dialog"]');
  await page.click('.graphiql-dialog button:text-is("System")');
  await page.keyboard.press("Escape");
  await page.waitForSelector("text=Persist headers", { state: "detached" });
});

await check("one signs out, and is nobody again", async () => {
  await page.click('.bar > button:text-is("Sign out")');
  await says("Signed out");
  await openTab("Accounts");
  await run("Accounts");
  assertEqual(await result('"me": null').then(({ data }) => data.me), null, "me");
});

await check("a second factor is asked for", async () => {
  const { username, password, code } = await withSecondFactor();
  await enter(username, password);
  await page.waitForSelector("dialog[open] >> text=Second factor");
  await picture("light-second-factor");
  await page.click('.sign-in label:has-text("Backup code")');
  await page.fill(".sign-in [name=code]", code);
  await page.keyboard.press("Enter");
  await says(`Signed in as @${username}`);
});

for (const scheme of ["light", "dark"]) {
  await check(`on a telephone, ${scheme}: everything is there and fits`, async () => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize(TELEPHONE);
    await page.reload(); // forgets who was signed in
    await says("Not signed in");
    await openTab("Goals");
    await run("Goals");
    await result('"progressPercent"');
    await fits(".bar", ".graphiql-tabs", ".graphiql-query-editor", ".graphiql-execute-button", ".graphiql-response");
    for (const part of [".graphiql-query-editor", ".graphiql-response"]) {
      const { width, height } = await page.locator(part).boundingBox();
      assert(width > 360 && height > 180, `${part} has ${width} × ${height}`);
    }
    const dark = (await page.evaluate(darkness)) < 80;
    assertEqual(dark, scheme === "dark", "the background is dark");
    await picture(`${scheme}-goals`);
    await page.click('button[aria-label="Show Documentation Explorer"]');
    await page.waitForSelector(".graphiql-doc-explorer-content >> text=Query");
    await fits(".graphiql-plugin");
    await picture(`${scheme}-documentation`);
    await page.click('button[aria-label="Hide Documentation Explorer"]');
    await page.click('button[aria-label="Open settings dialog"]');
    await page.waitForSelector("text=Persist headers");
    await fits(".graphiql-dialog");
    await picture(`${scheme}-settings`);
    await page.keyboard.press("Escape");
    await page.waitForSelector("text=Persist headers", { state: "detached" });
    await page.click('.bar > button:text-is("Sign in")');
    await fits(".sign-in", ".sign-in [type=submit]");
    await picture(`${scheme}-sign-in`);
    await page.click('.sign-in button:has-text("demo")');
    await page.keyboard.press("Enter");
    await says("Signed in as @amina");
    await openTab("Wallet");
    await run("Wallet");
    await result('"balances"');
    await picture(`${scheme}-wallet`);
  });
}

await check("on a desk, dark", async () => {
  await page.setViewportSize(DESK);
  await openTab("Posts");
  await run("Posts");
  await result('"likeCount"');
  await fits(".bar", ".graphiql-query-editor", ".graphiql-response", ".graphiql-execute-button");
  await picture("dark-posts");
});

await check("nothing went wrong meanwhile: no script errors, no violations, no foreign requests", async () => {
  // The query with a mistake was answered with 400, as HTTP wants it, which the console reports.
  const real = troubles.filter((trouble) => !/status of 400/.test(trouble));
  assertEqual(real, [], "troubles");
});

if (pictures) console.log(`GraphiQL: pictures are in ${pictures}`);
await close();

/** Signs in by the dialog. */
async function enter(login, password) {
  await page.click('.bar > button:text-is("Sign in")');
  await page.fill(".sign-in [name=login]", login);
  await page.fill(".sign-in [name=password]", password);
  await page.keyboard.press("Enter");
}

/** How light the page's background is, of 255. */
function darkness() {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  const bar = (red + green + blue) / 3;
  canvas.fillStyle = getComputedStyle(document.querySelector(".graphiql-container")).backgroundColor;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
  return Math.abs((r + g + b) / 3 - bar) < 40 ? bar : NaN; // both are of one theme
}

/** Nothing reaches over the sides of the screen. */
async function fits(...parts) {
  const { width, height } = page.viewportSize();
  const [wide, high] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.scrollHeight,
  ]);
  assert(wide <= width && high <= height, `the page is ${wide} × ${high}`);
  for (const part of parts) {
    const box = await page.locator(part).first().boundingBox();
    assert(box, `${part} is not to be seen`);
    const inside = box.x >= -1 && box.y >= -1 && box.x + box.width <= width + 1 && box.y + box.height <= height + 1;
    assert(inside, `${part} lies at ${JSON.stringify(box)}`);
  }
}

/** Somebody new who has an authenticator app: how to sign in, with one of the backup codes. */
async function withSecondFactor() {
  const password = "a second factor for me";
  const username = `careful${Date.now().toString(36)}`;
  const { register: registered } = await graphql(
    `mutation ($input: RegisterInput!) {
      register(input: $input) { result { ... on Session { accessToken } } errors { code } }
    }`,
    { variables: { input: { username, password, email: `${username}@example.org` } } },
  );
  const token = registered.result.accessToken;
  const { twoFactorSetup } = await graphql("mutation { twoFactorSetup { setup { secret } errors { code } } }", { token });
  const { twoFactorEnable } = await graphql(
    "mutation ($input: TwoFactorEnableInput!) { twoFactorEnable(input: $input) { backupCodes errors { code } } }",
    { token, variables: { input: { code: totp(twoFactorSetup.setup.secret) } } },
  );
  assertEqual(twoFactorEnable.errors, [], "errors");
  return { username, password, code: twoFactorEnable.backupCodes[0] };
}

/** The code that an authenticator app shows now (RFC 6238). */
function totp(secret) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(step).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

async function close() {
  await within(TIMEOUT, "closing the browser", context.close()).catch(() => {});
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  finish("GraphiQL");
}
