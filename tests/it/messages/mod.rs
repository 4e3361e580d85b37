//! Messages that leave: with the mail server down, slow, unwilling; what an attacker puts into them. In the folder: a
//! mail server of the tests' own, text messages, digests and schedules.

mod digests;
pub(crate) mod smtp;
mod texts;

use agora::{
    domain::{
        admin, jobs,
        messages::{self, Message, Template},
    },
    entity::job,
    platform::providers::outgoing_message::{OutgoingMessage, Undelivered},
    worker,
};
use sea_orm::EntityTrait;
use serde_json::Value;

use self::smtp::{Mood, Smtp};
use crate::harness::{Client, Server, eventually};

/// A server that sends by this mail server.
pub(crate) async fn sending_by(smtp: &Smtp) -> Server {
    let port = smtp.port.to_string();
    let settings = [("EMAIL_HOST", "127.0.0.1"), ("EMAIL_PORT", &port), ("EMAIL_TLS", "none")];
    let from = [("DEFAULT_FROM_EMAIL", "Example <no-reply@example.org>"), ("EMAIL_TIMEOUT_SECONDS", "20")];
    Server::with(&[&settings[..], &from].concat()).await
}

async fn queue(server: &Server, message: &Message) {
    server.app.db.transact(async |tx| messages::send_in(&server.app, &tx, message).await).await.unwrap();
}

fn code_for(to: &str) -> Message {
    let message = Message { is_proven: true, ..Message::email(to, "en", Template::PasswordReset) };
    message.with("name", "Amina").with("code", "123456").with("minutes", 30)
}

fn outgoing_to(to: &str) -> OutgoingMessage {
    OutgoingMessage {
        to: to.to_owned(),
        subject: "Hello".to_owned(),
        text: "Hello".to_owned(),
        html: None,
        unsubscribe: None,
    }
}

const DEAD: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'dead'";
const QUEUED: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'queued'";

#[tokio::test]
async fn a_dead_mail_server_fails_nobody_s_sign_in_and_the_message_leaves_when_it_is_back() {
    let smtp = Smtp::start(Mood::Dead).await;
    let server = sending_by(&smtp).await;
    server.user("amina").await;
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    // From a device that was not seen before: its owner is told.
    let elsewhere = server.anonymous().header("user-agent", "Elsewhere").login("amina").await;
    assert_eq!(elsewhere.ok("{ me { username } }", Value::Null).await["me"]["username"], "amina");
    server.run_jobs().await;
    assert_eq!(server.count(QUEUED).await, 1);

    // Down for two days: longer than ten attempts take.
    for _ in 0..200 {
        server.advance(900);
        server.run_jobs().await;
    }
    assert!(smtp.tries() > u64::try_from(jobs::ATTEMPTS).unwrap() * 2, "{}", smtp.tries());
    assert_eq!((server.count(QUEUED).await, server.count(DEAD).await), (1, 0));

    smtp.set(Mood::Well);
    server.advance(3600);
    server.run_jobs().await;
    let arrived = smtp.messages();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].to, ["amina@example.org"]);
    assert!(arrived[0].data.contains("Elsewhere"), "{}", arrived[0].data);
    server.run_jobs().await;
    assert_eq!((smtp.messages().len(), server.count("SELECT COUNT(*) FROM jobs").await), (1, 0));
}

#[tokio::test]
async fn after_three_days_of_waiting_an_operator_decides() {
    let smtp = Smtp::start(Mood::Dead).await;
    let server = sending_by(&smtp).await;
    let message = Message::email("amina@example.org", "en", Template::PasswordChanged);
    queue(&server, &message).await;
    for _ in 0..72 {
        server.advance(3600);
        server.run_jobs().await;
    }
    assert_eq!((server.count(QUEUED).await, server.count(DEAD).await), (0, 1));
    let dead = jobs::list(&server.app, true, 10).await.unwrap();
    assert!(dead[0].last_error.as_deref().is_some_and(|error| !error.is_empty()));
    smtp.set(Mood::Well);
    assert_eq!(admin::jobs_retry(&server.app, None).await.unwrap(), 1);
    server.run_jobs().await;
    assert_eq!(smtp.messages().len(), 1);
}

#[tokio::test]
async fn a_code_that_is_over_is_not_sent_any_more() {
    let smtp = Smtp::start(Mood::Dead).await;
    let server = sending_by(&smtp).await;
    let good_until = Some(server.app.clock.now() + chrono::TimeDelta::minutes(30));
    queue(&server, &Message { good_until, ..code_for("amina@example.org") }).await;
    server.run_jobs().await;
    assert_eq!(server.count(QUEUED).await, 1);
    smtp.set(Mood::Well);
    server.advance(30 * 60);
    server.run_jobs().await;
    assert_eq!((smtp.messages().len(), server.count("SELECT COUNT(*) FROM jobs").await), (0, 0));
}

#[tokio::test]
async fn an_address_that_is_refused_is_tried_once_and_everything_else_waits() {
    for (mood, refused) in [
        (Mood::Answers("550 5.1.1 No such user"), true),
        (Mood::Answers("550 no such user"), true),
        (Mood::Answers("553 5.1.3 Bad address"), true),
        (Mood::Answers("554 5.2.1 Mailbox disabled"), true),
        (Mood::Answers("450 4.2.0 Greylisted"), false),
        (Mood::Answers("421 4.3.2 Shutting down"), false),
        // The operator's to mend: who may send, and from which address.
        (Mood::Answers("530 5.7.0 Authenticate first"), false),
        (Mood::Answers("550 5.7.1 Unverified sender identity"), false),
        (Mood::Answers("550 5.1.8 Sender's domain does not exist"), false),
        (Mood::Answers("554 5.7.1 Relay access denied"), false),
    ] {
        let smtp = Smtp::start(mood).await;
        let server = sending_by(&smtp).await;
        queue(&server, &code_for("amina@example.org")).await;
        server.run_jobs().await;
        let expected = if refused { (0, 0) } else { (1, 0) };
        assert_eq!((server.count(QUEUED).await, server.count(DEAD).await), expected, "{mood:?}");
        server.advance(3600);
        server.run_jobs().await;
        assert_eq!(smtp.tries(), if refused { 1 } else { 2 }, "{mood:?}");
    }
}

#[tokio::test]
async fn what_is_noted_of_a_failure_holds_neither_the_message_nor_its_receiver() {
    // A server that quotes what it refuses.
    for answer in ["451 4.3.0 amina@example.org: 123456 is your code", "550 5.1.1 amina@example.org: 123456"] {
        let smtp = Smtp::start(Mood::Answers(answer)).await;
        let server = sending_by(&smtp).await;
        let outgoing = OutgoingMessage { text: "123456".to_owned(), ..outgoing_to("amina@example.org") };
        let failed = server.app.mail.send("job", server.app.clock.now(), &outgoing).await.unwrap_err();
        assert!(failed.cause().contains(&answer[..3]) && failed.cause().contains(&answer[4..9]), "{failed:?}");
        queue(&server, &code_for("amina@example.org")).await;
        server.run_jobs().await;
        let noted: Vec<_> = server.app.db.all(job::Entity::find()).await.unwrap();
        for text in noted.iter().flat_map(|job| [job.last_error.clone().unwrap(), job.payload.clone()]) {
            assert!(!text.contains("123456") && !text.contains("amina"), "{text}");
        }
        assert!(!format!("{failed:?} {outgoing:?}").contains("123456"));
    }
}

#[tokio::test]
async fn a_repeat_can_be_recognised() {
    let smtp = Smtp::start(Mood::Well).await;
    let server = sending_by(&smtp).await;
    queue(&server, &code_for("amina@example.org")).await;
    // It left, and the process died before it could note so.
    let job = jobs::take(&server.app, 1).await.unwrap().remove(0);
    messages::deliver(&server.app, &job).await.unwrap();
    messages::deliver(&server.app, &job).await.unwrap();
    let arrived = smtp.messages();
    let ids: Vec<_> = arrived.iter().map(|message| message.header("Message-ID")).collect();
    assert_eq!(ids, vec![format!("<{}@example.org>", job.id); 2]);
}

#[tokio::test]
async fn an_e_mail_has_a_text_and_an_html_part_and_every_header_that_it_should_have() {
    let smtp = Smtp::start(Mood::Well).await;
    let server = sending_by(&smtp).await;
    queue(&server, &Message { locale: "ar".to_owned(), ..code_for("amina@example.org") }).await;
    server.run_jobs().await;
    let message = smtp.messages().remove(0);
    assert_eq!((message.from.as_str(), &message.to), ("no-reply@example.org", &vec!["amina@example.org".to_owned()]));
    assert_eq!(message.header("From"), "Example <no-reply@example.org>");
    assert_eq!(message.header("To"), "amina@example.org");
    assert_eq!(message.header("Auto-Submitted"), "auto-generated");
    assert_eq!(message.header("Date"), "Thu, 01 Jan 2026 12:00:00 +0000");
    assert!(message.header("Subject").starts_with("=?utf-8?"), "{}", message.data);
    assert!(message.header("Content-Type").starts_with("multipart/alternative;"), "{}", message.data);
    assert!(message.data.contains("text/plain; charset=utf-8") && message.data.contains("text/html; charset=utf-8"));
    // Whatever lies between, seven bits are enough.
    assert!(message.data.is_ascii());
}

#[tokio::test]
async fn nobody_puts_a_header_or_a_receiver_into_an_e_mail() {
    let smtp = Smtp::start(Mood::Well).await;
    let server = sending_by(&smtp).await;
    let now = server.app.clock.now();
    for to in [
        "amina@example.org\r\nBcc: victim@example.org",
        "amina@example.org\nBcc: victim@example.org",
        "amina@example.org>\r\nRCPT TO:<victim@example.org",
        "amina@example.org, victim@example.org",
        "amina@example.org\0",
        "Amina <amina@example.org>",
        "\"a\r\nDATA\r\n\"@example.org",
        "amina",
        "",
    ] {
        let refused = server.app.mail.send("job", now, &outgoing_to(to)).await;
        assert!(matches!(refused, Err(Undelivered::Refused(_))), "{to:?}: {refused:?}");
        queue(&server, &code_for(to)).await;
        server.run_jobs().await;
        assert_eq!((smtp.messages().len(), server.count("SELECT COUNT(*) FROM jobs").await), (0, 0), "{to:?}");
    }
    let subject = "Hello\r\nBcc: victim@example.org\r\n\r\nbody".to_owned();
    server.app.mail.send("job", now, &OutgoingMessage { subject, ..outgoing_to("amina@example.org") }).await.unwrap();
    for name in ["Amina\r\nBcc: victim@example.org", "Amina\r\n.\r\nMAIL FROM:<x@example.org>\r\n", ".\r\n"] {
        queue(&server, &code_for("amina@example.org").with("name", name)).await;
    }
    server.run_jobs().await;
    let arrived = smtp.messages();
    assert_eq!(arrived.len(), 4);
    for message in arrived {
        assert_eq!(message.to, ["amina@example.org"]);
        let names: Vec<_> = message.headers().iter().map(|(name, _)| name.to_lowercase()).collect();
        let known = [
            "from",
            "to",
            "subject",
            "date",
            "message-id",
            "auto-submitted",
            "mime-version",
            "content-type",
            "content-transfer-encoding",
        ];
        assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
        assert_eq!(names.iter().filter(|name| *name == "to").count(), 1);
    }
}

#[tokio::test]
async fn an_e_mail_that_can_be_done_without_says_how_in_its_headers() {
    let smtp = Smtp::start(Mood::Well).await;
    let server = sending_by(&smtp).await;
    let now = server.app.clock.now();
    // As long as such a link gets.
    let link = format!("https://example.org/unsubscribe/{}", "Ab-_9".repeat(120));
    for unsubscribe in [link.clone(), format!("{link}\r\nBcc: victim@example.org"), "https://example.org/ü".to_owned()]
    {
        let outgoing = OutgoingMessage { unsubscribe: Some(unsubscribe), ..outgoing_to("amina@example.org") };
        server.app.mail.send("job", now, &outgoing).await.unwrap();
    }
    let said: Vec<_> = smtp
        .messages()
        .iter()
        .map(|message| {
            let headers = message.headers();
            headers.into_iter().filter(|(name, _)| name.starts_with("List-") || name == "Bcc").collect::<Vec<_>>()
        })
        .collect();
    let expected = [
        ("List-Unsubscribe".to_owned(), format!("<{link}>")),
        ("List-Unsubscribe-Post".to_owned(), "List-Unsubscribe=One-Click".to_owned()),
    ];
    assert_eq!(said, [expected.to_vec(), Vec::new(), Vec::new()]);
}

#[tokio::test]
async fn a_person_s_name_is_neither_a_template_nor_html() {
    let smtp = Smtp::start(Mood::Well).await;
    let server = sending_by(&smtp).await;
    let rename = "mutation($name: String!) { profileUpdate(input: { displayName: $name }) { errors { code } } }";
    for (username, name) in [
        ("amina", "{{ 7 * 7 }}{{ address }}"),
        ("badr", "{% for x in range(9) %}{{ x }}{% endfor %}"),
        ("dina", "<img src=x onerror=alert(1)>"),
    ] {
        let person = server.user(username).await;
        let email = format!("{username}@example.org");
        assert!(agora::domain::auth::confirm_email(&server.app, &email).await.unwrap());
        let data = person.ok(rename, serde_json::json!({ "name": name })).await;
        assert_eq!(data["profileUpdate"]["errors"], serde_json::json!([]));
        server.anonymous().header("user-agent", "Elsewhere").login(username).await;
        server.run_jobs().await;
        let parts = smtp.messages().pop().unwrap().parts();
        assert!(parts[0].contains(&format!("Hello {name},")), "{}", parts[0]);
        assert!(!parts[0].contains("49") && !parts[0].contains("012345678"), "{}", parts[0]);
        assert!(!parts[1].contains("<img") && !parts[1].contains("Hello 49"), "{}", parts[1]);
        assert_eq!(parts[1].contains("Hello &lt;img"), name.starts_with('<'), "{}", parts[1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_never_answers_holds_up_nothing_but_mail() {
    let smtp = Smtp::start(Mood::Silent).await;
    let server = sending_by(&smtp).await;
    for number in 0..40 {
        queue(&server, &code_for(&format!("person{number}@example.org"))).await;
    }
    server.app.spawn(worker::run(server.app.clone()));
    eventually("the first try", async || smtp.tries() > 0).await;
    let (amina, badr): (Client, Client) = (server.user("amina").await, server.user("badr").await);
    badr.like(&amina.publish("x").await).await;
    eventually("the notification", async || server.count("SELECT COUNT(*) FROM notifications").await == 1).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'message'").await, 40);
}
