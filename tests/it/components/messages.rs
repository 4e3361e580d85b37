//! Messages through a real mail server, SNS and Twilio.

use agora::{
    domain::messages::{self, Message, Template},
    platform::providers::outgoing_message::{OutgoingMessage, Undelivered},
};
use serde_json::Value;

use super::needs;
use crate::harness::Server;

async fn queue(server: &Server, message: &Message) {
    server.app.db.transact(async |tx| messages::send_in(&server.app, &tx, message).await).await.unwrap();
}

fn code(message: Message) -> Message {
    Message { is_proven: true, ..message }
        .with("name", "أمينة <b>")
        .with("code", "123456")
        .with("minutes", 10)
        .with("link", "https://example.org/?code=123456")
}

/// What lies at an address, as JSON.
async fn read(server: &Server, url: &str, sign_in: Option<(&str, &str)>) -> Value {
    let mut request = server.app.http.get(url);
    if let Some((user, password)) = sign_in {
        request = request.basic_auth(user, Some(password));
    }
    request.send().await.unwrap().json().await.unwrap()
}

const JOBS: &str = "SELECT COUNT(*) FROM jobs";

struct MailServer {
    ports: [(&'static str, String); 3],
    ca_file: String,
    user: String,
    password: String,
    messages: String,
}

impl MailServer {
    fn find() -> Option<Self> {
        let [plain, starttls, tls, ca_file, user, password, messages] = needs([
            "COMPONENT_SMTP_PORT",
            "COMPONENT_SMTP_STARTTLS_PORT",
            "COMPONENT_SMTP_TLS_PORT",
            "COMPONENT_SMTP_CA_FILE",
            "COMPONENT_SMTP_USER",
            "COMPONENT_SMTP_PASSWORD",
            "COMPONENT_SMTP_MESSAGES",
        ])?;
        Some(Self { ports: [("none", plain), ("starttls", starttls), ("tls", tls)], ca_file, user, password, messages })
    }

    fn settings<'a>(&'a self, mode: &'a str, port: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("EMAIL_HOST", "localhost"),
            ("EMAIL_PORT", port),
            ("EMAIL_TLS", mode),
            ("EMAIL_TLS_CA_FILE", &self.ca_file),
            ("EMAIL_HOST_USER", &self.user),
            ("EMAIL_HOST_PASSWORD", &self.password),
            ("DEFAULT_FROM_EMAIL", "Example <no-reply@example.org>"),
        ]
    }

    /// What it got for somebody.
    async fn got(&self, server: &Server, to: &str) -> Vec<Value> {
        let all = read(server, &self.messages, None).await;
        all.as_array().unwrap().iter().filter(|message| message["to"][0] == to).cloned().collect()
    }
}

#[tokio::test]
async fn e_mail_arrives_by_each_mode_of_tls() {
    let Some(mail) = MailServer::find() else { return };
    for (mode, port) in &mail.ports {
        let server = Server::with(&mail.settings(mode, port)).await;
        assert_eq!(server.app.mail.check().await, Some(Ok(())), "{mode}");
        let to = format!("amina-{mode}-{}@example.org", server.database_url().len() + std::process::id() as usize);
        for locale in ["en", "ar"] {
            queue(&server, &code(Message::email(&to, locale, Template::EmailVerification))).await;
        }
        server.run_jobs().await;
        assert_eq!(server.count(JOBS).await, 0, "{mode}");
        let got = mail.got(&server, &to).await;
        assert_eq!(got.len(), 2, "{mode}: {got:?}");
        for message in &got {
            assert_eq!((message["tls"].as_bool(), message["user"].as_str()), (Some(*mode != "none"), Some("agora")));
            assert_eq!(message["type"], "multipart/alternative");
            let text = message["text"].as_str().unwrap();
            assert!(text.lines().any(|line| line == "123456"), "{text}");
            assert!(text.contains("أمينة <b>") && !message["html"].as_str().unwrap().contains("<b>"), "{message}");
        }
        let subjects: Vec<_> = got.iter().map(|message| message["subject"].as_str().unwrap()).collect();
        assert!(subjects.contains(&"Confirm your e-mail address") && subjects.contains(&"أكّد عنوان بريدك الإلكتروني"));
        assert!(got.iter().any(|message| message["html"].as_str().unwrap().contains("<html lang=\"ar\" dir=\"rtl\">")));
    }
}

#[tokio::test]
async fn tls_is_not_left_out_and_not_taken_from_anybody() {
    let Some(mail) = MailServer::find() else { return };
    let [plain, starttls, tls] = &mail.ports;
    // A server without STARTTLS; certificates of an authority that is not known; the wrong mode.
    for (mode, port, ca_file) in [
        ("starttls", &plain.1, mail.ca_file.as_str()),
        ("starttls", &starttls.1, ""),
        ("tls", &tls.1, ""),
        ("tls", &plain.1, &mail.ca_file),
        ("none", &starttls.1, &mail.ca_file),
    ] {
        let mut settings = mail.settings(mode, port);
        settings.retain(|(name, _)| *name != "EMAIL_TLS_CA_FILE" && *name != "EMAIL_TIMEOUT_SECONDS");
        settings.extend([("EMAIL_TLS_CA_FILE", ca_file), ("EMAIL_TIMEOUT_SECONDS", "2")]);
        let server = Server::with(&settings).await;
        let to = format!("nobody-{}@example.org", std::process::id());
        queue(&server, &code(Message::email(&to, "en", Template::EmailVerification))).await;
        server.run_jobs().await;
        assert_eq!(server.count(JOBS).await, 1, "{mode} {ca_file}");
        assert_eq!(mail.got(&server, &to).await, Vec::<Value>::new());
        assert!(server.app.mail.check().await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_wrong_password_waits_and_an_unknown_receiver_does_not() {
    let Some(mail) = MailServer::find() else { return };
    let (mode, port) = &mail.ports[1];
    let mut settings = mail.settings(mode, port);
    let server = Server::with(&settings).await;
    for (to, waiting) in [("a@gone.example.org", 0), ("a@nosy.example.org", 0), ("a@busy.example.org", 1)] {
        queue(&server, &code(Message::email(to, "en", Template::EmailVerification))).await;
        server.run_jobs().await;
        assert_eq!(server.count(JOBS).await, waiting, "{to}");
    }
    let outgoing = OutgoingMessage {
        to: "a@nosy.example.org".to_owned(),
        subject: "Code".to_owned(),
        text: "123456".to_owned(),
        html: None,
        unsubscribe: None,
    };
    let refused = server.app.mail.send("job", server.app.clock.now(), &outgoing).await;
    assert_eq!(refused, Err(Undelivered::Refused("the mail server answered 550 5.2.0".to_owned())));

    settings.retain(|(name, _)| *name != "EMAIL_HOST_PASSWORD");
    settings.push(("EMAIL_HOST_PASSWORD", "wrong"));
    let server = Server::with(&settings).await;
    queue(&server, &code(Message::email("a@example.org", "en", Template::EmailVerification))).await;
    server.run_jobs().await;
    assert_eq!(server.count(JOBS).await, 1);
    let told = server.app.mail.check().await.unwrap().unwrap_err();
    assert!(told.contains("535") && !told.contains("wrong"), "{told}");
}

#[tokio::test]
async fn a_text_message_goes_out_by_sns() {
    let Some([url]) = needs(["COMPONENT_SNS_URL"]) else { return };
    let settings = [
        ("SMS_PROVIDER", "sns"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
        ("SNS_ENDPOINT_URL", url.as_str()),
    ];
    let server = Server::with(&settings).await;
    assert_eq!(server.app.sms.check(server.app.clock.now()).await, Some(Ok(())));
    let to = format!("+20100{:07}", std::process::id());
    queue(&server, &code(Message::sms(&to, "ar", Template::PhoneVerification))).await;
    // It is of the right length, but no country's.
    queue(&server, &code(Message::sms("+00001234567", "en", Template::PhoneVerification))).await;
    server.run_jobs().await;
    assert_eq!(server.count(JOBS).await, 0);
    let data = read(&server, &format!("{url}/moto-api/data.json"), None).await;
    let sent = data["sns"]["SMS"].as_array().unwrap();
    let texts: Vec<_> = sent.iter().filter(|sms| sms["phone_number"] == to.as_str()).collect();
    assert_eq!(texts.len(), 1, "{sent:?}");
    let text = texts[0]["message"].as_str().unwrap();
    assert!(text.lines().any(|line| line == "123456") && text.contains("رمز"), "{text}");
    assert!(sent.iter().all(|sms| sms["phone_number"] != "+00001234567"));
}

#[tokio::test]
async fn a_text_message_goes_out_by_twilio() {
    let Some([sid, token, from, url]) = needs([
        "COMPONENT_TWILIO_ACCOUNT_SID",
        "COMPONENT_TWILIO_AUTH_TOKEN",
        "COMPONENT_TWILIO_PHONE_NUMBER",
        "COMPONENT_TWILIO_URL",
    ]) else {
        return;
    };
    let with_token = |token| {
        [
            ("SMS_PROVIDER", "twilio"),
            ("TWILIO_ACCOUNT_SID", sid.as_str()),
            ("TWILIO_AUTH_TOKEN", token),
            ("TWILIO_PHONE_NUMBER", from.as_str()),
            ("TWILIO_API_URL", url.as_str()),
        ]
    };
    let server = Server::with(&with_token(&token)).await;
    assert_eq!(server.app.sms.check(server.app.clock.now()).await, Some(Ok(())));
    let to = format!("+20100{:07}", std::process::id());
    queue(&server, &code(Message::sms(&to, "en", Template::TwoFactorCode))).await;
    queue(&server, &code(Message::sms("+00001234567", "en", Template::TwoFactorCode))).await;
    server.run_jobs().await;
    assert_eq!(server.count(JOBS).await, 0);
    let list = format!("{url}/2010-04-01/Accounts/{sid}/Messages.json");
    let data = read(&server, &list, Some((&sid, &token))).await;
    let sent: Vec<_> = data["messages"].as_array().unwrap().iter().filter(|sms| sms["to"] == to.as_str()).collect();
    assert_eq!(sent.len(), 1, "{data}");
    assert_eq!(sent[0]["from"], from.as_str());
    assert!(sent[0]["body"].as_str().unwrap().lines().any(|line| line == "123456"));

    // With a wrong token it waits for the operator.
    let server = Server::with(&with_token("wrong")).await;
    queue(&server, &code(Message::sms(&to, "en", Template::TwoFactorCode))).await;
    server.run_jobs().await;
    assert_eq!(server.count(JOBS).await, 1);
    let told = server.app.sms.check(server.app.clock.now()).await;
    assert_eq!(told, Some(Err("Twilio answered 401 20003".to_owned())));
}
