// What goes wrong, in the two ways the graph says it: mistakes that people can mend, and everything else.

import type { MistakeFragment } from "./generated/graphql";

/** A top-level error of an answer, as every client hands it on. */
export type TopLevelError = { message: string; extensions?: Record<string, unknown> | undefined };

// #region accepted
/** The server refused, and changed nothing: say why beside the fields of the form. */
export class Refused extends Error {
  constructor(readonly mistakes: readonly MistakeFragment[]) {
    super(mistakes.map(({ message }) => message).join(" ") || "Nothing was answered.");
  }
}

/** A mutation's payload without mistakes; throws what a form shows. */
export function accepted<Payload extends { errors: readonly MistakeFragment[] }>(payload: Payload | null | undefined): Payload {
  if (!payload || payload.errors.length > 0) throw new Refused(payload?.errors ?? []);
  return payload;
}
// #endregion

// #region words
/** Your own words for the codes that you know; the server's, in the language of the request, for all others. */
export function words({ code, message, retryAfter, parameters }: MistakeFragment): string {
  switch (code) {
    case "INVALID_CREDENTIALS":
      return "This name and password don't go together.";
    case "INSUFFICIENT_FUNDS":
      return "There is not enough in your wallet.";
    case "TOO_SHORT":
      return parameters?.min ? `${parameters.min} characters or more, please.` : message;
    default:
      // A new code may come at any time: it is a general refusal.
      return retryAfter ? `${message} (${retryAfter} s)` : message;
  }
}

/** The mistakes of one field: `mistakesOf(refused, "body")` for `["input", "body"]`. */
export function mistakesOf({ mistakes }: Refused, field: string): readonly MistakeFragment[] {
  return mistakes.filter(({ path }) => path.at(-1) === field);
}
// #endregion

// #region refused
/** The access token is over, or was never good: refresh once, and ask again. */
export function isTokenRefused({ extensions }: TopLevelError): boolean {
  return extensions?.code === "UNAUTHENTICATED" && extensions.tokenRefused === true;
}

/** Nobody is signed in who may ask this: show the sign-in. */
export function needsSignIn({ extensions }: TopLevelError): boolean {
  return extensions?.code === "UNAUTHENTICATED";
}
// #endregion
