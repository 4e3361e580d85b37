//! Who may do what: every root field × {anonymous, stranger, owner}, and those that need a permission × every role. A
//! field that is missing here fails the test, and a denied call is shown to have changed nothing.

use agora::{
    domain::permissions::{self, Permission},
    entity::user_role::Role,
    graphql,
    platform::payments::sandbox::Act,
};
use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use serde_json::{Value, json};

use crate::{
    goals,
    harness::{Client, Server},
    payments, wallets,
};

/// What a call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Done, or read.
    Allowed,
    /// A top-level error UNAUTHENTICATED.
    Unauthenticated,
    /// A user error NOT_ALLOWED: it is there to be seen, but somebody else's.
    NotAllowed,
    /// Null, or a user error NOT_FOUND: as if it were not there.
    Invisible,
    /// A top-level error FORBIDDEN: it needs a permission.
    Forbidden,
}

use Outcome::{Allowed, Forbidden, Invisible, NotAllowed, Unauthenticated};

/// Root field, operation, and what comes of it for nobody, for a stranger and for the owner.
/// `$POST`, `$COMMENT`, `$NOTIFICATION` and `$SESSION` are the owner's.
const MATRIX: &[(&str, &str, [Outcome; 3])] = &[
    ("Query.node", "{ node(id: \"$NOTIFICATION\") { id } }", [Invisible, Invisible, Allowed]),
    ("Query.nodes", "{ nodes(ids: [\"$POST\"]) { id } }", [Allowed, Allowed, Allowed]),
    ("Query.me", "{ me { email } }", [Invisible, Allowed, Allowed]),
    ("Query.user", "{ user(username: \"olivia\") { username } }", [Allowed, Allowed, Allowed]),
    ("Query.users", "{ users { nodes { username } } }", [Allowed, Allowed, Allowed]),
    ("Query.signInProviders", "{ signInProviders { name } }", [Allowed, Allowed, Allowed]),
    ("Query.post", "{ post(id: \"$POST\") { body } }", [Allowed, Allowed, Allowed]),
    ("Query.posts", "{ posts { nodes { body } } }", [Allowed, Allowed, Allowed]),
    ("Query.notifications", "{ notifications { nodes { title } } }", [Unauthenticated, Allowed, Allowed]),
    ("Query.notificationUnreadCount", "{ notificationUnreadCount }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.register",
        "mutation { register(input: { username: \"newcomer\", email: \"n@example.org\", password: \"a long enough one\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.login",
        "mutation { login(input: { login: \"olivia\", password: \"correct horse battery\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.tokenRefresh",
        "mutation { tokenRefresh(input: { refreshToken: \"$REFRESH\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.oauthBegin",
        "mutation { oauthBegin(input: { provider: \"github\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    // Anybody may; without a flow there is nothing to end.
    (
        "Mutation.oauthComplete",
        "mutation { oauthComplete(input: { flowToken: \"none\", ticket: \"none\" }) { errors { code } } }",
        [Invisible, Invisible, Invisible],
    ),
    (
        "Mutation.identityLink",
        "mutation { identityLink(input: { provider: \"github\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    // tests/it/identity/oauth.rs shows the owner of an identity.
    (
        "Mutation.identityUnlink",
        "mutation { identityUnlink(input: { provider: \"github\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Invisible],
    ),
    ("Query.paymentProviders", "{ paymentProviders { provider } }", [Allowed, Allowed, Allowed]),
    ("Query.payment", "{ payment(id: \"$PAYMENT\") { state } }", [Invisible, Invisible, Allowed]),
    ("Query.payments", "{ payments { nodes { state } } }", [Unauthenticated, Allowed, Allowed]),
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
        "mutation { paymentConfirm(id: \"$PAYMENT\") { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    (
        "Mutation.paymentCancel",
        "mutation { paymentCancel(id: \"$OPEN\") { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    (
        "Mutation.paymentProofAdd",
        "mutation { paymentProofAdd(id: \"$TRANSFER\", input: { note: \"new\" }) { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    ("Query.paymentMethods", "{ paymentMethods { kind } }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.paymentMethodAdd",
        "mutation { paymentMethodAdd(input: { provider: WALLET, kind: WALLET }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.paymentMethodRemove",
        "mutation { paymentMethodRemove(id: \"$METHOD\") { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.paymentMethodSetDefault",
        "mutation { paymentMethodSetDefault(id: \"$METHOD\") { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.paymentRefundRequest",
        "mutation { paymentRefundRequest(id: \"$PAYMENT\", input: { amount: { amount: \"0.01\", currency: \"USD\" }, reason: \"no\", idempotencyKey: \"new\" }) { errors { code } } }",
        [Invisible, Invisible, Allowed],
    ),
    // Nobody grants themselves; whom a payment was for is shown in tests/it/goals, staff in tests/it/payments.
    (
        "Mutation.paymentRefundGrant",
        "mutation { paymentRefundGrant(id: \"$REFUND\") { errors { code } } }",
        [Unauthenticated, Invisible, Invisible],
    ),
    (
        "Mutation.paymentRefundRefuse",
        "mutation { paymentRefundRefuse(id: \"$REFUND\", reason: \"no\") { errors { code } } }",
        [Unauthenticated, Invisible, Invisible],
    ),
    // tests/it/payments/live.rs.
    ("Subscription.paymentUpdated", "", [Invisible, Invisible, Allowed]),
    ("Query.wallet", "{ wallet { balances { currency } } }", [Unauthenticated, Allowed, Allowed]),
    ("Query.payoutMethods", "{ payoutMethods { lastFour } }", [Unauthenticated, Allowed, Allowed]),
    ("Query.currencies", "{ currencies { code } }", [Allowed, Allowed, Allowed]),
    (
        "Mutation.walletTransfer",
        "mutation { walletTransfer(input: { to: \"$PERSON\", amount: { amount: \"1.00\", currency: \"USD\" }, idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.payoutMethodAdd",
        "mutation { payoutMethodAdd(input: { holder: \"O\", accountNumber: \"12345678\", bankName: \"Bank\", country: \"EG\", currency: \"USD\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.payoutMethodRemove",
        "mutation { payoutMethodRemove(id: \"$PAYOUT_METHOD\") { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.walletWithdraw",
        "mutation { walletWithdraw(input: { payoutMethodId: \"$PAYOUT_METHOD\", amount: { amount: \"1.00\", currency: \"USD\" }, idempotencyKey: \"new\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.withdrawalCancel",
        "mutation { withdrawalCancel(id: \"$WITHDRAWAL\") { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    // tests/it/wallets/live.rs.
    ("Subscription.walletActivity", "", [Unauthenticated, Allowed, Allowed]),
    ("Query.goal", "{ goal(id: \"$GOAL\") { title } }", [Allowed, Allowed, Allowed]),
    ("Query.goals", "{ goals { nodes { title } } }", [Allowed, Allowed, Allowed]),
    ("Query.contributions", "{ contributions { nodes { state } } }", [Unauthenticated, Allowed, Allowed]),
    // The owner's post has a goal already.
    (
        "Mutation.goalCreate",
        "mutation { goalCreate(input: { postId: \"$POST\", title: \"new\", target: { amount: \"1.00\", currency: \"USD\" }, funding: FLEXIBLE }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalUpdate",
        "mutation { goalUpdate(id: \"$GOAL\", input: { title: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalEnd",
        "mutation { goalEnd(id: \"$GOAL\") { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalCancel",
        "mutation { goalCancel(id: \"$GOAL\", reason: \"no\") { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.goalUpdatePublish",
        "mutation { goalUpdatePublish(input: { goalId: \"$GOAL\", title: \"new\", body: \"new\" }) { errors { code } } }",
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
        "mutation { goalContribute(input: { goalId: \"$GOAL\", amount: { amount: \"1.00\", currency: \"USD\" }, provider: SANDBOX, guest: { email: \"guest@example.org\" }, idempotencyKey: \"new\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.contributionCommentCreate",
        "mutation { contributionCommentCreate(input: { contributionId: \"$CONTRIBUTION\", body: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.contributionCommentUpdate",
        "mutation { contributionCommentUpdate(id: \"$REMARK\", input: { body: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.contributionCommentDelete",
        "mutation { contributionCommentDelete(id: \"$REMARK\") { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    // tests/it/goals/live.rs.
    ("Subscription.goalProgress", "", [Allowed, Allowed, Allowed]),
    ("Mutation.logout", "mutation { logout { ended errors { code } } }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.sessionRevoke",
        "mutation { sessionRevoke(id: \"$SESSION\") { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.sessionsRevokeOthers",
        "mutation { sessionsRevokeOthers { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    ("Mutation.accountExport", "mutation { accountExport { errors { code } } }", [Unauthenticated, Allowed, Allowed]),
    ("Mutation.accountDelete", "mutation { accountDelete { errors { code } } }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.accountDeleteCancel",
        "mutation { accountDeleteCancel { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.profileUpdate",
        "mutation { profileUpdate(input: { bio: \"changed\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.postCreate",
        "mutation { postCreate(input: { body: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.postUpdate",
        "mutation { postUpdate(id: \"$POST\", input: { body: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.postDelete",
        "mutation { postDelete(id: \"$POST\") { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.postLike",
        "mutation { postLike(id: \"$POST\") { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.postUnlike",
        "mutation { postUnlike(id: \"$POST\") { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.postShare",
        "mutation { postShare(id: \"$POST\") { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.commentCreate",
        "mutation { commentCreate(input: { postId: \"$POST\", body: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.commentUpdate",
        "mutation { commentUpdate(id: \"$COMMENT\", input: { body: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.commentDelete",
        "mutation { commentDelete(id: \"$COMMENT\") { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.commentLike",
        "mutation { commentLike(id: \"$COMMENT\") { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.commentUnlike",
        "mutation { commentUnlike(id: \"$COMMENT\") { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.notificationMarkRead",
        "mutation { notificationMarkRead(id: \"$NOTIFICATION\") { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.notificationMarkAllRead",
        "mutation { notificationMarkAllRead { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    // What they refuse for other reasons than who asks is in tests/it/identity.
    ("Mutation.twoFactorSetup", "mutation { twoFactorSetup { errors { code } } }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.twoFactorEnable",
        "mutation { twoFactorEnable(input: { code: \"1\" }) { backupCodes } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.twoFactorDisable",
        "mutation { twoFactorDisable(input: { code: \"1\" }) { user { id } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.backupCodesRegenerate",
        "mutation { backupCodesRegenerate { backupCodes } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.twoFactorVerify",
        "mutation { twoFactorVerify(input: { challengeToken: \"x\", method: TOTP, code: \"1\" }) { session { accessToken } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.twoFactorCodeSend",
        "mutation { twoFactorCodeSend(input: { challengeToken: \"x\", method: EMAIL }) { expiresAt } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.reauthenticate",
        "mutation { reauthenticate(input: { password: \"correct horse battery\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.reauthenticationCodeSend",
        "mutation { reauthenticationCodeSend { expiresAt } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailVerificationSend",
        "mutation { emailVerificationSend { accepted errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailVerify",
        "mutation { emailVerify(input: { code: \"000000\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailChangeRequest",
        "mutation { emailChangeRequest(input: { email: \"new@example.org\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailChangeConfirm",
        "mutation { emailChangeConfirm(input: { code: \"000000\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.phoneVerificationSend",
        "mutation { phoneVerificationSend(input: { phone: \"+201001234567\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.phoneVerify",
        "mutation { phoneVerify(input: { code: \"000000\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.passwordChange",
        "mutation { passwordChange(input: { oldPassword: \"correct horse battery\", newPassword: \"wrong horse battery\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.passwordResetRequest",
        "mutation { passwordResetRequest(input: { email: \"olivia@example.org\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.passwordResetConfirm",
        "mutation { passwordResetConfirm(input: { email: \"olivia@example.org\", code: \"00000000\", newPassword: \"wrong horse battery\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.profileComplete",
        "mutation { profileComplete(input: { phone: \"+201001234567\", country: \"EG\", city: \"Cairo\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    // Over a socket; tests/it/notifications.rs shows the owner's side.
    ("Subscription.notificationReceived", "", [Unauthenticated, Allowed, Allowed]),
];

const SUPPORT: &[Role] = &[Role::SupportAgent, Role::Moderator, Role::Administrator, Role::Owner];
const MODERATION: &[Role] = &[Role::Moderator, Role::Administrator, Role::Owner];
const ADMINISTRATION: &[Role] = &[Role::Administrator, Role::Owner];

/// Root fields that need a permission: operation, and the roles that have it. Everybody else is refused, the person whom
/// it is about (`$TARGET`, who has a second factor and is suspended where that is what it takes) included.
const STAFF: &[(&str, &str, &[Role])] = &[
    ("Query.adminUsers", "{ adminUsers { nodes { username account { sessionCount } } } }", SUPPORT),
    ("Query.adminAudit", "{ adminAudit { nodes { action } } }", ADMINISTRATION),
    ("Query.adminActivity", "{ adminActivity { nodes { kind } } }", ADMINISTRATION),
    ("Query.adminRefunds", "{ adminRefunds { nodes { state } } }", ADMINISTRATION),
    // What they do is shown in tests/it/payments/offline.rs; each can be done once only.
    (
        "Mutation.adminPaymentConfirm",
        "mutation { adminPaymentConfirm(id: \"$TRANSFER\", input: { amount: { amount: \"0.01\", currency: \"USD\" }, reference: \"new\", idempotencyKey: \"$TARGET\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminPaymentCollect",
        "mutation { adminPaymentCollect(id: \"$TRANSFER\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminPaymentRemit",
        "mutation { adminPaymentRemit(id: \"$TRANSFER\", input: { reference: \"new\", idempotencyKey: \"$TARGET\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminPaymentCancel",
        "mutation { adminPaymentCancel(id: \"$PAYMENT\", reason: \"no\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminRefundComplete",
        "mutation { adminRefundComplete(id: \"$REFUND\", reference: \"new\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminRefundFail",
        "mutation { adminRefundFail(id: \"$REFUND\", reason: \"no\") { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Query.adminPayments", "{ adminPayments { nodes { state } } }", ADMINISTRATION),
    (
        "Mutation.paymentRefund",
        "mutation { paymentRefund(id: \"$PAYMENT\", input: { amount: { amount: \"0.01\", currency: \"USD\" }, destination: WALLET, reason: \"no\", idempotencyKey: \"$TARGET\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Query.adminWallet", "{ adminWallet(userId: \"$TARGET\") { balances { currency } } }", ADMINISTRATION),
    ("Query.adminWithdrawals", "{ adminWithdrawals { nodes { state bankDetails { holder } } } }", ADMINISTRATION),
    ("Query.adminWalletAdjustments", "{ adminWalletAdjustments { nodes { state } } }", ADMINISTRATION),
    (
        "Mutation.adminWithdrawalApprove",
        "mutation { adminWithdrawalApprove(id: \"$REQUESTED\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalRefuse",
        "mutation { adminWithdrawalRefuse(id: \"$REQUESTED\", reason: \"no\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalMarkPaid",
        "mutation { adminWithdrawalMarkPaid(id: \"$APPROVED\", reference: \"1\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWithdrawalMarkFailed",
        "mutation { adminWithdrawalMarkFailed(id: \"$APPROVED\", reason: \"no\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWalletAdjust",
        "mutation { adminWalletAdjust(input: { userId: \"$TARGET\", amount: { amount: \"1.00\", currency: \"USD\" }, direction: CREDIT, reason: \"why\", idempotencyKey: \"$TARGET\" }) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWalletAdjustmentApprove",
        "mutation { adminWalletAdjustmentApprove(id: \"$PROPOSED\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminWalletAdjustmentRefuse",
        "mutation { adminWalletAdjustmentRefuse(id: \"$PROPOSED\", reason: \"no\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminGoalWithdrawalReverse",
        "mutation { adminGoalWithdrawalReverse(id: \"$PAID_OUT\", reason: \"no\") { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Query.adminJobs", "{ adminJobs { counts { dead } nodes { kind } } }", ADMINISTRATION),
    (
        "Mutation.adminUserSetRole",
        "mutation { adminUserSetRole(id: \"$TARGET\", role: SELLER) { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminUserSuspend",
        "mutation { adminUserSuspend(id: \"$TARGET\", input: { reason: \"spam\" }) { errors { code } } }",
        MODERATION,
    ),
    ("Mutation.adminUserReinstate", "mutation { adminUserReinstate(id: \"$TARGET\") { errors { code } } }", MODERATION),
    (
        "Mutation.adminUserSignOutEverywhere",
        "mutation { adminUserSignOutEverywhere(id: \"$TARGET\") { errors { code } } }",
        ADMINISTRATION,
    ),
    (
        "Mutation.adminUserResetTwoFactor",
        "mutation { adminUserResetTwoFactor(id: \"$TARGET\") { errors { code } } }",
        ADMINISTRATION,
    ),
    ("Mutation.adminJobRetry", "mutation { adminJobRetry(id: \"$JOB\") { errors { code } } }", ADMINISTRATION),
];

fn root_fields() -> Vec<String> {
    let mut fields = Vec::new();
    for definition in parse_schema(graphql::sdl()).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && let name @ ("Query" | "Mutation" | "Subscription") = definition.node.name.node.as_str()
            && let TypeKind::Object(object) = &definition.node.kind
        {
            fields.extend(object.fields.iter().map(|field| format!("{name}.{}", field.node.name.node)));
        }
    }
    fields
}

#[test]
fn every_root_field_is_in_the_matrix_once() {
    let fields = MATRIX.iter().map(|(field, ..)| *field).chain(STAFF.iter().map(|(field, ..)| *field));
    let mut listed: Vec<_> = fields.map(str::to_owned).collect();
    let mut served = root_fields();
    listed.sort();
    served.sort();
    assert_eq!(listed, served);
}

/// Everything that a denied call could have changed.
async fn everything(server: &Server) -> Vec<i64> {
    let mut counts = Vec::new();
    for sql in [
        "SELECT COUNT(*) FROM users WHERE bio = ''",
        "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM oauth_flows WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM posts WHERE deleted_at IS NULL AND edited_at IS NULL",
        "SELECT COUNT(*) FROM comments WHERE deleted_at IS NULL AND edited_at IS NULL",
        "SELECT COUNT(*) FROM post_likes",
        "SELECT COUNT(*) FROM comment_likes",
        "SELECT COUNT(*) FROM notifications WHERE read_at IS NULL",
        "SELECT COUNT(*) FROM events",
        "SELECT COUNT(*) FROM jobs",
        "SELECT COUNT(*) FROM jobs WHERE state = 'dead'",
        "SELECT COUNT(*) FROM user_roles",
        "SELECT COUNT(*) FROM suspensions",
        "SELECT COUNT(*) FROM two_factors",
        "SELECT COUNT(*) FROM audit_entries",
        "SELECT COUNT(*) FROM codes",
        "SELECT COUNT(*) FROM profiles",
        "SELECT COUNT(*) FROM activities",
        "SELECT COUNT(*) FROM credentials WHERE email_confirmed_at IS NULL",
        "SELECT COUNT(*) FROM payments",
        "SELECT COUNT(*) FROM payment_events",
        "SELECT COUNT(*) FROM refunds",
        "SELECT COUNT(*) FROM payment_methods WHERE removed_at IS NULL",
        "SELECT COUNT(*) FROM ledger_transfers",
        "SELECT COUNT(*) FROM payout_methods WHERE removed_at IS NULL",
        "SELECT COUNT(*) FROM withdrawals WHERE state = 'requested'",
        "SELECT COUNT(*) FROM withdrawals WHERE state = 'approved'",
        "SELECT COUNT(*) FROM wallet_adjustments",
        "SELECT COUNT(*) FROM wallet_adjustments WHERE state = 'proposed'",
        "SELECT COUNT(*) FROM goals WHERE state = 'open' AND edited_at IS NULL",
        "SELECT COUNT(*) FROM goal_contributions",
        "SELECT COUNT(*) FROM contribution_comments WHERE deleted_at IS NULL AND edited_at IS NULL",
        "SELECT COUNT(*) FROM goal_updates",
        "SELECT COUNT(*) FROM goal_withdrawals WHERE reversed_at IS NULL",
    ] {
        counts.push(server.count(sql).await);
    }
    counts
}

fn outcome(body: &Value) -> Outcome {
    if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
        return match code {
            "UNAUTHENTICATED" => Unauthenticated,
            "FORBIDDEN" => Forbidden,
            other => panic!("{other}: {body}"),
        };
    }
    let field = body["data"].as_object().unwrap().values().next().unwrap();
    if field.is_null() {
        return Invisible;
    }
    match field["errors"][0]["code"].as_str() {
        // A code that is sent is a wrong one here, but who may use it was decided.
        None | Some("INVALID_CODE" | "ALREADY_EXISTS" | "INSUFFICIENT_FUNDS" | "WALLET_NOT_EMPTY" | "WRONG_STATE") => {
            Allowed
        }
        Some("NOT_ALLOWED") => NotAllowed,
        Some("NOT_FOUND" | "PROVIDER_FAILED") => Invisible,
        Some(other) => panic!("{other}: {body}"),
    }
}

/// A server with an owner, what is theirs, and a stranger.
struct Scene {
    server: Server,
    owner: Client,
    stranger: Client,
    post: String,
    comment: String,
    notification: String,
    session: String,
    payment: String,
    open: String,
    transfer: String,
    method: String,
    refund: String,
    person: String,
    payout_method: String,
    withdrawal: String,
    goal: String,
    contribution: String,
    remark: String,
}

/// What staff with a permission may do though strangers may not.
const BY_PERMISSION: &[(&str, Permission)] = &[
    ("Query.payment", Permission::SeeMoney),
    ("Mutation.paymentConfirm", Permission::SeeMoney),
    ("Mutation.paymentRefundGrant", Permission::ManageMoney),
    ("Mutation.paymentRefundRefuse", Permission::ManageMoney),
    ("Mutation.goalCancel", Permission::ManageMoney),
];

impl Scene {
    async fn new() -> Self {
        let server = Server::with(&[
            ("GITHUB_CLIENT_ID", "client"),
            ("GITHUB_CLIENT_SECRET", "secret"),
            ("BANK_TRANSFER_ACCOUNT", "IBAN EG00"),
        ])
        .await;
        let owner = server.user("olivia").await;
        let stranger = server.user("stranger").await;
        let post = owner.publish("the owner's post").await;
        let comment = owner.comment(&post, "the owner's comment").await;
        stranger.like(&post).await;
        server.run_jobs().await;
        let list = owner.ok("{ notifications { nodes { id } } }", Value::Null).await;
        let notification = list["notifications"]["nodes"][0]["id"].as_str().unwrap().to_owned();
        let sessions = owner.ok("{ me { sessions { id } } }", Value::Null).await;
        let session = sessions["me"]["sessions"][0]["id"].as_str().unwrap().to_owned();
        let payment = payments::deposit(&owner, "5.00", "fund").await["payment"].clone();
        payments::act(&server, &payment, &Act::card(payments::GOOD)).await;
        payments::confirm(&owner, &payment).await;
        let payment = payment["id"].as_str().unwrap().to_owned();
        let ask = "mutation($id: ID!) { paymentRefundRequest(id: $id, input: { amount: { amount: \"0.02\", currency: \"USD\" }, \
                   reason: \"too much\", idempotencyKey: \"ask\" }) { refund { id } } }";
        let asked = owner.ok(ask, json!({ "id": payment })).await;
        let refund = asked["paymentRefundRequest"]["refund"]["id"].as_str().unwrap().to_owned();
        let begin = "mutation($provider: PaymentProvider!) { walletDeposit(input: { amount: { amount: \"9.00\", currency: \"USD\" }, \
                     provider: $provider, idempotencyKey: \"waits\" }) { payment { id } } }";
        let mut waiting = Vec::new();
        for (provider, key) in [("SANDBOX", "open"), ("BANK_TRANSFER", "transfer")] {
            let data = owner.ok(&begin.replace("waits", key), json!({ "provider": provider })).await;
            waiting.push(data["walletDeposit"]["payment"]["id"].as_str().unwrap().to_owned());
        }
        let [open, transfer] = waiting.try_into().unwrap();
        let save = "mutation { paymentMethodAdd(input: { provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\" }) { \
                    paymentMethod { id } } }";
        let saved = owner.ok(save, Value::Null).await;
        let method = saved["paymentMethodAdd"]["paymentMethod"]["id"].as_str().unwrap().to_owned();
        let person = server.user("somebody").await.id;
        let (payout_method, withdrawal) = wallets::with_withdrawal(&server, &owner).await;
        let goal = goals::create(&owner, &goals::flexible(&post, &json!({}))).await["goal"]["id"].clone();
        let goal = goal.as_str().unwrap().to_owned();
        let gift = goals::gift(&goal, "1.00", "give", &json!({ "provider": "WALLET" }));
        let contribution = goals::contribute(&owner, &gift).await["contribution"]["id"].clone();
        let contribution = contribution.as_str().unwrap().to_owned();
        let remark = "mutation($id: ID!) { contributionCommentCreate(input: { contributionId: $id, body: \"so kind\" }) { \
                      comment { id } } }";
        let remark = owner.ok(remark, json!({ "id": contribution })).await;
        let remark = remark["contributionCommentCreate"]["comment"]["id"].as_str().unwrap().to_owned();
        server.run_jobs().await;
        Self {
            server,
            owner,
            stranger,
            post,
            comment,
            notification,
            session,
            payment,
            open,
            transfer,
            method,
            refund,
            person,
            payout_method,
            withdrawal,
            goal,
            contribution,
            remark,
        }
    }

    /// An operation on what is the owner's.
    fn operation(&self, operation: &str) -> String {
        operation
            .replace("$POST", &self.post)
            .replace("$COMMENT", &self.comment)
            .replace("$NOTIFICATION", &self.notification)
            .replace("$SESSION", &self.session)
            .replace("$PAYMENT", &self.payment)
            .replace("$OPEN", &self.open)
            .replace("$TRANSFER", &self.transfer)
            .replace("$METHOD", &self.method)
            .replace("$REFUND", &self.refund)
            .replace("$PERSON", &self.person)
            .replace("$PAYOUT_METHOD", &self.payout_method)
            .replace("$WITHDRAWAL", &self.withdrawal)
            .replace("$GOAL", &self.goal)
            .replace("$CONTRIBUTION", &self.contribution)
            .replace("$REMARK", &self.remark)
            .replace("$REFRESH", self.owner.refresh_token.as_deref().unwrap())
    }
}

async fn check(scene: &Scene, field: &str, operation: &str, who: usize, expected: Outcome) {
    let operation = scene.operation(operation);
    let client: Client = [scene.server.anonymous(), scene.stranger.clone(), scene.owner.clone()][who].clone();
    let before = everything(&scene.server).await;
    let answer = client.send(&operation, Value::Null).await;
    assert_eq!(outcome(&answer.body), expected, "{field} as {}", ["nobody", "a stranger", "the owner"][who]);
    if expected != Allowed {
        assert_eq!(everything(&scene.server).await, before, "{field} changed something though denied");
    }
}

#[tokio::test]
async fn the_matrix_holds() {
    // Only what changes something needs a server of its own.
    let shared = Scene::new().await;
    for (field, operation, outcomes) in MATRIX {
        if operation.is_empty() {
            continue;
        }
        for (who, expected) in outcomes.iter().enumerate() {
            if *expected == Allowed && field.starts_with("Mutation.") {
                check(&Scene::new().await, field, operation, who, *expected).await;
            } else {
                check(&shared, field, operation, who, *expected).await;
            }
        }
    }
}

/// What a role is called in the tests.
fn name(role: Role) -> String {
    format!("the_{}", role.as_str())
}

#[tokio::test]
async fn no_role_may_more_with_what_is_somebody_else_s_than_a_stranger() {
    // Where a stranger is allowed, nobody can be allowed more; what is refused changes nothing, so one server will do.
    let scene = Scene::new().await;
    let refused =
        MATRIX.iter().filter(|(_, operation, [_, stranger, _])| *stranger != Allowed && !operation.is_empty());
    let refused: Vec<_> = refused.map(|(field, operation, [_, stranger, _])| (field, operation, stranger)).collect();
    assert!(refused.len() >= 6);
    for role in Role::ALL {
        let staff = scene.server.staff(&name(*role), *role).await;
        let before = everything(&scene.server).await;
        for (field, operation, expected) in &refused {
            let allowed = |(name, permission): &(&str, Permission)| {
                name == *field && permissions::allows(Some(*role), *permission)
            };
            if BY_PERMISSION.iter().any(allowed) {
                continue;
            }
            let answer = staff.send(&scene.operation(operation), Value::Null).await;
            assert_eq!(outcome(&answer.body), **expected, "{field} as {role:?}");
        }
        assert_eq!(everything(&scene.server).await, before, "{role:?} changed something though denied");
    }
}

/// Somebody to act on: suspended, and with a second factor.
async fn target(server: &Server, username: &str) -> Client {
    let person = server.user(username).await;
    let id: agora::entity::UserId = person.id.parse().unwrap();
    let now = server.clock.now();
    for sql in [
        "INSERT INTO two_factors (user_id, secret, last_step, created_at, enabled_at) VALUES ($1, $2, 0, $3, $3)",
        "INSERT INTO suspensions (user_id, reason, created_at) VALUES ($1, CASE WHEN $2 IS NULL THEN '' ELSE 'spam' END, $3)",
    ] {
        let values = vec![id.0.into(), vec![7_u8; 20].into(), now.into()];
        server.app.db.transact(async |tx| tx.execute(sql, values.clone()).await).await.unwrap();
    }
    person
}

/// The id of a withdrawal of the owner's goal.
async fn withdrawal(scene: &Scene, operation: &str, key: &str) -> String {
    if !operation.contains("$PAID_OUT") {
        return String::new();
    }
    let payload = goals::withdraw(&scene.owner, &scene.goal, Some("0.01"), key).await;
    payload["withdrawal"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
}

/// The id of a dead job.
async fn dead_job(scene: &Scene) -> String {
    scene
        .stranger
        .ok("mutation($id: ID!) { postUnlike(id: $id) { errors { code } } }", json!({ "id": scene.post }))
        .await;
    scene.stranger.like(&scene.post).await;
    let rows = scene.server.app.db.rows("SELECT id FROM jobs WHERE state = 'queued'", Vec::new()).await.unwrap();
    let id = agora::entity::JobId(rows[0].try_get_by_index(0).unwrap());
    let sql = "UPDATE jobs SET state = 'dead', attempts = 10 WHERE state = 'queued'";
    scene.server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
    id.to_string()
}

/// What staff decides about of somebody's money: each by its id.
struct MoneyAtStake {
    requested: String,
    approved: String,
    proposed: String,
}

impl MoneyAtStake {
    async fn of(server: &Server, person: &Client) -> Self {
        let (method, requested) = wallets::with_withdrawal(server, person).await;
        let approved = wallets::withdraw(person, &method, "1.00", "second").await;
        wallets::approve_by_hand(server, &approved).await;
        let proposed = wallets::propose_by_hand(server, &person.id).await;
        Self { requested, approved, proposed }
    }

    fn fill(&self, operation: &str) -> String {
        operation
            .replace("$REQUESTED", &self.requested)
            .replace("$APPROVED", &self.approved)
            .replace("$PROPOSED", &self.proposed)
    }
}

#[tokio::test]
async fn what_needs_a_permission_is_for_those_who_have_it_only() {
    let scene = Scene::new().await;
    let server = &scene.server;
    let mut staff = Vec::new();
    for role in Role::ALL {
        staff.push((*role, server.staff(&name(*role), *role).await));
    }
    let victim = target(server, "victim").await;
    let job = dead_job(&scene).await;
    let money = MoneyAtStake::of(server, &victim).await;
    for (number, (field, operation, allowed)) in STAFF.iter().enumerate() {
        let paid_out = withdrawal(&scene, operation, field).await;
        let on = |target: &Client, job: &str, money: &MoneyAtStake, paid_out: &str| {
            let operation = money.fill(&scene.operation(operation)).replace("$TARGET", &target.id);
            operation.replace("$JOB", job).replace("$PAID_OUT", paid_out)
        };
        let others =
            [(server.anonymous(), Unauthenticated), (scene.stranger.clone(), Forbidden), (victim.clone(), Forbidden)];
        let powerless = staff.iter().filter(|(role, _)| !allowed.contains(role));
        let denied = others.into_iter().chain(powerless.map(|(_, client)| (client.clone(), Forbidden)));
        let before = everything(server).await;
        for (client, expected) in denied {
            let answer = client.send(&on(&victim, &job, &money, &paid_out), Value::Null).await;
            assert_eq!(outcome(&answer.body), expected, "{field} as {}", client.username);
            assert_eq!(everything(server).await, before, "{field} changed something though denied");
        }
        for (role, client) in staff.iter().filter(|(role, _)| allowed.contains(role)) {
            let fresh =
                target(server, &format!("target_{number}_{}", role.as_str()).replace("administrator", "admin")).await;
            let job = dead_job(&scene).await;
            let money = MoneyAtStake::of(server, &fresh).await;
            let paid_out = withdrawal(&scene, operation, &format!("{field} {role:?}")).await;
            let before = everything(server).await;
            let answer = client.send(&on(&fresh, &job, &money, &paid_out), Value::Null).await;
            assert_eq!(outcome(&answer.body), Allowed, "{field} as {role:?}");
            let changed = everything(server).await != before;
            let is_refused = answer.body.to_string().contains("WRONG_STATE");
            assert_eq!(changed, field.starts_with("Mutation.") && !is_refused, "{field} as {role:?}");
        }
    }
}
