//! What people may do with payments, wallets and goals.

use super::{
    Case,
    Outcome::{Allowed, Invisible, NotAllowed, Unauthenticated},
    as_nobody,
};

/// Root field, operation, and what comes of it for nobody, for a stranger and for the owner. What an operation names is
/// the owner's, or the caller's own where the name begins with MY: see scene.rs.
pub(crate) const MONEY: &[Case] = &[
    ("Query.paymentProviders", "{ paymentProviders { provider } }", [Allowed, Allowed, Allowed]),
    ("Query.payment", "{ payment(id: \"$PAYMENT\") { state } }", [Invisible, Invisible, Allowed]),
    (
        "Mutation.paymentCreate",
        "mutation { paymentCreate(input: { target: { walletDeposit: { amount: \"1.00\", currency: \"USD\" } }, provider: SANDBOX, idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.walletDeposit",
        "mutation { walletDeposit(input: { amount: { amount: \"1.00\", currency: \"USD\" }, provider: SANDBOX, idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.paymentConfirm",
        "mutation { paymentConfirm(input: { id: \"$PAID\" }) { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    (
        "Mutation.paymentCancel",
        "mutation { paymentCancel(input: { id: \"$OPEN\" }) { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    (
        "Mutation.paymentProofAdd",
        "mutation { paymentProofAdd(input: { id: \"$TRANSFER\", note: \"new\" }) { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    (
        "Mutation.paymentMethodAdd",
        "mutation { paymentMethodAdd(input: { provider: WALLET, kind: WALLET }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.paymentMethodRemove",
        "mutation { paymentMethodRemove(input: { id: \"$METHOD\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.paymentMethodSetDefault",
        "mutation { paymentMethodSetDefault(input: { id: \"$METHOD\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.paymentRefundRequest",
        "mutation { paymentRefundRequest(input: { id: \"$PAYMENT\", amount: { amount: \"0.01\", currency: \"USD\" }, reason: \"no\", idempotencyKey: \"new\" }) { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    // Nobody grants themselves; whom a payment was for is shown in tests/it/goals, staff in staff.rs.
    (
        "Mutation.paymentRefundGrant",
        "mutation { paymentRefundGrant(input: { id: \"$REFUND\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Invisible],
    ),
    (
        "Mutation.paymentRefundRefuse",
        "mutation { paymentRefundRefuse(input: { id: \"$REFUND\", reason: \"no\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Invisible],
    ),
    // tests/it/payments/live.rs.
    ("Subscription.paymentUpdated", "", [Invisible, Invisible, Allowed]),
    ("Query.currencies", "{ currencies { code } }", [Allowed, Allowed, Allowed]),
    (
        "Mutation.walletTransfer",
        "mutation { walletTransfer(input: { recipientId: \"$MY_FRIEND\", amount: { amount: \"1.00\", currency: \"USD\" }, idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.payoutMethodAdd",
        "mutation { payoutMethodAdd(input: { holder: \"O\", account: { accountNumber: \"12345678\" }, bankName: \"Bank\", country: \"EG\", currency: \"USD\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.payoutMethodRemove",
        "mutation { payoutMethodRemove(input: { id: \"$PAYOUT_METHOD\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.walletWithdraw",
        "mutation { walletWithdraw(input: { payoutMethodId: \"$PAYOUT_METHOD\", amount: { amount: \"1.00\", currency: \"USD\" }, idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.withdrawalCancel",
        "mutation { withdrawalCancel(input: { id: \"$WITHDRAWAL\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    // tests/it/wallets/live.rs.
    ("Subscription.walletActivity", "", [Unauthenticated, Allowed, Allowed]),
    ("Query.goal", "{ goal(id: \"$GOAL\") { title } }", [Allowed, Allowed, Allowed]),
    ("Query.goals", "{ goals { nodes { title } } }", [Allowed, Allowed, Allowed]),
    (
        "Mutation.goalCreate",
        "mutation { goalCreate(input: { postId: \"$POST\", title: \"new\", target: { amount: \"1.00\", currency: \"USD\" }, funding: FLEXIBLE }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalUpdate",
        "mutation { goalUpdate(input: { id: \"$GOAL\", title: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalEnd",
        "mutation { goalEnd(input: { id: \"$GOAL\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalCancel",
        "mutation { goalCancel(input: { id: \"$GOAL\", reason: \"no\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalNewsPublish",
        "mutation { goalNewsPublish(input: { goalId: \"$GOAL\", title: \"new\", body: \"new\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalWithdraw",
        "mutation { goalWithdraw(input: { goalId: \"$GOAL\", idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    // Whoever is not signed in gives as a guest.
    (
        "Mutation.goalContribute",
        "mutation { goalContribute(input: { goalId: \"$GOAL\", amount: { amount: \"1.00\", currency: \"USD\" }, provider: SANDBOX, guest: { email: \"guest@example.org\", secret: \"7d0c6a6e-guest-secret\" }, idempotencyKey: \"new 9b1deb4d-3b7d-4bad\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.contributionCommentCreate",
        "mutation { contributionCommentCreate(input: { contributionId: \"$CONTRIBUTION\", body: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.contributionCommentUpdate",
        "mutation { contributionCommentUpdate(input: { id: \"$REMARK\", body: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.contributionCommentDelete",
        "mutation { contributionCommentDelete(input: { id: \"$REMARK\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    // tests/it/goals/live.rs.
    ("Subscription.goalProgress", "", [Allowed, Allowed, Allowed]),
];

#[tokio::test]
async fn what_is_denied_or_only_reads_changes_nothing() {
    Box::pin(super::what_is_denied_or_only_reads_changes_nothing(MONEY)).await;
}

#[tokio::test]
async fn what_is_allowed_is_done() {
    Box::pin(super::what_is_allowed_is_done(MONEY)).await;
}

#[tokio::test]
async fn a_token_that_is_refused_allows_no_more_than_none_and_is_told_where_it_matters() {
    Box::pin(super::a_token_that_is_refused_allows_no_more_than_none(as_nobody(MONEY))).await;
}
