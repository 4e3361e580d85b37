//! Passing posts on.

use agora::domain::recount;
use serde_json::{Value, json};

use super::{DELETE, SHARE, UPDATE, everything, listed, post, share, told};
use crate::harness::{Server, user_error};

#[tokio::test]
async fn a_share_is_a_post_of_its_own_that_is_counted_on_the_original() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("the original").await;
    let data = basma.ok(SHARE, json!({ "id": id })).await;
    let plain = &data["postShare"]["post"];
    let original = json!({ "id": id, "body": "the original", "shareCount": 1 });
    assert_eq!(data["postShare"]["replayed"], false);
    assert_eq!(*plain, json!({ "id": plain["id"], "body": "", "sharedPost": original }));
    assert_eq!(told(&server).await, (1, 1));
    let quoted = share(&basma, &id, " look #here ").await;
    assert_eq!((&quoted["body"], &quoted["sharedPost"]["shareCount"]), (&json!("look #here"), &json!(2)));
    // One's own is counted, but tells nobody.
    let own = share(&amina, &id, "").await;
    assert_eq!(own["sharedPost"]["shareCount"], 3);
    assert_eq!(told(&server).await, (3, 2));

    let expected = [&own, &quoted, plain].map(|share| share["id"].as_str().unwrap().to_owned());
    assert_eq!(listed(&amina, json!({}), "NEWEST").await, [expected.as_slice(), std::slice::from_ref(&id)].concat());
    assert_eq!(listed(&amina, json!({ "tags": "here" }), "NEWEST").await, [quoted["id"].as_str().unwrap()]);
    let user = "{ user(username: \"basma\") { postCount } }";
    assert_eq!(amina.ok(user, Value::Null).await["user"]["postCount"], 2);

    // The text can be taken back; the share remains.
    let data = basma.ok(UPDATE, json!({ "id": quoted["id"], "body": null })).await;
    assert_eq!(data["postUpdate"]["post"]["body"], "");
    assert_eq!(listed(&amina, json!({ "tags": "here" }), "NEWEST").await, Vec::<String>::new());

    basma.ok(DELETE, json!({ "id": plain["id"] })).await;
    assert_eq!(post(&amina, &id, "shareCount").await["shareCount"], 2);
    // Of a deleted original the place stays.
    amina.ok(DELETE, json!({ "id": id })).await;
    let seen = post(&basma, quoted["id"].as_str().unwrap(), "sharedPost { id body author { id } }").await;
    assert_eq!(seen["sharedPost"], json!({ "id": id, "body": "", "author": null }));
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_share_without_words_stands_for_what_it_shares() {
    let server = Server::start().await;
    let (amina, basma, chloe) = (server.user("amina").await, server.user("basma").await, server.user("chloe").await);
    let id = amina.publish("the original").await;
    let plain = share(&basma, &id, "").await["id"].as_str().unwrap().to_owned();
    let quoted = share(&basma, &id, "my words").await["id"].as_str().unwrap().to_owned();

    assert_eq!(share(&chloe, &plain, "").await["sharedPost"]["id"], id.as_str());
    assert_eq!(share(&chloe, &plain, "said too").await["sharedPost"]["id"], id.as_str());
    assert_eq!(share(&chloe, &quoted, "").await["sharedPost"]["id"], quoted.as_str());
    assert_eq!(post(&amina, &id, "shareCount").await["shareCount"], 4);
    assert_eq!(post(&amina, &plain, "shareCount").await["shareCount"], 0);
    assert_eq!(post(&amina, &quoted, "shareCount").await["shareCount"], 1);
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_deleted_is_not_passed_on() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("the original").await;
    let deleted_share = share(&basma, &id, "").await["id"].as_str().unwrap().to_owned();
    let deleted_quote = share(&basma, &id, "my words").await["id"].as_str().unwrap().to_owned();
    let living_share = share(&basma, &id, "").await["id"].as_str().unwrap().to_owned();
    for share in [&deleted_share, &deleted_quote] {
        basma.ok(DELETE, json!({ "id": share })).await;
    }
    let before = everything(&server).await;
    for share in [&deleted_share, &deleted_quote] {
        assert_eq!(amina.user_errors(SHARE, json!({ "id": share })).await, user_error("NOT_FOUND", "input.id"));
    }
    assert_eq!(everything(&server).await, before);
    amina.ok(DELETE, json!({ "id": id })).await;
    let before = everything(&server).await;
    for id in [&id, &living_share] {
        assert_eq!(amina.user_errors(SHARE, json!({ "id": id })).await, user_error("NOT_FOUND", "input.id"));
    }
    assert_eq!(everything(&server).await, before);
}
