// The rules by which the graph is linted: those that @graphql-eslint recommends for schemas and for Relay. Each that is off says why.

import { configs } from "@graphql-eslint/eslint-plugin";

export default {
  ...configs["flat/schema-recommended"].rules,
  ...configs["flat/schema-relay"].rules,
};
