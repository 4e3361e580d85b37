//! Recent authentication: what asks for it, and how it is given.

use agora::{
    domain::auth,
    graphql::{self, engine::rules},
};
use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, TypeKind, TypeSystemDefinition},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::authenticator::{REAUTHENTICATE, SETUP, activity, enable, execute};
use crate::harness::{Client, SEVERAL_CONNECTIONS, Server, client::PASSWORD, dice::multitude, user_error};

/// The operations that need a recent authentication and that there are: each with a call of it, and whether it takes an
/// administrator. Whoever adds one to the graph adds it here.
const CALLS: &[(&str, &str, bool)] = &[
    ("twoFactorSetup", "mutation { twoFactorSetup { errors { code } } }", false),
    ("twoFactorDisable", "mutation { twoFactorDisable(input: { code: \"123456\" }) { errors { code } } }", false),
    ("backupCodesRegenerate", "mutation { backupCodesRegenerate { errors { code } } }", false),
    (
        "emailChangeRequest",
        "mutation { emailChangeRequest(input: { email: \"new@example.org\" }) { errors { code } } }",
        false,
    ),
    (
        "goalWithdraw",
        "mutation { goalWithdraw(input: { goalId: \"goal_00000000000000000000000000\", idempotencyKey: \"k\" }) { errors { code } } }",
        false,
    ),
    (
        "adminUserSetRole",
        "mutation { adminUserSetRole(input: { id: \"user_00000000000000000000000000\", role: MODERATOR }) { errors { code } } }",
        true,
    ),
    (
        "adminUserResetTwoFactor",
        "mutation { adminUserResetTwoFactor(input: { id: \"user_00000000000000000000000000\" }) { errors { code } } }",
        true,
    ),
    (
        "phoneVerificationSend",
        "mutation { phoneVerificationSend(input: { phone: \"+201001234567\" }) { errors { code } } }",
        false,
    ),
    ("identityLink", "mutation { identityLink(input: { provider: \"google\" }) { errors { code } } }", false),
    (
        "identityUnlink",
        "mutation { identityUnlink(input: { id: \"identity_00000000000000000000000000\" }) { errors { code } } }",
        false,
    ),
    (
        "payoutMethodAdd",
        "mutation { payoutMethodAdd(input: { holder: \"Amina\", account: { accountNumber: \"12345678\" }, bankName: \"Bank\", country: \"EG\", currency: \"EGP\" }) { errors { code } } }",
        false,
    ),
    (
        "walletWithdraw",
        "mutation { walletWithdraw(input: { payoutMethodId: \"payoutmethod_00000000000000000000000000\", amount: { amount: \"1\", currency: \"EGP\" }, idempotencyKey: \"1\" }) { errors { code } } }",
        false,
    ),
    (
        "adminWalletAdjust",
        "mutation { adminWalletAdjust(input: { userId: \"user_00000000000000000000000000\", amount: { amount: \"1\", currency: \"EGP\" }, direction: CREDIT, reason: \"a test\", idempotencyKey: \"1\" }) { errors { code } } }",
        true,
    ),
    (
        "adminWithdrawalMarkReturned",
        "mutation { adminWithdrawalMarkReturned(input: { id: \"withdrawal_00000000000000000000000000\", reason: \"1\" }) { errors { code } } }",
        true,
    ),
    (
        "adminPaymentConfirm",
        "mutation { adminPaymentConfirm(input: { id: \"payment_00000000000000000000000000\", reference: \"1\", idempotencyKey: \"1\" }) { errors { code } } }",
        true,
    ),
    (
        "adminPaymentCollect",
        "mutation { adminPaymentCollect(input: { id: \"payment_00000000000000000000000000\" }) { errors { code } } }",
        true,
    ),
    (
        "adminPaymentRemit",
        "mutation { adminPaymentRemit(input: { id: \"payment_00000000000000000000000000\", reference: \"1\", idempotencyKey: \"1\" }) { errors { code } } }",
        true,
    ),
    (
        "adminRefundComplete",
        "mutation { adminRefundComplete(input: { id: \"refund_00000000000000000000000000\", reference: \"1\" }) { errors { code } } }",
        true,
    ),
    (
        "adminDisputeRecord",
        "mutation { adminDisputeRecord(input: { id: \"payment_00000000000000000000000000\", state: WON, amount: { amount: \"1\", currency: \"EGP\" }, reference: \"1\", reason: \"1\" }) { errors { code } } }",
        true,
    ),
    (
        "adminProviderSettlementRecord",
        "mutation { adminProviderSettlementRecord(input: { provider: PAYMOB, kind: FEE, amount: { amount: \"1\", currency: \"EGP\" }, reference: \"1\", idempotencyKey: \"1\" }) { errors { code } } }",
        true,
    ),
    ("accountDelete", "mutation { accountDelete { errors { code } } }", false),
    ("accountExport", "mutation { accountExport { errors { code } } }", false),
];

/// The operations that are declared to need a recent authentication, each with its reason; sorted.
fn declared() -> Vec<(&'static str, &'static str)> {
    let mut declared: Vec<_> =
        rules::all().filter_map(|rule| rule.recent_authentication.map(|why| (rule.name, why))).collect();
    declared.sort_unstable();
    declared
}

/// The names of all mutations, each with its description in one line.
fn mutations() -> Vec<(String, String)> {
    for definition in parse_schema(graphql::sdl()).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && definition.node.name.node == "Mutation"
            && let TypeKind::Object(object) = definition.node.kind
        {
            let described = |field: FieldDefinition| {
                let description = field.description.map(|text| text.node).unwrap_or_default();
                (field.name.node.to_string(), description.split_whitespace().collect::<Vec<_>>().join(" "))
            };
            return object.fields.into_iter().map(|field| described(field.node)).collect();
        }
    }
    panic!("no mutations");
}

#[test]
fn the_operator_s_guide_shows_the_list() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("## Recent authentication").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    rows.sort_unstable();
    let mut expected: Vec<String> = declared().iter().map(|(name, why)| format!("| `{name}` | {why} |")).collect();
    expected.sort_unstable();
    assert_eq!(rows, expected);
}

#[test]
fn every_declared_operation_is_called_here() {
    let expected: Vec<_> = declared().into_iter().map(|(name, _)| name).collect();
    let mut called: Vec<_> = CALLS.iter().map(|(name, ..)| *name).collect();
    called.sort_unstable();
    assert_eq!(called, expected);
}

#[test]
fn the_graph_says_of_each_of_them_that_it_is_one() {
    for (name, description) in mutations() {
        let is_declared = rules::of(&name).recent_authentication.is_some();
        assert_eq!(description.contains("recent authentication"), is_declared, "{name}: {description}");
    }
}

#[tokio::test]
async fn each_of_them_refuses_a_session_that_is_not_recently_authenticated() {
    let server = Server::with(&[("TWO_FACTOR_REQUIRED_ROLES", "none")]).await;
    server.user("amina").await;
    server.user("olivia").await;
    let sql = "INSERT INTO user_roles (user_id, role, created_at) \
               SELECT id, 'owner', created_at FROM users WHERE username = 'olivia'";
    execute(&server, sql).await;
    let (amina, owner) = (server.anonymous().login("amina").await, server.anonymous().login("olivia").await);
    server.advance(300);
    for (name, operation, administrator) in CALLS {
        let client = if *administrator { &owner } else { &amina };
        let before = server.rows().await;
        let answer = client.send(operation, Value::Null).await;
        assert_eq!(answer.code(), "REAUTHENTICATION_REQUIRED", "{name}");
        assert_eq!(answer.refusal()["methods"], json!(["PASSWORD"]), "{name}");
        assert_eq!(server.rows().await, before, "{name}");
    }
}

async fn is_recently_authenticated(client: &Client) -> bool {
    let body = client.send(SETUP, Value::Null).await.body;
    if body["errors"].is_null() {
        return true;
    }
    assert_eq!(body["errors"][0]["extensions"]["code"], "REAUTHENTICATION_REQUIRED", "{body}");
    false
}

#[tokio::test]
async fn the_password_counts_as_a_recent_authentication_of_this_session_for_five_minutes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let elsewhere = server.anonymous().login("amina").await;
    server.advance(299);
    assert!(is_recently_authenticated(&amina).await, "a sign-in is a recent authentication by itself");
    server.advance(1);
    assert!(!is_recently_authenticated(&amina).await);
    let data = amina.ok(REAUTHENTICATE, json!({ "input": { "password": PASSWORD } })).await;
    let until: DateTime<Utc> = data["reauthenticate"]["freshUntil"].as_str().unwrap().parse().unwrap();
    assert_eq!(until, server.clock.now() + TimeDelta::minutes(5));
    assert!(is_recently_authenticated(&amina).await);
    assert!(!is_recently_authenticated(&elsewhere).await, "another session is another matter");
    assert_eq!(activity(&server, "amina").await.last().unwrap(), "reauthenticated");
    server.advance(300);
    assert!(!is_recently_authenticated(&amina).await);
}

#[tokio::test]
async fn a_refresh_of_the_tokens_proves_nothing() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.advance(300);
    let refresh =
        "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { session { accessToken } } }";
    let data = amina.ok(refresh, json!({ "token": amina.refresh_token })).await;
    let amina = amina.token(data["tokenRefresh"]["session"]["accessToken"].as_str().unwrap());
    assert!(!is_recently_authenticated(&amina).await);
}

#[tokio::test]
async fn wrong_proofs_change_nothing_and_are_not_to_be_guessed() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.advance(300);
    let hashed = server.app.passwords.hashed();
    let wrong = json!({ "input": { "password": "not the password" } });
    for _ in 0..5 {
        assert_eq!(
            amina.user_errors(REAUTHENTICATE, wrong.clone()).await,
            user_error("WRONG_PASSWORD", "input.password")
        );
        assert_eq!(activity(&server, "amina").await.last().unwrap(), "sign_in_failed");
    }
    assert!(!is_recently_authenticated(&amina).await);
    let right = json!({ "input": { "password": PASSWORD } });
    assert_eq!(amina.refused(REAUTHENTICATE, right.clone()).await, "RATE_LIMITED");
    assert_eq!(server.app.passwords.hashed() - hashed, 5);
    assert!(!is_recently_authenticated(&amina).await);
    // A thief of a session elsewhere does not slow the owner, nor does it the sign-in.
    assert_eq!(amina.clone().from("198.51.100.1").user_errors(REAUTHENTICATE, right.clone()).await, []);
    server.anonymous().login("amina").await;
    server.advance(2);
    assert_eq!(amina.user_errors(REAUTHENTICATE, right).await, []);
}

#[tokio::test]
async fn a_multitude_of_guesses_at_once_spends_five() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let amina = server.user("amina").await;
    let hashed = server.app.passwords.hashed();
    let wrong = json!({ "input": { "password": "not the password" } });
    let calls = (0..multitude()).map(|_| amina.send(REAUTHENTICATE, wrong.clone()));
    let answers = join_all(calls).await;
    let tried = answers.iter().filter(|answer| answer.body["errors"].is_null()).count();
    assert_eq!(tried, 5);
    assert_eq!(server.app.passwords.hashed() - hashed, 5);
}

#[tokio::test]
async fn the_methods_are_those_that_the_account_has() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let proofs = ["password", "totp", "backupCode", "emailCode"];
    let available = async |client: &Client| {
        let mut available = Vec::new();
        for field in proofs {
            let errors = client.user_errors(REAUTHENTICATE, json!({ "input": { field: "x" } })).await;
            if errors[0].0 == "METHOD_NOT_AVAILABLE" {
                assert_eq!(errors[0].1, format!("input.{field}"));
            } else {
                available.push(field);
            }
        }
        available
    };
    assert_eq!(available(&amina).await, ["password"]);
    let send = "mutation { reauthenticationCodeSend { errors { code path } expiresAt } }";
    assert_eq!(amina.user_errors(send, Value::Null).await, user_error("METHOD_NOT_AVAILABLE", ""));
    // With a second factor the password is none: a thief who has it and an old session could take the factor off.
    let (app, backup_codes) = enable(&server, &amina).await;
    assert_eq!(available(&amina).await, ["totp", "backupCode"]);
    server.advance(300);
    let methods = amina.send("mutation { backupCodesRegenerate { errors { code } } }", Value::Null).await;
    assert_eq!(methods.refusal()["methods"], json!(["TOTP", "BACKUP_CODE"]));
    let proof = json!({ "input": { "backupCode": backup_codes[0] } });
    assert_eq!(amina.user_errors(REAUTHENTICATE, proof.clone()).await, []);
    assert_eq!(amina.user_errors(REAUTHENTICATE, proof).await, user_error("INVALID_CODE", "input.backupCode"));
    let proof = json!({ "input": { "totp": app.code(&server) } });
    assert_eq!(amina.user_errors(REAUTHENTICATE, proof).await, []);
    // Exactly one proof.
    for input in [json!({}), json!({ "password": PASSWORD, "totp": "123456" }), json!({ "password": null })] {
        assert_eq!(amina.refused(REAUTHENTICATE, json!({ "input": input })).await, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn without_password_and_app_a_code_by_e_mail_does() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let elsewhere = server.anonymous().login("amina").await;
    // As if they had joined by a provider.
    execute(&server, "UPDATE credentials SET password_hash = NULL").await;
    server.advance(300);
    let answer = amina.send(SETUP, Value::Null).await;
    assert_eq!(answer.refusal()["methods"], json!(["EMAIL"]));
    let send = "mutation { reauthenticationCodeSend { errors { code path } expiresAt } }";
    assert_eq!(amina.user_errors(send, Value::Null).await, []);
    assert_eq!(amina.user_errors(send, Value::Null).await, user_error("CODE_SENT_JUST_NOW", ""));
    let message = server.last_sent("amina@example.org").await;
    assert_eq!(message.subject, "Your confirmation code");
    let code = json!({ "input": { "emailCode": message.code() } });
    // In another session it is no good.
    let errors = elsewhere.user_errors(REAUTHENTICATE, code.clone()).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.emailCode"));
    assert_eq!(amina.user_errors(REAUTHENTICATE, code.clone()).await, []);
    assert!(is_recently_authenticated(&amina).await);
    assert!(!is_recently_authenticated(&elsewhere).await);
    let errors = amina.user_errors(REAUTHENTICATE, code).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.emailCode"), "once");
    let errors = amina.user_errors(REAUTHENTICATE, json!({ "input": { "password": PASSWORD } })).await;
    assert_eq!(errors, user_error("METHOD_NOT_AVAILABLE", "input.password"));
}

#[tokio::test]
async fn a_day_has_its_number_of_codes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    execute(&server, "UPDATE credentials SET password_hash = NULL").await;
    let send = "mutation { reauthenticationCodeSend { errors { code path } expiresAt } }";
    for _ in 0..10 {
        assert_eq!(amina.user_errors(send, Value::Null).await, []);
        server.advance(60);
    }
    let before = server.rows().await;
    assert_eq!(amina.user_errors(send, Value::Null).await, user_error("TOO_MANY_CODES", ""));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_session_that_ended_can_t_be_reauthenticated() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let beside = server.beside(&[]).await;
    let elsewhere = amina.clone().through(beside.router.clone());
    elsewhere.ok("{ me { id } }", Value::Null).await;
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    // The other instance has not heard of it yet.
    let proof = json!({ "input": { "password": PASSWORD } });
    assert_eq!(elsewhere.refused(REAUTHENTICATE, proof).await, "UNAUTHENTICATED");
    let sql = "SELECT COUNT(*) FROM activities WHERE kind = 'reauthenticated'";
    assert_eq!(server.count(sql).await, 0);
    assert_eq!(auth::RECENT_AUTHENTICATION, TimeDelta::minutes(5));
}
