//! The engine behind every code that is sent: how often one can be tried, asked for and used.

use agora::{
    domain::codes::{self, Asker, CheckedCode, IssuedCode},
    entity::code::CodePurpose::{self, EmailVerification, PasswordReset, PhoneVerification},
    error::{Error, Result, UserErrorCode},
};
use futures_util::{StreamExt, future::join_all, stream};

use crate::harness::Server;

async fn issue(server: &Server, purpose: CodePurpose, subject: &str, address: &str) -> Result<IssuedCode> {
    let app = &server.app;
    app.db.transact(async |tx| codes::issue_in(app, &tx, purpose, subject, address, Asker::Owner).await).await
}

async fn check(server: &Server, purpose: CodePurpose, subject: &str, code: &str) -> Result<CheckedCode> {
    codes::check(&server.app, purpose, subject, code).await
}

async fn consume(server: &Server, code: &CheckedCode) -> Result<()> {
    let app = &server.app;
    app.db.transact(async |tx| codes::consume_in(app, &tx, code).await).await
}

fn why<T: std::fmt::Debug>(result: Result<T>) -> UserErrorCode {
    match result {
        Err(Error::User(errors)) => errors[0].code,
        other => panic!("{other:?}"),
    }
}

/// Another code of the same form.
fn wrong(code: &str) -> String {
    code.chars().map(|c| if c == '0' { '1' } else { '0' }).collect()
}

#[tokio::test]
async fn a_code_proves_its_address_once() {
    let server = Server::start().await;
    let issued = issue(&server, EmailVerification, "user_1", "Amina@example.org").await.unwrap();
    let checked = check(&server, EmailVerification, "user_1", &issued.code).await.unwrap();
    assert_eq!(checked.address, "Amina@example.org");
    consume(&server, &checked).await.unwrap();
    assert_eq!(why(consume(&server, &checked).await), UserErrorCode::InvalidCode);
    assert_eq!(why(check(&server, EmailVerification, "user_1", &issued.code).await), UserErrorCode::InvalidCode);
}

#[tokio::test]
async fn nothing_stored_shows_the_code() {
    let server = Server::start().await;
    let issued = issue(&server, EmailVerification, "user_1", "a@example.org").await.unwrap();
    assert!(!format!("{issued:?}").contains(&issued.code));
    let rows = server.app.db.rows("SELECT hash FROM codes", Vec::new()).await.unwrap();
    let hash: Vec<u8> = rows[0].try_get_by_index(0).unwrap();
    assert_eq!(hash.len(), 32);
    assert!(!hash.windows(6).any(|window| window == issued.code.as_bytes()));
}

#[tokio::test]
async fn a_code_is_no_good_for_another_purpose_subject_or_key() {
    let server = Server::start().await;
    let issued = issue(&server, EmailVerification, "user_1", "a@example.org").await.unwrap();
    let other = issue(&server, EmailVerification, "user_2", "b@example.org").await.unwrap();
    let reset = issue(&server, PasswordReset, "user_1", "a@example.org").await.unwrap();
    for (purpose, subject, code) in [
        (PhoneVerification, "user_1", &issued.code),
        (EmailVerification, "user_3", &issued.code),
        (EmailVerification, codes::NOBODY, &issued.code),
        (PasswordReset, "user_2", &reset.code),
        (EmailVerification, "user_1", &reset.code),
    ] {
        assert_eq!(why(check(&server, purpose, subject, code).await), UserErrorCode::InvalidCode, "{subject}");
    }
    if issued.code != other.code {
        assert_eq!(why(check(&server, EmailVerification, "user_2", &issued.code).await), UserErrorCode::InvalidCode);
    }
    // Somebody who can write to the database, but has not the key, can't move a code to another address.
    let sql = "UPDATE codes SET address = 'thief@example.org' WHERE subject = 'user_1'";
    server.write(sql, Vec::new()).await;
    assert_eq!(why(check(&server, EmailVerification, "user_1", &issued.code).await), UserErrorCode::InvalidCode);
}

#[tokio::test]
async fn a_thousand_tries_at_once_spend_five() {
    let server = Server::start().await;
    let issued = issue(&server, PasswordReset, "user_1", "a@example.org").await.unwrap();
    let guess = wrong(&issued.code);
    let tries = stream::iter(0..1000).map(|_| check(&server, PasswordReset, "user_1", &guess)).buffer_unordered(64);
    let refused = tries.filter(|result| std::future::ready(result.is_err())).count().await;
    assert_eq!(refused, 1000);
    assert_eq!(server.count("SELECT attempts FROM codes").await, codes::TRIES);
    // The right one comes too late.
    assert_eq!(why(check(&server, PasswordReset, "user_1", &issued.code).await), UserErrorCode::InvalidCode);
    assert_eq!(server.count("SELECT attempts FROM codes").await, codes::TRIES);
}

#[tokio::test]
async fn the_fifth_try_still_counts() {
    let server = Server::start().await;
    let issued = issue(&server, PasswordReset, "user_1", "a@example.org").await.unwrap();
    for _ in 1..codes::TRIES {
        check(&server, PasswordReset, "user_1", &wrong(&issued.code)).await.unwrap_err();
    }
    check(&server, PasswordReset, "user_1", &issued.code).await.unwrap();
}

#[tokio::test]
async fn of_many_uses_at_once_one_succeeds() {
    let server = Server::start().await;
    let issued = issue(&server, EmailVerification, "user_1", "a@example.org").await.unwrap();
    let uses = (0..codes::TRIES).map(|_| async {
        let checked = check(&server, EmailVerification, "user_1", &issued.code).await?;
        consume(&server, &checked).await
    });
    let results = join_all(uses).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

#[tokio::test]
async fn a_newer_code_voids_the_old_even_one_that_was_right_already() {
    let server = Server::start().await;
    let old = issue(&server, EmailVerification, "user_1", "a@example.org").await.unwrap();
    let checked = check(&server, EmailVerification, "user_1", &old.code).await.unwrap();
    server.advance(60);
    let new = issue(&server, EmailVerification, "user_1", "a@example.org").await.unwrap();
    assert_eq!(why(consume(&server, &checked).await), UserErrorCode::InvalidCode);
    if old.code != new.code {
        assert_eq!(why(check(&server, EmailVerification, "user_1", &old.code).await), UserErrorCode::InvalidCode);
    }
    check(&server, EmailVerification, "user_1", &new.code).await.unwrap();
}

#[tokio::test]
async fn a_code_has_its_time() {
    let server = Server::start().await;
    for (purpose, seconds) in [(PhoneVerification, 600), (PasswordReset, 1800), (EmailVerification, 3600)] {
        let issued = issue(&server, purpose, "user_1", "a@example.org").await.unwrap();
        server.advance(seconds - 1);
        check(&server, purpose, "user_1", &issued.code).await.unwrap();
        server.advance(1);
        assert_eq!(why(check(&server, purpose, "user_1", &issued.code).await), UserErrorCode::InvalidCode);
    }
}

#[tokio::test]
async fn the_next_code_takes_its_time_and_a_day_has_its_number() {
    let server = Server::start().await;
    let ask = async || issue(&server, PasswordReset, "user_1", "a@example.org").await;
    ask().await.unwrap();
    server.advance(59);
    assert_eq!(why(ask().await), UserErrorCode::CodeSentJustNow);
    for _ in 1..5 {
        server.advance(60);
        ask().await.unwrap();
    }
    server.advance(3600);
    assert_eq!(why(ask().await), UserErrorCode::TooManyCodes);
    assert_eq!(server.count("SELECT COUNT(*) FROM codes").await, 5, "what is refused is not counted");
    // Pruning does not shorten the day.
    codes::prune(&server.app).await.unwrap();
    assert_eq!(why(ask().await), UserErrorCode::TooManyCodes);
    server.advance(24 * 3600);
    ask().await.unwrap();
}

#[tokio::test]
async fn an_address_is_spared_whoever_asks_and_however_it_is_written() {
    let server = Server::start().await;
    issue(&server, PasswordReset, "user_1", "amina@example.org").await.unwrap();
    let result = issue(&server, PasswordReset, "user_2", "Amina@Example.ORG").await;
    assert_eq!(why(result), UserErrorCode::CodeSentJustNow);
    // The quiet way says nothing of others, but of oneself.
    let app = &server.app;
    let quietly = async |subject: &str, address: &str| {
        let purpose = PasswordReset;
        app.db.transact(async |tx| codes::issue_quietly_in(app, &tx, purpose, subject, address).await).await
    };
    assert!(quietly("user_2", "AMINA@example.org").await.unwrap().is_none());
    assert_eq!(why(quietly("user_1", "other@example.org").await), UserErrorCode::CodeSentJustNow);
    assert!(quietly("user_2", "other@example.org").await.unwrap().is_some());
    assert_eq!(server.count("SELECT COUNT(*) FROM codes").await, 2);
}

#[tokio::test]
async fn of_many_who_ask_at_once_for_one_address_one_gets_a_code() {
    let server = Server::start().await;
    for purpose in [EmailVerification, PhoneVerification] {
        let asked = (0..40).map(|number| {
            let server = &server;
            async move { issue(server, purpose, &format!("user_{number}"), "a@example.org").await }
        });
        let results = join_all(asked).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    }
    let asked = (0..40).map(|number| {
        let server = &server;
        async move { issue(server, PasswordReset, "user_1", &format!("{number}@example.org")).await }
    });
    let results = join_all(asked).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM codes").await, 3);
}
