// The graph by the rules of @graphql-eslint (see schema-rules.mjs): `schema.graphql`, or the file that is given.

import { ESLint } from "eslint";
import graphqlPlugin from "@graphql-eslint/eslint-plugin";
import { excused, rules } from "./schema-rules.mjs";

const root = new URL("../..", import.meta.url).pathname;
const file = process.argv[2] ?? `${root}schema.graphql`;

const eslint = new ESLint({
  cwd: "/",
  overrideConfigFile: true,
  overrideConfig: [
    {
      files: ["**/*.graphql"],
      languageOptions: { parser: graphqlPlugin.parser, parserOptions: { graphQLConfig: { schema: file } } },
      plugins: { "@graphql-eslint": graphqlPlugin },
      rules,
    },
  ],
});
const [{ messages: all }] = await eslint.lintFiles([file]);
const messages = all.filter(({ message }) => !excused.some((hit) => hit.test(message)));
for (const { line, column, ruleId, message } of messages) console.log(`FAILED  ${file}:${line}:${column} ${message} (${ruleId})`);
console.log(`lint: ${Object.keys(rules).length} rules, ${messages.length} hits`);
process.exit(messages.length === 0 ? 0 : 1);
