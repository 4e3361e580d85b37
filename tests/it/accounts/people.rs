//! Finding people: by name, by words, page by page.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::PROFILE;
use crate::harness::{Client, Server};

async fn named(server: &Server, username: &str, first_name: &str, last_name: &str) -> Client {
    let person = server.user(username).await;
    person
        .ok(PROFILE, json!({ "input": { "firstName": first_name, "lastName": last_name, "displayName": null } }))
        .await;
    person
}

async fn search(client: &Client, text: &str) -> Vec<String> {
    let query = "query($text: String) { users(where: { text: $text }) { nodes { username } totalCount } }";
    let data = client.ok(query, json!({ "text": text })).await;
    let names: Vec<String> = data["users"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["username"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(data["users"]["totalCount"], names.len(), "{text:?}");
    names
}

#[tokio::test]
async fn people_are_found_by_the_beginnings_of_their_names() {
    let server = Server::start().await;
    named(&server, "jose_m", "José", "Müller").await;
    named(&server, "mona", "مُنى", "عبد الله").await;
    named(&server, "muhammad", "محمد", "علي").await;
    named(&server, "oneill", "Shaun", "O'Neill").await;
    named(&server, "plain", "", "").await;
    let nobody = server.anonymous();
    for (text, expected) in [
        ("jose", vec!["jose_m"]),
        ("JOSÉ", vec!["jose_m"]),
        ("mull", vec!["jose_m"]),
        ("muller jo", vec!["jose_m"]),
        ("jose_m", vec!["jose_m"]),
        ("ose", vec![]),
        ("jose mona", vec![]),
        ("mu", vec!["jose_m", "muhammad"]),
        ("محمد", vec!["muhammad"]),
        ("مُحَمَّد", vec!["muhammad"]),
        ("محـــمد عل", vec!["muhammad"]),
        ("منى", vec!["mona"]),
        ("O'Neill", vec!["oneill"]),
        ("o’neill", vec!["oneill"]),
        ("neill", vec!["oneill"]),
        ("plai", vec!["plain"]),
        ("", vec![]),
        (" ?! ", vec![]),
    ] {
        assert_eq!(search(&nobody, text).await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn a_search_takes_any_text_for_words_and_nothing_more() {
    let server = Server::start().await;
    named(&server, "amina", "Amina", "And Or Not").await;
    let nobody = server.anonymous();
    for (text, expected) in [
        ("\"amina\"", vec!["amina"]),
        ("ami*", vec!["amina"]),
        ("amina:*", vec!["amina"]),
        ("-amina", vec!["amina"]),
        ("(amina", vec!["amina"]),
        ("amina & or", vec!["amina"]),
        ("'amina' | nobody", vec![]),
        ("NEAR(amina nobody)", vec![]),
        ("amina' OR 'nobody'='nobody", vec![]),
        ("username:amina", vec![]),
        ("{amina}", vec!["amina"]),
        ("am%", vec!["amina"]),
        ("am\\", vec!["amina"]),
        ("amina\u{0}", vec!["amina"]),
        ("ami\u{0}na", vec![]),
    ] {
        assert_eq!(search(&nobody, text).await, expected, "{text:?}");
    }
    // Within bounds: a hundred characters, eight words.
    let query = "query($text: String) { users(where: { text: $text }) { nodes { id } } }";
    let nine_words = "and or not one two three four five six";
    for text in [&"a".repeat(101), &"amina ".repeat(3000), nine_words] {
        assert_eq!(nobody.refused(query, json!({ "text": text })).await, "BAD_REQUEST", "{text:.40}");
    }
    assert_eq!(search(&nobody, &"a".repeat(100)).await, Vec::<String>::new());
    assert_eq!(search(&nobody, "and or not and or not and or not and").await, ["amina"]);
    let found =
        nobody.ok("query($name: String!) { user(username: $name) { id } }", json!({ "name": "ami\u{0}na" })).await;
    assert_eq!(found["user"], Value::Null);
}

#[tokio::test]
async fn the_search_follows_a_change_of_name() {
    let server = Server::start().await;
    let amina = named(&server, "amina", "Amina", "First").await;
    assert_eq!(search(&amina, "first").await, ["amina"]);
    amina.ok(PROFILE, json!({ "input": { "lastName": "Second", "displayName": null } })).await;
    assert_eq!(search(&amina, "first").await, Vec::<String>::new());
    assert_eq!(search(&amina, "second").await, ["amina"]);
    amina.ok(PROFILE, json!({ "input": { "username": "renamed", "firstName": "", "displayName": null } })).await;
    assert_eq!(search(&amina, "amina").await, Vec::<String>::new());
    assert_eq!(search(&amina, "renamed").await, ["renamed"]);
}

#[tokio::test]
async fn people_are_listed_completely_page_by_page_in_both_directions() {
    let server = Server::start().await;
    // All at the same moment, so that only the ids tell them apart when sorted by it.
    let mut ids = Vec::new();
    for name in ["delta", "Alpha", "echo", "bravo", "Golf", "charlie", "foxtrot"] {
        ids.push(server.user(name).await.id);
    }
    let nobody = server.anonymous();
    let by_name: Vec<String> = [1, 3, 5, 0, 2, 6, 4].map(|at: usize| ids[at].clone()).into();
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    for (sort, expected) in [("USERNAME", by_name), ("NEWEST", newest)] {
        let query = format!("{{ users(sortBy: {sort}, PAGE) {{ ITEMS }} }}");
        for size in [1, 2, 3, 7, 100] {
            let forwards = nobody.pages(&query, size, false).await;
            assert_eq!(forwards.concat(), expected, "{sort}, first {size}");
            let mut backwards = nobody.pages(&query, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), expected, "{sort}, last {size}");
        }
    }
    let found = nobody.pages("{ users(where: { text: \"al\" }, PAGE) { ITEMS } }", 1, false).await;
    assert_eq!(found.concat(), [ids[1].clone()]);
}

#[tokio::test]
async fn a_part_between_two_places_holds_what_lies_between() {
    let server = Server::start().await;
    for name in ["alpha", "bravo", "charlie", "delta", "echo"] {
        server.user(name).await;
    }
    let nobody = server.anonymous();
    let all = nobody.ok("{ users { edges { cursor node { username } } totalCount } }", Value::Null).await;
    let cursor = |at: usize| all["users"]["edges"][at]["cursor"].clone();
    let query = "query($after: String, $before: String, $first: Int, $last: Int) { \
                 users(after: $after, before: $before, first: $first, last: $last) { nodes { username } } }";
    for (variables, expected) in [
        (json!({ "after": cursor(0), "before": cursor(4) }), vec!["bravo", "charlie", "delta"]),
        (json!({ "after": cursor(0), "before": cursor(4), "first": 1 }), vec!["bravo"]),
        (json!({ "after": cursor(0), "before": cursor(4), "last": 1 }), vec!["delta"]),
        (json!({ "before": cursor(2) }), vec!["alpha", "bravo"]),
        (json!({ "after": cursor(4) }), vec![]),
        (json!({ "before": cursor(0) }), vec![]),
        (json!({ "after": cursor(3), "before": cursor(1) }), vec![]),
        (json!({ "first": 0 }), vec![]),
        (json!({ "last": 0 }), vec![]),
    ] {
        let data = nobody.ok(query, variables.clone()).await;
        let names: Vec<&str> =
            data["users"]["nodes"].as_array().unwrap().iter().map(|node| node["username"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{variables}");
    }
}

#[tokio::test]
async fn wrong_page_arguments_are_a_bad_request() {
    let server = Server::start().await;
    server.user("alpha").await;
    server.user("bravo").await;
    let nobody = server.anonymous();
    let edges = nobody.ok("{ users(sortBy: NEWEST) { edges { cursor } } }", Value::Null).await;
    let of_another_order = edges["users"]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let edges = nobody.ok("{ users { edges { cursor } } }", Value::Null).await;
    let good = edges["users"]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let mut tampered = URL_SAFE_NO_PAD.decode(&good).unwrap();
    tampered[17] ^= 1;
    let query = "query($after: String, $before: String, $first: Int, $last: Int) { \
                 users(after: $after, before: $before, first: $first, last: $last) { nodes { id } } }";
    nobody.ok(query, json!({ "after": good })).await;
    for variables in [
        json!({ "first": 101 }),
        json!({ "first": -1 }),
        json!({ "last": 101 }),
        json!({ "last": -1 }),
        json!({ "first": 1, "last": 1 }),
        json!({ "after": of_another_order }),
        json!({ "before": of_another_order }),
        json!({ "after": URL_SAFE_NO_PAD.encode(&tampered) }),
        json!({ "after": &good[1..] }),
        json!({ "after": "nonsense" }),
        json!({ "before": "x".repeat(5000) }),
    ] {
        assert_eq!(nobody.refused(query, variables.clone()).await, "BAD_REQUEST", "{variables}");
    }
}

#[tokio::test]
async fn the_whole_is_counted_only_when_asked() {
    let server = Server::start().await;
    for name in ["alpha", "bravo", "alder"] {
        server.user(name).await;
    }
    let nobody = server.anonymous();
    let statements = async |query: &str| {
        let before = server.app.db.statements();
        let data = nobody.ok(query, Value::Null).await;
        (server.app.db.statements() - before, data)
    };
    let (without, _) = statements("{ users(first: 1) { nodes { id } } }").await;
    let (with, data) = statements("{ users(first: 1) { nodes { id } totalCount } }").await;
    assert_eq!((without, with), (1, 2));
    assert_eq!(data["users"]["totalCount"], 3);
    let (_, data) =
        statements("{ users(first: 1, where: { text: \"al\" }) { ...F } } fragment F on UserConnection { totalCount }")
            .await;
    assert_eq!(data["users"]["totalCount"], 2);
}

#[tokio::test]
async fn an_email_address_is_shown_to_its_owner_only() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("by amina").await;
    let query = format!(
        "{{ user(username: \"amina\") {{ email }} node(id: \"{}\") {{ ... on User {{ email }} }} \
         users {{ nodes {{ username email }} }} post(id: \"{post}\") {{ author {{ email }} }} }}",
        amina.id
    );
    let own = json!("amina@example.org");
    for (client, expected, of_basma) in [
        (&amina, &own, &Value::Null),
        (&basma, &Value::Null, &json!("basma@example.org")),
        (&server.anonymous(), &Value::Null, &Value::Null),
    ] {
        let data = client.ok(&query, Value::Null).await;
        assert_eq!(data["user"]["email"], *expected, "{data}");
        assert_eq!(data["node"]["email"], *expected, "{data}");
        assert_eq!(data["post"]["author"]["email"], *expected, "{data}");
        let people = json!([{ "username": "amina", "email": expected }, { "username": "basma", "email": of_basma }]);
        assert_eq!(data["users"]["nodes"], people);
    }
}
