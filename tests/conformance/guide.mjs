// The guide's code is that of the examples, which run: each block of docs/guide follows a comment that names its source, as
// `<!-- examples/src/money.ts#money -->`: a file, a region of it (`#region money`), or an operation of a `.graphql` file.
//
//   node guide.mjs --write    puts the examples' code into the guide

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { assert, check, finish } from "./lib.mjs";

const root = new URL("../../", import.meta.url).pathname;
const guide = `${root}docs/guide/`;
const BLOCK = /(?:^<!-- (\S+) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm;

/** What stands in the examples under this name. */
function code(source) {
  const [file, name] = source.split("#");
  const text = readFileSync(root + file, "utf8");
  if (name === undefined) return text;
  const part = file.endsWith(".graphql")
    ? new RegExp(`^(?:query|mutation|subscription|fragment) ${name}\\b[\\s\\S]*?^}\\n`, "m").exec(text)?.[0]
    : new RegExp(`^(?://|#) #region ${name}\\n([\\s\\S]*?)^(?://|#) #endregion`, "m").exec(text)?.[1];
  assert(part, `${source} is not to be found`);
  return part;
}

for (const file of readdirSync(guide).sort()) {
  const text = readFileSync(guide + file, "utf8");
  if (process.argv.includes("--write")) {
    const filled = text.replace(BLOCK, (block, source, language) =>
      source ? `<!-- ${source} -->\n\`\`\`${language}\n${code(source)}\`\`\`` : block,
    );
    writeFileSync(guide + file, filled);
    continue;
  }
  for (const [block, source, , body] of text.matchAll(BLOCK)) {
    await check(`${file}: ${source ?? block.slice(0, 60)}`, async () => {
      assert(source, "a block of code without a source in the examples");
      assert(code(source) === body, `${source} has changed: node tests/conformance/guide.mjs --write`);
    });
  }
  for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)) {
    await check(`${file}: the link to ${target}`, async () => readFileSync(new URL(target, `file://${guide}`)));
  }
}
if (!process.argv.includes("--write")) finish("guide");
