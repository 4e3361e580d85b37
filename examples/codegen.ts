// Types of the operations in `operations`, for Apollo and urql.
//
// Both throw, or are looked at for their error first: so the graph is read with its strict nullability
// (`agora schema --nullability strict > strict.graphql`; docs/contract.md says when to use which).

import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: process.env.AGORA_STRICT_SCHEMA ?? "strict.graphql",
  documents: "operations/*.graphql",
  generates: {
    "src/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        // Each scalar of ours is a text: amounts, times, addresses.
        defaultScalarType: "string",
      },
    },
  },
};
export default config;
