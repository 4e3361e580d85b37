// What people raise money for, and giving to it.

import { useMutation, useQuery } from "@apollo/client/react";
import { accepted } from "../errors";
import { GoalContributeDocument, GoalsDocument, type GoalContributeInput, type PaymentCardFragment } from "../generated/graphql";
import { once } from "../once";

// #region hook
export function useGoals(first = 10) {
  const { data, loading, error, fetchMore } = useQuery(GoalsDocument, { variables: { first } });
  const [contribute] = useMutation(GoalContributeDocument);
  const page = data?.goals;

  return {
    goals: page?.edges.map(({ node }) => node) ?? [],
    loading,
    error,
    loadMore: page?.pageInfo.hasNextPage ? () => fetchMore({ variables: { after: page.pageInfo.endCursor } }) : undefined,
    /** The payment says what the giver has to do next (`nextAction`); from a wallet it is done. Throws `Refused`. */
    async contribute(gift: Omit<GoalContributeInput, "idempotencyKey">): Promise<PaymentCardFragment> {
      const payload = await once(async (idempotencyKey) => {
        const { data } = await contribute({ variables: { input: { ...gift, idempotencyKey } } });
        return accepted(data?.goalContribute);
      });
      return payload.payment!;
    },
  };
}
// #endregion
