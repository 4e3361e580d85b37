//! What people may do with accounts, posts and notifications.

use super::{
    Case,
    Outcome::{Allowed, Invisible, NotAllowed, Unauthenticated},
    as_nobody,
};

/// Root field, operation, and what comes of it for nobody, for a stranger and for the owner. What an operation names is
/// the owner's, or the caller's own where the name begins with MY: see scene.rs.
pub(crate) const PEOPLE: &[Case] = &[
    ("Query.node", "{ node(id: \"$NOTIFICATION\") { id } }", [Invisible, Invisible, Allowed]),
    ("Query.nodes", "{ nodes(ids: [\"$POST\"]) { id } }", [Allowed, Allowed, Allowed]),
    ("Query.me", "{ me { email } }", [Invisible, Allowed, Allowed]),
    ("Query.user", "{ user(username: \"olivia\") { username } }", [Allowed, Allowed, Allowed]),
    ("Query.users", "{ users { nodes { username } } }", [Allowed, Allowed, Allowed]),
    ("Query.signInProviders", "{ signInProviders { name } }", [Allowed, Allowed, Allowed]),
    ("Query.post", "{ post(id: \"$POST\") { body } }", [Allowed, Allowed, Allowed]),
    ("Query.posts", "{ posts { nodes { body } } }", [Allowed, Allowed, Allowed]),
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
    (
        "Mutation.identityUnlink",
        "mutation { identityUnlink(input: { id: \"$IDENTITY\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    ("Mutation.logout", "mutation { logout { ended errors { code } } }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.sessionRevoke",
        "mutation { sessionRevoke(input: { id: \"$SESSION\" }) { errors { code } } }",
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
        "mutation { postUpdate(input: { id: \"$POST\", body: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.postDelete",
        "mutation { postDelete(input: { id: \"$POST\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.postLike",
        "mutation { postLike(input: { id: \"$POST\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.postUnlike",
        "mutation { postUnlike(input: { id: \"$LIKED\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.postShare",
        "mutation { postShare(input: { id: \"$POST\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.commentCreate",
        "mutation { commentCreate(input: { target: { postId: \"$POST\" }, body: \"new\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.commentUpdate",
        "mutation { commentUpdate(input: { id: \"$COMMENT\", body: \"changed\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.commentDelete",
        "mutation { commentDelete(input: { id: \"$COMMENT\" }) { errors { code } } }",
        [Unauthenticated, NotAllowed, Allowed],
    ),
    (
        "Mutation.commentLike",
        "mutation { commentLike(input: { id: \"$COMMENT\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.commentUnlike",
        "mutation { commentUnlike(input: { id: \"$LIKED_COMMENT\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.notificationMarkRead",
        "mutation { notificationMarkRead(input: { id: \"$NOTIFICATION\" }) { errors { code } } }",
        [Unauthenticated, Invisible, Allowed],
    ),
    (
        "Mutation.notificationMarkAllRead",
        "mutation { notificationMarkAllRead { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    ("Mutation.twoFactorSetup", "mutation { twoFactorSetup { errors { code } } }", [Unauthenticated, Allowed, Allowed]),
    (
        "Mutation.twoFactorEnable",
        "mutation { twoFactorEnable(input: { code: \"$MY_FIRST_APP_CODE\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.twoFactorDisable",
        "mutation { twoFactorDisable(input: { code: \"$MY_APP_CODE\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.backupCodesRegenerate",
        "mutation { backupCodesRegenerate { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.twoFactorVerify",
        "mutation { twoFactorVerify(input: { challengeToken: \"$CHALLENGE\", method: TOTP, code: \"$APP_CODE\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.twoFactorCodeSend",
        "mutation { twoFactorCodeSend(input: { challengeToken: \"$CHALLENGE\", method: EMAIL }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.reauthenticate",
        "mutation { reauthenticate(input: { password: \"correct horse battery\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.reauthenticationCodeSend",
        "mutation { reauthenticationCodeSend { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailVerificationSend",
        "mutation { emailVerificationSend(input: {}) { accepted errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailVerify",
        "mutation { emailVerify(input: { emailCode: { code: \"$MY_EMAIL_CODE\" } }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailChangeRequest",
        "mutation { emailChangeRequest(input: { email: \"new@example.org\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.emailChangeConfirm",
        "mutation { emailChangeConfirm(input: { code: \"$MY_NEW_EMAIL_CODE\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.phoneVerificationSend",
        "mutation { phoneVerificationSend(input: { phone: \"+201001234567\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    (
        "Mutation.phoneVerify",
        "mutation { phoneVerify(input: { code: \"$MY_PHONE_CODE\" }) { errors { code } } }",
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
        "mutation { passwordResetConfirm(input: { proof: { emailCode: { email: \"olivia@example.org\", code: \"$RESET_CODE\" } }, newPassword: \"wrong horse battery\" }) { errors { code } } }",
        [Allowed, Allowed, Allowed],
    ),
    (
        "Mutation.profileComplete",
        "mutation { profileComplete(input: { phone: \"+201001234567\", country: \"EG\", city: \"Cairo\" }) { errors { code } } }",
        [Unauthenticated, Allowed, Allowed],
    ),
    // Over a socket; tests/it/notifications/mod.rs shows the owner's side.
    ("Subscription.notificationReceived", "", [Unauthenticated, Allowed, Allowed]),
];

#[tokio::test]
async fn what_is_denied_or_only_reads_changes_nothing() {
    Box::pin(super::what_is_denied_or_only_reads_changes_nothing(PEOPLE)).await;
}

#[tokio::test]
async fn what_is_allowed_is_done() {
    Box::pin(super::what_is_allowed_is_done(PEOPLE)).await;
}

#[tokio::test]
async fn a_token_that_is_refused_allows_no_more_than_none_and_is_told_where_it_matters() {
    Box::pin(super::a_token_that_is_refused_allows_no_more_than_none(as_nobody(PEOPLE))).await;
}
