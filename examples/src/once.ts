// Calls that may be repeated and are done once.

import { Refused } from "./errors";

// #region once
/**
 * Calls with a key of its own until there is an answer: a call whose answer was lost is repeated with the same key, and what the
 * server did already is answered again (`replayed: true`) and not done twice. A refusal is an answer.
 */
export async function once<T>(call: (idempotencyKey: string) => Promise<T>, tries = 3): Promise<T> {
  const key = crypto.randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(key);
    } catch (error) {
      if (error instanceof Refused || attempt === tries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 250));
    }
  }
}
// #endregion
