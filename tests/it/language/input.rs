//! Arguments and variables: what is absent, what is wrong, and that nothing runs before that is known.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::Server;

const ANSWER: &str = "{ post { id } errors { code path message } }";

#[tokio::test]
async fn an_absent_variable_leaves_the_default_of_its_argument() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for body in ["one", "two"] {
        amina.publish(body).await;
    }
    let newest = amina.ok("{ posts(sortBy: NEWEST) { nodes { body } } }", Value::Null).await;
    for (query, variables) in [
        ("query($s: PostSort) { posts(sortBy: $s) { nodes { body } } }", json!({})),
        ("query($s: PostSort) { ...F } fragment F on Query { posts(sortBy: $s) { nodes { body } } }", json!(null)),
        ("query($s: PostSort = NEWEST) { posts(sortBy: $s) { nodes { body } } }", json!({})),
        ("query($s: PostSort, $n: Int) { posts(sortBy: $s, first: $n) { nodes { body } } }", json!({ "other": 1 })),
        ("query($s: PostSort) { posts(sortBy: $s) { nodes { body } } }", json!({ "s": "NEWEST" })),
    ] {
        // Twice: the second time the document is known.
        for _ in 0..2 {
            assert_eq!(amina.ok(query, variables.clone()).await, newest, "{query} {variables}");
        }
    }
    let fields = "query($text: String, $from: DateTime) { posts(where: { text: $text, createdAt: { from: $from } }) { nodes { body } } }";
    assert_eq!(amina.ok(fields, json!({})).await, newest);
    // What was absent the first time counts the second time.
    let pages = "query($n: Int, $s: PostSort) { posts(first: $n, sortBy: $s) { nodes { body } } }";
    for (given, count) in
        [(json!({}), 2), (json!({ "n": 1 }), 1), (json!({}), 2), (json!({ "s": "NEWEST", "n": 1 }), 1)]
    {
        let data = amina.ok(pages, given.clone()).await;
        assert_eq!(data["posts"]["nodes"].as_array().unwrap().len(), count, "{given}");
    }
    // Null is not absent.
    let query = "query($s: PostSort) { posts(sortBy: $s) { nodes { body } } }";
    assert_eq!(amina.refused(query, json!({ "s": null })).await, "BAD_REQUEST");
    let create = "mutation($b: String) { postCreate(input: { body: $b }) { post { body } errors { code } } }";
    let answer = amina.send(create, json!({ "b": null })).await;
    assert_eq!(answer.code(), "BAD_REQUEST", "{}", answer.body);
}

#[tokio::test]
async fn every_argument_and_input_field_with_a_default_is_left_to_it() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    for (ty, call) in [
        ("UserSort", "users(sortBy: $v) { nodes { id } }"),
        ("GoalSort", "goals(sortBy: $v) { nodes { id } }"),
        ("GoalContributionSort", "goals { nodes { contributions(sortBy: $v) { nodes { id } } } }"),
        ("Boolean", "me { wallet { transactions(reverse: $v) { nodes { id } } } }"),
        ("Boolean", "goals { nodes { contributions(reverse: $v) { nodes { id } } } }"),
        ("Boolean", "me { notifications(reverse: $v) { nodes { id } } }"),
        (
            "Boolean",
            "posts(first: 2) { nodes { comments(first: 2, reverse: $v) { nodes { replies(reverse: $v) { nodes { id } } } } } }",
        ),
        ("Boolean", "posts { nodes { likes(reverse: $v) { nodes { id } } } }"),
    ] {
        let answer = amina.send(&format!("query($v: {ty}) {{ {call} }}"), json!({})).await;
        assert!(answer.body.get("errors").is_none(), "{call}: {}", answer.body);
    }
    let share =
        "mutation($id: ID!, $v: String) { postShare(input: { id: $id, body: $v }) { post { body } errors { code } } }";
    assert_eq!(amina.ok(share, json!({ "id": post })).await["postShare"]["post"]["body"], "");
}

#[tokio::test]
async fn nothing_is_written_when_a_neighbour_s_argument_is_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let before = server.rows().await;
    let create = format!("postCreate(input: {{ body: \"x\" }}) {ANSWER}");
    for (variables, second) in [
        ("", "postUpdate(input: { id: \"x\", body: 17 })".to_owned()),
        ("", "postUpdate(input: { id: \"x\", body: \"y\", more: 1 })".to_owned()),
        ("$d: DateTime!", "commentCreate(input: { target: { postId: \"x\" }, body: $d })".to_owned()),
        ("$b: String!", "commentCreate(input: { target: { postId: \"x\" }, body: $b })".to_owned()),
        ("$b: String", "commentCreate(input: { target: { postId: \"x\" }, body: $b })".to_owned()),
    ] {
        let variables = if variables.is_empty() { String::new() } else { format!("({variables})") };
        let query = format!("mutation{variables} {{ a: {create} b: {second} {{ errors {{ code }} }} }}");
        let answer = amina.send(&query, json!({})).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{query}: {}", answer.body);
        assert!(answer.body.get("data").is_none(), "{query}: {}", answer.body);
        assert_eq!(server.rows().await, before, "{query}");
    }
    // What stands below a mutation is no input of it: the whole is refused, before.
    let below = format!(
        "mutation($n: Int) {{ a: {create} b: postLike(input: {{ id: \"{post}\" }}) {{ post {{ comments(first: $n) {{ nodes {{ id }} }} }} \
         errors {{ code }} }} }}"
    );
    let answer = amina.send(&below, json!({ "n": 3_000_000_000_u32 })).await;
    assert_eq!(answer.code(), "BAD_REQUEST", "{}", answer.body);
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("at $n: a whole number"), "{message}");
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn what_is_mistyped_in_a_mutation_is_told_by_its_payload_and_leaves_its_neighbours() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let query = |goal: &str, variables: &str| {
        format!(
            "mutation{variables} {{ a: postCreate(input: {{ body: \"first\" }}) {{ post {{ body }} errors {{ code }} }} \
             b: goalCreate(input: {goal}) {{ goal {{ id }} errors {{ code path message }} __typename }} \
             c: postCreate(input: {{ body: \"last\" }}) {{ post {{ body }} errors {{ code }} }} }}"
        )
    };
    let goal = |deadline: &str, amount: &str, currency: &str| {
        json!({ "postId": post, "title": "x", "funding": "FLEXIBLE", "deadline": deadline,
                "target": { "amount": amount, "currency": currency },
                "suggestedAmounts": [{ "amount": "1", "currency": "USD" }, { "amount": amount, "currency": "USD" }] })
    };
    let literal = |input: &Value| {
        let text = input.to_string().replace("\"FLEXIBLE\"", "FLEXIBLE");
        ["postId", "title", "funding", "deadline", "target", "amount", "currency", "suggestedAmounts"]
            .iter()
            .fold(text, |text, name| text.replace(&format!("\"{name}\":"), &format!("{name}:")))
    };
    let fine = "2030-12-31T18:00:00Z";
    for (input, paths) in [
        (goal("2026-02-30T00:00:00Z", "5", "USD"), vec!["input.deadline"]),
        (goal("tomorrow", "5", "USD"), vec!["input.deadline"]),
        (goal(fine, "5", "usd"), vec!["input.target.currency"]),
        (goal(fine, "1,5", "USD"), vec!["input.target.amount", "input.suggestedAmounts.1.amount"]),
        (
            goal("", "1e5", ""),
            vec!["input.deadline", "input.target.amount", "input.target.currency", "input.suggestedAmounts.1.amount"],
        ),
    ] {
        let mut paths: Vec<String> = paths.into_iter().map(ToOwned::to_owned).collect();
        paths.sort();
        let before = server.count("SELECT COUNT(*) FROM posts").await;
        let by_variable = amina.ok(&query("$input", "($input: GoalCreateInput!)"), json!({ "input": input })).await;
        let by_literal = amina.ok(&query(&literal(&input), ""), Value::Null).await;
        assert_eq!(by_variable, by_literal, "{input}");
        let keys: Vec<_> = by_variable.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["a", "b", "c"]);
        assert_eq!(
            (&by_variable["a"]["post"]["body"], &by_variable["c"]["post"]["body"]),
            (&json!("first"), &json!("last"))
        );
        assert_eq!(
            (&by_variable["b"]["goal"], &by_variable["b"]["__typename"]),
            (&Value::Null, &json!("GoalCreatePayload"))
        );
        let errors = by_variable["b"]["errors"].as_array().unwrap();
        assert!(
            errors
                .iter()
                .all(|error| error["code"] == "INVALID" && error["message"].as_str().unwrap().contains("expected"))
        );
        let path = |error: &Value| {
            error["path"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(".")
        };
        let mut found: Vec<_> = errors.iter().map(path).collect();
        found.sort();
        assert_eq!(found, paths, "{input}");
        assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, before + 4);
        assert_eq!(server.count("SELECT COUNT(*) FROM goals").await, 0);
    }
    // Alone it is the same, and a number instead of a text is the developer's to mend.
    let alone = "mutation($input: GoalCreateInput!) { goalCreate(input: $input) { goal { id } errors { code path } } }";
    let told = amina.user_errors(alone, json!({ "input": goal("x", "5", "USD") })).await;
    assert_eq!(told, [("INVALID".to_owned(), "input.deadline".to_owned())]);
    let mut input = goal(fine, "5", "USD");
    input["target"]["amount"] = json!(5);
    let answer = amina.send(alone, json!({ "input": input })).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("$input.target.amount") && message.contains("Decimal"), "{message}");
    assert_eq!(server.count("SELECT COUNT(*) FROM goals").await, 0);
}

/// Addresses, numbers and countries are judged by what they are for, which tells all that is wrong at once.
#[tokio::test]
async fn what_a_text_should_have_been_is_told_together_with_everything_else() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "mutation($phone: PhoneNumber, $country: CountryCode, $picture: URL) { \
                 profileComplete(input: { phone: $phone, country: $country, state: \"a\\u0007b\" }) { errors { code path } } \
                 profileUpdate(input: { avatarUrl: $picture, locale: AR }) { user { locale } errors { code path } } }";
    let data = amina.ok(query, json!({ "phone": "nonsense", "country": "Egypt", "picture": "nonsense" })).await;
    let of = |mutation: &str| -> BTreeSet<String> {
        let errors = data[mutation]["errors"].as_array().unwrap();
        errors.iter().map(|error| format!("{} {}", error["code"], error["path"][1])).collect()
    };
    let expected = ["\"INVALID\" \"country\"", "\"INVALID\" \"phone\"", "\"INVALID_CHARACTERS\" \"state\""];
    let expected = BTreeSet::from(expected.map(str::to_owned));
    assert!(of("profileComplete").is_superset(&expected), "{data}");
    assert_eq!(of("profileUpdate"), BTreeSet::from(["\"INVALID\" \"avatarUrl\"".to_owned()]), "{data}");
    // What is no text at all, and a language that is not there, are the developer's to mend.
    for (variables, expected) in
        [(json!({ "phone": 201_001_234_567_i64 }), "PhoneNumber"), (json!({ "picture": ["x"] }), "URL")]
    {
        let answer = amina.send(query, variables).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{}", answer.body);
        assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains(expected), "{}", answer.body);
    }
    let update = "mutation($language: LanguageCode) { profileUpdate(input: { locale: $language }) { user { locale } \
                  errors { code } } }";
    assert_eq!(amina.refused(update, json!({ "language": "FR" })).await, "BAD_REQUEST");
    let data = amina.ok(update, json!({ "language": "AR" })).await;
    assert_eq!(data["profileUpdate"]["user"]["locale"], "AR");
}

#[tokio::test]
async fn what_is_mistyped_is_told_in_the_language_of_the_request() {
    let server = Server::start().await;
    let amina = server.user("amina").await.header("accept-language", "ar");
    let update = "mutation($d: Date) { profileComplete(input: { dateOfBirth: $d }) { errors { code path message } } }";
    let data = amina.send(update, json!({ "d": "2001-02-29" })).await;
    let error = &data.body["data"]["profileComplete"]["errors"][0];
    assert_eq!(
        (&error["code"], &error["path"]),
        (&json!("INVALID"), &json!(["input", "dateOfBirth"])),
        "{}",
        data.body
    );
    assert!(error["message"].as_str().unwrap().contains("المطلوب"), "{error}");
}

#[tokio::test]
async fn what_other_servers_let_pass_is_refused_here() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    for (query, variables) in [
        ("query($i: String!) { post(id: $i) { id } }", json!({ "i": post })),
        ("{ posts(sortBy: \"NEWEST\") { nodes { id } } }", json!({})),
        (
            "query($i: ID!) { node(id: $i) { ... on Post { x: body } ... on User { x: postCount } } }",
            json!({ "i": post }),
        ),
        ("query($i: ID!) { node(id: $i) { x: id ... on Post { x: body } } }", json!({ "i": post })),
        ("query() { me { id } }", json!({})),
        ("queryA { me { id } }", json!({})),
    ] {
        let answer = amina.send(query, variables).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{query}: {}", answer.body);
        assert!(answer.body.get("data").is_none(), "{query}: {}", answer.body);
        assert!(!answer.body["errors"][0]["locations"].as_array().unwrap().is_empty(), "{query}: {}", answer.body);
    }
    let create =
        "mutation { postCreate(input: { body: \"\\u{1F600} \\uD83D\\uDE00\" }) { post { body } errors { code } } }";
    assert_eq!(amina.ok(create, Value::Null).await["postCreate"]["post"]["body"], "😀 😀");
}

#[tokio::test]
async fn names_are_suggested_in_development_only() {
    let server = Server::start().await;
    let message = |answer: crate::harness::Answer| answer.body["errors"][0]["message"].as_str().unwrap().to_owned();
    let query = "{ psot(id: \"x\") { id } }";
    assert!(message(server.anonymous().send(query, Value::Null).await).contains("Did you mean \"post\""));
    let all = server.anonymous().send("{ psot(id: \"x\") { id } usres { nodes { id } } }", Value::Null).await;
    assert_eq!(all.body["errors"].as_array().unwrap().len(), 2, "{}", all.body);
}
