//! Texts as people write them in all scripts, and as some write them to be seen otherwise or not at all.

use agora::domain::jobs::{self, Lane};
use serde_json::{Value, json};

use super::{COMMENT, CREATE};
use crate::harness::{Client, Server};

async fn body(client: &Client, text: &str) -> Result<String, Vec<(String, String)>> {
    let data = client.ok(CREATE, json!({ "input": { "body": text } })).await["postCreate"].clone();
    match data["post"]["body"].as_str() {
        Some(body) => Ok(body.to_owned()),
        None => Err(vec![(data["errors"][0]["code"].as_str().unwrap().to_owned(), String::new())]),
    }
}

#[tokio::test]
async fn a_text_of_which_nothing_is_seen_is_blank() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("seen").await;
    let before = server.rows().await;
    let blank = |path: &str| vec![("BLANK".to_owned(), path.to_owned())];
    for unseen in ["\u{200B}", "\u{3164}", "\u{2800}", "\u{AD}", "\u{301}", "\u{2066}\u{2069}", "\u{FEFF}\u{FE0F}"] {
        let input = json!({ "input": { "body": unseen } });
        assert_eq!(amina.user_errors(CREATE, input).await, blank("input.body"), "{unseen:?}");
        let input = json!({ "input": { "target": { "postId": post }, "body": unseen } });
        assert_eq!(amina.user_errors(COMMENT, input).await, blank("input.body"), "{unseen:?}");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn what_scripts_and_emoji_need_stays_and_what_runs_over_others_does_not() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for same in ["می\u{200C}خواهم", "👩🏽\u{200D}🚀 ❤\u{FE0F}\u{200D}🔥", "ක්\u{200D}ෂ", "call \u{2066}+20 100\u{2069}"]
    {
        assert_eq!(body(&amina, same).await.as_deref(), Ok(same));
    }
    assert_eq!(body(&amina, "\u{2067}open").await.as_deref(), Ok("\u{2067}open\u{2069}"));
    let stacked = body(&amina, &format!("Z{}", "\u{335}".repeat(500))).await.unwrap();
    assert!(stacked.chars().count() < 10, "{stacked}");
    assert_eq!(body(&amina, "\u{202E}abc").await.unwrap_err()[0].0, "INVALID_CHARACTERS");
}

#[tokio::test]
async fn both_databases_find_what_is_written_for_one_another() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for text in [
        "Ο δρόμος #ΟΔΟΣ",
        "Große Straße #Straße",
        "مدرسة البنات #مدرسة",
        "مستشفى كبير",
        "من می\u{200C}خواهم",
        "I like #C++ and ＃日本",
    ] {
        amina.publish(text).await;
    }
    let found = async |filter: Value| {
        let query = "query($where: PostWhere) { posts(where: $where) { nodes { body } } }";
        let data = amina.ok(query, json!({ "where": filter })).await;
        let nodes = data["posts"]["nodes"].as_array().unwrap().clone();
        nodes.iter().map(|node| node["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (asked, expected) in [
        ("ΔΡΟΜΟΣ", "Ο δρόμος #ΟΔΟΣ"),
        ("strasse", "Große Straße #Straße"),
        ("GROSSE", "Große Straße #Straße"),
        ("مدرسه", "مدرسة البنات #مدرسة"),
        ("مستشفي", "مستشفى كبير"),
        ("میخواهم", "من می\u{200C}خواهم"),
    ] {
        assert_eq!(found(json!({ "text": asked })).await, [expected], "{asked}");
    }
    for (asked, expected) in [
        ("οδος", "Ο δρόμος #ΟΔΟΣ"),
        ("STRASSE", "Große Straße #Straße"),
        ("#مدرسه", "مدرسة البنات #مدرسة"),
        ("c++", "I like #C++ and ＃日本"),
        ("＃日本", "I like #C++ and ＃日本"),
    ] {
        assert_eq!(found(json!({ "tags": asked })).await, [expected], "{asked}");
    }
    assert_eq!(found(json!({ "tags": "c" })).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_written_before_an_upgrade_is_folded_anew() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.publish("Große Straße #C++").await;
    let app = &server.app;
    app.db
        .transact(async |tx| {
            tx.execute("UPDATE posts SET search_key = 'große straße c'", Vec::new()).await?;
            tx.execute("UPDATE post_tags SET tag = 'c'", Vec::new()).await?;
            tx.execute("UPDATE users SET search_key = 'x'", Vec::new()).await?;
            tx.execute("DELETE FROM likenesses", Vec::new()).await?;
            let first = json!({ "part": "users", "after": "00000000-0000-0000-0000-000000000000" });
            jobs::enqueue_on(app, &tx, Lane::Bulk, "refold", &first).await
        })
        .await
        .unwrap();
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM posts WHERE search_key = 'grosse strasse c'").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM post_tags WHERE tag = 'c++'").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM users WHERE search_key = 'amina amina amina'").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM likenesses WHERE username = 'arnina'").await, 1);
}
