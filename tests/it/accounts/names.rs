//! Names and pictures by which somebody could pass for somebody else, or see more than they should.

use agora::entity::user_role::Role;
use serde_json::{Value, json};

use super::{PROFILE, REGISTER, joining};
use crate::harness::{Client, Server, user_error};

async fn is_lookalike(client: &Client) -> Value {
    client.ok("{ me { isLookalike } }", Value::Null).await["me"]["isLookalike"].clone()
}

#[tokio::test]
async fn a_user_name_that_can_be_taken_for_another_is_taken() {
    let server = Server::start().await;
    server.user("alice_10").await;
    let bob = server.user("bob").await;
    let before = server.rows().await;
    for lookalike in ["aIice_10", "a1ice_10", "alice_1O", "Alice_l0"] {
        let errors = server.anonymous().user_errors(REGISTER, joining(lookalike, "eve@example.org")).await;
        assert_eq!(errors, user_error("TAKEN", "input.username"), "{lookalike}");
        let errors = bob.user_errors(PROFILE, json!({ "input": { "username": lookalike } })).await;
        assert_eq!(errors, user_error("TAKEN", "input.username"), "{lookalike}");
    }
    for reserved in ["Adrnin", "Officia1", "SuppOrt"] {
        let errors = server.anonymous().user_errors(REGISTER, joining(reserved, "eve@example.org")).await;
        assert_eq!(errors, user_error("RESERVED", "input.username"), "{reserved}");
    }
    assert_eq!(server.rows().await, before);
    // Two who are as different as they look.
    server.user("alicia_10").await;
    // One's own name in other letters that look the same is one's own.
    assert_eq!(bob.user_errors(PROFILE, json!({ "input": { "username": "b0b" } })).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_names_that_look_alike_only_one_is_taken_at_once() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let client = &nobody;
    let names = ["paypal", "paypaI", "PaypaI", "paypa1"];
    let storm = names.iter().enumerate().map(|(number, name)| {
        let joining = joining(name, &format!("{number}@example.org"));
        async move { client.user_errors(REGISTER, joining).await }
    });
    let answers = futures_util::future::join_all(storm).await;
    assert_eq!(answers.iter().filter(|errors| errors.is_empty()).count(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|errors| errors.is_empty() || *errors == user_error("TAKEN", "input.username")),
        "{answers:?}"
    );
}

#[tokio::test]
async fn words_of_mixed_letters_are_no_names_and_titles_are_for_those_who_have_them() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for (input, code, path) in [
        (json!({ "displayName": "Аmina" }), "INVALID", "input.displayName"),
        (json!({ "firstName": "Olivіa" }), "INVALID", "input.firstName"),
        (json!({ "displayName": "Agora Support" }), "RESERVED", "input.displayName"),
        (json!({ "displayName": "АDМІN" }), "INVALID", "input.displayName"),
        (json!({ "displayName": "Admin\u{200B}" }), "RESERVED", "input.displayName"),
        (json!({ "displayName": "the\u{202E}nimda" }), "INVALID_CHARACTERS", "input.displayName"),
    ] {
        assert_eq!(amina.user_errors(PROFILE, json!({ "input": input })).await, user_error(code, path), "{input}");
    }
    let mut joining = joining("eve", "eve@example.org");
    joining["input"]["firstName"] = "Support".into();
    joining["input"]["lastName"] = "Team".into();
    assert_eq!(server.anonymous().user_errors(REGISTER, joining).await, user_error("RESERVED", "input.firstName"));
    for fine in ["Amina أمينة", "東京タワー", "Support Artist Amina", "O’Brien-Łaska"] {
        assert_eq!(amina.user_errors(PROFILE, json!({ "input": { "displayName": fine } })).await, [], "{fine}");
    }
    let staff = server.staff("warden", Role::Administrator).await;
    assert_eq!(staff.user_errors(PROFILE, json!({ "input": { "displayName": "Agora Support" } })).await, []);
}

#[tokio::test]
async fn a_display_name_that_looks_like_another_s_is_marked_until_it_is_changed() {
    let server = Server::start().await;
    let (shop, eve, same) = (server.user("shop_one").await, server.user("eve").await, server.user("other").await);
    let call = async |client: &Client, name: &str| {
        assert_eq!(client.user_errors(PROFILE, json!({ "input": { "displayName": name } })).await, []);
    };
    call(&shop, "Coco Oil").await;
    call(&same, "COCO oil").await;
    call(&eve, "Сосо OiI").await;
    for (client, marked) in [(&shop, false), (&same, false), (&eve, true)] {
        assert_eq!(is_lookalike(client).await, marked, "{:?}", client.username);
    }
    let seen = shop.ok("{ user(username: \"eve\") { isLookalike } }", Value::Null).await;
    assert_eq!(seen["user"]["isLookalike"], true);
    call(&eve, "Eve").await;
    assert_eq!(is_lookalike(&eve).await, false);
}

#[tokio::test]
async fn pictures_are_on_public_hosts_and_encrypted() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for bad in [
        "http://example.org/a.png",
        "http://localhost/a.png",
        "https://127.0.0.1/a.png",
        "https://0x7f.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/a.png",
        "https://[fd00::1]/a.png",
        "https://printer.local/a.png",
        "https://user:secret@example.org/a.png",
    ] {
        let errors = amina.user_errors(PROFILE, json!({ "input": { "avatarUrl": bad } })).await;
        assert_eq!(errors, user_error("INVALID", "input.avatarUrl"), "{bad}");
    }
    let good = json!({ "input": { "avatarUrl": "https://cdn.example.org/a.png" } });
    assert_eq!(amina.user_errors(PROFILE, good).await, []);
}
