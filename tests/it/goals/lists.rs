//! Finding goals, and what one gave.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{begin, cancel, contribute, gift, give};
use crate::harness::{Client, Server};

async fn titles(client: &Client, arguments: &str) -> Vec<String> {
    let data = client.ok(&format!("{{ goals{arguments} {{ nodes {{ title }} }} }}"), Value::Null).await;
    let nodes = data["goals"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn goals_are_found_and_sorted() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let at = |days: i64| json!(server.clock.now() + TimeDelta::days(days));
    let (well_ends, roof_ends) =
        (server.clock.now() + TimeDelta::seconds(1) + TimeDelta::days(3), server.clock.now() + TimeDelta::days(9));
    let roof = begin(&olivia, &json!({ "title": "Roof", "category": "Home", "deadline": at(9) })).await;
    server.advance(1);
    let well = begin(&olivia, &json!({ "title": "Well", "story": "Clean water", "deadline": at(3) })).await;
    server.advance(1);
    let bus = begin(&badr, &json!({ "title": "Bus", "target": { "amount": "10", "currency": "USD" } })).await;
    server.advance(1);
    let gone = begin(&badr, &json!({ "title": "Gone" })).await;
    give(&server, &badr, &roof, "50.00").await;
    give(&server, &badr, &well, "20.00").await;
    give(&server, &olivia, &bus, "10.00").await;
    cancel(&badr, &gone).await;
    let nobody = server.anonymous();
    for (arguments, expected) in [
        ("", vec!["Gone", "Bus", "Well", "Roof"]),
        ("(sortBy: MOST_RAISED)", vec!["Roof", "Well", "Bus", "Gone"]),
        ("(sortBy: PROGRESS)", vec!["Bus", "Roof", "Well", "Gone"]),
        ("(sortBy: ENDING_SOON)", vec!["Well", "Roof"]),
        ("(where: { states: OPEN })", vec!["Bus", "Well", "Roof"]),
        ("(where: { states: CANCELED })", vec!["Gone"]),
        ("(where: { categories: \" HOME\" })", vec!["Roof"]),
        ("(where: { categories: \"\\u0000\" })", vec![]),
        ("(where: { text: \"wat\" })", vec!["Well"]),
        ("(where: { text: \"!\" })", vec![]),
        ("(where: { isReached: true })", vec!["Bus"]),
        ("(where: { isReached: false, states: OPEN })", vec!["Well", "Roof"]),
        ("(where: { currencies: \"EUR\" })", vec![]),
        ("(where: { currencies: [\"EUR\", \"USD\"], states: [CANCELED, OPEN] })", vec!["Gone", "Bus", "Well", "Roof"]),
        ("(where: { states: [CANCELED, OPEN] }, sortBy: PROGRESS)", vec!["Bus", "Roof", "Well", "Gone"]),
        ("(where: { states: [] })", vec![]),
        ("(where: { states: [ENDED, FAILED] }, sortBy: ENDING_SOON)", vec![]),
        ("(where: { states: [ENDED, OPEN] }, sortBy: ENDING_SOON)", vec!["Well", "Roof"]),
        ("(sortBy: ENDING_SOON, reverse: true)", vec!["Roof", "Well"]),
        ("(where: { progressPercent: { min: 100 } })", vec!["Bus"]),
        ("(where: { progressPercent: { max: 0 } })", vec!["Gone"]),
        ("(where: { progressPercent: { min: 101 } })", vec![]),
        ("(where: { progressPercent: { min: 1, max: 99 } }, sortBy: MOST_RAISED)", vec!["Roof", "Well"]),
        ("(where: { createdAt: { until: \"2026-01-01T12:00:01Z\" } }, sortBy: PROGRESS)", vec!["Roof"]),
        (
            "(where: { createdAt: { from: \"2026-01-01T12:00:01Z\", until: \"2026-01-01T12:00:03Z\" } })",
            vec!["Bus", "Well"],
        ),
    ] {
        assert_eq!(titles(&nobody, arguments).await, expected, "{arguments}");
    }
    let ending = format!("(where: {{ deadline: {{ until: {} }} }})", at(5));
    assert_eq!(titles(&nobody, &ending).await, ["Well"]);
    // From is within, until is not.
    let second = TimeDelta::seconds(1);
    for (from, until, expected) in [
        (well_ends, roof_ends, vec!["Well"]),
        (well_ends, roof_ends + second, vec!["Well", "Roof"]),
        (well_ends + second, roof_ends, vec![]),
    ] {
        let within = format!("(where: {{ deadline: {{ from: {}, until: {} }} }})", json!(from), json!(until));
        assert_eq!(titles(&nobody, &within).await, expected, "{within}");
    }
    assert_eq!(titles(&nobody, &format!("(where: {{ ownerIds: \"{}\" }})", olivia.id)).await, ["Well", "Roof"]);
    for sort in ["NEWEST", "MOST_RAISED", "PROGRESS"] {
        let query = format!("{{ goals(sortBy: {sort}, PAGE) {{ ITEMS }} }}");
        let all: Vec<_> = nobody.pages(&query, 100, false).await.concat();
        assert_eq!(nobody.pages(&query, 1, false).await.concat(), all, "{sort}");
        assert_eq!(nobody.pages(&query, 3, true).await.into_iter().rev().collect::<Vec<_>>().concat(), all, "{sort}");
    }
}

#[tokio::test]
async fn one_s_own_contributions_are_listed_in_every_state() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    server.advance(1);
    contribute(&badr, &gift(&goal, "5.00", "k", &json!({}))).await;
    let query =
        "{ me { contributions { totalCount nodes { state amount { amount } payment { state } goal { id } } } } }";
    let own = badr.ok(query, Value::Null).await;
    let states: Vec<_> =
        own["me"]["contributions"]["nodes"].as_array().unwrap().iter().map(|node| &node["state"]).collect();
    assert_eq!(states, ["PENDING", "RECEIVED"]);
    let narrowed = "query($where: OwnContributionWhere) { me { contributions(where: $where) { totalCount } } }";
    for (filter, expected) in [
        (json!({ "states": ["PENDING"] }), 1),
        (json!({ "states": ["PENDING", "RECEIVED"], "goalIds": [goal] }), 2),
        (json!({ "states": ["DROPPED"], "goalIds": [goal] }), 0),
        (json!({ "goalIds": [] }), 0),
        (json!({ "createdAt": { "from": "2026-01-01T12:00:01Z" } }), 1),
    ] {
        let found = badr.ok(narrowed, json!({ "where": filter })).await;
        assert_eq!(found["me"]["contributions"]["totalCount"], expected, "{filter}");
    }
    assert_eq!(olivia.ok(query, Value::Null).await["me"]["contributions"]["totalCount"], 0);
    // Nobody pays in time.
    server.advance(25 * 3600);
    server.run_jobs().await;
    let badr = server.anonymous().login("badr").await;
    let own = badr.ok(query, Value::Null).await;
    assert_eq!(own["me"]["contributions"]["nodes"][0]["state"], "DROPPED");
    let list = "query($id: ID!) { goal(id: $id) { contributions { totalCount nodes { state } } } }";
    assert_eq!(olivia_s(&server).await.ok(list, json!({ "id": goal })).await["goal"]["contributions"]["totalCount"], 1);
}

async fn olivia_s(server: &Server) -> Client {
    server.anonymous().login("olivia").await
}

#[tokio::test]
async fn what_a_goal_was_given_is_listed_by_time_and_by_amount() {
    let server = Server::start().await;
    let (olivia, badr, dina) = (server.user("olivia").await, server.user("badr").await, server.user("dina").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "5.00").await;
    server.advance(1);
    let second = server.clock.now();
    for (giver, amount) in [(&badr, "20.00"), (&dina, "10.00"), (&dina, "20.00")] {
        give(&server, giver, &goal, amount).await;
        server.advance(1);
    }
    // Not there yet.
    contribute(&badr, &gift(&goal, "50.00", "k", &json!({}))).await;
    let list = |arguments: &str| format!("{{ goal(id: \"{goal}\") {{ contributions({arguments}PAGE) {{ ITEMS }} }} }}");
    let newest = olivia.pages(&list(""), 100, false).await.concat();
    assert_eq!(newest.len(), 4);
    let in_order = |places: &[usize]| places.iter().map(|place| newest[*place].clone()).collect::<Vec<_>>();
    let since = format!("where: {{ receivedAt: {{ from: {} }} }}, ", json!(second));
    for (arguments, expected) in [
        ("sortBy: NEWEST, ".to_owned(), in_order(&[0, 1, 2, 3])),
        ("sortBy: NEWEST, reverse: true, ".to_owned(), in_order(&[3, 2, 1, 0])),
        // Of what is alike the later one.
        ("sortBy: LARGEST, ".to_owned(), in_order(&[0, 2, 1, 3])),
        ("sortBy: LARGEST, reverse: true, ".to_owned(), in_order(&[3, 1, 2, 0])),
        (format!("sortBy: LARGEST, {since}"), in_order(&[0, 2, 1])),
        (format!("sortBy: LARGEST, reverse: true, {since}"), in_order(&[1, 2, 0])),
        ("sortBy: LARGEST, where: { refundRequested: false }, ".to_owned(), in_order(&[0, 2, 1, 3])),
        ("sortBy: LARGEST, where: { refundRequested: true }, ".to_owned(), in_order(&[])),
    ] {
        for size in [1, 3, 100] {
            assert_eq!(olivia.pages(&list(&arguments), size, false).await.concat(), expected, "{arguments}");
            let mut backwards = olivia.pages(&list(&arguments), size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), expected, "{arguments}");
        }
    }
    // A place in one order is none in the other.
    let query = "query($id: ID!, $sort: GoalContributionSort!, $after: String) { goal(id: $id) { contributions( \
                 sortBy: $sort, first: 1, after: $after) { nodes { amount { amount } } pageInfo { endCursor } } } }";
    for (sort, other) in [("NEWEST", "LARGEST"), ("LARGEST", "NEWEST")] {
        let page = olivia.ok(query, json!({ "id": goal, "sort": sort })).await["goal"]["contributions"].clone();
        assert_eq!(page["nodes"][0]["amount"]["amount"], "20.00");
        let after = &page["pageInfo"]["endCursor"];
        olivia.ok(query, json!({ "id": goal, "sort": sort, "after": after })).await;
        assert_eq!(olivia.refused(query, json!({ "id": goal, "sort": other, "after": after })).await, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn a_list_of_goals_costs_the_same_statements_however_long_it_is() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let query = "{ goals { nodes { title available { amount } availableActions post { body goal { id } } owner { username } } } }";
    let mut counts = Vec::new();
    for _ in 0..2 {
        for _ in 0..3 {
            begin(&olivia, &json!({})).await;
        }
        let before = server.app.db.statements();
        olivia.ok(query, Value::Null).await;
        counts.push(server.app.db.statements() - before);
    }
    assert_eq!(counts[0], counts[1]);
}
