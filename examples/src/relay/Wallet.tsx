// The viewer's wallet, which is fetched anew by itself: it is a `Node`.

import { graphql, useLazyLoadQuery, useRefetchableFragment } from "react-relay";
import { format } from "../money";
import type { WalletPageQuery } from "./generated/WalletPageQuery.graphql";
import type { WalletRefetchQuery } from "./generated/WalletRefetchQuery.graphql";
import type { Wallet_wallet$key } from "./generated/Wallet_wallet.graphql";

// #region wallet
export function WalletPage({ locale }: { locale: string }) {
  const { me } = useLazyLoadQuery<WalletPageQuery>(
    graphql`
      query WalletPageQuery {
        me {
          wallet {
            ...Wallet_wallet
          }
        }
      }
    `,
    {},
  );
  return me?.wallet ? <Wallet wallet={me.wallet} locale={locale} /> : <p>Nobody is signed in.</p>;
}

export function Wallet({ wallet, locale }: { wallet: Wallet_wallet$key; locale: string }) {
  const [data, refetch] = useRefetchableFragment<WalletRefetchQuery, Wallet_wallet$key>(
    graphql`
      fragment Wallet_wallet on Wallet @refetchable(queryName: "WalletRefetchQuery") {
        balances {
          currency
          available {
            amount
            currency
          }
        }
      }
    `,
    wallet,
  );
  return (
    <section>
      {data.balances.map(({ currency, available }) => (
        <p key={currency}>{format(available, locale)}</p>
      ))}
      <button type="button" onClick={() => refetch({}, { fetchPolicy: "network-only" })}>
        Again
      </button>
    </section>
  );
}
// #endregion
