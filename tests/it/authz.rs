//! Who may do what: every root field × {anonymous, stranger, owner}. A field that is missing here fails the test, and
//! a denied call is shown to have changed nothing.

use agora::graphql;
use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use serde_json::Value;

use crate::harness::{Client, Server};

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
}

use Outcome::{Allowed, Invisible, NotAllowed, Unauthenticated};

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
    let mut listed: Vec<_> = MATRIX.iter().map(|(field, ..)| (*field).to_owned()).collect();
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
        "SELECT COUNT(*) FROM codes",
        "SELECT COUNT(*) FROM profiles",
        "SELECT COUNT(*) FROM activities",
        "SELECT COUNT(*) FROM credentials WHERE email_confirmed_at IS NULL",
    ] {
        counts.push(server.count(sql).await);
    }
    counts
}

fn outcome(body: &Value) -> Outcome {
    if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
        return match code {
            "UNAUTHENTICATED" => Unauthenticated,
            other => panic!("{other}: {body}"),
        };
    }
    let field = body["data"].as_object().unwrap().values().next().unwrap();
    if field.is_null() {
        return Invisible;
    }
    match field["errors"][0]["code"].as_str() {
        // A code that is sent is a wrong one here, but who may use it was decided.
        None | Some("INVALID_CODE") => Allowed,
        Some("NOT_ALLOWED") => NotAllowed,
        Some("NOT_FOUND" | "PROVIDER_FAILED") => Invisible,
        Some(other) => panic!("{other}: {body}"),
    }
}

async fn check(field: &str, operation: &str, who: usize, expected: Outcome) {
    let server = Server::with(&[("GITHUB_CLIENT_ID", "client"), ("GITHUB_CLIENT_SECRET", "secret")]).await;
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
    let operation = operation
        .replace("$POST", &post)
        .replace("$COMMENT", &comment)
        .replace("$NOTIFICATION", &notification)
        .replace("$SESSION", &session)
        .replace("$REFRESH", owner.refresh_token.as_deref().unwrap());
    let client: Client = [server.anonymous(), stranger, owner][who].clone();
    let before = everything(&server).await;
    let answer = client.send(&operation, Value::Null).await;
    assert_eq!(outcome(&answer.body), expected, "{field} as {}", ["nobody", "a stranger", "the owner"][who]);
    if expected != Allowed {
        assert_eq!(everything(&server).await, before, "{field} changed something though denied");
    }
}

#[tokio::test]
async fn the_matrix_holds() {
    for (field, operation, outcomes) in MATRIX {
        if operation.is_empty() {
            continue;
        }
        for (who, expected) in outcomes.iter().enumerate() {
            check(field, operation, who, *expected).await;
        }
    }
}
