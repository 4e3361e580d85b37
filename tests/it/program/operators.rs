//! What operators do by hand: accounts and roles, the queue, the books, payments and their providers.

use agora::platform::providers::payments::sandbox::Act;
use serde_json::Value;

use super::{Folder, KEY};
use crate::{
    harness::{Server, client::PASSWORD},
    payments, wallets,
};

#[tokio::test]
async fn accounts_with_rights_are_made_once_the_first_is_an_owner_s_and_can_sign_in() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", KEY),
        ("PASSWORD_HASH_MEMORY_KIB", "8"),
        ("LOG_LEVEL", "debug"),
    ];
    let create = |username: &str, email: &str, password: &str| {
        let arguments = ["admin", "create", "--username", username, "--email", email];
        let ended = folder.run_with_input(&arguments, &environment, password);
        assert!(password.trim().is_empty() || !format!("{ended:?}").contains(password.trim()), "{ended:?}");
        ended
    };
    let ended = create("keeper", "keeper@example.org", &format!("{PASSWORD}\n"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.starts_with("keeper is an owner (user_"), "{ended:?}");
    let keeper = server.anonymous().login("keeper").await;
    assert!(ended.out.contains(&keeper.id), "{ended:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM user_roles WHERE role = 'owner'").await, 1);
    let ended = create("helper", "helper@example.org", PASSWORD);
    assert!(ended.out.starts_with("helper is an administrator (user_"), "{ended:?}");
    let sql = "SELECT COUNT(*) FROM audit_entries WHERE action = 'admin create' AND actor_id IS NULL";
    assert_eq!(server.count(sql).await, 2);

    let before = server.rows().await;
    for (username, email, password, words) in [
        ("keeper", "other@example.org", PASSWORD, "agora: input.username: This is already taken."),
        ("KEEPER", "other@example.org", PASSWORD, "agora: input.username: This is already taken."),
        ("other", "Keeper@example.org", PASSWORD, "agora: input.email: This is already taken."),
        ("other", "other@example.org", "short", "agora: input.password: At least 10 characters are needed."),
        ("other", "other@example.org", "", "agora: input.password: "),
        ("no name", "other@example.org", PASSWORD, "agora: input.username: "),
        ("other", "nonsense", PASSWORD, "agora: input.email: "),
    ] {
        let ended = create(username, email, password);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{username} {email}: {ended:?}");
        assert!(ended.err.lines().any(|line| line.starts_with(words)), "{username} {email}: {}", ended.err);
    }
    assert_eq!(server.rows().await, before);
    assert_eq!(server.count("SELECT COUNT(*) FROM user_roles").await, 2);
}

#[tokio::test]
async fn an_operator_gives_and_takes_roles_but_never_the_last_owner_s() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let grant = |username: &str, role: &str| {
        folder.run(&["admin", "grant", "--username", username, "--role", role], &environment)
    };
    let (amina, basma) = (server.user("Amina").await, server.user("basma").await);
    let ended = grant("amina", "owner");
    let expected = format!("Amina has the role owner ({})\n", amina.id);
    assert_eq!((ended.code, &ended.out), (Some(0), &expected), "{ended:?}");
    let before = server.rows().await;
    for role in ["user", "administrator"] {
        let ended = grant("amina", role);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains("The last owner can't be removed."), "{ended:?}");
    }
    for (username, role, code) in [("nobody", "seller", 1), ("basma", "king", 2), ("basma", "", 2)] {
        assert_eq!(grant(username, role).code, Some(code), "{username} {role}");
    }
    assert_eq!(server.rows().await, before);
    assert_eq!(grant("basma", "owner").code, Some(0));
    // Another process takes what it allowed away; an instance that serves learns of it by its sweep.
    let basma = server.anonymous().login(&basma.username).await;
    basma.ok("{ adminAudit { totalCount } }", Value::Null).await;
    assert_eq!(grant("basma", "user").out, format!("basma has the role user ({})\n", basma.id));
    agora::domain::auth::sweep(&server.app).await.unwrap();
    assert_eq!(basma.refused("{ me { id } }", Value::Null).await, "UNAUTHENTICATED");
    let sql = "SELECT COUNT(*) FROM audit_entries WHERE action = 'admin grant' AND actor_id IS NULL";
    assert_eq!(server.count(sql).await, 3);
}

#[tokio::test]
async fn an_operator_sees_the_queue_and_queues_dead_jobs_again() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let jobs = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["jobs"].iter().chain(arguments).copied().collect();
        folder.run(&arguments, &environment)
    };
    assert_eq!((jobs(&["list"]).code, jobs(&["list"]).out.as_str()), (Some(0), "No jobs wait.\n"));
    assert_eq!(jobs(&["list", "--dead"]).out, "No job is dead.\n");
    // Three likes are three jobs; two of them die.
    let amina = server.user("amina").await;
    for body in ["one", "two", "three"] {
        let post = amina.publish(body).await;
        server.user(&format!("fan_of_{body}")).await.like(&post).await;
    }
    let sql = "UPDATE jobs SET state = 'dead', attempts = 10, last_error = 'it is broken' \
               WHERE id IN (SELECT id FROM jobs ORDER BY created_at, id LIMIT 2)";
    server.write(sql, Vec::new()).await;

    let all = jobs(&["list"]);
    assert_eq!((all.code, all.out.lines().count()), (Some(0), 3), "{all:?}");
    let dead = jobs(&["list", "--dead"]).out;
    assert_eq!(dead.lines().count(), 2, "{dead}");
    for line in dead.lines() {
        assert!(line.contains(" dead ") && line.contains("notify") && line.contains("attempts 10"), "{line}");
        assert!(line.ends_with("it is broken"), "{line}");
    }
    assert_eq!(jobs(&["list", "--limit", "1"]).out.lines().count(), 1);

    let id = dead.split(' ').next().unwrap();
    assert_eq!(jobs(&["retry", id]).out, "1 job(s) queued again\n");
    assert_eq!(jobs(&["retry", id]).out, "0 job(s) queued again\n");
    assert_eq!(jobs(&["list", "--dead"]).out.lines().count(), 1);
    for wrong in ["nonsense", "post_01jc0000000000000000000000"] {
        let ended = jobs(&["retry", wrong]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("not a job's id"), "{}", ended.err);
    }
    assert_eq!(jobs(&["retry"]).out, "1 job(s) queued again\n");
    assert_eq!(server.count("SELECT COUNT(*) FROM audit_entries WHERE action = 'jobs retry'").await, 2);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND attempts = 0").await, 3);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 0);
}

#[tokio::test]
async fn the_books_are_verified_and_each_difference_is_a_line() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let verify = || folder.run(&["ledger", "verify"], &[("DATABASE_URL", &url), ("SECRET_KEY", KEY)]);
    let amina = server.user("amina").await;
    wallets::fund(&server, &amina, 1000, "USD").await;
    let ended = verify();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "The books balance: 1 transfers.\n"), "{ended:?}");
    let sql = "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'";
    server.write(sql, Vec::new()).await;
    let ended = verify();
    assert_eq!((ended.code, ended.out.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.out.contains("has 1001 instead of 1000"), "{ended:?}");
}

#[tokio::test]
async fn an_operator_compares_payments_with_their_providers() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let reconcile = |arguments: &[&str]| {
        let span = ["payments", "reconcile", "--from", "2026-01-01", "--until", "2026-01-02T00:00:00Z"];
        let arguments: Vec<&str> = span.iter().chain(arguments).copied().collect();
        folder.run(&arguments, &environment)
    };
    let amina = server.user("amina").await;
    let payment = payments::deposit(&amina, "5.00", "k").await["payment"].clone();
    let ended = reconcile(&[]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "0 difference(s), none is left\n"), "{ended:?}");
    payments::act(&server, &payment, &Act::card(payments::GOOD)).await;
    let ended = reconcile(&[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains(payment["id"].as_str().unwrap()), "{ended:?}");
    let ended = reconcile(&["--mend"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("(mended)"), "{ended:?}");
    assert_eq!(reconcile(&[]).code, Some(0));
    assert_eq!(folder.run(&["payments", "reconcile", "--from", "yesterday"], &environment).code, Some(2));
}
