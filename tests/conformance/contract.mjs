// The contract since the last release: `schema.graphql` beside that of the newest tag `v*`. What breaks clients has to be
// named in the section "Unreleased" of CHANGELOG.md, each by its place, such as `Post.likeCount`: see docs/contract.md.
//
// The comparison itself is tried first, on two small schemas.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { diff } from "@graphql-inspector/core";
import { buildSchema, isNonNullType } from "graphql";
import { assertEqual, check, finish } from "./lib.mjs";

const root = new URL("../..", import.meta.url).pathname;

/** What breaks clients between two schemas, as `{ path, message }`. */
async function breaking(before, after) {
  const schema = buildSchema(after);
  const changes = (await diff(buildSchema(before), schema)).filter((change) => {
    // A client that reads the graph with `--nullability strict` has taken this field for non-null.
    if (change.type === "DIRECTIVE_USAGE_FIELD_DEFINITION_REMOVED" && change.path.endsWith(".@semanticNonNull")) {
      const [type, field] = change.path.split(".");
      const definition = schema.getType(type)?.getFields?.()[field];
      return definition !== undefined && !isNonNullType(definition.type);
    }
    return change.criticality.level === "BREAKING";
  });
  return changes.map(({ path, message }) => ({ path: (path ?? "schema").replace(/\.@.*$/, ""), message }));
}

/** The text between the heading "Unreleased" and the next one of its rank. */
function unreleased(changelog) {
  return (changelog.split(/^## \[Unreleased\].*$/m)[1] ?? "").split(/^## /m)[0];
}

/** Those that the changelog does not name in code quotes. */
async function unnamed(before, after, changelog) {
  const text = unreleased(changelog);
  return (await breaking(before, after)).filter(({ path }) => !text.includes(`\`${path}\``));
}

await check("a breaking change that is not named is found, and nothing else", async () => {
  const directive = "directive @semanticNonNull(levels: [Int!]! = [0]) on FIELD_DEFINITION\n";
  const before = `${directive} type Query { gone: Int kept(a: Int): Int loose: Int @semanticNonNull firm: Int @semanticNonNull }
    input In { a: Int } enum Kind { OLD }`;
  const after = `${directive} type Query { kept(a: Int, b: Int!): Int loose: Int firm: Int! new: Int @semanticNonNull }
    input In { a: Int b: Int c: Int! } enum Kind { OLD NEW }`;
  const paths = async (changelog) => (await unnamed(before, after, changelog)).map(({ path }) => path).sort();
  const older = "\n## [0.1.0]\n\n- `Query.gone` is gone.\n";
  const all = ["In.c", "Query.gone", "Query.kept.b", "Query.loose"];
  assertEqual(await paths(`# Changelog\n\n## [Unreleased]\n${older}`), all, "with nothing named");
  const some = "## [Unreleased]\n\n- `Query.gone` is gone, `Query.kept.b` is needed.\n";
  assertEqual(await paths(some + older), ["In.c", "Query.loose"], "with some named");
  const every = `## [Unreleased]\n\n- ${all.map((path) => `\`${path}\``).join(", ")}\n`;
  assertEqual(await paths(every + older), [], "with all named");
  assertEqual(await unnamed(before, before, ""), [], "of what is equal");
});

const release = lastRelease();
if (release === undefined) {
  console.log("contract: nothing has been released yet (no tag v*): there is nothing to compare with");
} else {
  await check(`no breaking change since ${release.tag} that the changelog does not name`, async () => {
    const [after, changelog] = ["schema.graphql", "CHANGELOG.md"].map((file) => readFileSync(`${root}/${file}`, "utf8"));
    const found = await unnamed(release.schema, after, changelog);
    if (found.length !== 0) throw new Error(found.map(({ path, message }) => `\`${path}\`: ${message}`).join("\n"));
  });
}
finish("contract");

/** The newest release among the ancestors, and its schema; undefined when there is none. */
function lastRelease() {
  const git = (...args) => {
    try {
      return execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 64 << 20, stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return undefined;
    }
  };
  const tag = git("describe", "--tags", "--abbrev=0", "--match", "v*")?.trim();
  const schema = tag && git("show", `${tag}:schema.graphql`);
  return schema ? { tag, schema } : undefined;
}
