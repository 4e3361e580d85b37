// The first tabs: one for each capability, in the order in which a newcomer meets them. A test of the server holds every
// operation in `examples/` against the graph.

import welcome from "../examples/welcome.graphql";
import accounts from "../examples/accounts.graphql";
import accountsVariables from "../examples/accounts.json";
import posts from "../examples/posts.graphql";
import postsVariables from "../examples/posts.json";
import goals from "../examples/goals.graphql";
import goalsVariables from "../examples/goals.json";
import wallet from "../examples/wallet.graphql";
import walletVariables from "../examples/wallet.json";
import payments from "../examples/payments.graphql";
import paymentsVariables from "../examples/payments.json";
import notifications from "../examples/notifications.graphql";
import notificationsVariables from "../examples/notifications.json";
import admin from "../examples/admin.graphql";
import adminVariables from "../examples/admin.json";

// A key names one attempt for good: each page starts with keys that nobody has used.
const fresh = () => crypto.getRandomValues(new Uint32Array(4)).reduce((key, part) => key + part.toString(36), "");

const tab = (query, variables) => ({
  query,
  variables:
    variables &&
    JSON.stringify(variables, (name, value) => (name === "idempotencyKey" ? fresh() : value), 2),
});

export const tabs = [
  tab(welcome),
  tab(accounts, accountsVariables),
  tab(posts, postsVariables),
  tab(goals, goalsVariables),
  tab(wallet, walletVariables),
  tab(payments, paymentsVariables),
  tab(notifications, notificationsVariables),
  tab(admin, adminVariables),
];
