// The stream of notifications, continued after every cut: over server-sent events, or over a WebSocket.

import { print } from "graphql";
import { createClient as createEventClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import { isTokenRefused } from "./errors";
import { NotificationReceivedDocument, type NotificationReceivedSubscription } from "./generated/graphql";
import type { Session } from "./session";

export type NotificationEvent = NotificationReceivedSubscription["notificationReceived"];

const query = print(NotificationReceivedDocument);

// #region events
/** Every notification after the cursor, then each as it happens, without gap or duplicate. Throws when the session ends. */
export async function* overEvents(session: Session, after?: string): AsyncGenerator<NotificationEvent> {
  const variables = { after };
  const client = createEventClient({ url: session.url, headers: () => session.headers(), credentials: "include", retryAttempts: 10 });
  try {
    for (;;) {
      let refused = false;
      // When the connection is cut, the client asks again, with the variables as they are by then.
      for await (const { data, errors } of client.iterate<NotificationReceivedSubscription>({ query, variables })) {
        refused = errors?.some(isTokenRefused) ?? false;
        if (refused) break;
        if (errors || !data) throw new Error(errors?.[0]?.message ?? "an answer without data");
        variables.after = data.notificationReceived.cursor;
        yield data.notificationReceived;
      }
      if (!refused || !(await session.refresh())) return;
    }
  } finally {
    client.dispose();
  }
}
// #endregion

// #region socket
/** The same over a socket; several operations may share it. `webSocketImpl` is for places without `WebSocket`. */
export async function* overSocket(session: Session, after?: string, webSocketImpl?: unknown): AsyncGenerator<NotificationEvent> {
  const variables = { after };
  let refused = false;
  const client = createSocketClient({
    url: session.url.replace(/^http/, "ws"),
    webSocketImpl,
    retryAttempts: 10,
    on: {
      // 4403: the token is over, or the session has ended.
      closed: (event) => (refused = (event as { code?: number }).code === 4403),
    },
    // Asked for at each connection. Cookies go by themselves.
    connectionParams: async () => {
      if (refused && !(await session.refresh())) throw new Error("The session has ended.");
      return session.headers();
    },
  });
  try {
    // When the socket is cut, the client asks again, with the variables as they are by then.
    for await (const { data, errors } of client.iterate<NotificationReceivedSubscription>({ query, variables })) {
      if (errors || !data) throw new Error(errors?.[0]?.message ?? "an answer without data");
      variables.after = data.notificationReceived.cursor;
      yield data.notificationReceived;
    }
  } finally {
    await client.dispose();
  }
}
// #endregion
