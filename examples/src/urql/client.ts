// urql for Agora: a normalized cache, pages that are joined, and a token that is renewed once when it is over.

import { authExchange } from "@urql/exchange-auth";
import { type Cache, cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { Client, fetchExchange } from "urql";
import { isTokenRefused } from "../errors";
import type { Session } from "../session";

// #region client
export function createClient(session: Session): Client {
  return new Client({
    url: session.url,
    fetchOptions: { credentials: "include" },
    preferGetMethod: false,
    exchanges: [
      // Objects with an id are kept once, wherever they are seen; these have none and belong to what they are in.
      cacheExchange({
        keys: { Money: () => null, PaymentNextAction: () => null },
        resolvers: { Query: { posts: relayPagination(), goals: relayPagination() } },
        updates: {
          Mutation: {
            postCreate: (_result, _input, cache) => forget(cache, "posts"),
          },
        },
      }),
      authExchange(async ({ appendHeaders }) => ({
        addAuthToOperation: (operation) => appendHeaders(operation, session.headers()),
        didAuthError: ({ graphQLErrors }) => graphQLErrors.some(isTokenRefused),
        refreshAuth: async () => void (await session.refresh()),
      })),
      fetchExchange,
    ],
  });
}

/** A list has an entry of its own for each of its filters: all of them are asked for anew where they are shown. */
function forget(cache: Cache, fieldName: string): void {
  for (const field of cache.inspectFields("Query")) {
    if (field.fieldName === fieldName) cache.invalidate("Query", field.fieldKey);
  }
}
// #endregion
