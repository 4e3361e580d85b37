// Ways to pay, and money for one's wallet.

import { useMutation, useQuery } from "@apollo/client/react";
import { accepted } from "../errors";
import {
  PaymentConfirmDocument,
  PaymentProvidersDocument,
  WalletDepositDocument,
  type PaymentCardFragment,
  type WalletDepositInput,
} from "../generated/graphql";
import { once } from "../once";

// #region hook
export function usePayments() {
  const { data, loading, error } = useQuery(PaymentProvidersDocument);
  const [deposit] = useMutation(WalletDepositDocument);
  const [confirm] = useMutation(PaymentConfirmDocument);

  return {
    providers: data?.paymentProviders ?? [],
    loading,
    error,
    /** Begins: the payment's `nextAction` says what the payer has to do. Throws `Refused`. */
    async deposit(input: Omit<WalletDepositInput, "idempotencyKey">): Promise<PaymentCardFragment> {
      const payload = await once(async (idempotencyKey) => {
        const { data } = await deposit({ variables: { input: { ...input, idempotencyKey } } });
        return accepted(data?.walletDeposit);
      });
      return payload.payment!;
    },
    /**
     * When the payer has done it: asks the provider at once. Without it, the payment goes on, a little later. The payload has the
     * wallet: wherever it is shown, it follows.
     */
    async confirm(id: string): Promise<PaymentCardFragment> {
      const { data } = await confirm({ variables: { input: { id } } });
      return accepted(data?.paymentConfirm).payment!;
    },
  };
}
// #endregion
