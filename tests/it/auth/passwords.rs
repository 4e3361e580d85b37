//! Changing a password, and choosing a new one by a code: what ends by it, what holds, and what nobody learns.

use std::sync::Mutex;

use agora::domain::auth;
use futures_util::{StreamExt, future::join_all, stream};
use sea_orm::DatabaseBackend;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::authenticator::{self, enable, verify};
use crate::harness::{Client, SEVERAL_CONNECTIONS, Server, client::PASSWORD, dice::multitude, user_error};

const NEW: &str = "an entirely new one";
const CHANGE: &str = "mutation($old: String!, $new: String!) { passwordChange(input: { oldPassword: $old, \
    newPassword: $new }) { changed errors { code path } } }";
const REQUEST: &str = "mutation($email: EmailAddress!) { passwordResetRequest(input: { email: $email }) { accepted \
    errors { code path } } }";
const CONFIRM: &str = "mutation($email: EmailAddress!, $code: String!, $new: String!) { passwordResetConfirm(input: { proof: { emailCode: { \
    email: $email, code: $code } }, newPassword: $new }) { changed errors { code path } } }";
const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code path } result { __typename } } }";
const REFRESH: &str =
    "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } } }";
/// What only somebody sees; a token that is no longer good is refused.
const WHO: &str = "{ me { username emailVerified notificationUnreadCount } }";

async fn login(server: &Server, password: &str) -> Vec<(String, String)> {
    server.anonymous().user_errors(LOGIN, json!({ "login": "amina", "password": password })).await
}

async fn activities(server: &Server, kind: &str) -> i64 {
    server.count(&format!("SELECT COUNT(*) FROM activities WHERE kind = '{kind}'")).await
}

/// The code that a reset sends to amina.
async fn reset_code(server: &Server) -> String {
    let data = server.anonymous().ok(REQUEST, json!({ "email": "amina@example.org" })).await;
    assert_eq!(data["passwordResetRequest"], json!({ "accepted": true, "errors": [] }));
    server.last_sent("amina@example.org").await.code()
}

fn choosing(code: &str, new: &str) -> Value {
    json!({ "email": "amina@example.org", "code": code, "new": new })
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session_at_once() {
    let server = Server::start().await;
    let here = server.user("amina").await;
    let there = server.anonymous().login("amina").await;
    let badr = server.user("badr").await;
    there.ok(WHO, Value::Null).await;
    let data = here.ok(CHANGE, json!({ "old": PASSWORD, "new": NEW })).await;
    assert_eq!(data["passwordChange"], json!({ "changed": true, "errors": [] }));

    assert_eq!(there.refused(WHO, Value::Null).await, "UNAUTHENTICATED");
    let errors = server.anonymous().user_errors(REFRESH, json!({ "token": there.refresh_token })).await;
    assert_eq!(errors, [("INVALID_REFRESH_TOKEN".to_owned(), "input.refreshToken".to_owned())]);
    assert_eq!(here.ok(WHO, Value::Null).await["me"]["username"], "amina");
    assert_eq!(server.anonymous().user_errors(REFRESH, json!({ "token": here.refresh_token })).await, []);
    assert_eq!(badr.ok(WHO, Value::Null).await["me"]["username"], "badr");
    assert_eq!(login(&server, PASSWORD).await, user_error("INVALID_CREDENTIALS", ""));
    assert_eq!(login(&server, NEW).await, []);
    assert_eq!(activities(&server, "password_changed").await, 1);
    assert!(server.last_sent("amina@example.org").await.text.contains("192.0.2.1"));
    let ended = "SELECT COUNT(*) FROM sessions WHERE end_reason = 'password_changed'";
    assert_eq!(server.count(ended).await, 1);
}

#[tokio::test]
async fn a_sign_in_that_began_before_the_password_changed_gets_no_session_after() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    server.user("amina").await;
    let before = server.count("SELECT COUNT(*) FROM sessions").await;
    let (held, is_held) = oneshot::channel();
    let (begun, has_begun) = oneshot::channel::<()>();
    let signals = Mutex::new(Some((held, has_begun)));
    let app = server.app.clone();
    // The password changes while the person is locked, as every change of it does.
    let change = server.app.db.transact(async |tx| {
        let lock = format!("SELECT id FROM users WHERE username = 'amina' {}", app.db.for_update());
        tx.rows(lock, Vec::new()).await?;
        let (held, has_begun) = signals.lock().unwrap().take().unwrap();
        held.send(()).unwrap();
        let _ = has_begun.await;
        tx.execute("UPDATE credentials SET password_hash = 'another one'", Vec::new()).await
    });
    let sign_in = async {
        is_held.await.unwrap();
        // On SQLite the change is the one writer: there the sign-in has read the old password, and waits to count its try.
        let came_so_far = || match server.app.db.backend() {
            DatabaseBackend::Postgres => server.app.passwords.hashed(),
            _ => server.app.db.statements(),
        };
        let start = came_so_far();
        let waits = async {
            while came_so_far() == start {
                tokio::task::yield_now().await;
            }
            begun.send(()).unwrap();
        };
        tokio::join!(login(&server, PASSWORD), waits).0
    };
    let (changed, errors) = tokio::join!(change, sign_in);
    changed.unwrap();
    assert_eq!(errors, user_error("INVALID_CREDENTIALS", ""));
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, before);
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_the_old_one() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let other = server.anonymous().login("amina").await;
    // Wrong guesses are in the owner's log; nothing else changes.
    let but_the_log = async || {
        let mut rows = server.rows().await;
        rows.retain(|(table, _)| *table != "activities");
        rows
    };
    let before = but_the_log().await;
    let long = "x1y2".repeat(40);
    for (old, new, code, path) in [
        ("not the password", NEW, "WRONG_PASSWORD", "oldPassword"),
        ("", NEW, "WRONG_PASSWORD", "oldPassword"),
        (long.as_str(), NEW, "WRONG_PASSWORD", "oldPassword"),
        (PASSWORD, "", "BLANK", "newPassword"),
        (PASSWORD, "short", "TOO_SHORT", "newPassword"),
        (PASSWORD, long.as_str(), "TOO_LONG", "newPassword"),
        (PASSWORD, "password1234", "PASSWORD_TOO_WEAK", "newPassword"),
        (PASSWORD, "aminaamina", "PASSWORD_TOO_WEAK", "newPassword"),
    ] {
        let errors = amina.user_errors(CHANGE, json!({ "old": old, "new": new })).await;
        assert_eq!(errors, user_error(code, &format!("input.{path}")), "{new}");
    }
    assert_eq!(but_the_log().await, before);
    assert_eq!(activities(&server, "sign_in_failed").await, 3);
    assert_eq!(server.sent().await, []);
    other.ok(WHO, Value::Null).await;
    assert_eq!(login(&server, PASSWORD).await, []);
}

#[tokio::test]
async fn of_two_changes_at_once_one_counts() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let other = server.anonymous().login("amina").await;
    let changes = [(&amina, "the first new one"), (&other, "the second new one")]
        .map(|(client, new)| client.send(CHANGE, json!({ "old": PASSWORD, "new": new })));
    let answers = join_all(changes).await;
    let done = answers.iter().filter(|answer| answer.body["data"]["passwordChange"]["changed"] == true).count();
    assert_eq!(done, 1, "{answers:?}");
    let mut possible = 0;
    for password in ["the first new one", "the second new one"] {
        possible += usize::from(login(&server, password).await.is_empty());
    }
    assert_eq!(possible, 1);
}

#[tokio::test]
async fn a_new_password_is_chosen_by_the_code_and_signs_nobody_in() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.ok(WHO, Value::Null).await;
    let code = reset_code(&server).await;
    let sent = server.last_sent("amina@example.org").await;
    let link = url::Url::parse(&sent.link()).unwrap();
    assert_eq!(link.path(), "/reset-password");
    let query: Vec<_> = link.query_pairs().into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(query, [pair("token", &sent.token())]);
    assert_eq!(login(&server, PASSWORD).await, [], "asking alone changes nothing");

    let data = server.anonymous().ok(CONFIRM, choosing(&code, NEW)).await;
    assert_eq!(data["passwordResetConfirm"], json!({ "changed": true, "errors": [] }));
    assert_eq!(amina.refused(WHO, Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await, 0);
    assert_eq!(login(&server, PASSWORD).await, user_error("INVALID_CREDENTIALS", ""));
    let data = server.anonymous().ok(LOGIN, json!({ "login": "amina", "password": NEW })).await;
    assert_eq!(data["login"]["result"]["__typename"], "Session");
    assert!(server.last_sent("amina@example.org").await.text.contains("192.0.2.1"), "the owner is told");
    assert_eq!(server.count("SELECT COUNT(*) FROM credentials WHERE email_confirmed_at IS NOT NULL").await, 1);
    for kind in ["password_reset_requested", "password_reset", "email_verified"] {
        assert_eq!(activities(&server, kind).await, 1, "{kind}");
    }
    // A code is good once.
    let errors = server.anonymous().user_errors(CONFIRM, choosing(&code, "yet another one")).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.proof.emailCode.code"));
}

#[tokio::test]
async fn a_reset_completes_a_registration_that_waits() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let input = json!({ "input": { "username": "amina", "email": "amina@example.org", "password": PASSWORD } });
    let register = "mutation($input: RegisterInput!) { register(input: $input) { errors { code } } }";
    server.anonymous().ok(register, input).await;
    let waiting = server.last_sent("amina@example.org").await.code();
    let code = reset_code(&server).await;
    server.anonymous().ok(CONFIRM, choosing(&code, NEW)).await;
    assert_eq!(login(&server, NEW).await, []);
    // What had been sent before is void.
    let verify = "mutation($code: String!) { emailVerify(input: { emailCode: { email: \"amina@example.org\", code: $code } }) { \
                  errors { code path } } }";
    let errors = server.anonymous().user_errors(verify, json!({ "code": waiting })).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.emailCode.code"));
}

#[tokio::test]
async fn asking_for_a_reset_gives_nothing_away() {
    let server = Server::start().await;
    server.user("amina").await;
    let nobody = server.anonymous();
    let unknown = server.cost_of(nobody.ok(REQUEST, json!({ "email": "nobody@example.org" }))).await;
    assert_eq!(unknown.0["passwordResetRequest"], json!({ "accepted": true, "errors": [] }));
    assert_eq!(unknown.1[0], 0);
    for _ in 0..7 {
        // Also when there are too many.
        assert_eq!(server.cost_of(nobody.ok(REQUEST, json!({ "email": "Amina@example.org" }))).await, unknown);
        server.run_jobs().await;
        server.advance(60);
    }
    let sent = server.sent().await;
    assert_eq!(sent.len(), 5, "as many as a day has");
    assert!(sent.iter().all(|sent| sent.to == "amina@example.org"));
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
}

#[tokio::test]
async fn a_wrong_code_costs_the_same_whether_or_not_there_is_an_account() {
    let server = Server::start().await;
    server.user("amina").await;
    server.user("badr").await;
    let code = reset_code(&server).await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    let nobody = server.anonymous();
    let mut answers = Vec::new();
    // With a code on its way, without one, unknown, nonsense.
    for email in ["amina@example.org", "badr@example.org", "nobody@example.org", "nonsense"] {
        let variables = json!({ "email": email, "code": wrong, "new": NEW });
        answers.push(server.cost_of(nobody.ok(CONFIRM, variables)).await);
    }
    let refused = json!({ "changed": false, "errors": [{ "code": "INVALID_CODE", "path": ["input", "proof", "emailCode", "code"] }] });
    for (data, cost) in &answers {
        assert_eq!(data["passwordResetConfirm"], refused);
        assert_eq!(cost, &answers[0].1);
        assert_eq!(cost[0], 0, "guessing must not cost a hash");
    }
}

#[tokio::test]
async fn the_user_name_behind_an_address_is_not_given_away_by_the_rules_for_passwords() {
    let server = Server::start().await;
    server.user("secretive").await;
    server.write("UPDATE credentials SET email = 'amina@example.org', email_key = 'amina@example.org'", vec![]).await;
    let code = reset_code(&server).await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    let errors = server.anonymous().user_errors(CONFIRM, choosing(wrong, "secretive123")).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.proof.emailCode.code"));
    // Who has the code is told, and may choose again.
    let errors = server.anonymous().user_errors(CONFIRM, choosing(&code, "secretive123")).await;
    assert_eq!(errors, user_error("PASSWORD_TOO_WEAK", "input.newPassword"));
    for (new, why) in [
        ("short", "TOO_SHORT"),
        ("", "BLANK"),
        ("password1234", "PASSWORD_TOO_WEAK"),
        ("aminaamina", "PASSWORD_TOO_WEAK"),
    ] {
        // What anybody can know costs no try.
        let errors = server.anonymous().user_errors(CONFIRM, choosing(&code, new)).await;
        assert_eq!(errors, user_error(why, "input.newPassword"), "{new}");
    }
    assert_eq!(server.anonymous().user_errors(CONFIRM, choosing(&code, NEW)).await, []);
}

#[tokio::test]
async fn a_multitude_of_guesses_at_once_spends_five_tries() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    server.user("amina").await;
    let code = reset_code(&server).await;
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    let hashed = server.app.passwords.hashed();
    let guesses = stream::iter(0..multitude()).map(|_| {
        let client = server.anonymous();
        async move { client.user_errors(CONFIRM, choosing(wrong, NEW)).await }
    });
    let refused = guesses.buffer_unordered(32).collect::<Vec<_>>().await;
    assert!(refused.iter().all(|errors| *errors == user_error("INVALID_CODE", "input.proof.emailCode.code")));
    assert_eq!(server.count("SELECT attempts FROM codes").await, 5);
    assert_eq!(server.app.passwords.hashed(), hashed);
    let errors = server.anonymous().user_errors(CONFIRM, choosing(&code, NEW)).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.proof.emailCode.code"));
    assert_eq!(login(&server, PASSWORD).await, []);
}

#[tokio::test]
async fn one_code_chooses_one_password_however_many_come_at_once() {
    let server = Server::start().await;
    server.user("amina").await;
    let code = reset_code(&server).await;
    let passwords: Vec<_> = (0..5).map(|number| format!("an entirely new one {number}")).collect();
    let clients: Vec<Client> = passwords.iter().map(|_| server.anonymous()).collect();
    let calls = passwords.iter().zip(&clients).map(|(new, client)| client.user_errors(CONFIRM, choosing(&code, new)));
    let results = join_all(calls).await;
    assert_eq!(results.iter().filter(|errors| errors.is_empty()).count(), 1, "{results:?}");
    let mut good = 0;
    for password in &passwords {
        good += usize::from(login(&server, password).await.is_empty());
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn a_changed_password_voids_the_code_of_a_reset() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let code = reset_code(&server).await;
    amina.ok(CHANGE, json!({ "old": PASSWORD, "new": NEW })).await;
    let errors = server.anonymous().user_errors(CONFIRM, choosing(&code, "a thief's password")).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.proof.emailCode.code"));
    assert_eq!(login(&server, NEW).await, []);
}

#[tokio::test]
async fn an_account_without_a_password_gets_its_first_one_by_a_reset() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.write("UPDATE credentials SET password_hash = NULL", Vec::new()).await;
    let before = server.rows().await;
    assert_eq!(amina.user_errors(CHANGE, json!({ "old": "", "new": NEW })).await, user_error("NO_PASSWORD", ""));
    assert_eq!(server.rows().await, before);
    let code = reset_code(&server).await;
    assert_eq!(server.anonymous().user_errors(CONFIRM, choosing(&code, NEW)).await, []);
    assert_eq!(login(&server, NEW).await, []);
}

#[tokio::test]
async fn the_second_factor_holds_after_a_reset_and_open_sign_ins_end() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    auth::confirm_email(&server.app, "amina@example.org").await.unwrap();
    let (app, _) = enable(&server, &amina).await;
    let open = "SELECT COUNT(*) FROM challenges WHERE ended_at IS NULL";
    let methods = async |password: &str| {
        let credentials = json!({ "login": "amina", "password": password });
        let data = server.anonymous().ok(authenticator::LOGIN, credentials).await;
        let challenge = data["login"]["result"].clone();
        assert_eq!(challenge["__typename"], "TwoFactorChallenge");
        (challenge.clone(), challenge["methods"].clone())
    };
    assert_eq!(methods(PASSWORD).await.1, json!(["TOTP", "EMAIL", "BACKUP_CODE"]));
    assert_eq!(server.count(open).await, 1);
    let code = reset_code(&server).await;
    server.anonymous().ok(CONFIRM, choosing(&code, NEW)).await;
    assert_eq!(server.count(open).await, 0, "it was begun by the old password");
    // The mailbox chose the password: a code to the mailbox is no second proof.
    let (challenge, offered) = methods(NEW).await;
    assert_eq!(offered, json!(["TOTP", "BACKUP_CODE"]));
    let send = "mutation($token: String!) { twoFactorCodeSend(input: { challengeToken: $token, method: EMAIL }) { \
                errors { code path } } }";
    let refused = server.anonymous().user_errors(send, json!({ "token": challenge["challengeToken"] })).await;
    assert_eq!(refused, user_error("METHOD_NOT_AVAILABLE", "input.method"));
    assert!(verify(&server.anonymous(), &challenge, "EMAIL", "000000").await.is_null());
    // Whoever has the app has more than the mailbox, and everything is as before.
    server.advance(60);
    let (challenge, _) = methods(NEW).await;
    assert!(verify(&server.anonymous(), &challenge, "TOTP", &app.code(&server)).await.is_object());
    assert_eq!(methods(NEW).await.1, json!(["TOTP", "EMAIL", "BACKUP_CODE"]));
}

#[tokio::test]
async fn a_second_factor_that_a_stranger_set_up_in_the_owner_s_name_does_not_lock_the_owner_out() {
    let server = Server::start().await;
    let stranger = server.user("amina").await;
    enable(&server, &stranger).await;
    let code = reset_code(&server).await;
    server.anonymous().ok(CONFIRM, choosing(&code, NEW)).await;
    assert_eq!(login(&server, NEW).await, []);
    assert_eq!(server.count("SELECT COUNT(*) FROM two_factors").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM backup_codes").await, 0);
}

#[tokio::test]
async fn who_waited_in_an_account_with_another_s_address_is_out_after_the_owner_s_reset() {
    let link = "INSERT INTO identities (id, user_id, provider, subject, created_at, last_used_at) \
                SELECT $1, id, 'google', 'stranger', created_at, created_at FROM users";
    for proven in [false, true] {
        let server = Server::start().await;
        let stranger = server.user("amina").await;
        server.write(link, vec![server.app.ids.next(server.clock.now()).into()]).await;
        if proven {
            let at = server.clock.now();
            server.write("UPDATE credentials SET email_confirmed_at = $1", vec![at.into()]).await;
        }
        let code = reset_code(&server).await;
        server.anonymous().ok(CONFIRM, choosing(&code, NEW)).await;
        assert_eq!(stranger.refused(WHO, Value::Null).await, "UNAUTHENTICATED");
        // Where the owner had proven the address before, the identity is theirs.
        assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, i64::from(proven));
        assert_eq!(activities(&server, "identity_unlinked").await, i64::from(!proven));
        let told = server.sent().await.iter().filter(|sent| sent.text.contains("google")).count();
        assert_eq!(told, usize::from(!proven), "nothing is unlinked silently");
    }
}
