// A page that shows the wallet twice, each time with other fields: the cache joins them, since the wallet has an id.

import { useQuery } from "@apollo/client/react";
import { WalletBalancesDocument, WalletMovementsDocument } from "../generated/graphql";
import { format } from "../money";

export function Balances({ locale }: { locale: string }) {
  const { data } = useQuery(WalletBalancesDocument);
  return (
    <ul aria-label="balances">
      {data?.me?.wallet?.balances.map(({ id, available }) => <li key={id}>{format(available, locale)}</li>)}
    </ul>
  );
}

export function Movements({ locale }: { locale: string }) {
  const { data } = useQuery(WalletMovementsDocument, { variables: { first: 5 } });
  return (
    <ul aria-label="movements">
      {data?.me?.wallet?.transactions.nodes.map(({ id, kind, amount }) => (
        <li key={id}>
          {kind} {format(amount, locale)}
        </li>
      ))}
    </ul>
  );
}
