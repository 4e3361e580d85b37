//! One's own profile.

use serde_json::{Value, json};

use super::PROFILE;
use crate::harness::Server;

#[tokio::test]
async fn a_profile_field_that_is_absent_stays_and_one_that_is_null_is_cleared() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let full = json!({
        "firstName": "Amina", "lastName": "El Sayed", "displayName": "Mina ✨", "avatarUrl": "https://example.org/a.png",
        "bio": "Two lines\nof text", "locale": "AR",
    });
    let data = amina.ok(PROFILE, json!({ "input": full })).await;
    let mut expected = full.clone();
    expected["username"] = "amina".into();
    assert_eq!(data["profileUpdate"], json!({ "errors": [], "user": expected }));

    // Nothing asked for: nothing changes.
    let data = amina.ok(PROFILE, json!({ "input": {} })).await;
    assert_eq!(data["profileUpdate"]["user"], expected);
    let data = amina.ok(PROFILE, json!({ "input": { "bio": "new" } })).await;
    expected["bio"] = "new".into();
    assert_eq!(data["profileUpdate"]["user"], expected);

    let nothing = json!({ "displayName": null, "avatarUrl": null, "bio": null, "locale": null });
    let data = amina.ok(PROFILE, json!({ "input": nothing })).await;
    let cleared = json!({
        "username": "amina", "firstName": "Amina", "lastName": "El Sayed", "displayName": "Amina El Sayed",
        "avatarUrl": null, "bio": "", "locale": "EN",
    });
    assert_eq!(data["profileUpdate"]["user"], cleared);

    // A name to show there always is.
    let nameless = json!({ "firstName": null, "lastName": "", "displayName": "   " });
    let data = amina.ok(PROFILE, json!({ "input": nameless })).await;
    let user = &data["profileUpdate"]["user"];
    assert_eq!(
        (&user["firstName"], &user["lastName"], &user["displayName"]),
        (&json!(""), &json!(""), &json!("amina"))
    );

    let query = "{ me { username firstName lastName displayName avatarUrl bio locale } }";
    assert_eq!(amina.ok(query, Value::Null).await["me"], *user, "what is answered is what is stored");
}

#[tokio::test]
async fn every_problem_of_a_profile_is_told_at_once_and_nothing_is_changed() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "{ me { username firstName lastName displayName avatarUrl bio locale } }";
    let before = amina.ok(query, Value::Null).await;
    let input = json!({
        "username": null, "firstName": "x".repeat(51), "lastName": "a\u{0}b", "displayName": "x".repeat(101),
        "avatarUrl": "http://example.org/a.png", "bio": "x".repeat(501), "locale": "AR",
    });
    let mut errors = amina.user_errors(PROFILE, json!({ "input": input })).await;
    errors.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        ("INVALID", "input.avatarUrl"),
        ("TOO_LONG", "input.bio"),
        ("TOO_LONG", "input.displayName"),
        ("TOO_LONG", "input.firstName"),
        ("INVALID_CHARACTERS", "input.lastName"),
        ("BLANK", "input.username"),
    ];
    assert_eq!(errors.iter().map(|(code, path)| (code.as_str(), path.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(amina.ok(query, Value::Null).await, before);

    for (field, value, code) in [
        ("avatarUrl", "javascript:alert(1)".to_owned(), "INVALID"),
        ("avatarUrl", "not an address".to_owned(), "INVALID"),
        ("avatarUrl", format!("https://example.org/{}", "x".repeat(500)), "TOO_LONG"),
        ("username", "ab".to_owned(), "TOO_SHORT"),
        ("username", "a".repeat(31), "TOO_LONG"),
        ("username", "a b c".to_owned(), "INVALID"),
        ("username", "a\u{7}bc".to_owned(), "INVALID_CHARACTERS"),
        ("username", "root".to_owned(), "RESERVED"),
    ] {
        let errors = amina.user_errors(PROFILE, json!({ "input": { field: value, "lastName": "changed" } })).await;
        assert_eq!(errors, [(code.to_owned(), format!("input.{field}"))], "{value}");
        assert_eq!(amina.ok(query, Value::Null).await, before, "{value}");
    }
    let code = server.anonymous().refused(PROFILE, json!({ "input": { "bio": "changed" } })).await;
    assert_eq!(code, "UNAUTHENTICATED");
    assert_eq!(amina.ok(query, Value::Null).await, before);
}

#[tokio::test]
async fn a_user_name_changes_once_in_thirty_days() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let rename = |username: &str| json!({ "input": { "username": username, "bio": username } });
    assert_eq!(amina.user_errors(PROFILE, rename("Amina_Two")).await, []);
    let found =
        amina.ok("{ new: user(username: \"amina_two\") { id } old: user(username: \"amina\") { id } }", Value::Null);
    assert_eq!(found.await, json!({ "new": { "id": amina.id }, "old": null }));
    assert_eq!(server.anonymous().login("amina_two").await.id, amina.id);

    // The same name again is no change.
    assert_eq!(amina.user_errors(PROFILE, rename("Amina_Two")).await, []);
    server.advance(30 * 86_400 - 1);
    let amina = server.anonymous().login("amina_two").await;
    let data = amina.ok(PROFILE, rename("amina_three")).await;
    let error = &data["profileUpdate"]["errors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!("TOO_SOON"), &json!(["input", "username"])));
    assert!(error["message"].as_str().unwrap().contains("2026-01-31 12:00 UTC"), "{error}");
    let me = amina.ok("{ me { username bio } }", Value::Null).await;
    assert_eq!(me["me"], json!({ "username": "Amina_Two", "bio": "Amina_Two" }));

    server.advance(1);
    assert_eq!(amina.user_errors(PROFILE, rename("amina_three")).await, []);
    // The name that was given up is held back from others for a while, and not from who gave it up.
    let taken = [("TAKEN".to_owned(), "input.username".to_owned())];
    let stranger = server.anonymous();
    let joining = super::joining("Amina_tw0", "stranger@example.org");
    assert_eq!(stranger.user_errors(super::REGISTER, joining.clone()).await, taken);
    server.advance(30 * 86_400);
    let amina = server.anonymous().login("amina_three").await;
    assert_eq!(amina.user_errors(PROFILE, rename("amina_two")).await, []);
    server.advance(30 * 86_400);
    let amina = server.anonymous().login("amina_two").await;
    assert_eq!(amina.user_errors(PROFILE, rename("amina")).await, []);
    server.advance(90 * 86_400 - 1);
    assert_eq!(stranger.user_errors(super::REGISTER, joining.clone()).await, taken);
    server.advance(1);
    assert_eq!(stranger.user_errors(super::REGISTER, joining).await, []);
}

#[tokio::test]
async fn a_user_name_that_somebody_has_cannot_be_taken_over() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.user("basma").await;
    let errors = amina.user_errors(PROFILE, json!({ "input": { "username": "BASMA", "bio": "changed" } })).await;
    assert_eq!(errors, [("TAKEN".to_owned(), "input.username".to_owned())]);
    assert_eq!(amina.ok("{ me { username bio } }", Value::Null).await["me"], json!({ "username": "amina", "bio": "" }));
    // A refusal starts no cool-down; and one's own name may be written otherwise.
    assert_eq!(amina.user_errors(PROFILE, json!({ "input": { "username": "AMINA" } })).await, []);
    assert_eq!(amina.ok("{ me { username } }", Value::Null).await["me"]["username"], "AMINA");
}

#[tokio::test]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(server.user(&format!("person_{number}")).await);
    }
    let storm = people.iter().map(|person| person.user_errors(PROFILE, json!({ "input": { "username": "prize" } })));
    let answers = futures_util::future::join_all(storm).await;
    assert_eq!(answers.iter().filter(|errors| errors.is_empty()).count(), 1, "{answers:?}");
    let taken = [("TAKEN".to_owned(), "input.username".to_owned())];
    assert_eq!(answers.iter().filter(|errors| errors.as_slice() == taken).count(), 7, "{answers:?}");
}
