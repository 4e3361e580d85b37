// The rules by which the graph is linted: those that @graphql-eslint recommends for schemas and for Relay. What differs says why.

import { configs } from "@graphql-eslint/eslint-plugin";

export const rules = {
  ...configs["flat/schema-recommended"].rules,
  ...configs["flat/schema-relay"].rules,

  // Also fields, arguments, values: every word of the graph is described.
  "@graphql-eslint/require-description": [
    "error",
    {
      types: true,
      rootField: true,
      DirectiveDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
      EnumValueDefinition: true,
    },
  ],

  // A list that has an end by itself (a wallet's currencies, the ways to pay, a payload's errors) needs no pages; and
  // connections have `nodes` beside `edges`.
  "@graphql-eslint/relay-edge-types": [
    "error",
    { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
  ],

  // Off: it wants an `id: ID!` in every object. What a client caches by itself has one, and is a `Node`; amounts, payloads,
  // connections, edges and events are values: they have none, and an invented one would fill caches.
  "@graphql-eslint/strict-id-in-types": "off",
};

/** Hits that are none, each with its reason. */
export const excused = [
  // The word is "username"; "name" would be taken for what a person is called.
  /^Field "username" starts with the name of the parent type "User"$/,
  // The SDL's printer leaves out what is said of a directive's arguments; the directive's own description says it.
  /^Description is required for input value "\w+" in directive /,
  // The specification's own, printed whether it is used or not.
  /^Directive `specifiedBy` is unreachable\.$/,
];
