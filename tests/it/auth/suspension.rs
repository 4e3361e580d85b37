//! Keeping people out: suspension, signing out everywhere, and taking a lost second factor away.

use agora::{
    domain::{
        actor::{Actor, Client as Caller},
        admin,
    },
    entity::{UserId, user_role::Role},
};
use serde_json::{Value, json};

use crate::harness::{Client, Server, Socket, client::PASSWORD};

const SUSPEND: &str = "mutation($id: ID!, $reason: String!, $until: DateTime) { adminUserSuspend(input: { id: $id, \
    reason: $reason, until: $until }) { errors { code path message } user { username account { suspension { reason until \
    since } sessionCount } } } }";
const REINSTATE: &str = "mutation($id: ID!) { adminUserReinstate(input: { id: $id }) { errors { code path } user { account { \
    suspension { reason } } } } }";
const SIGN_OUT: &str = "mutation($id: ID!) { adminUserSignOutEverywhere(input: { id: $id }) { errors { code path } user { account { \
    sessionCount } } } }";
const RESET: &str = "mutation($id: ID!) { adminUserResetTwoFactor(input: { id: $id }) { errors { code path } user { account { \
    twoFactorEnabled sessionCount } } } }";
const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code message path parameters { until reason } } result { __typename } } }";
const REFRESH: &str =
    "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } } }";
const ME: &str = "{ me { id } }";

async fn suspend(by: &Client, whom: &Client, reason: &str, until: Option<&str>) -> Value {
    let data = by.ok(SUSPEND, json!({ "id": whom.id, "reason": reason, "until": until })).await;
    assert_eq!(data["adminUserSuspend"]["errors"], json!([]), "{data}");
    data["adminUserSuspend"]["user"]["account"].clone()
}

/// What comes of signing in: the kind of the result, or the first error.
async fn login(server: &Server, name: &str) -> String {
    let data = server.anonymous().ok(LOGIN, json!({ "login": name, "password": PASSWORD })).await;
    let (error, kind) = (&data["login"]["errors"][0], &data["login"]["result"]["__typename"]);
    format!("{}{}", kind.as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_suspended_person_is_out_at_once_everywhere() {
    let server = Server::start().await;
    let (address, beside) = (server.listen().await, server.beside(&[]).await);
    let elsewhere = beside.listen().await;
    let (moderator, amina) = (server.staff("mod", Role::Moderator).await, server.user("amina").await);
    let second = server.anonymous().login("amina").await;
    let mut sockets = Vec::new();
    for (address, client) in [(address, &amina), (address, &second), (elsewhere, &amina)] {
        sockets.push(Socket::open(address, client.access_token.as_deref()).await);
    }
    let mut other = Socket::open(address, moderator.access_token.as_deref()).await;
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    let account = suspend(&moderator, &amina, "  Spam, again. ", None).await;
    let since = "2026-01-01T12:00:00+00:00";
    let suspension = json!({ "reason": "Spam, again.", "until": null, "since": since });
    assert_eq!(account, json!({ "suspension": suspension, "sessionCount": 0 }));
    for client in [&amina, &second] {
        assert_eq!(client.refused(ME, Value::Null).await, "UNAUTHENTICATED");
        let errors = server.anonymous().user_errors(REFRESH, json!({ "token": client.refresh_token })).await;
        assert_eq!(errors[0].0, "INVALID_REFRESH_TOKEN");
    }
    for mut socket in sockets {
        assert_eq!(socket.closed().await, (4403, "Session ended".to_owned()));
    }
    other.send(json!({ "type": "ping" })).await;
    assert_eq!(other.next().await["type"], "pong");
    // Nor can they come back, or learn of it by a wrong password.
    assert_eq!(login(&server, "amina").await, "This account is suspended until further notice: Spam, again.");
    let wrong = json!({ "login": "amina", "password": "not the password" });
    assert_eq!(server.anonymous().user_errors(LOGIN, wrong).await[0].0, "INVALID_CREDENTIALS");
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions WHERE end_reason = 'suspended'").await, 2);
    let told = server.last_sent("amina@example.org").await;
    assert!(told.text.contains("Spam, again."), "{told:?}");
}

#[tokio::test]
async fn a_suspension_ends_by_itself_and_counts_for_nothing_from_then_on() {
    let server = Server::start().await;
    let (moderator, amina) = (server.staff("mod", Role::Moderator).await, server.user("amina").await);
    suspend(&moderator, &amina, "a day off", Some("2026-01-01T12:10:00+00:00")).await;
    server.advance(599);
    assert_eq!(login(&server, "amina").await, "This account is suspended until 2026-01-01 12:10 UTC: a day off");
    let refused = server.anonymous().ok(LOGIN, json!({ "login": "amina", "password": PASSWORD })).await;
    let parameters = json!({ "until": "2026-01-01T12:10:00+00:00", "reason": "a day off" });
    assert_eq!(refused["login"]["errors"][0]["parameters"], parameters);
    let query = "{ user(username: \"amina\") { account { suspension { reason } } } }";
    assert_eq!(moderator.ok(query, Value::Null).await["user"]["account"]["suspension"]["reason"], "a day off");
    server.advance(1);
    assert_eq!(login(&server, "amina").await, "Session");
    assert_eq!(moderator.ok(query, Value::Null).await["user"]["account"]["suspension"], Value::Null);
    // To lift what is over changes nothing; to suspend anew begins anew.
    let before = server.rows().await;
    assert_eq!(moderator.user_errors(REINSTATE, json!({ "id": amina.id })).await, []);
    assert_eq!(server.rows().await, before);
    let account = suspend(&moderator, &amina, "again", None).await;
    assert_eq!(account["suspension"]["since"], "2026-01-01T12:10:00+00:00");
}

#[tokio::test]
async fn once_more_changes_reason_and_end_and_reinstating_lets_in() {
    let server = Server::start().await;
    let (moderator, amina) = (server.staff("mod", Role::Moderator).await, server.user("amina").await);
    suspend(&moderator, &amina, "first", Some("2026-01-02T12:00:00+00:00")).await;
    server.advance(60);
    let account = suspend(&moderator, &amina, "second", Some("2026-02-01T00:00:00+00:00")).await;
    let expected =
        json!({ "reason": "second", "until": "2026-02-01T00:00:00+00:00", "since": "2026-01-01T12:00:00+00:00" });
    assert_eq!(account["suspension"], expected);
    assert_eq!(server.count("SELECT COUNT(*) FROM suspensions").await, 1);
    let data = moderator.ok(REINSTATE, json!({ "id": amina.id })).await;
    assert_eq!(data["adminUserReinstate"]["user"]["account"]["suspension"], Value::Null);
    assert_eq!(login(&server, "amina").await, "Session");
    let sent: Vec<_> = server.sent().await.into_iter().filter(|sent| sent.to == "amina@example.org").collect();
    assert_eq!(sent.len(), 3, "{sent:?}");
}

#[tokio::test]
async fn a_reason_is_needed_and_an_end_that_is_to_come() {
    let server = Server::start().await;
    let (moderator, amina) = (server.staff("mod", Role::Moderator).await, server.user("amina").await);
    let before = server.rows().await;
    for (reason, until, expected) in [
        ("  ", None, vec![("BLANK", "input.reason")]),
        (&*"x".repeat(501), None, vec![("TOO_LONG", "input.reason")]),
        ("a\u{0}b", None, vec![("INVALID_CHARACTERS", "input.reason")]),
        ("spam", Some("2026-01-01T12:00:00+00:00"), vec![("INVALID", "input.until")]),
        ("", Some("2020-01-01T00:00:00+00:00"), vec![("BLANK", "input.reason"), ("INVALID", "input.until")]),
    ] {
        let variables = json!({ "id": amina.id, "reason": reason, "until": until });
        let expected: Vec<_> = expected.iter().map(|(code, path)| ((*code).to_owned(), (*path).to_owned())).collect();
        assert_eq!(moderator.user_errors(SUSPEND, variables).await, expected, "{reason:.20}");
    }
    assert_eq!(server.rows().await, before);
    amina.ok(ME, Value::Null).await;
    suspend(&moderator, &amina, &"é".repeat(500), None).await;
}

#[tokio::test]
async fn nobody_acts_on_themselves_or_on_who_has_what_they_have_not() {
    let server = Server::start().await;
    let moderator = server.staff("mod", Role::Moderator).await;
    let admin = server.staff("keeper", Role::Administrator).await;
    let (owner, agent) =
        (server.staff("the_owner", Role::Owner).await, server.staff("agent", Role::SupportAgent).await);
    let seller = server.staff("seller", Role::Seller).await;
    let before = server.rows().await;
    let beyond = [("BEYOND_YOUR_RIGHTS".to_owned(), "input.id".to_owned())];
    let id = |client: &Client| json!({ "id": client.id, "reason": "because" });
    for (by, whom) in [
        (&moderator, &moderator),
        (&moderator, &agent),
        (&moderator, &seller),
        (&moderator, &admin),
        (&admin, &admin),
        (&admin, &owner),
        (&owner, &owner),
    ] {
        assert_eq!(by.user_errors(SUSPEND, id(whom)).await, beyond, "{} {}", by.username, whom.username);
        assert_eq!(by.user_errors(REINSTATE, json!({ "id": whom.id })).await, beyond);
    }
    for (by, whom) in [(&admin, &admin), (&admin, &owner), (&owner, &owner)] {
        assert_eq!(by.user_errors(SIGN_OUT, json!({ "id": whom.id })).await, beyond);
        assert_eq!(by.user_errors(RESET, json!({ "id": whom.id })).await, beyond);
    }
    assert_eq!(server.rows().await, before);
    for client in [&moderator, &admin, &owner, &agent, &seller] {
        client.ok(ME, Value::Null).await;
    }
}

#[tokio::test]
async fn a_sign_in_at_the_moment_of_the_suspension_does_not_survive_it() {
    let server = Server::start().await;
    let moderator = server.staff("mod", Role::Moderator).await;
    for round in 0..5 {
        let amina = server.user(&format!("amina_{round}")).await;
        let sign_in = async || login(&server, &amina.username).await;
        tokio::join!(sign_in(), suspend(&moderator, &amina, "now", None), sign_in(), sign_in());
        let sql =
            "SELECT COUNT(*) FROM sessions s JOIN suspensions p ON p.user_id = s.user_id WHERE s.ended_at IS NULL";
        assert_eq!(server.count(sql).await, 0);
    }
}

#[tokio::test]
async fn whose_registration_was_hidden_is_told_nothing_at_the_address_of_somebody_else() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let register = "mutation($name: String!) { register(input: { username: $name, email: \"amina@example.org\", password: \
                    \"correct horse battery\" }) { errors { code } } }";
    for name in ["amina", "pretender"] {
        server.anonymous().ok(register, json!({ "name": name })).await;
    }
    let sql = "UPDATE credentials SET email_confirmed_at = $1";
    let now = server.clock.now();
    server.write(sql, vec![now.into()]).await;
    let data = server.anonymous().ok("{ users { nodes { id username } } }", Value::Null).await;
    let pretender = data["users"]["nodes"][1].clone();
    assert_eq!(pretender["username"], "pretender");
    let before = server.sent().await.len();
    let command = admin::Suspend { reason: "spam".to_owned(), until: None };
    let id: UserId = pretender["id"].as_str().unwrap().parse().unwrap();
    admin::user_suspend(&server.app, &Actor::System, &Caller::default(), id, command).await.unwrap();
    assert_eq!(server.count("SELECT COUNT(*) FROM suspensions").await, 1);
    assert_eq!(server.sent().await.len(), before);
}

// ------------------------------------------------------------------------------------------------------ access anew

#[tokio::test]
async fn signing_somebody_out_everywhere_ends_every_session_and_no_more() {
    let server = Server::start().await;
    let address = server.listen().await;
    let (admin, amina) = (server.staff("keeper", Role::Administrator).await, server.user("amina").await);
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    let second = server.anonymous().login("amina").await;
    let data = admin.ok(SIGN_OUT, json!({ "id": amina.id })).await;
    assert_eq!(data["adminUserSignOutEverywhere"]["user"]["account"]["sessionCount"], 0, "{data}");
    assert_eq!(socket.closed().await.0, 4403);
    for client in [&amina, &second] {
        assert_eq!(client.refused(ME, Value::Null).await, "UNAUTHENTICATED");
    }
    assert_eq!(login(&server, "amina").await, "Session");
    admin.ok(ME, Value::Null).await;
}

/// Switches somebody's second factor on, with two backup codes.
async fn enable_two_factor(server: &Server, whom: &Client) {
    let id: UserId = whom.id.parse().unwrap();
    let now = server.clock.now();
    let sql = "INSERT INTO two_factors (user_id, secret, last_step, created_at, enabled_at) VALUES ($1, $2, 0, $3, $3)";
    server.write(sql, vec![id.0.into(), vec![1_u8; 20].into(), now.into()]).await;
    for byte in [1_u8, 2] {
        let sql = "INSERT INTO backup_codes (user_id, hash, created_at) VALUES ($1, $2, $3)";
        server.write(sql, vec![id.0.into(), vec![byte; 32].into(), now.into()]).await;
    }
}

#[tokio::test]
async fn a_second_factor_that_was_lost_is_taken_away_and_its_owner_told() {
    let server = Server::start().await;
    let (admin, amina) = (server.staff("keeper", Role::Administrator).await, server.user("amina").await);
    let not_enabled = [("TWO_FACTOR_NOT_ENABLED".to_owned(), "input.id".to_owned())];
    let before = server.rows().await;
    assert_eq!(admin.user_errors(RESET, json!({ "id": amina.id })).await, not_enabled);
    assert_eq!(server.rows().await, before);
    enable_two_factor(&server, &amina).await;
    assert_eq!(login(&server, "amina").await, "TwoFactorChallenge");
    let data = admin.ok(RESET, json!({ "id": amina.id })).await;
    let account = json!({ "twoFactorEnabled": false, "sessionCount": 0 });
    assert_eq!(data["adminUserResetTwoFactor"]["user"]["account"], account, "{data}");
    for sql in [
        "SELECT COUNT(*) FROM two_factors",
        "SELECT COUNT(*) FROM backup_codes",
        "SELECT COUNT(*) FROM challenges WHERE ended_at IS NULL",
    ] {
        assert_eq!(server.count(sql).await, 0, "{sql}");
    }
    assert_eq!(amina.refused(ME, Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'message'").await, 1);
    server.last_sent("amina@example.org").await;
    assert_eq!(login(&server, "amina").await, "Session");
    assert_eq!(admin.user_errors(RESET, json!({ "id": amina.id })).await, not_enabled);
}
