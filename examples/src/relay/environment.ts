// Relay for Agora: a store, and a network that renews the token once when it is over.

import { Environment, type FetchFunction, type GraphQLResponse, Network, RecordSource, Store } from "relay-runtime";
import { isTokenRefused, type TopLevelError } from "../errors";
import type { Session } from "../session";

// #region environment
export function createEnvironment(session: Session): Environment {
  const ask = async (query: string | null | undefined, variables: object) => {
    const response = await fetch(session.url, {
      method: "POST",
      credentials: "include",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json", ...session.headers() },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as GraphQLResponse & { errors?: TopLevelError[] };
  };
  const fetchQuery: FetchFunction = async ({ text }, variables) => {
    const answer = await ask(text, variables);
    const again = answer.errors?.some(isTokenRefused) && (await session.refresh());
    return again ? ask(text, variables) : answer;
  };
  return new Environment({ network: Network.create(fetchQuery), store: new Store(new RecordSource()) });
}
// #endregion
