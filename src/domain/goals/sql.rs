//! The goals' statements that are SQL text, each with the reason why.

use crate::domain::ledger::Rule;

/// The news of goals, each with whose it is.
///
/// Text, because the tables of an export are: it is part of one statement for all of them.
pub(super) const NEWS_OF_OWNERS: &str =
    "(SELECT n.*, g.owner_id FROM goal_updates n JOIN goals g ON g.id = n.goal_id) news";

/// The withdrawals of goals, each with whose it is and in which currency.
///
/// Text, because the tables of an export are.
pub(super) const WITHDRAWALS_OF_OWNERS: &str =
    "(SELECT w.*, g.owner_id, g.currency FROM goal_withdrawals w JOIN goals g ON g.id = w.goal_id) paid";

/// What was given, each with its currency.
///
/// Text, because the tables of an export are.
pub(super) const GIVEN_IN_CURRENCIES: &str =
    "(SELECT c.*, g.currency FROM goal_contributions c JOIN goals g ON g.id = c.goal_id) given";

/// Whether somebody gave anonymously, in words.
///
/// Text, because the columns of an export are.
pub(super) const IS_ANONYMOUS: &str = "CASE WHEN is_anonymous THEN 'yes' ELSE 'no' END";

/// Whether somebody is hidden from the goal's owner too, in words.
///
/// Text, because the columns of an export are.
pub(super) const IS_HIDDEN_FROM_OWNER: &str = "CASE WHEN is_hidden_from_owner THEN 'yes' ELSE 'no' END";

/// What always holds of goals, recomputed from their contributions, payments, withdrawals and the ledger: for
/// [`crate::domain::ledger::check`].
///
/// Text, because each proves whole tables, apart from whatever code wrote them, and says in words what is wrong.
pub const RULES: &[Rule] = &[
    (
        "a goal's escrow has what was raised and not withdrawn",
        "SELECT ID(g.id) || ' has ' || COALESCE(a.balance, 0) || ' instead of ' || (g.raised - g.withdrawn) FROM goals g \
         LEFT JOIN ledger_accounts a ON a.owner_id = g.id AND a.kind = 'escrow' AND a.currency = g.currency \
         WHERE COALESCE(a.balance, 0) <> g.raised - g.withdrawn",
    ),
    (
        "an escrow is a goal's, in its currency",
        "SELECT ID(a.id) || ' has ' || a.balance || ' ' || a.currency FROM ledger_accounts a \
         LEFT JOIN goals g ON g.id = a.owner_id AND g.currency = a.currency \
         WHERE a.kind = 'escrow' AND g.id IS NULL AND a.balance <> 0",
    ),
    (
        "a goal raised what its contributions received and did not give back, and counts them",
        "SELECT ID(g.id) || ' raised ' || g.raised || ' by ' || g.contribution_count || ' instead of ' \
         || COALESCE(c.sum, 0) || ' by ' || COALESCE(c.count, 0) FROM goals g LEFT JOIN (SELECT goal_id, \
         SUM(received - refunded) AS sum, COUNT(CASE WHEN received > refunded THEN 1 END) AS count \
         FROM goal_contributions GROUP BY goal_id) c ON c.goal_id = g.id \
         WHERE g.raised <> COALESCE(c.sum, 0) OR g.contribution_count <> COALESCE(c.count, 0)",
    ),
    (
        "a contribution received and gave back what its payment did, in the goal's currency",
        "SELECT ID(c.id) || ' has ' || c.received || ' - ' || c.refunded || ' of ' || c.amount || ' instead of ' \
         || COALESCE(p.captured, 0) || ' - ' || COALESCE(p.refunded, 0) || ' of ' || COALESCE(p.amount, 0) \
         FROM goal_contributions c JOIN goals g ON g.id = c.goal_id LEFT JOIN payments p ON p.id = c.payment_id \
         AND p.target_kind = 'goal_contribution' AND p.target_id = c.id AND p.currency = g.currency \
         WHERE p.id IS NULL OR c.received <> p.captured OR c.refunded <> p.refunded OR c.amount <> p.amount",
    ),
    (
        "a payment to a goal is for a contribution",
        "SELECT ID(p.id) || ' is for none' FROM payments p LEFT JOIN goal_contributions c ON c.payment_id = p.id \
         WHERE p.target_kind = 'goal_contribution' AND c.id IS NULL",
    ),
    (
        "a contribution's state follows from what it received and gave back",
        "SELECT ID(c.id) || ' is ' || c.state || ' with ' || c.received || ' - ' || c.refunded FROM goal_contributions c \
         WHERE (c.state = 'received') <> (c.received > c.refunded) \
         OR (c.state = 'refunded') <> (c.received > 0 AND c.received = c.refunded) \
         OR (c.received_at IS NULL) <> (c.received = 0)",
    ),
    (
        "a goal counts as withdrawn what was withdrawn, and not taken back or reclaimed",
        "SELECT ID(g.id) || ' counts ' || g.withdrawn || ' instead of ' || COALESCE(w.sum, 0) FROM goals g \
         LEFT JOIN (SELECT goal_id, SUM(amount - reclaimed) AS sum FROM goal_withdrawals WHERE reversed_at IS NULL GROUP BY goal_id) w \
         ON w.goal_id = g.id WHERE g.withdrawn <> COALESCE(w.sum, 0)",
    ),
    (
        "a goal that failed or was called off has paid nothing out",
        "SELECT ID(g.id) || ' paid out ' || g.withdrawn FROM goals g \
         WHERE g.state IN ('failed', 'cancelled') AND g.withdrawn <> 0",
    ),
    (
        "a withdrawal came into the wallet whole, its fee left it, and both went back where it was taken back",
        "SELECT ID(w.id) || ' of ' || w.amount || ', fee ' || w.fee FROM goal_withdrawals w \
         JOIN goals g ON g.id = w.goal_id \
         LEFT JOIN ledger_transfers t ON t.id = w.payout_id AND t.kind = 'payout' AND t.state = 'posted' \
         AND t.amount = w.amount AND t.currency = g.currency \
         LEFT JOIN ledger_transfers f ON f.id = w.commission_id AND f.kind = 'commission' AND f.state = 'posted' \
         AND f.amount = w.fee AND f.currency = g.currency \
         LEFT JOIN ledger_transfers b ON b.reverses_id = w.payout_id \
         LEFT JOIN ledger_transfers r ON r.reverses_id = w.commission_id \
         WHERE t.id IS NULL OR (w.fee > 0) <> (f.id IS NOT NULL) \
         OR (w.reversed_at IS NOT NULL AND w.reclaimed = 0) <> (b.id IS NOT NULL) \
         OR (w.reversed_at IS NOT NULL AND w.reclaimed = 0 AND w.fee > 0) <> (r.id IS NOT NULL)",
    ),
    (
        "what was reclaimed of a withdrawal is what the ledger moved for it, and never more than the withdrawal",
        "SELECT ID(w.id) || ' of ' || w.amount || ' had ' || w.reclaimed || ' reclaimed, the ledger ' || COALESCE(t.sum, 0) \
         FROM goal_withdrawals w LEFT JOIN (SELECT substr(idempotency_key, 1, 32) AS withdrawal, SUM(amount) AS sum \
         FROM ledger_transfers WHERE operation IN ('goal_reclaim', 'goal_reclaim_fee') AND state = 'posted' \
         GROUP BY substr(idempotency_key, 1, 32)) t ON t.withdrawal = replace(ID(w.id), '-', '') \
         WHERE w.reclaimed <> COALESCE(t.sum, 0) OR w.reclaimed > w.amount",
    ),
    (
        "of a withdrawal that was taken back after a part of it was reclaimed, the rest went back; of others nothing did so",
        "SELECT ID(w.id) || ' of ' || w.amount || ', ' || w.reclaimed || ' reclaimed, gave ' || COALESCE(t.sum, 0) || ' back' \
         FROM goal_withdrawals w LEFT JOIN (SELECT idempotency_key AS withdrawal, SUM(amount) AS sum \
         FROM ledger_transfers WHERE operation IN ('goal_rest_back', 'goal_rest_fee_back') AND state = 'posted' \
         GROUP BY idempotency_key) t ON t.withdrawal = replace(ID(w.id), '-', '') \
         WHERE COALESCE(t.sum, 0) <> CASE WHEN w.reversed_at IS NOT NULL AND w.reclaimed > 0 \
         THEN w.amount - w.reclaimed ELSE 0 END",
    ),
    (
        // What was reclaimed bears the fee of its rate, reckoned in two parts, so that nothing overflows.
        "a withdrawal's fee is that of its line, which was taken back with it, or with what was reclaimed of it",
        "SELECT ID(w.id) || ' has ' || w.fee || ' at ' || w.fee_rate FROM goal_withdrawals w \
         LEFT JOIN fee_lines l ON l.id = w.fee_line_id AND l.reverses_id IS NULL AND l.base = w.amount \
         AND l.rate = w.fee_rate AND l.fee = w.fee \
         LEFT JOIN (SELECT reverses_id, SUM(base) AS base, SUM(fee) AS fee FROM fee_lines GROUP BY reverses_id) r \
         ON r.reverses_id = w.fee_line_id WHERE l.id IS NULL \
         OR (w.reversed_at IS NULL AND (COALESCE(r.base, 0) <> -w.reclaimed OR COALESCE(r.fee, 0) <> \
         -((w.reclaimed / 1000000) * w.fee_rate + ((w.reclaimed % 1000000) * w.fee_rate + 500000) / 1000000))) \
         OR (w.reversed_at IS NOT NULL AND (COALESCE(r.base, 0) <> -w.amount OR COALESCE(r.fee, 0) <> -w.fee))",
    ),
    (
        // Reckoned in two parts, so that nothing overflows.
        "a fee is its rate of its base, rounded half up",
        "SELECT ID(l.id) || ' is ' || l.fee || ' of ' || l.base || ' at ' || l.rate FROM fee_lines l \
         WHERE l.reverses_id IS NULL AND l.fee <> \
         (l.base / 1000000) * l.rate + ((l.base % 1000000) * l.rate + 500000) / 1000000",
    ),
    (
        "what was taken back of a fee is never more than the fee, in the same currency and by the same rate",
        "SELECT ID(l.id) || ' is ' || l.fee || ' of ' || l.base || ', and back ' || r.fee || ' of ' || r.base \
         FROM fee_lines l JOIN (SELECT reverses_id, SUM(base) AS base, SUM(fee) AS fee, MIN(rate) AS low, MAX(rate) AS high, \
         MIN(currency) AS first, MAX(currency) AS last FROM fee_lines WHERE reverses_id IS NOT NULL GROUP BY reverses_id) r \
         ON r.reverses_id = l.id WHERE l.base + r.base < 0 OR l.fee + r.fee < 0 OR r.low <> l.rate OR r.high <> l.rate \
         OR r.first <> l.currency OR r.last <> l.currency OR l.reverses_id IS NOT NULL",
    ),
];
