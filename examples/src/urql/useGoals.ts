// What people raise money for, and giving to it.

import { useState } from "react";
import { useMutation, useQuery } from "urql";
import { accepted } from "../errors";
import { GoalContributeDocument, GoalsDocument, type GoalContributeInput, type PaymentCardFragment } from "../generated/graphql";
import { once } from "../once";

// #region hook
export function useGoals(first = 10) {
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, fetching, error }] = useQuery({ query: GoalsDocument, variables: { first, after } });
  const [, contribute] = useMutation(GoalContributeDocument);
  const page = data?.goals;

  return {
    goals: page?.edges.map(({ node }) => node) ?? [],
    loading: fetching,
    error,
    loadMore: page?.pageInfo.hasNextPage ? () => setAfter(page.pageInfo.endCursor ?? null) : undefined,
    /** The payment says what the giver has to do next (`nextAction`); from a wallet it is done. Throws `Refused`. */
    async contribute(gift: Omit<GoalContributeInput, "idempotencyKey">): Promise<PaymentCardFragment> {
      const payload = await once(async (idempotencyKey) => {
        const { data, error } = await contribute({ input: { ...gift, idempotencyKey } });
        if (error) throw error;
        return accepted(data?.goalContribute);
      });
      return payload.payment!;
    },
  };
}
// #endregion
