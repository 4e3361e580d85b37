// Signing in and out.

import { useApolloClient, useMutation, useQuery } from "@apollo/client/react";
import { accepted } from "../errors";
import { LoginDocument, MeDocument, TwoFactorVerifyDocument, type TokensFragment, type TwoFactorMethod } from "../generated/graphql";
import type { Session } from "../session";

// #region hook
export type SignIn = { done: true } | { done: false; challengeToken: string; methods: TwoFactorMethod[] };

export function useAuth(session: Session) {
  const client = useApolloClient();
  const { data, loading } = useQuery(MeDocument);
  const [login] = useMutation(LoginDocument);
  const [verify] = useMutation(TwoFactorVerifyDocument);

  /** Whatever was read as somebody else is read anew. */
  async function begin(tokens: TokensFragment): Promise<SignIn> {
    session.begin(tokens);
    await client.resetStore();
    return { done: true };
  }

  return {
    viewer: data?.me ?? null,
    loading,
    /** Throws `Refused`; with a second factor, `verify` is what remains to be done. */
    async signIn(name: string, password: string): Promise<SignIn> {
      const { data } = await login({ variables: { input: { login: name, password } } });
      const { result } = accepted(data?.login);
      if (result?.__typename === "TwoFactorChallenge") return { done: false, ...result };
      if (result?.__typename === "Session") return begin(result);
      throw new Error("a way to sign in that this version does not know");
    },
    async verify(challengeToken: string, method: TwoFactorMethod, code: string): Promise<SignIn> {
      const { data } = await verify({ variables: { input: { challengeToken, method, code } } });
      const tokens = accepted(data?.twoFactorVerify).session;
      if (!tokens) throw new Error("neither a session nor a mistake");
      return begin(tokens);
    },
    async signOut(): Promise<void> {
      await session.end();
      await client.resetStore();
    },
  };
}
// #endregion
