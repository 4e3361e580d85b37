//! Brute force against passwords: slowed for whoever guesses, while the owner comes in, and nobody learns who exists.

use agora::domain::auth;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::authenticator::{LOGIN, activity, execute};
use crate::harness::{Client, Server, client::PASSWORD, dice::multitude};

/// What a sign-in comes to: its code, and how long to wait.
async fn try_in(client: &Client, login: &str, password: &str) -> (String, i64) {
    let body = client.send(LOGIN, json!({ "login": login, "password": password })).await.body;
    if let Some(error) = body["errors"].get(0) {
        let wait = error["extensions"]["retryAfter"].as_i64().unwrap_or_default();
        return (error["extensions"]["code"].as_str().unwrap().to_owned(), wait);
    }
    let code = body["data"]["login"]["errors"][0]["code"].as_str().unwrap_or("OK");
    (code.to_owned(), 0)
}

async fn code(client: &Client, login: &str, password: &str) -> String {
    try_in(client, login, password).await.0
}

fn limited(seconds: i64) -> (String, i64) {
    ("RATE_LIMITED".to_owned(), seconds)
}

#[tokio::test]
async fn after_five_failures_each_waits_twice_as_long_as_the_one_before() {
    let server = Server::start().await;
    server.user("amina").await;
    let here = server.anonymous().from("198.51.100.1");
    for _ in 0..5 {
        assert_eq!(code(&here, "amina", "not the password").await, "INVALID_CREDENTIALS");
    }
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let (hashed, rows) = (server.app.passwords.hashed(), server.rows().await);
        for password in ["not the password", PASSWORD] {
            assert_eq!(try_in(&here, "amina", password).await, limited(wait));
        }
        assert_eq!(server.app.passwords.hashed(), hashed, "what has to wait must not cost a hash");
        assert_eq!(server.rows().await, rows);
        // Asking in vain makes it no longer.
        server.advance(wait - 1);
        assert_eq!(try_in(&here, "amina", PASSWORD).await, limited(1));
        server.advance(1);
        assert_eq!(code(&here, "amina", "not the password").await, "INVALID_CREDENTIALS");
    }
    // A day later it is forgotten.
    server.advance(86_401);
    for _ in 0..4 {
        assert_eq!(code(&here, "amina", "not the password").await, "INVALID_CREDENTIALS");
    }
    assert_eq!(code(&here, "amina", PASSWORD).await, "OK");
}

#[tokio::test]
async fn a_right_password_clears_what_was_counted() {
    let server = Server::start().await;
    server.user("amina").await;
    let here = server.anonymous().from("198.51.100.1");
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(code(&here, "amina", "not the password").await, "INVALID_CREDENTIALS");
        }
        assert_eq!(code(&here, "amina", PASSWORD).await, "OK");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM sign_in_failures WHERE address <> '*'").await, 0);
}

#[tokio::test]
async fn the_wait_is_of_this_account_and_this_network_only() {
    let server = Server::start().await;
    server.user("amina").await;
    server.user("basma").await;
    let from = |address: &str| server.anonymous().from(address);
    for last in 1..=5 {
        // One subscriber has a whole /64, and a name is the same whatever its case.
        let client = from(&format!("2001:db8:0:7::{last}"));
        let login = ["amina", "AMINA", " amina ", "Amina", "aMINA"][last - 1];
        assert_eq!(code(&client, login, "not the password").await, "INVALID_CREDENTIALS");
    }
    assert_eq!(try_in(&from("2001:db8:0:7:ffff::1"), "amina", PASSWORD).await, limited(2));
    assert_eq!(code(&from("2001:db8:0:7::1"), "basma", PASSWORD).await, "OK");
    assert_eq!(code(&from("2001:db8:0:8::1"), "amina", PASSWORD).await, "OK");
}

#[tokio::test]
async fn instances_count_together() {
    let server = Server::start().await;
    server.user("amina").await;
    let beside = server.beside(&[]).await;
    for number in 0..5 {
        let client = if number % 2 == 0 { server.anonymous() } else { beside.anonymous() };
        assert_eq!(code(&client, "amina", "not the password").await, "INVALID_CREDENTIALS");
    }
    assert_eq!(try_in(&server.anonymous(), "amina", PASSWORD).await, limited(2));
    assert_eq!(try_in(&beside.anonymous(), "amina", PASSWORD).await, limited(2));
}

#[tokio::test]
async fn a_multitude_of_tries_at_once_spends_five() {
    let server = Server::start().await;
    server.user("amina").await;
    let hashed = server.app.passwords.hashed();
    let here = server.anonymous().from("198.51.100.1");
    let answers = join_all((0..multitude()).map(|_| code(&here, "amina", "not the password"))).await;
    let count = |code: &str| answers.iter().filter(|answer| *answer == code).count();
    // Those for whom the line was too long had none.
    assert_eq!((count("INVALID_CREDENTIALS"), count("RATE_LIMITED") + count("UNAVAILABLE")), (5, answers.len() - 5));
    assert_eq!(server.app.passwords.hashed() - hashed, 5);
}

#[tokio::test]
async fn a_multitude_of_addresses_is_slow_and_the_owner_at_home_does_not_notice() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ACCOUNT", "10/hour")]).await;
    let home = "2001:db8:77:1::5";
    server.anonymous().from(home).register("amina").await;
    let botnet = async |number: usize| {
        let client = server.anonymous().from(&format!("198.51.{}.{}", number / 200, number % 200));
        try_in(&client, "amina", "not the password").await
    };
    for number in 0..10 {
        assert_eq!(botnet(number).await.0, "INVALID_CREDENTIALS");
    }
    for number in 10..40 {
        assert_eq!(botnet(number).await, limited(360), "all of them wait");
    }
    // Elsewhere in the owner's own network, where they have been before.
    let owner = server.anonymous().from("2001:db8:77:1:aaaa::9");
    for _ in 0..20 {
        assert_eq!(code(&owner, "amina", "mistyped").await, "INVALID_CREDENTIALS");
        assert_eq!(code(&owner, "amina", PASSWORD).await, "OK");
    }
    // The others share one try in six minutes.
    for round in 1..=3 {
        server.advance(360);
        let mut tried = 0;
        for number in 0..10 {
            tried += usize::from(botnet(100 * round + number).await.0 == "INVALID_CREDENTIALS");
        }
        assert_eq!(tried, 1);
        assert_eq!(code(&owner, "amina", PASSWORD).await, "OK");
    }
    // Left alone for an hour, the account is as before.
    server.advance(3601);
    for number in 400..409 {
        assert_eq!(botnet(number).await.0, "INVALID_CREDENTIALS");
    }
    assert_eq!(code(&server.anonymous().from("203.0.113.1"), "amina", PASSWORD).await, "OK");
}

#[tokio::test]
async fn the_owner_at_home_comes_in_while_another_address_is_made_to_wait() {
    let server = Server::start().await;
    server.anonymous().from("203.0.113.1").register("amina").await;
    let attacker = server.anonymous().from("198.51.100.1");
    for _ in 0..5 {
        code(&attacker, "amina", "not the password").await;
    }
    assert_eq!(code(&attacker, "amina", PASSWORD).await, "RATE_LIMITED");
    assert_eq!(code(&server.anonymous().from("203.0.113.1"), "amina", PASSWORD).await, "OK");
    assert_eq!(code(&server.anonymous().from("203.0.113.2"), "amina", PASSWORD).await, "OK");
    // That the owner came in does not help the other.
    assert_eq!(code(&attacker, "amina", PASSWORD).await, "RATE_LIMITED");
}

#[tokio::test]
async fn nobody_learns_from_answers_or_work_whether_an_account_exists() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ACCOUNT", "8/hour")]).await;
    server.anonymous().from("203.0.113.1").register("amina").await;
    // A step is a try of one address, `1` or a new one.
    let story = async |login: &str| {
        let mut steps = Vec::new();
        for number in 0..14 {
            let address = if number < 7 { "198.51.100.1".to_owned() } else { format!("198.51.100.{number}") };
            let client = server.anonymous().from(&address);
            let work = || (server.app.passwords.hashed(), server.app.db.statements());
            let (hashed, statements) = work();
            let answer = client.send(LOGIN, json!({ "login": login, "password": "not the password" })).await;
            let (hashed, statements) = (work().0 - hashed, work().1 - statements);
            let mut body = answer.body.clone();
            if let Some(error) = body["errors"].get_mut(0) {
                error["extensions"]["requestId"] = Value::Null;
            }
            steps.push((answer.status, body, hashed, statements, server.count("SELECT COUNT(*) FROM jobs").await));
            // The third kind of step: the pair waits no longer, and tries again.
            if number == 5 {
                server.advance(2);
            }
        }
        steps
    };
    let known = story("amina").await;
    let kinds: Vec<_> = known.iter().map(|step| step.1["errors"][0]["extensions"]["code"].as_str()).collect();
    let limited = Some("RATE_LIMITED");
    assert_eq!(kinds[..7], [None, None, None, None, None, limited, None]);
    assert_eq!(kinds[7..], [None, None, limited, limited, limited, limited, limited]);
    for login in ["amina@example.org", "nobody", "nobody@example.org", "", "no\u{0}body", &"x".repeat(10_000)] {
        assert_eq!(story(login).await, known, "{login:?}");
    }
}

#[tokio::test]
async fn a_name_and_an_address_of_one_account_are_counted_apart_so_that_nobody_learns_they_belong_together() {
    let server = Server::start().await;
    server.anonymous().from("203.0.113.1").register("amina").await;
    let attacker = server.anonymous().from("198.51.100.1");
    for _ in 0..5 {
        assert_eq!(code(&attacker, "amina@example.org", "not the password").await, "INVALID_CREDENTIALS");
    }
    assert_eq!(code(&attacker, "amina@example.org", "not the password").await, "RATE_LIMITED");
    assert_eq!(code(&attacker, "amina", "not the password").await, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_failure_is_in_the_owner_s_log_and_what_was_typed_is_nowhere() {
    let server = Server::start().await;
    server.user("amina").await;
    let typed = ["my secret password", "nobody@example.org"];
    for login in typed {
        code(&server.anonymous(), login, "not the password").await;
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM activities WHERE kind = 'sign_in_failed'").await, 0);
    code(&server.anonymous().from("198.51.100.9"), "amina@example.org", "not the password").await;
    assert_eq!(activity(&server, "amina").await.last().unwrap(), "sign_in_failed");
    let sql = "SELECT COUNT(*) FROM activities WHERE kind = 'sign_in_failed' AND address = '198.51.100.9' \
               AND detail = 'password'";
    assert_eq!(server.count(sql).await, 1);
    let rows = server.app.db.rows("SELECT account FROM sign_in_failures", Vec::new()).await.unwrap();
    for row in rows {
        let account: String = row.try_get_by_index(0).unwrap();
        assert!(account.len() == 64 && account.bytes().all(|byte| byte.is_ascii_hexdigit()), "{account}");
    }
}

#[tokio::test]
async fn who_has_to_confirm_their_address_is_not_taken_for_somebody_who_guesses() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let register = "mutation($input: RegisterInput!) { register(input: $input) { errors { code } } }";
    let input = json!({ "username": "amina", "email": "amina@example.org", "password": PASSWORD });
    server.anonymous().ok(register, json!({ "input": input })).await;
    for _ in 0..10 {
        assert_eq!(code(&server.anonymous(), "amina", PASSWORD).await, "EMAIL_NOT_CONFIRMED");
    }
}

#[tokio::test]
async fn a_thousand_aliases_buy_no_try_and_a_thousand_requests_spend_five() {
    let server = Server::start().await;
    server.user("amina").await;
    let field = |alias: usize| {
        format!(
            "a{alias}: login(input: {{ login: \"amina\", password: \"guess number {alias}\" }}) {{ errors {{ code }} }}"
        )
    };
    let (hashed, rows) = (server.app.passwords.hashed(), server.rows().await);
    // As many as fit into a document, and the fewest that are more than one.
    for aliases in [1000, 100, 30, 10, 2] {
        let query = format!("mutation {{ {} }}", (0..aliases).map(field).collect::<Vec<_>>().join(" "));
        assert_eq!(server.anonymous().refused(&query, Value::Null).await, "COST_EXCEEDED", "{aliases}");
    }
    let hidden = format!(
        "mutation {{ ...F b: login(input: {{ login: \"amina\", password: \"x\" }}) {{ errors {{ code }} }} }} \
         fragment F on Mutation {{ {} }}",
        field(1)
    );
    assert_eq!(server.anonymous().refused(&hidden, Value::Null).await, "COST_EXCEEDED");
    assert_eq!(server.app.passwords.hashed(), hashed);
    assert_eq!(server.rows().await, rows);
    assert_eq!(server.count("SELECT COUNT(*) FROM sign_in_failures").await, 0, "nothing of it was a try");
    // Alone, and under another name, it is one.
    let alone = format!("mutation {{ {} }}", field(1));
    server.anonymous().ok(&alone, Value::Null).await;
    assert_eq!(server.app.passwords.hashed(), hashed + 1);
    assert_eq!(server.count("SELECT MAX(failures) FROM sign_in_failures WHERE address <> '*'").await, 1);
}

#[tokio::test]
async fn what_was_counted_yesterday_is_swept_away() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    super::authenticator::enable(&server, &amina).await;
    super::authenticator::challenge(&server.anonymous(), "amina").await;
    code(&server.anonymous(), "amina", "not the password").await;
    execute(&server, "UPDATE sign_in_failures SET failures = failures WHERE address <> '*'").await;
    server.advance(80_000);
    assert_eq!(auth::prune_failures(&server.app).await.unwrap(), 0);
    code(&server.anonymous(), "basma", "not the password").await;
    server.advance(8000);
    assert!(auth::prune_failures(&server.app).await.unwrap() >= 3);
    assert_eq!(server.count("SELECT COUNT(*) FROM challenges").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM sign_in_failures").await, 2, "basma's, here and everywhere");
}

#[tokio::test]
async fn a_right_proof_of_one_kind_does_not_clear_what_was_guessed_of_another() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    super::authenticator::enable(&server, &amina).await;
    let guess = "mutation { reauthenticate(input: { totp: \"000000\" }) { errors { code } } }";
    for _ in 0..4 {
        assert_eq!(amina.user_errors(&guess.replace(" code ", " code path "), Value::Null).await[0].0, "INVALID_CODE");
    }
    let change = format!(
        "mutation {{ passwordChange(input: {{ oldPassword: \"{PASSWORD}\", newPassword: \"an entirely new one\" }}) \
         {{ errors {{ code path }} }} }}"
    );
    assert_eq!(amina.user_errors(&change, Value::Null).await, []);
    amina.ok(guess, Value::Null).await;
    assert_eq!(amina.refused(guess, Value::Null).await, "RATE_LIMITED");
}
