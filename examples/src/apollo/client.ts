// Apollo Client for Agora: a normalized cache, pages that are joined, and a token that is renewed once when it is over.

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { relayStylePagination } from "@apollo/client/utilities";
import { from, switchMap, throwError } from "rxjs";
import { isTokenRefused } from "../errors";
import type { Session } from "../session";

// #region client
export function createClient(session: Session): ApolloClient {
  const authorize = new SetContextLink(({ headers }) => ({ headers: { ...headers, ...session.headers() } }));
  const refresh = new ErrorLink(({ error, operation, forward }) => {
    if (!CombinedGraphQLErrors.is(error) || !error.errors.some(isTokenRefused)) return;
    return from(session.refresh()).pipe(switchMap((renewed) => (renewed ? forward(operation) : throwError(() => error))));
  });
  const http = new HttpLink({ uri: session.url, credentials: "include" });
  return new ApolloClient({
    link: ApolloLink.from([refresh, authorize, http]),
    // Objects with an id are kept once, wherever they are seen; lists by their filters.
    cache: new InMemoryCache({
      typePolicies: {
        Query: {
          fields: {
            posts: relayStylePagination(["where", "sortBy", "reverse"]),
            goals: relayStylePagination(["where", "sortBy", "reverse"]),
          },
        },
      },
    }),
  });
}
// #endregion
