//! Lists of posts: filters, searches, orders, pages.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{DELETE, ids, listed};
use crate::harness::Server;

#[tokio::test]
async fn posts_are_filtered_by_author_text_tag_and_time() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let start = server.clock.now();
    let one = amina.publish("Tea with milk #drinks").await;
    server.advance(60);
    let two = basma.publish("Coffee with milk #drinks #Hot").await;
    server.advance(60);
    let three = amina.publish("Water #hot").await;
    let at = |seconds| (start + TimeDelta::seconds(seconds)).to_rfc3339();
    for (filter, expected) in [
        (json!({}), vec![&three, &two, &one]),
        (json!({ "authorIds": amina.id }), vec![&three, &one]),
        (json!({ "text": "milk" }), vec![&two, &one]),
        (json!({ "tags": "drinks" }), vec![&two, &one]),
        (json!({ "tags": "#HOT" }), vec![&three, &two]),
        (json!({ "tags": ["drinks", "#hot", "HOT"] }), vec![&three, &two, &one]),
        (json!({ "tags": ["none", "drinks"], "text": "milk" }), vec![&two, &one]),
        (json!({ "tags": [] }), vec![]),
        (json!({ "authorIds": [amina.id, basma.id] }), vec![&three, &two, &one]),
        (json!({ "authorIds": [amina.id, basma.id], "tags": ["hot"], "text": "water" }), vec![&three]),
        (json!({ "authorIds": [] }), vec![]),
        (json!({ "tags": "dri" }), vec![]),
        (json!({ "tags": "" }), vec![]),
        (json!({ "tags": "#" }), vec![]),
        (json!({ "tags": "dri\u{0}nks" }), vec![]),
        (json!({ "text": "milk", "tags": "hot", "authorIds": basma.id }), vec![&two]),
        (json!({ "text": "milk", "authorIds": amina.id, "tags": "hot" }), vec![]),
        (json!({ "createdAt": { "from": at(0) } }), vec![&three, &two, &one]),
        (json!({ "createdAt": { "from": at(1) } }), vec![&three, &two]),
        (json!({ "createdAt": { "until": at(120) } }), vec![&two, &one]),
        (json!({ "createdAt": { "from": at(60), "until": at(120) } }), vec![&two]),
        (json!({ "createdAt": { "from": at(60), "until": at(60) } }), vec![]),
        (json!({ "createdAt": { "from": "2026-01-01T15:01:00+03:00" } }), vec![&three, &two]),
        (json!({ "createdAt": {} }), vec![&three, &two, &one]),
        (json!({ "createdAt": { "from": at(60) }, "text": "milk" }), vec![&two]),
        (json!({ "authorIds": null, "text": null, "tags": null, "createdAt": null }), vec![&three, &two, &one]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(listed(&server.anonymous(), filter.clone(), "NEWEST").await, expected, "{filter}");
    }
    let query = "{ user(username: \"amina\") { posts { totalCount nodes { id } } } }";
    let own = basma.ok(query, Value::Null).await;
    assert_eq!(own["user"]["posts"], json!({ "totalCount": 2, "nodes": [{ "id": three }, { "id": one }] }));
    let query = "query($where: PostWhere) { posts(where: $where) { nodes { id } } }";
    for from in ["yesterday", "+10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-01-01"] {
        let code = amina.refused(query, json!({ "where": { "createdAt": { "from": from } } })).await;
        assert_eq!(code, "BAD_REQUEST", "{from}");
    }
    // As many tags as a post can have.
    let tags = |count: usize| (0..count).map(|n| format!("tag{n}")).collect::<Vec<_>>();
    assert_eq!(amina.ok(query, json!({ "where": { "tags": tags(10) } })).await["posts"]["nodes"], json!([]));
    assert_eq!(amina.refused(query, json!({ "where": { "tags": tags(11) } })).await, "BAD_REQUEST");
}

#[tokio::test]
async fn a_text_is_found_by_the_beginnings_of_its_words_whatever_their_marks() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let dessert = amina.publish("Crème brûlée, at the Café!").await;
    let world = amina.publish("أَهْلًا بالعالَم").await;
    let link = amina.publish("See https://example.com/some_path and don't worry: state-of-the-art, 3.14").await;
    let curly = amina.publish("I don’t mind").await;
    let wide = amina.publish("ＦＵＬＬ ｗｉｄｔｈ").await;
    let chinese = amina.publish("你好世界").await;
    let nobody = server.anonymous();
    for (text, expected) in [
        ("creme", vec![&dessert]),
        ("CRÈME", vec![&dessert]),
        ("cre\u{300}me", vec![&dessert]),
        ("caf brul", vec![&dessert]),
        ("brûlée café crème", vec![&dessert]),
        ("reme", vec![]),
        ("creme tea", vec![]),
        ("اهلا", vec![&world]),
        ("أهلا", vec![&world]),
        ("بالعــالم", vec![&world]),
        ("عالم", vec![]),
        ("example.com", vec![&link]),
        ("example", vec![&link]),
        ("com", vec![&link]),
        ("path", vec![&link]),
        ("some_path", vec![&link]),
        ("https://example.com/some_path", vec![&link]),
        ("state-of-the-art", vec![&link]),
        ("art", vec![&link]),
        ("3.14", vec![&link]),
        ("14", vec![&link]),
        ("don't", vec![&curly, &link]),
        ("don’t", vec![&curly, &link]),
        ("full width", vec![&wide]),
        ("你好", vec![&chinese]),
        ("世界", vec![&chinese]),
        ("世", vec![&chinese]),
        ("😀", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(listed(&nobody, json!({ "text": text }), "NEWEST").await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn a_search_has_bounds() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("one two three four five six seven eight nine I").await;
    let query = "query($text: String) { posts(where: { text: $text }) { nodes { id } } }";
    for text in [&"a".repeat(101), &"one ".repeat(1000), "one two three four five six seven eight nine", "I", "o t"] {
        assert_eq!(amina.refused(query, json!({ "text": text })).await, "BAD_REQUEST", "{text:.40}");
    }
    for text in ["one two three four five six seven eight", "one ONE óne one one one one one one", "one I z"] {
        assert_eq!(listed(&amina, json!({ "text": text }), "NEWEST").await, [post.as_str()], "{text}");
    }
    assert_eq!(listed(&amina, json!({ "text": "é".repeat(100) }), "NEWEST").await, Vec::<String>::new());
}

#[tokio::test]
async fn tags_are_taken_from_the_text_each_once_and_at_most_ten() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let long = "x".repeat(51);
    let mixed = amina.publish(&format!("#Crème, (#creme) a#b c ##double #فن_عربي #{long} # #_")).await;
    let many = (0..12).map(|number| format!("#tag{number}")).collect::<Vec<_>>().join(" ");
    let many = amina.publish(&many).await;
    for (tag, expected) in [
        ("creme", Some(&mixed)),
        ("#CRÈME", Some(&mixed)),
        ("b", None),
        ("فن_عربي", Some(&mixed)),
        ("#فنّ_عربي", Some(&mixed)),
        (long.as_str(), None),
        ("tag0", Some(&many)),
        ("tag9", Some(&many)),
        ("tag10", None),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(listed(&amina, json!({ "tags": tag }), "NEWEST").await, expected, "{tag}");
    }
}

/// Posts with 2, 0, 1, 2, 0, 1 … likes and comments the other way round, two each moment, as `(id, likes, comments)`.
async fn ranked(server: &Server, count: usize) -> Vec<(String, usize, usize)> {
    let amina = server.user("amina").await;
    let people = [server.user("basma").await, server.user("chloe").await];
    let mut made = Vec::new();
    for number in 0..count {
        let id = amina.publish(&format!("number {number}")).await;
        let (likes, comments) = ((number * 2 + 2) % 3, number % 3);
        for person in &people[..likes] {
            person.like(&id).await;
        }
        for _ in 0..comments {
            people[0].comment(&id, "well").await;
        }
        made.push((id, likes, comments));
        if number % 2 == 1 {
            server.clock.advance(TimeDelta::microseconds(number as i64));
        }
    }
    made
}

#[tokio::test]
async fn every_order_of_posts_is_listed_completely_page_by_page_in_both_directions() {
    let server = Server::start().await;
    let made = ranked(&server, 10).await;
    let nobody = server.anonymous();
    let mut newest: Vec<_> = made.iter().rev().cloned().collect();
    let by_time: Vec<String> = newest.iter().map(|(id, ..)| id.clone()).collect();
    // Ties by id, newest first: a stable sort of what is sorted so already.
    newest.sort_by_key(|(_, likes, _)| std::cmp::Reverse(*likes));
    let by_likes: Vec<String> = newest.iter().map(|(id, ..)| id.clone()).collect();
    let mut newest: Vec<_> = made.iter().rev().cloned().collect();
    newest.sort_by_key(|(_, _, comments)| std::cmp::Reverse(*comments));
    let by_comments: Vec<String> = newest.iter().map(|(id, ..)| id.clone()).collect();
    for (sort, expected) in [("NEWEST", by_time), ("MOST_LIKED", by_likes), ("MOST_DISCUSSED", by_comments)] {
        assert_eq!(listed(&nobody, json!({}), sort).await, expected, "{sort}");
        let query = format!("{{ posts(sortBy: {sort}, PAGE) {{ ITEMS }} }}");
        for size in [1, 3, 10] {
            assert_eq!(nobody.pages(&query, size, false).await.concat(), expected, "{sort}, first {size}");
            let mut backwards = nobody.pages(&query, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), expected, "{sort}, last {size}");
        }
    }
}

#[tokio::test]
async fn paging_stays_complete_while_others_publish_and_delete() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let mut there = Vec::new();
    for number in 0..12 {
        there.push(amina.publish(&format!("number {number}")).await);
        server.clock.advance(TimeDelta::microseconds(1 + number % 2 * 999_999));
    }
    there.reverse();
    let query =
        "query($after: String) { posts(first: 3, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = amina.ok(query, json!({ "after": after })).await;
        seen.extend(ids(&data["posts"]));
        // New ones come before everything; and the very post that the cursor stands on goes.
        amina.publish("newer").await;
        let last = seen.last().unwrap();
        amina.ok(DELETE, json!({ "id": last })).await;
        after = data["posts"]["pageInfo"]["endCursor"].clone();
        if data["posts"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, there);
}

#[tokio::test]
async fn wrong_page_arguments_and_cursors_of_other_lists_are_a_bad_request() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    amina.publish("another").await;
    amina.comment(&id, "a comment").await;
    let cursor = async |list: &str| {
        let data = amina.ok(&format!("{{ {list} }}"), Value::Null).await;
        let text = data.to_string();
        let at = text.find("\"cursor\":\"").unwrap() + 10;
        text[at..at + text[at..].find('"').unwrap()].to_owned()
    };
    let newest = cursor("posts { edges { cursor } }").await;
    let liked = cursor("posts(sortBy: MOST_LIKED) { edges { cursor } }").await;
    let discussed = cursor("posts(sortBy: MOST_DISCUSSED) { edges { cursor } }").await;
    let comments = cursor(&format!("post(id: \"{id}\") {{ comments {{ edges {{ cursor }} }} }}")).await;
    let people = cursor("users(sortBy: NEWEST) { edges { cursor } }").await;
    let query = "query($sort: PostSort!, $after: String, $before: String, $first: Int, $last: Int) { \
                 posts(sortBy: $sort, after: $after, before: $before, first: $first, last: $last) { nodes { id } } }";
    for (sort, own) in [("NEWEST", &newest), ("MOST_LIKED", &liked), ("MOST_DISCUSSED", &discussed)] {
        let mut tampered = URL_SAFE_NO_PAD.decode(own).unwrap();
        tampered[0] ^= 1;
        let tampered = URL_SAFE_NO_PAD.encode(tampered);
        amina.ok(query, json!({ "sort": sort, "after": own })).await;
        let foreign = [&newest, &liked, &discussed, &comments, &people, &tampered, &id];
        for other in foreign.into_iter().filter(|other| *other != own) {
            for side in ["after", "before"] {
                assert_eq!(amina.refused(query, json!({ "sort": sort, side: other })).await, "BAD_REQUEST", "{sort}");
            }
        }
        for (first, last) in
            [(Some(101), None), (Some(-1), None), (None, Some(101)), (None, Some(-1)), (Some(1), Some(1))]
        {
            let variables = json!({ "sort": sort, "first": first, "last": last });
            assert_eq!(amina.refused(query, variables).await, "BAD_REQUEST", "{first:?} {last:?}");
        }
    }
    let query = "query($id: ID!, $first: Int, $last: Int, $after: String) { post(id: $id) { \
                 comments(first: $first, last: $last, after: $after) { nodes { id } } } }";
    let within = "query($first: Int, $last: Int, $after: String) { posts(first: 2) { nodes { \
                  comments(first: $first, last: $last, after: $after) { nodes { id } } } } }";
    for wrong in
        [json!({ "first": 101 }), json!({ "last": -1 }), json!({ "first": 1, "last": 1 }), json!({ "after": newest })]
    {
        let mut variables = wrong.clone();
        variables["id"] = id.as_str().into();
        assert_eq!(amina.refused(query, variables).await, "BAD_REQUEST", "{wrong}");
        assert_eq!(amina.refused(within, wrong.clone()).await, "BAD_REQUEST", "{wrong}");
    }
}

#[tokio::test]
async fn nobody_loses_their_place_when_the_secret_changes() {
    const OLD: &str = "only for tests: 0123456789 abcdefghijkl";
    const NEW: &str = "the next one: 9876543210 zyxwvutsrqponmlk";
    let before = Server::with(&[("SECRET_KEY", OLD)]).await;
    let amina = before.user("amina").await;
    let (first, second) = (amina.publish("first").await, amina.publish("second").await);
    let query = "query($after: String) { posts(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } }";
    let page = amina.ok(query, Value::Null).await["posts"].clone();
    assert_eq!(ids(&page), [second]);
    let rest = json!({ "after": page["pageInfo"]["endCursor"] });
    let rotated = before.beside(&[("SECRET_KEY", NEW), ("SECRET_KEYS_OLD", OLD)]).await;
    assert_eq!(ids(&rotated.anonymous().ok(query, rest.clone()).await["posts"]), [first]);
    let struck_off = before.beside(&[("SECRET_KEY", NEW)]).await;
    assert_eq!(struck_off.anonymous().refused(query, rest).await, "BAD_REQUEST");
}
