// Who is signed in on this page: what each request carries, and how it is renewed. No client library is needed for it.

import { type DocumentNode, print } from "graphql";
import { LogoutDocument, TokenRefreshDocument, type LogoutMutation, type TokenRefreshMutation } from "./generated/graphql";

// #region session
export type Tokens = { accessToken: string; refreshToken: string };

/** Tokens in the page's memory (`bearer`), or in cookies that no script can read (`cookie`). */
export class Session {
  #tokens: Tokens | null = null;
  #refreshing: Promise<boolean> | null = null;

  constructor(
    readonly url: string,
    readonly mode: "bearer" | "cookie" = "bearer",
  ) {}

  /** After `login`, `register` or `twoFactorVerify`. In cookies there is nothing to keep. */
  begin({ accessToken, refreshToken }: { accessToken?: string | null; refreshToken?: string | null }): void {
    this.#tokens = accessToken && refreshToken ? { accessToken, refreshToken } : null;
  }

  /** What every request carries. */
  headers(): Record<string, string> {
    if (this.mode === "cookie") return { "x-agora-session": "cookie" };
    return this.#tokens ? { authorization: `Bearer ${this.#tokens.accessToken}` } : {};
  }

  /** Exchanges the refresh token; many who ask at once share one exchange. False: the session is over. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#exchange().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #exchange(): Promise<boolean> {
    const refreshToken = this.#tokens?.refreshToken;
    if (this.mode === "bearer" && !refreshToken) return false;
    // Without the access token, which is over; the cookies go by themselves.
    const headers = this.mode === "cookie" ? this.headers() : {};
    const data = await this.#ask<TokenRefreshMutation>(TokenRefreshDocument, { input: { refreshToken } }, headers);
    const session = data.tokenRefresh.session;
    if (session) this.begin(session);
    else this.#tokens = null;
    return session !== null;
  }

  /** Ends it here and at the server. */
  async end(): Promise<void> {
    const headers = this.headers();
    this.#tokens = null;
    await this.#ask<LogoutMutation>(LogoutDocument, {}, headers);
  }

  async #ask<Data>(document: DocumentNode, variables: object, headers: Record<string, string>): Promise<Data> {
    const response = await fetch(this.url, {
      method: "POST",
      credentials: "include",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json", ...headers },
      body: JSON.stringify({ query: print(document), variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
    if (!data) throw new Error(errors?.[0]?.message ?? `HTTP ${response.status}`);
    return data;
  }
}
// #endregion
