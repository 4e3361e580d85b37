// What happened to the viewer, as it happens: a hook that needs no client library beside React.

import { useEffect, useState } from "react";
import { type NotificationEvent, overEvents } from "./notifications";
import type { Session } from "./session";

// #region hook
type Notification = NonNullable<NotificationEvent["notification"]>;

/**
 * The newest first. `streamCursor` comes with the list that is shown already (`me { notifications { streamCursor } }`): list and stream
 * join without a gap. `onReset` fetches the list anew.
 */
export function useNotifications(session: Session, streamCursor: string, onReset: () => void): Notification[] {
  const [notifications, setNotifications] = useState<Notification[]>([]);
  useEffect(() => {
    const stream = overEvents(session, streamCursor);
    const follow = async () => {
      for await (const { phase, notification, goneId } of stream) {
        if (phase === "RESET") onReset();
        if (notification) setNotifications((known) => [notification, ...known.filter(({ id }) => id !== notification.id)]);
        if (goneId) setNotifications((known) => known.filter(({ id }) => id !== goneId));
      }
    };
    follow().catch((error: unknown) => console.error(error));
    return () => void stream.return(undefined);
  }, [session, streamCursor]);
  return notifications;
}
// #endregion
