//! Whose account it is: joined, linked, made anew; suspended people, second factors, and accounts that wait for others.

use agora::{
    domain::auth,
    entity::{UserId, suspension, two_factor},
};
use sea_orm::{ActiveModelTrait, DatabaseBackend, IntoActiveModel};
use serde_json::{Value, json};

use super::{
    browser::{codes, link, sign_in, signed_in},
    one,
    provider::Provider,
};
use crate::harness::{Client, SEVERAL_CONNECTIONS, Server, client::PASSWORD, eventually, hold_writer};

const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code path } result { __typename } } }";

fn id(client: &Client) -> UserId {
    client.id.parse().unwrap()
}

async fn confirmed(server: &Server, username: &str) -> Client {
    let client = server.user(username).await;
    assert!(auth::confirm_email(&server.app, &format!("{username}@example.org")).await.unwrap());
    client
}

async fn with_second_factor(server: &Server, client: &Client) {
    let now = server.clock.now();
    let row = two_factor::Model {
        user_id: id(client),
        secret: vec![1],
        last_step: 0,
        created_at: now,
        enabled_at: Some(now),
    };
    let insert = async |tx| {
        row.clone().into_active_model().insert(&tx).await?;
        Ok(())
    };
    server.app.db.transact(insert).await.unwrap();
}

async fn suspend(server: &Server, client: &Client) {
    let row = suspension::Model {
        user_id: id(client),
        reason: "spam".to_owned(),
        until: None,
        created_at: server.clock.now(),
    };
    let insert = async |tx| {
        row.clone().into_active_model().insert(&tx).await?;
        Ok(())
    };
    server.app.db.transact(insert).await.unwrap();
}

#[tokio::test]
async fn an_address_that_both_sides_have_verified_joins_the_account_whose_owner_is_told() {
    let (provider, server) = Provider::start(&[]).await;
    let amina = confirmed(&server, "amina").await;
    provider.person("1", "AMINA@example.org", true);
    let joined = sign_in(&server, "google").await;
    assert_eq!(
        (&joined["isNewUser"], joined["result"]["user"]["id"].as_str()),
        (&json!(false), Some(amina.id.as_str()))
    );
    let told = server.sent().await;
    assert!(told.iter().any(|sent| sent.text.contains("Google") && sent.to == "amina@example.org"), "{told:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
    // From now on by the subject, whatever the address is.
    provider.person("1", "amina@elsewhere.example", false);
    assert_eq!(sign_in(&server, "google").await["result"]["user"]["id"].as_str(), Some(amina.id.as_str()));
    // And somebody else who has got the address there since is somebody else here.
    provider.person("2", "amina@example.org", true);
    assert_eq!(codes(&sign_in(&server, "google").await), one("ALREADY_LINKED"));
    assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 1);
}

#[tokio::test]
async fn an_address_that_the_provider_does_not_vouch_for_joins_nothing_and_makes_nothing() {
    let (provider, server) = Provider::start(&[]).await;
    confirmed(&server, "amina").await;
    server.user("bilal").await;
    let before = server.rows().await;
    for (email, code) in [
        ("amina@example.org", "LINK_REQUIRED"),
        ("bilal@example.org", "LINK_REQUIRED"),
        ("nobody@example.org", "PROVIDER_EMAIL_UNVERIFIED"),
        ("not an address", "PROVIDER_EMAIL_UNVERIFIED"),
    ] {
        provider.person("1", email, false);
        assert_eq!(codes(&sign_in(&server, "company").await), one(code), "{email}");
    }
    provider.claims(json!({ "sub": "1", "email": "amina@example.org" }));
    assert_eq!(codes(&sign_in(&server, "company").await), one("LINK_REQUIRED"));
    for (table, count) in server.rows().await {
        let was = before.iter().find(|(name, _)| *name == table).unwrap().1;
        assert_eq!(count, if table == "oauth_flows" { was + 5 } else { was }, "{table}");
    }
}

#[tokio::test]
async fn an_address_that_only_looks_like_another_joins_nothing() {
    let (provider, server) = Provider::start(&[]).await;
    confirmed(&server, "kamal").await;
    // The Kelvin sign, which Unicode's normal form turns into a K; full-width letters.
    for email in ["\u{212A}amal@example.org", "\u{212A}AMAL@example.org"] {
        provider.person("1", email, true);
        assert_eq!(codes(&sign_in(&server, "company").await), one("LINK_REQUIRED"), "{email}");
    }
    provider.person("1", "ｋamal@example.org", true);
    assert_eq!(sign_in(&server, "company").await["isNewUser"], true);
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 2);
}

#[tokio::test]
async fn where_registration_hides_who_is_known_so_do_providers() {
    let (provider, server) = Provider::start(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let input = json!({ "username": "amina", "email": "amina@example.org", "password": PASSWORD });
    let register = "mutation($input: RegisterInput!) { register(input: $input) { errors { code } } }";
    server.anonymous().ok(register, json!({ "input": input })).await;
    let mut answers = Vec::new();
    for email in ["amina@example.org", "nobody@example.org"] {
        provider.person("1", email, false);
        let statements = server.app.db.statements();
        let payload = sign_in(&server, "company").await;
        answers.push((payload["errors"].clone(), server.app.db.statements() - statements));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0[0]["code"], "PROVIDER_EMAIL_UNVERIFIED");
}

#[tokio::test]
async fn an_operator_may_vouch_for_the_addresses_of_an_issuer() {
    let (provider, server) = Provider::start(&[("OIDC_TRUST_EMAIL", "true")]).await;
    provider.claims(json!({ "sub": "1", "email": "amina@example.org" }));
    assert_eq!(sign_in(&server, "company").await["isNewUser"], true);
    // Not against the issuer's own word, and not for others.
    provider.person("2", "bilal@example.org", false);
    assert_eq!(codes(&sign_in(&server, "company").await), one("PROVIDER_EMAIL_UNVERIFIED"));
    provider.claims(json!({ "sub": "3", "email": "carla@example.org" }));
    assert_eq!(codes(&sign_in(&server, "google").await), one("PROVIDER_EMAIL_UNVERIFIED"));
}

#[tokio::test]
async fn an_account_that_waits_with_somebody_s_unverified_address_does_not_get_its_owner() {
    for confirm in ["false", "true"] {
        let (provider, server) = Provider::start(&[("REGISTRATION_CONFIRM_EMAIL", confirm)]).await;
        let input = json!({ "username": "stranger", "email": "amina@example.org", "password": PASSWORD });
        let register = "mutation($input: RegisterInput!) { register(input: $input) { errors { code } \
                        result { ... on Session { accessToken } } } }";
        let registered = server.anonymous().ok(register, json!({ "input": input })).await;
        let stranger = registered["register"]["result"]["accessToken"].as_str();
        let stranger = stranger.map(|token| server.anonymous().token(token));

        provider.person("1", "amina@example.org", true);
        let payload = sign_in(&server, "google").await;
        assert_eq!(payload["isNewUser"], true, "{payload}");
        let amina = signed_in(&server, &payload);
        let me = amina.ok("{ me { username email } }", Value::Null).await["me"].clone();
        assert_eq!((&me["username"], &me["email"]), (&json!("Amina_El_Sayed"), &json!("amina@example.org")));

        // The address leads to its owner now, who has no password; the stranger has their name only.
        let by_address = json!({ "login": "amina@example.org", "password": PASSWORD });
        assert_eq!(
            server.anonymous().user_errors(LOGIN, by_address).await,
            [("INVALID_CREDENTIALS".to_owned(), String::new())]
        );
        let by_name = json!({ "login": "stranger", "password": PASSWORD });
        let data = server.anonymous().ok(LOGIN, by_name).await;
        match &stranger {
            Some(stranger) => {
                assert_eq!(data["login"]["result"]["__typename"], "Session", "{data}");
                let me = stranger.ok("{ me { username identities { provider } } }", Value::Null).await;
                assert_eq!(me["me"], json!({ "username": "stranger", "identities": [] }));
            }
            None => assert_eq!(data["login"]["errors"][0]["code"], "EMAIL_NOT_CONFIRMED", "{data}"),
        }
        // What a late confirmation finds is the owner's, which is confirmed.
        assert!(!auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
        let taken = "SELECT COUNT(*) FROM credentials WHERE email_key LIKE 'taken %' AND email_confirmed_at IS NULL";
        assert_eq!(server.count(taken).await, 1);
        // The stranger learns that it is gone, and nothing of who has it.
        let line = "SELECT COUNT(*) FROM activities a JOIN users u ON u.id = a.user_id WHERE u.username = 'stranger' \
                    AND a.kind = 'email_changed' AND a.address IS NULL AND a.user_agent IS NULL";
        assert_eq!(server.count(line).await, 1);
    }
}

#[tokio::test]
async fn nothing_about_the_stranger_s_account_is_sent_to_the_owner_of_the_address() {
    let (provider, server) = Provider::start(&[]).await;
    let stranger = server.user("amina").await;
    provider.person("1", "amina@example.org", true);
    sign_in(&server, "google").await;
    let sent = server.sent().await.len();
    // A new device of the stranger's.
    let elsewhere = server.anonymous().header("user-agent", "another device").login("amina").await;
    assert_eq!(elsewhere.id, stranger.id);
    assert_eq!(server.sent().await.len(), sent);
}

#[tokio::test]
async fn no_identity_waits_in_an_account_whose_address_is_not_confirmed() {
    let (provider, server) = Provider::start(&[]).await;
    let stranger = server.user("amina").await;
    for verified in [true, false] {
        provider.person("stranger", "stranger@example.com", verified);
        assert_eq!(codes(&link(&server, &stranger, "google").await), one("EMAIL_NOT_CONFIRMED"));
        // Nor by the address of the account, where nobody vouches for it.
        provider.person("stranger", "amina@example.org", false);
        assert_eq!(codes(&link(&server, &stranger, "google").await), one("EMAIL_NOT_CONFIRMED"));
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM credentials WHERE email_confirmed_at IS NOT NULL").await, 0);
    // The owner only never confirmed: the provider's word does it.
    provider.person("amina", "Amina@example.org", true);
    assert_eq!(codes(&link(&server, &stranger, "google").await), Vec::<String>::new());
    assert_eq!(server.count("SELECT COUNT(*) FROM credentials WHERE email_confirmed_at IS NOT NULL").await, 1);
    assert_eq!(sign_in(&server, "google").await["result"]["user"]["id"].as_str(), Some(stranger.id.as_str()));
}

#[tokio::test]
async fn a_suspended_person_does_not_come_in_by_a_provider() {
    let (provider, server) = Provider::start(&[]).await;
    let first = sign_in(&server, "google").await;
    let amina = signed_in(&server, &first);
    let bilal = confirmed(&server, "bilal").await;
    suspend(&server, &amina).await;
    suspend(&server, &bilal).await;
    server.advance(60);
    provider.at(server.clock.now().timestamp());
    let used = "SELECT COUNT(*) FROM identities WHERE last_used_at > created_at";
    let sessions = server.count("SELECT COUNT(*) FROM sessions").await;
    assert_eq!(codes(&sign_in(&server, "google").await), one("ACCOUNT_SUSPENDED"));
    // Nor does the identity of a suspended person become linked by their address.
    provider.person("bilal", "bilal@example.org", true);
    assert_eq!(codes(&sign_in(&server, "google").await), one("ACCOUNT_SUSPENDED"));
    assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 1);
    assert_eq!((server.count(used).await, server.count("SELECT COUNT(*) FROM sessions").await), (0, sessions));
}

#[tokio::test]
async fn a_second_factor_is_still_asked_for() {
    let (provider, server) = Provider::start(&[]).await;
    let amina = confirmed(&server, "amina").await;
    provider.person("1", "amina@example.com", true);
    link(&server, &amina, "google").await;
    with_second_factor(&server, &amina).await;
    let sessions = server.count("SELECT COUNT(*) FROM sessions").await;
    let payload = sign_in(&server, "google").await;
    assert_eq!(payload["result"]["__typename"], "TwoFactorChallenge", "{payload}");
    assert_eq!(payload["isNewUser"], false);
    assert!(payload["result"]["methods"].as_array().unwrap().contains(&json!("TOTP")), "{payload}");
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, sessions);
    let proven = "SELECT COUNT(*) FROM challenges WHERE proven_by = 'google' AND ended_at IS NULL";
    assert_eq!(server.count(proven).await, 1);
    // The challenge is no session.
    let token = payload["result"]["challengeToken"].as_str().unwrap();
    assert_eq!(server.anonymous().token(token).refused("{ me { id } }", Value::Null).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn half_a_proof_leaves_no_identity_behind() {
    let (provider, server) = Provider::start(&[]).await;
    let amina = confirmed(&server, "amina").await;
    with_second_factor(&server, &amina).await;
    provider.person("1", "amina@example.org", true);
    for _ in 0..2 {
        let payload = sign_in(&server, "google").await;
        assert_eq!(payload["result"]["__typename"], "TwoFactorChallenge", "{payload}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn a_person_who_comes_twice_at_once_gets_one_account() {
    let (_, server) = Provider::start(&[]).await;
    let both = futures_util::future::join_all((0..6).map(|_| sign_in(&server, "google"))).await;
    let mut people: Vec<_> = both.iter().map(|payload| payload["result"]["user"]["id"].as_str().unwrap()).collect();
    people.dedup();
    assert_eq!(people.len(), 1, "{both:?}");
    assert_eq!(both.iter().filter(|payload| payload["isNewUser"] == true).count(), 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
}

/// Where several write at once: one finds nobody, and before it looks for the address another has made the account.
#[tokio::test]
async fn a_person_whose_account_is_made_in_between_is_signed_in_to_it() {
    let (_, server) = Provider::start(&[SEVERAL_CONNECTIONS]).await;
    if server.app.db.backend() == DatabaseBackend::Sqlite {
        return;
    }
    let change = async |sql: &'static str| {
        server.write(sql, Vec::new()).await;
    };
    let first = sign_in(&server, "google").await;
    change("UPDATE identities SET subject = subject || '!'").await;
    let release = hold_writer(&server.app, "credentials").await;
    let between = async {
        let waiting =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("whoever looks for the address", async || server.count(waiting).await == 1).await;
        change("UPDATE identities SET subject = replace(subject, '!', '')").await;
        release.send(()).unwrap();
    };
    let (second, ()) = futures_util::future::join(sign_in(&server, "google"), between).await;
    assert_eq!(second["errors"], json!([]), "{second}");
    assert_eq!(second["result"]["user"]["id"], first["result"]["user"]["id"]);
}
