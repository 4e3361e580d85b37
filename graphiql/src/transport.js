// The ways to the server: POST for queries and mutations, graphql-transport-ws for subscriptions.

import { createClient } from "graphql-ws";
import { endpoint, post } from "./post.js";
import { authorization } from "./session.js";

const socketEndpoint = new URL(endpoint);
socketEndpoint.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

/**
 * A subscription on a socket of its own, as each tab may act as somebody else. It does not reconnect: whoever tries
 * things out here wants to see why a socket was closed (4403: the token is wrong or has expired).
 */
const subscribe = (operation, headers) => ({
  subscribe(observer) {
    const connectionParams = () => withToken(headers);
    const client = createClient({ url: socketEndpoint.href, retryAttempts: 0, connectionParams });
    const stop = client.subscribe(operation, {
      next: (result) => observer.next(result),
      complete: () => observer.complete(),
      // Shown as a result: an error would be shown with the lines of this file.
      error(error) {
        observer.next({ errors: Array.isArray(error) ? error : [{ message: reason(error) }] });
        observer.complete();
      },
    });
    return {
      unsubscribe() {
        stop();
        client.dispose();
      },
    };
  },
});

/** Why a socket is of no use, by what the client throws: an event of its closing, or an error. */
const reason = ({ code, reason, message }) =>
  typeof code === "number" ? `The socket was closed: ${code} ${reason}`.trim() : message || "The socket could not be opened.";

/** A tab's headers, with the token of who is signed in unless the tab has one of its own. */
async function withToken(headers) {
  // Names of headers are case-insensitive, the keys of connection_init's payload are not: { authorization: "Bearer …" }.
  const own = Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  if ("authorization" in own) return own;
  const token = await authorization();
  return token ? { ...own, authorization: token } : own;
}

const isSubscription = (document, operationName) =>
  (document?.definitions ?? []).some(
    (definition) =>
      definition.kind === "OperationDefinition" &&
      definition.operation === "subscription" &&
      (!operationName || definition.name?.value === operationName),
  );

/** What GraphiQL asks by. */
export const fetcher = async ({ query, variables, operationName }, { headers, documentAST } = {}) => {
  const operation = { query, variables, operationName };
  return isSubscription(documentAST, operationName)
    ? subscribe(operation, headers)
    : post(operation, await withToken(headers));
};
