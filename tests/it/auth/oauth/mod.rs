//! Signing in by providers. In the folder: the provider and the browser that the tests use, whose account it is, and
//! the attacks.

mod attacks;
pub(crate) mod browser;
mod joining;
pub(crate) mod provider;

use agora::domain::auth;
use chrono::TimeDelta;
use serde_json::{Value, json};

use browser::{begin, codes, come_back, complete, link, parameter, sign_in, signed_in, ticket};
use provider::{Lie, Provider};

use crate::harness::{Client, time};

const UNLINK: &str = "mutation($id: ID!) { identityUnlink(input: { id: $id }) { errors { code path } \
    user { identities { id provider } } } }";

/// The id of somebody's identity at a provider.
async fn identity(person: &Client, provider: &str) -> Value {
    let data = person.ok("{ me { identities { id provider } } }", Value::Null).await;
    let identities = data["me"]["identities"].as_array().unwrap();
    let found = identities.iter().find(|identity| identity["provider"] == provider);
    found.unwrap_or_else(|| panic!("none of {provider}: {data}"))["id"].clone()
}

fn one(code: &str) -> Vec<String> {
    vec![code.to_owned()]
}

#[tokio::test]
async fn the_configured_providers_are_listed() {
    let (_, server) = Provider::start(&[]).await;
    let data = server.anonymous().ok("{ signInProviders { name title } }", Value::Null).await;
    let expected = json!([
        { "name": "google", "title": "Google" }, { "name": "github", "title": "GitHub" },
        { "name": "discord", "title": "Discord" }, { "name": "company", "title": "The Company" },
    ]);
    assert_eq!(data["signInProviders"], expected);
    let none = crate::harness::Server::start().await;
    let data = none.anonymous().ok("{ signInProviders { name } }", Value::Null).await;
    assert_eq!(data["signInProviders"], json!([]));
}

#[tokio::test]
async fn who_comes_by_a_provider_for_the_first_time_gets_an_account_and_is_known_from_then_on() {
    let (provider, server) = Provider::start(&[]).await;
    for (number, name) in ["google", "company"].into_iter().enumerate() {
        provider.claims(json!({
            "sub": "1", "email": format!("Amina{number}@Example.org"), "email_verified": true, "name": "Amina El Sayed",
            "given_name": "Amina", "family_name": "El Sayed", "picture": "https://pictures.example/1.png",
            "preferred_username": format!("amina.s{number}"),
        }));
        let first = sign_in(&server, name).await;
        assert_eq!(first["isNewUser"], true, "{first}");
        let user = &first["result"]["user"];
        let now = server.clock.now();
        let expected = json!({
            "id": user["id"], "username": format!("amina_s{number}"), "displayName": "Amina El Sayed",
            "firstName": "Amina", "lastName": "El Sayed", "avatarUrl": "https://pictures.example/1.png",
            "email": null, "identities": null,
        });
        // The answer to whoever was nobody a moment ago shows what anybody may see.
        assert_eq!(*user, expected);
        let me = "{ me { email identities { provider title email linkedAt lastUsedAt } } }";
        let client = signed_in(&server, &first);
        let own = client.ok(me, Value::Null).await["me"].clone();
        assert_eq!(own["email"], format!("Amina{number}@Example.org"));
        assert_eq!(own["identities"][0]["email"], format!("Amina{number}@Example.org"));
        assert_eq!(time(&own["identities"][0]["linkedAt"]), now);

        server.advance(600);
        provider.at(server.clock.now().timestamp());
        let again = sign_in(&server, name).await;
        assert_eq!((&again["isNewUser"], &again["result"]["user"]["id"]), (&json!(false), &user["id"]), "{again}");
        let own = client.ok(me, Value::Null).await["me"]["identities"].clone();
        assert_eq!(time(&own[0]["lastUsedAt"]), now + TimeDelta::minutes(10));
        assert_eq!(time(&own[0]["linkedAt"]), now);
    }
    let confirmed = "SELECT COUNT(*) FROM credentials WHERE email_confirmed_at IS NOT NULL AND password_hash IS NULL";
    assert_eq!(server.count(confirmed).await, 2);
    for (kind, detail, count) in [("registered", "google", 1), ("signed_in", "google", 2), ("signed_in", "company", 2)]
    {
        let sql = format!(
            "SELECT COUNT(*) FROM activities WHERE kind = '{kind}' AND detail = '{detail}' AND address = '192.0.2.1'"
        );
        assert_eq!(server.count(&sql).await, count, "{kind} {detail}");
    }
}

#[tokio::test]
async fn github_tells_its_primary_verified_address_only() {
    let (provider, server) = Provider::start(&[]).await;
    let user = json!({ "id": 583_231, "login": "octo-cat", "name": null, "avatar_url": "https://avatars.example/1" });
    let address = |email: &str, primary: bool, verified: bool| json!({ "email": email, "primary": primary, "verified": verified, "visibility": null });
    let before = server.rows().await;
    for emails in [json!([]), json!([address("a@example.org", true, false), address("b@example.org", false, true)])] {
        provider.github(user.clone(), emails);
        let refused = sign_in(&server, "github").await;
        assert_eq!(codes(&refused), one("PROVIDER_EMAIL_UNVERIFIED"));
    }
    let rows = |rows: Vec<(&'static str, i64)>| {
        rows.into_iter().filter(|(table, _)| *table != "oauth_flows").collect::<Vec<_>>()
    };
    assert_eq!(rows(server.rows().await), rows(before));

    provider.github(user, json!([address("b@example.org", false, true), address("a@example.org", true, true)]));
    let first = sign_in(&server, "github").await;
    let user = &first["result"]["user"];
    assert_eq!((&user["username"], &user["displayName"]), (&json!("octo_cat"), &json!("octo_cat")), "{first}");
    let me = signed_in(&server, &first).ok("{ me { email } }", Value::Null).await;
    assert_eq!(me["me"]["email"], "a@example.org");
    assert_eq!(sign_in(&server, "github").await["isNewUser"], false);
}

#[tokio::test]
async fn discord_s_people_are_known_by_their_id() {
    let (provider, server) = Provider::start(&[]).await;
    let person = |username: &str, verified: bool| {
        json!({ "id": "80351110224678912", "username": username, "global_name": "Nelly", "avatar": "8342729096ea3675442027381ff50dfe",
            "email": "nelly@example.org", "verified": verified })
    };
    provider.discord(person("nelly", false));
    assert_eq!(codes(&sign_in(&server, "discord").await), one("PROVIDER_EMAIL_UNVERIFIED"));
    provider.discord(person("nelly", true));
    let first = sign_in(&server, "discord").await;
    let user = &first["result"]["user"];
    assert_eq!((&user["username"], &user["displayName"]), (&json!("nelly"), &json!("Nelly")), "{first}");
    let avatar = "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png";
    assert_eq!(user["avatarUrl"], avatar);
    // Another name there, an address that is no longer verified: the same person here.
    provider.discord(person("nelly_2", false));
    let again = sign_in(&server, "discord").await;
    assert_eq!((&again["isNewUser"], &again["result"]["user"]["id"]), (&json!(false), &user["id"]));
}

#[tokio::test]
async fn a_token_by_an_elliptic_curve_and_claims_of_the_user_info_serve_as_well() {
    let (provider, server) = Provider::start(&[]).await;
    provider.elliptic();
    provider.claims(json!({ "sub": "7" }));
    provider.user_info(json!({ "email": "amina@example.org", "email_verified": "true", "name": "Amina" }));
    let first = sign_in(&server, "company").await;
    assert_eq!(first["result"]["user"]["username"], "Amina", "{first}");
    provider.lie(Lie::OtherUserInfo);
    assert_eq!(codes(&sign_in(&server, "company").await), one("PROVIDER_FAILED"));
}

#[tokio::test]
async fn a_key_that_is_not_known_yet_is_asked_for_once() {
    let (provider, server) = Provider::start(&[]).await;
    sign_in(&server, "company").await;
    sign_in(&server, "company").await;
    assert_eq!((provider.asked("/keys"), provider.asked("/.well-known/openid-configuration")), (1, 1));
    provider.rotate("key-2");
    assert_eq!(codes(&sign_in(&server, "company").await), Vec::<String>::new());
    assert_eq!(provider.asked("/keys"), 2);
    provider.lie(Lie::UnknownKid);
    assert_eq!(codes(&sign_in(&server, "company").await), one("PROVIDER_FAILED"));
    assert_eq!(provider.asked("/keys"), 3);
}

#[tokio::test]
async fn a_taken_user_name_gets_a_number_and_nobody_is_kept_out() {
    let (provider, server) = Provider::start(&[]).await;
    server.user("Amina_El_Sayed").await;
    let first = sign_in(&server, "google").await;
    let username = first["result"]["user"]["username"].as_str().unwrap();
    assert!(username.starts_with("Amina_El_Sayed_") && username.len() <= 30, "{username}");
    // Names that nobody could have here.
    provider.claims(json!({
        "sub": "2", "email": "b@example.org", "email_verified": true, "preferred_username": "admin",
        "name": "\u{202E}evil\u{0}", "given_name": "x".repeat(300), "picture": "javascript:alert(1)",
    }));
    let second = sign_in(&server, "google").await;
    let user = &second["result"]["user"];
    assert!(user["username"].as_str().unwrap().starts_with("admin_"), "{second}");
    assert_eq!((user["firstName"].as_str().unwrap().len(), &user["avatarUrl"]), (50, &Value::Null));
}

#[tokio::test]
async fn the_frontend_is_come_back_to_at_the_path_that_was_asked_for() {
    let (_, server) = Provider::start(&[("FRONTEND_URL", "https://shop.example/app")]).await;
    let flow = begin(&server.anonymous(), "google").await;
    assert_eq!(flow.parameter("redirect_uri"), "https://agora.example/oauth/callback/google");
    let onward = come_back(&server, &browser::at_provider(&flow).await).await;
    assert!(onward.as_str().starts_with("https://shop.example/app/welcome?tab=1&ticket="), "{onward}");
    assert_eq!(parameter(&onward, "error"), None);
}

#[tokio::test]
async fn who_says_no_at_the_provider_comes_back_with_a_coded_word() {
    let (_, server) = Provider::start(&[]).await;
    for (error, word) in [
        ("access_denied", "access_denied"),
        ("server_error", "provider_failed"),
        ("<script>alert(1)</script>", "provider_failed"),
    ] {
        let flow = begin(&server.anonymous(), "github").await;
        let mut back = url::Url::parse("https://agora.example/oauth/callback/github").unwrap();
        back.query_pairs_mut()
            .append_pair("state", &flow.parameter("state"))
            .append_pair("error", error)
            .append_pair("error_description", "<b>words of the provider</b>");
        let onward = come_back(&server, &back).await;
        assert_eq!(onward.as_str(), format!("http://localhost:3000/welcome?tab=1&error={word}"));
        // It is over.
        assert_eq!(parameter(&come_back(&server, &back).await, "error").unwrap(), "invalid_state");
    }
}

#[tokio::test]
async fn an_identity_is_linked_and_unlinked_by_its_owner_who_is_told() {
    let (provider, server) = Provider::start(&[]).await;
    let amina = server.user("amina").await;
    auth::confirm_email(&server.app, "amina@example.org").await.unwrap();
    provider.person("1", "another@example.com", true);
    let linked = link(&server, &amina, "google").await;
    assert_eq!(linked["isNewUser"], false);
    assert_eq!(linked["result"]["__typename"], "Identity", "{linked}");
    assert_eq!(linked["result"]["email"], "another@example.com");
    let identities = json!([{ "id": linked["result"]["id"], "provider": "google" }]);
    assert_eq!(linked["user"], json!({ "id": amina.id, "identities": identities }));
    let sent = server.last_sent("amina@example.org").await;
    assert!(sent.text.contains("Google") && sent.text.contains("amina"), "{sent:?}");

    let came = sign_in(&server, "google").await;
    assert_eq!((&came["isNewUser"], came["result"]["user"]["id"].as_str()), (&json!(false), Some(amina.id.as_str())));
    assert_eq!(came["user"], Value::Null);
    // Once is enough, also for somebody else.
    assert_eq!(codes(&link(&server, &amina, "google").await), one("ALREADY_LINKED"));
    provider.person("2", "a-second@example.com", true);
    assert_eq!(codes(&link(&server, &amina, "google").await), one("ALREADY_LINKED"));
    let bilal = server.user("bilal").await;
    auth::confirm_email(&server.app, "bilal@example.org").await.unwrap();
    provider.person("1", "another@example.com", true);
    assert_eq!(codes(&link(&server, &bilal, "google").await), one("ALREADY_LINKED"));

    let query = "query($name: String!) { user(username: $name) { identities { provider } } }";
    let seen = bilal.ok(query, json!({ "name": "amina" })).await;
    assert_eq!(seen["user"]["identities"], Value::Null);
    let id = identity(&amina, "google").await;
    let unknown = json!("identity_00000000000000000000000000");
    for (client, id, code) in [
        (&bilal, &id, "NOT_FOUND"),
        (&amina, &unknown, "NOT_FOUND"),
        (&amina, &json!(amina.id), "INVALID_ID"),
        (&amina, &json!("google"), "INVALID_ID"),
    ] {
        let refused = client.user_errors(UNLINK, json!({ "id": id })).await;
        assert_eq!(refused, [(code.to_owned(), "input.id".to_owned())], "{id}");
    }
    assert_eq!(identity(&amina, "google").await, id);
    let data = amina.ok(UNLINK, json!({ "id": id })).await;
    assert_eq!(data["identityUnlink"]["user"]["identities"], json!([]), "{data}");
    let last = server.last_sent("amina@example.org").await;
    assert!(last.text.contains("Google") && last.subject != sent.subject, "{last:?}");
    for kind in ["identity_linked", "identity_unlinked"] {
        let sql = format!("SELECT COUNT(*) FROM activities WHERE kind = '{kind}' AND detail = 'google'");
        assert_eq!(server.count(&sql).await, 1, "{kind}");
    }
}

#[tokio::test]
async fn linking_and_unlinking_want_a_recent_authentication() {
    let (_, server) = Provider::start(&[]).await;
    let amina = server.user("amina").await;
    server.advance(301);
    let before = server.rows().await;
    let input = json!({ "input": { "provider": "google" } });
    assert_eq!(amina.refused(browser::LINK, input).await, "REAUTHENTICATION_REQUIRED");
    let id = "identity_00000000000000000000000000";
    assert_eq!(amina.refused(UNLINK, json!({ "id": id })).await, "REAUTHENTICATION_REQUIRED");
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn the_last_way_in_can_t_be_unlinked_even_by_two_at_once() {
    let (provider, server) = Provider::start(&[]).await;
    let payload = sign_in(&server, "google").await;
    let amina = signed_in(&server, &payload);
    let last = [("LAST_WAY_IN".to_owned(), String::new())];
    let google = identity(&amina, "google").await;
    assert_eq!(amina.user_errors(UNLINK, json!({ "id": google })).await, last);
    assert_eq!(codes(&link(&server, &amina, "company").await), Vec::<String>::new());
    let company = identity(&amina, "company").await;
    let unlink = |id: Value| {
        let amina = amina.clone();
        async move { amina.user_errors(UNLINK, json!({ "id": id })).await }
    };
    let (google, company) = tokio::join!(unlink(google), unlink(company));
    assert_eq!(
        [&google, &company].iter().filter(|errors| errors.as_slice() == last).count(),
        1,
        "{google:?} {company:?}"
    );
    assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 1);

    // A provider that nobody is sent to any more is no way in.
    let google_only = [
        ("OIDC_CLIENT_ID", ""),
        ("OIDC_CLIENT_SECRET", ""),
        ("GOOGLE_ISSUER", provider.url()),
        ("GOOGLE_CLIENT_ID", "google-client"),
        ("GOOGLE_CLIENT_SECRET", provider::SECRET),
    ];
    let other = server.beside(&google_only).await;
    let left = server.count("SELECT COUNT(*) FROM identities WHERE provider = 'company'").await;
    if left == 1 {
        assert_eq!(codes(&link(&server, &amina, "google").await), Vec::<String>::new());
    } else {
        assert_eq!(codes(&link(&server, &amina, "company").await), Vec::<String>::new());
    }
    let (google, company) = (identity(&amina, "google").await, identity(&amina, "company").await);
    let there = amina.through(other.router.clone());
    assert_eq!(there.user_errors(UNLINK, json!({ "id": google })).await, last);
    assert_eq!(there.user_errors(UNLINK, json!({ "id": company })).await, []);
}

#[tokio::test]
async fn a_provider_or_path_that_will_not_do_is_told_with_its_place() {
    let (_, server) = Provider::start(&[]).await;
    let before = server.rows().await;
    let long = format!("/{}", "a".repeat(512));
    for (provider, path, code, place) in [
        ("facebook", "/", "INVALID", "input.provider"),
        ("", "/", "INVALID", "input.provider"),
        ("google", "https://evil.example", "INVALID", "input.returnPath"),
        ("google", "//evil.example", "INVALID", "input.returnPath"),
        ("google", "/\\evil.example", "INVALID", "input.returnPath"),
        ("google", "/a\r\nLocation: https://evil.example", "INVALID", "input.returnPath"),
        ("google", "javascript:alert(1)", "INVALID", "input.returnPath"),
        ("google", long.as_str(), "TOO_LONG", "input.returnPath"),
    ] {
        let input = json!({ "input": { "provider": provider, "returnPath": path } });
        let errors = server.anonymous().user_errors(browser::BEGIN, input).await;
        assert_eq!(errors, [(code.to_owned(), place.to_owned())], "{provider} {path}");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_fails_the_sign_in_and_nothing_else() {
    // Nobody listens at this port.
    let settings = [("GOOGLE_ISSUER", "http://127.0.0.1:1"), ("GITHUB_API_URL", "http://127.0.0.1:1")];
    let (_, server) = Provider::start(&settings).await;
    let input = json!({ "input": { "provider": "google" } });
    let errors = server.anonymous().user_errors(browser::BEGIN, input).await;
    assert_eq!(errors, [("PROVIDER_FAILED".to_owned(), String::new())]);
    assert_eq!(codes(&sign_in(&server, "github").await), one("PROVIDER_FAILED"));
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 0);
}

#[tokio::test]
async fn flows_that_are_over_are_swept_away() {
    let (_, server) = Provider::start(&[]).await;
    begin(&server.anonymous(), "github").await;
    assert_eq!(auth::oauth::prune(&server.app).await.unwrap(), 0);
    server.advance(3600 + 301);
    assert_eq!(auth::oauth::prune(&server.app).await.unwrap(), 1);
}

#[tokio::test]
async fn sign_ins_by_providers_are_limited_like_others() {
    let (_, server) = Provider::start(&[("RATE_LIMIT_LOGIN_ADDRESS", "2/hour")]).await;
    let input = json!({ "input": { "provider": "github" } });
    for _ in 0..2 {
        server.anonymous().ok(browser::BEGIN, input.clone()).await;
    }
    assert_eq!(server.anonymous().refused(browser::BEGIN, input.clone()).await, "RATE_LIMITED");
    server.anonymous().from("198.51.100.7").ok(browser::BEGIN, input).await;
    // Nor by many in one operation.
    let twice = "mutation { a: oauthBegin(input: { provider: \"github\" }) { errors { code } } \
                 b: oauthBegin(input: { provider: \"github\" }) { errors { code } } }";
    assert_eq!(server.anonymous().from("198.51.100.8").refused(twice, Value::Null).await, "COST_EXCEEDED");
}

#[tokio::test]
async fn the_ticket_is_good_for_five_minutes_and_so_is_the_way_to_the_provider() {
    let (provider, server) = Provider::start(&[]).await;
    let flow = begin(&server.anonymous(), "google").await;
    let back = browser::at_provider(&flow).await;
    server.advance(300);
    assert_eq!(parameter(&come_back(&server, &back).await, "error").unwrap(), "invalid_state");

    let flow = begin(&server.anonymous(), "google").await;
    let late = ticket(&server, &flow).await;
    server.advance(300);
    provider.at(server.clock.now().timestamp());
    assert_eq!(codes(&complete(&server.anonymous(), &flow.flow_token, &late).await), one("PROVIDER_FAILED"));
    assert_eq!(provider.asked("/token"), 0);
}
