import "./setup";
import { ApolloProvider } from "@apollo/client/react";
import { createClient } from "../src/apollo/client";
import { useAuth } from "../src/apollo/useAuth";
import { useGoals } from "../src/apollo/useGoals";
import { usePayments } from "../src/apollo/usePayments";
import { usePosts } from "../src/apollo/usePosts";
import { Balances, Movements } from "../src/apollo/WalletPage";
import { scenario } from "./hooks";

scenario("Apollo", {
  provide(session) {
    const client = createClient(session);
    return ({ children }) => <ApolloProvider client={client}>{children}</ApolloProvider>;
  },
  useAuth,
  usePosts,
  useGoals,
  usePayments,
  Balances,
  Movements,
});
