import "./setup";
import { Provider } from "urql";
import { createClient } from "../src/urql/client";
import { useAuth } from "../src/urql/useAuth";
import { useGoals } from "../src/urql/useGoals";
import { usePayments } from "../src/urql/usePayments";
import { usePosts } from "../src/urql/usePosts";
import { Balances, Movements } from "../src/urql/WalletPage";
import { scenario } from "./hooks";

scenario("urql", {
  provide(session) {
    const client = createClient(session);
    return ({ children }) => <Provider value={client}>{children}</Provider>;
  },
  useAuth: (session) => useAuth(session, () => {}),
  usePosts,
  useGoals,
  usePayments,
  Balances,
  Movements,
});
