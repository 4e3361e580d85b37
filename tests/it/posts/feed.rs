//! The feed: a page of posts with authors, like state and first comments, in a few statements.

use serde_json::{Value, json};

use super::{COMMENT_DELETE, COMMENT_LIKE, ids, listed, post, share, statements};
use crate::harness::{Client, Server};

const FEED: &str = "query($first: Int!) { posts(first: $first) { nodes { id body likeCount commentCount createdAt \
    viewerHasLiked viewerCanUpdate author { id username displayName avatarUrl } comments(first: 3) { nodes { id body \
    createdAt viewerHasLiked author { id username displayName } } pageInfo { hasNextPage endCursor } } } \
    pageInfo { hasNextPage endCursor } } }";

const FEED_BY_EDGES: &str = "query($first: Int!) { posts(first: $first) { edges { cursor node { id body viewerHasLiked \
    author { username } comments(first: 3) { edges { cursor node { id body viewerHasLiked author { username } } } } } } } }";

const FEED_BY_FRAGMENTS: &str = "query($first: Int!, $few: Int = 3) { posts(first: $first) { ...List } } \
    fragment List on PostConnection { nodes { ...Card } } \
    fragment Card on Post { id viewerHasLiked ... on Post { author { ...Person } } ... { comments(first: $few) { ...Answers } } } \
    fragment Answers on CommentConnection { nodes { id viewerHasLiked ... on Comment { author { ...Person } } } } \
    fragment Person on User { username }";

/// A server with many posts by several people, some liked, some passed on, each with up to five answers, some of them
/// deleted.
async fn with_feed(count: usize) -> (Server, Vec<Client>) {
    let server = Server::with(&[("LIMIT_COST", "100000"), ("LIMIT_NODES", "100000")]).await;
    let mut people = Vec::new();
    for name in ["amina", "basma", "chloe"] {
        people.push(server.user(name).await);
    }
    let mut id = String::new();
    for number in 0..count {
        id = match number % 5 {
            3 => share(&people[1], &id, "").await["id"].as_str().unwrap().to_owned(),
            _ => people[number % 3].publish(&format!("number {number}")).await,
        };
        if number % 2 == 0 {
            people[0].like(&id).await;
        }
        for answer in 0..number % 6 {
            let comment = people[answer % 3].comment(&id, &format!("answer {answer}")).await;
            match answer {
                0 if number % 4 == 1 => drop(people[1].reply(&comment, "a reply").await),
                2 => drop(people[0].ok(COMMENT_LIKE, json!({ "id": comment })).await),
                _ => {}
            }
            if answer < 2 && number % 4 < 2 {
                people[answer % 3].ok(COMMENT_DELETE, json!({ "id": comment })).await;
            }
        }
        server.advance(1);
    }
    (server, people)
}

#[tokio::test]
async fn the_feed_takes_the_same_few_statements_whatever_its_size() {
    let (server, people) = with_feed(101).await;
    for client in [&people[0], &server.anonymous()] {
        for (query, items) in [(FEED, "nodes"), (FEED_BY_EDGES, "edges"), (FEED_BY_FRAGMENTS, "nodes")] {
            client.ok(query, json!({ "first": 1 })).await;
            let mut taken = Vec::new();
            for first in [5, 20, 100] {
                let (count, data) = statements(&server, client, query, json!({ "first": first })).await;
                assert_eq!(data["posts"][items].as_array().unwrap().len(), first);
                taken.push(count);
            }
            assert!(taken[0] <= 3 && taken.iter().all(|count| *count == taken[0]), "{taken:?}: {query}");
        }
    }
}

#[tokio::test]
async fn what_hangs_below_a_list_is_loaded_together_however_it_is_asked_for() {
    let (server, people) = with_feed(40).await;
    for below in [
        "few: comments(first: 1) { nodes { id } } more: comments(first: 2) { nodes { id body author { username } } }",
        "comments(first: 2) { nodes { replies(first: 2) { nodes { id viewerHasLiked author { username } } } } }",
        "comments(first: 2) { nodes { post { id author { username } } parent { id } } }",
        "likes(first: 2) { nodes { username } totalCount }",
        "old: comments(first: 1) { nodes { id } } likes(first: 1, reverse: true) { nodes { id } } \
         new: comments(first: 1, reverse: true) { nodes { id replies(first: 1, reverse: true) { nodes { id } } } }",
        "sharedPost { id author { username } viewerHasLiked comments(first: 1) { nodes { author { username } } } }",
        "author { email isViewer }",
    ] {
        let query = format!("query($first: Int!) {{ posts(first: $first) {{ nodes {{ id {below} }} }} }}");
        people[0].ok(&query, json!({ "first": 1 })).await;
        let (few, _) = statements(&server, &people[0], &query, json!({ "first": 10 })).await;
        let (many, _) = statements(&server, &people[0], &query, json!({ "first": 40 })).await;
        assert!(many == few && many <= 6, "{few} for 10, {many} for 40: {below}");
    }
}

#[tokio::test]
async fn the_feed_holds_what_each_post_tells_by_itself() {
    let (server, people) = with_feed(24).await;
    let selection = "id body likeCount commentCount createdAt viewerHasLiked viewerCanUpdate \
                     author { id username displayName avatarUrl } comments(first: 3, after: null) { nodes { id body \
                     createdAt viewerHasLiked author { id username displayName } } pageInfo { hasNextPage endCursor } }";
    for client in [&people[0], &people[1], &server.anonymous()] {
        let feed = client.ok(FEED, json!({ "first": 20 })).await["posts"].clone();
        assert_eq!(feed["pageInfo"]["hasNextPage"], true);
        for seen in feed["nodes"].as_array().unwrap() {
            let alone = post(client, seen["id"].as_str().unwrap(), selection).await;
            assert_eq!(*seen, alone);
        }
        let next = "query($after: String) { posts(after: $after) { nodes { id } } }";
        let rest = client.ok(next, json!({ "after": feed["pageInfo"]["endCursor"] })).await;
        assert_eq!(ids(&rest["posts"]).len(), 4);
        // Going on in a post's comments begins where the feed left off.
        let long =
            feed["nodes"].as_array().unwrap().iter().find(|post| post["comments"]["pageInfo"]["hasNextPage"] == true);
        let long = long.expect("a post with more than three comments");
        let list = format!("{{ post(id: {}) {{ comments(PAGE) {{ ITEMS }} }} }}", long["id"]);
        let all = client.pages(&list, 100, false).await.concat();
        let query = "query($id: ID!, $after: String) { post(id: $id) { comments(after: $after) { nodes { id } } } }";
        let rest =
            client.ok(query, json!({ "id": long["id"], "after": long["comments"]["pageInfo"]["endCursor"] })).await;
        assert_eq!([ids(&long["comments"]), ids(&rest["post"]["comments"])].concat(), all);
    }
}

#[tokio::test]
async fn every_way_to_ask_for_comments_in_a_list_gives_the_right_ones() {
    let (server, people) = with_feed(12).await;
    let list = |arguments: &str| format!("comments({arguments}) {{ nodes {{ id body }} }}");
    for (what, selection, same) in [
        (
            "aliases with other arguments",
            "a: comments(first: 1) { nodes { id body } } b: comments(first: 2) { nodes { id body } }",
            vec![("a", "first: 1"), ("b", "first: 2")],
        ),
        (
            "aliases with the same arguments",
            "a: comments(first: 2) { nodes { id } } b: comments(first: 2) { nodes { body } }",
            vec![],
        ),
        ("one alias", "few: comments(first: 2) { nodes { id body } }", vec![("few", "first: 2")]),
        ("the default size", "comments { nodes { id body } }", vec![("comments", "first: 20")]),
        ("the last", "comments(last: 2) { nodes { id body } }", vec![("comments", "last: 2")]),
        ("none", "comments(first: 0) { nodes { id body } }", vec![("comments", "first: 0")]),
        (
            "the other way round",
            "comments(first: 2, reverse: true) { nodes { id body } }",
            vec![("comments", "first: 2, reverse: true")],
        ),
        (
            "aliases both ways",
            "a: comments(first: 2) { nodes { id body } } b: comments(first: 2, reverse: true) { nodes { id body } }",
            vec![("a", "first: 2"), ("b", "first: 2, reverse: true")],
        ),
        ("nulls", "comments(first: 2, after: null, last: null) { nodes { id body } }", vec![("comments", "first: 2")]),
        ("a variable", "comments(first: $two) { nodes { id body } }", vec![("comments", "first: 2")]),
        (
            "a variable that is absent",
            "comments(first: $absent) { nodes { id body } }",
            vec![("comments", "first: 20")],
        ),
        ("a variable with a default", "comments(first: $three) { nodes { id body } }", vec![("comments", "first: 3")]),
        (
            "twice, merged",
            "comments(first: 2) { nodes { id } } comments(first: 2) { nodes { body } }",
            vec![("comments", "first: 2")],
        ),
        (
            "skipped beside another",
            "a: comments(first: 1) @skip(if: true) { nodes { id } } b: comments(first: 2) { nodes { id body } }",
            vec![("b", "first: 2")],
        ),
        (
            "included by a variable",
            "a: comments(first: 1) @include(if: $yes) { nodes { id body } }",
            vec![("a", "first: 1")],
        ),
        ("in two fragments", "...A ...B", vec![("comments", "first: 2")]),
        ("with their number", "comments(first: 2) { nodes { id body } totalCount }", vec![]),
    ] {
        let fragments = if what == "in two fragments" {
            "fragment A on Post { comments(first: 2) { nodes { id } } } fragment B on Post { comments(first: 2) { nodes { body } } }"
        } else {
            ""
        };
        let variables = "($two: Int = 2, $absent: Int, $three: Int! = 3, $yes: Boolean! = true)";
        let used: Vec<_> = ["two: Int = 2", "absent: Int", "three: Int! = 3", "yes: Boolean! = true"]
            .into_iter()
            .filter(|definition| selection.contains(&format!("${}", definition.split(':').next().unwrap())))
            .map(|definition| format!("${definition}"))
            .collect();
        let variables = if used.is_empty() {
            String::new()
        } else {
            variables.replace(variables, &format!("({})", used.join(", ")))
        };
        for (items, node) in [("nodes", ""), ("edges { node", "}")] {
            let query = format!("query{variables} {{ posts {{ {items} {{ id {selection} }} {node} }} }} {fragments}");
            let data = people[0].ok(&query, json!({})).await;
            let connection = &data["posts"];
            let posts: Vec<&Value> = match connection.get("nodes") {
                Some(nodes) => nodes.as_array().unwrap().iter().collect(),
                None => connection["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]).collect(),
            };
            assert_eq!(posts.len(), 12);
            for seen in posts {
                let id = seen["id"].as_str().unwrap();
                for (name, arguments) in &same {
                    let alone = post(&server.anonymous(), id, &list(arguments)).await;
                    assert_eq!(seen[name], alone["comments"], "{what}: {query}");
                }
                if what == "aliases with the same arguments" {
                    let alone = post(&server.anonymous(), id, &list("first: 2")).await;
                    let of = |field: &str| -> Vec<Value> {
                        let nodes = alone["comments"]["nodes"].as_array().unwrap();
                        nodes.iter().map(|node| json!({ field: node[field] })).collect()
                    };
                    assert_eq!((&seen["a"]["nodes"], &seen["b"]["nodes"]), (&json!(of("id")), &json!(of("body"))));
                }
                if what == "with their number" {
                    let alone =
                        post(&server.anonymous(), id, "comments(first: 2) { nodes { id body } totalCount }").await;
                    assert_eq!(seen["comments"], alone["comments"]);
                    let all = post(&server.anonymous(), id, &list("first: 100")).await;
                    assert_eq!(seen["comments"]["totalCount"], ids(&all["comments"]).len());
                }
            }
        }
    }
}

#[tokio::test]
async fn nodes_and_edges_of_one_list_each_get_what_they_ask_for() {
    let (_server, people) = with_feed(6).await;
    let query = "{ posts { nodes { id author { username } comments(first: 1) { nodes { id } } } \
                 edges { node { id viewerHasLiked comments(first: 2) { nodes { id author { username } } } } } } \
                 again: posts(first: 2, sortBy: MOST_LIKED) { nodes { comments(first: 1) { nodes { id } } } } }";
    let data = people[0].ok(query, Value::Null).await;
    for (node, edge) in
        data["posts"]["nodes"].as_array().unwrap().iter().zip(data["posts"]["edges"].as_array().unwrap())
    {
        let expected = post(
            &people[0],
            node["id"].as_str().unwrap(),
            "author { username } viewerHasLiked one: comments(first: 1) { nodes { id } } \
             two: comments(first: 2) { nodes { id author { username } } }",
        )
        .await;
        assert_eq!((&node["author"], &node["comments"]), (&expected["author"], &expected["one"]));
        let edge = &edge["node"];
        assert_eq!((&edge["viewerHasLiked"], &edge["comments"]), (&expected["viewerHasLiked"], &expected["two"]));
    }
    assert_eq!(data["again"]["nodes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_whole_is_counted_only_when_asked() {
    let (server, people) = with_feed(7).await;
    let id = listed(&people[0], json!({}), "NEWEST").await[0].clone();
    for (without, with, path, total) in [
        (
            "{ posts(first: 2) { nodes { id } } }".to_owned(),
            "{ posts(first: 2) { nodes { id } totalCount } }".to_owned(),
            "/posts/totalCount",
            7,
        ),
        (
            format!("{{ post(id: \"{id}\") {{ comments(first: 1) {{ nodes {{ id }} }} }} }}"),
            format!("{{ post(id: \"{id}\") {{ comments(first: 1) {{ nodes {{ id }} totalCount }} }} }}"),
            "/post/comments/totalCount",
            0,
        ),
    ] {
        let (fewer, _) = statements(&server, &server.anonymous(), &without, Value::Null).await;
        let (more, data) = statements(&server, &server.anonymous(), &with, Value::Null).await;
        assert_eq!(more, fewer + 1, "{with}");
        assert_eq!(*data.pointer(path).unwrap(), total, "{with}");
    }
}
