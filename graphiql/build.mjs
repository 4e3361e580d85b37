// Builds the files of GraphiQL's page that are part of the program, so that `cargo build` needs no node:
//
//   npm ci --ignore-scripts && node build.mjs    writes dist/
//   node build.mjs --check                       fails when dist/ is not what the sources build
//
// They are kept compressed, as they are sent. Compared is what is in them: other versions of zlib pack otherwise.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

/** Under which licences something may be part of the page, see deny.toml. */
const LICENCES = ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"];

/** GraphiQL's style carries its fonts, seven times as large as the rest: the system's do, and know Arabic. */
const withoutFonts = {
  name: "without-fonts",
  setup: ({ onLoad }) =>
    onLoad({ filter: /graphiql[\\/]dist[\\/]style\.css$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    })),
};

const { outputFiles, metafile } = await build({
  absWorkingDir: here,
  entryPoints: { graphiql: "src/main.jsx" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  jsx: "automatic",
  loader: { ".graphql": "text" },
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "none", // they are in licences.txt
  plugins: [withoutFonts],
  metafile: true,
  write: false,
  logLevel: "warning",
});

const files = new Map(outputFiles.map(({ path, contents }) => [path.split(/[\\/]/).pop(), Buffer.from(contents)]));
files.set("licences.txt", Buffer.from(licences(Object.keys(metafile.inputs))));

let stale = 0;
mkdirSync(join(here, "dist"), { recursive: true });
for (const [name, contents] of files) {
  const path = join(here, "dist", `${name}.gz`);
  const is = existsSync(path) && gunzipSync(readFileSync(path)).equals(contents);
  if (process.argv.includes("--check")) {
    if (!is) console.log(`graphiql/dist/${name}.gz is not what its sources build: run graphiql/build.mjs`);
    stale += is ? 0 : 1;
  } else {
    const packed = is ? readFileSync(path) : gzipSync(contents, { level: 9 });
    writeFileSync(path, packed);
    console.log(`${name}: ${contents.length} bytes, ${packed.length} compressed`);
  }
}
process.exit(stale === 0 ? 0 : 1);

/** The names, versions and licences of the packages that these files are of. */
function licences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) folders.add(found[1]);
  }
  const parts = [...folders].map((folder) => {
    const { name, version, license, author } = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
    if (!LICENCES.includes(license)) throw new Error(`${name}@${version} is under ${license}`);
    const file = readdirSync(join(here, folder)).find((file) => /^licen[cs]e(\.|$)/i.test(file));
    // Some packages of a repository leave the text to their neighbours.
    const by = typeof author === "string" ? author : author?.name;
    const text = file
      ? readFileSync(join(here, folder, file), "utf8").replaceAll("\r\n", "\n").trim()
      : `${license}${by ? `, by ${by}` : ""}; the package carries no text of its own.`;
    return { name: `${name} ${version}`, text };
  });
  const compare = (a, b) => (a.name < b.name ? -1 : 1);
  const rule = "-".repeat(80);
  return [
    "GraphiQL's page, served by Agora, contains the following packages.",
    ...parts.sort(compare).map(({ name, text }) => `${rule}\n${name}\n\n${text}`),
  ].join("\n\n").concat("\n");
}
