// Signing in and out.

import { useMutation, useQuery } from "urql";
import { accepted } from "../errors";
import { LoginDocument, MeDocument, TwoFactorVerifyDocument, type TokensFragment, type TwoFactorMethod } from "../generated/graphql";
import type { Session } from "../session";

// #region hook
export type SignIn = { done: true } | { done: false; challengeToken: string; methods: TwoFactorMethod[] };

/** `onChange` makes a new client (`createClient`): whatever was read as somebody else is forgotten with the old one. */
export function useAuth(session: Session, onChange: () => void) {
  const [{ data, fetching }] = useQuery({ query: MeDocument });
  const [, login] = useMutation(LoginDocument);
  const [, verify] = useMutation(TwoFactorVerifyDocument);

  function begin(tokens: TokensFragment): SignIn {
    session.begin(tokens);
    onChange();
    return { done: true };
  }

  return {
    viewer: data?.me ?? null,
    loading: fetching,
    /** Throws `Refused`; with a second factor, `verify` is what remains to be done. */
    async signIn(name: string, password: string): Promise<SignIn> {
      const { data, error } = await login({ input: { login: name, password } });
      if (error) throw error;
      const { result } = accepted(data?.login);
      if (result?.__typename === "TwoFactorChallenge") return { done: false, ...result };
      if (result?.__typename === "Session") return begin(result);
      throw new Error("a way to sign in that this version does not know");
    },
    async verify(challengeToken: string, method: TwoFactorMethod, code: string): Promise<SignIn> {
      const { data, error } = await verify({ input: { challengeToken, method, code } });
      if (error) throw error;
      const tokens = accepted(data?.twoFactorVerify).session;
      if (!tokens) throw new Error("neither a session nor a mistake");
      return begin(tokens);
    },
    async signOut(): Promise<void> {
      await session.end();
      onChange();
    },
  };
}
// #endregion
