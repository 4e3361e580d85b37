//! Fetching anything by its id.

use agora::entity::PostId;
use serde_json::{Value, json};

use super::statements;
use crate::harness::{Client, Server};

#[tokio::test]
async fn everything_with_an_id_is_fetched_by_it() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let answer = basma.comment(&id, "a comment").await;
    server.run_jobs().await;
    let data = amina.ok("{ me { notifications { nodes { id } } } }", Value::Null).await;
    let notification = data["me"]["notifications"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let unknown = PostId(server.app.ids.next(server.clock.now())).to_string();

    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on User { username } ... on Post { body } \
                 ... on Comment { body } ... on Notification { kind } } }";
    let all = [&answer, &amina.id, &unknown, &notification, &id, &answer, &basma.id];
    let user = |client: &Client| json!({ "__typename": "User", "id": client.id, "username": client.username });
    let the_comment = json!({ "__typename": "Comment", "id": answer, "body": "a comment" });
    let the_post = json!({ "__typename": "Post", "id": id, "body": "a post" });
    let told = json!({ "__typename": "Notification", "id": notification, "kind": "COMMENT" });
    for (client, told) in [(&amina, &told), (&basma, &Value::Null), (&server.anonymous(), &Value::Null)] {
        let data = client.ok(query, json!({ "ids": all })).await;
        let expected = json!([the_comment, user(&amina), null, told, the_post, the_comment, user(&basma)]);
        assert_eq!(data["nodes"], expected, "in the order asked for");
        for (id, expected) in all.iter().zip(expected.as_array().unwrap()) {
            let single = query.replace("$ids: [ID!]!", "$id: ID!").replace("nodes(ids: $ids)", "node(id: $id)");
            assert_eq!(client.ok(&single, json!({ "id": id })).await["node"], *expected);
        }
    }
    // A hundred of them are one statement for each type.
    let hundred = vec![answer.as_str(); 100];
    let (count, data) = statements(&server, &server.anonymous(), query, json!({ "ids": hundred })).await;
    assert_eq!((count, data["nodes"].as_array().unwrap().len()), (1, 100));
    assert_eq!(amina.ok(query, json!({ "ids": [] })).await["nodes"], json!([]));

    assert_eq!(amina.refused(query, json!({ "ids": vec![answer.as_str(); 101] })).await, "BAD_REQUEST");
    // What is no id, or no id of anything that is fetched by it, is nothing: and that for itself alone.
    let session = unknown.replace("post_", "session_");
    let challenge = unknown.replace("post_", "challenge_");
    for wrong in ["nonsense", "", "post_", &session, &challenge, &unknown["post".len()..]] {
        let node = "query($id: ID!) { node(id: $id) { id } }";
        assert_eq!(amina.ok(node, json!({ "id": wrong })).await["node"], Value::Null, "{wrong}");
        let nodes = amina.ok(query, json!({ "ids": [answer, wrong, id] })).await["nodes"].clone();
        assert_eq!(nodes, json!([the_comment, null, the_post]), "{wrong}");
    }
}
