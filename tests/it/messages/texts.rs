//! Text messages: what a provider is asked, and what its answers mean. The real ones are in `components`.

use std::sync::{Arc, Mutex};

use agora::{
    domain::messages::{Message, Template},
    platform::providers::outgoing_message::Undelivered,
};
use axum::{Router, http::HeaderMap, http::StatusCode};

use super::{outgoing_to, queue};
use crate::harness::Server;

/// What a provider was asked: path, authorization and form.
type Asked = Arc<Mutex<Vec<(String, String, Vec<(String, String)>)>>>;

/// A provider that gives every question the same answer.
async fn provider(status: u16, body: &'static str) -> (String, Asked) {
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    let answer = move |uri: axum::http::Uri, headers: HeaderMap, form: String| {
        let authorization = headers["authorization"].to_str().unwrap().to_owned();
        let form = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        noted.lock().unwrap().push((uri.path().to_owned(), authorization, form));
        async move { (StatusCode::from_u16(status).unwrap(), [("location", "http://127.0.0.1:1/")], body) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "it is no task of the application")]
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (url, asked)
}

async fn by_twilio(url: &str) -> Server {
    Server::with(&[
        ("SMS_PROVIDER", "twilio"),
        ("TWILIO_ACCOUNT_SID", "AC1"),
        ("TWILIO_AUTH_TOKEN", "token"),
        ("TWILIO_PHONE_NUMBER", "+15551234567"),
        ("TWILIO_API_URL", url),
    ])
    .await
}

async fn by_sns(url: &str) -> Server {
    Server::with(&[
        ("SMS_PROVIDER", "sns"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
        ("SNS_ENDPOINT_URL", url),
    ])
    .await
}

fn code() -> Message {
    Message::sms("+201001234567", "en", Template::TwoFactorCode).with("code", "123456").with("minutes", 10)
}

const TEXT: &str = "Agora: your sign-in code, good for 10 min:\n123456\nDon't share it with anybody.";
const JOBS: &str = "SELECT COUNT(*) FROM jobs";

#[tokio::test]
async fn twilio_is_asked_as_it_wants_to_be() {
    let (url, asked) = provider(201, "{\"sid\":\"SM1\"}").await;
    let server = by_twilio(&url).await;
    queue(&server, &code()).await;
    server.run_jobs().await;
    assert_eq!(server.count(JOBS).await, 0);
    let asked = asked.lock().unwrap().clone();
    let form = [("From", "+15551234567"), ("To", "+201001234567"), ("Body", TEXT)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    // AC1:token
    assert_eq!(asked, [("/2010-04-01/Accounts/AC1/Messages.json".into(), "Basic QUMxOnRva2Vu".into(), form.into())]);
}

#[tokio::test]
async fn sns_is_asked_as_it_wants_to_be() {
    let (url, asked) = provider(200, "<PublishResponse/>").await;
    let server = by_sns(&url).await;
    queue(&server, &code()).await;
    server.run_jobs().await;
    assert_eq!(server.count(JOBS).await, 0);
    let (path, authorization, form) = asked.lock().unwrap().remove(0);
    assert_eq!(path, "/");
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/sns/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature=";
    assert!(authorization.starts_with(scope), "{authorization}");
    for (name, value) in [("Action", "Publish"), ("PhoneNumber", "+201001234567"), ("Message", TEXT)] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{name}: {form:?}");
    }
}

#[tokio::test]
async fn a_number_that_is_refused_is_tried_once_and_everything_else_waits() {
    for (twilio, status, body, refused) in [
        (true, 400, "{\"code\":21211,\"message\":\"+201001234567 is not a number: 123456\"}", true),
        (true, 400, "{\"code\":21610}", true),
        (true, 400, "{\"code\":21606,\"message\":\"the sender is not yours\"}", false),
        (true, 401, "{\"code\":20003}", false),
        (true, 429, "{\"code\":20429}", false),
        (true, 500, "no JSON at all: 123456", false),
        // Nobody is followed to another place, with the message in hand.
        (true, 307, "", false),
        (false, 400, "<Error><Code>InvalidParameter</Code><Message>123456</Message></Error>", true),
        (false, 400, "<Error><Code>OptedOut</Code></Error>", true),
        (false, 403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", false),
        (false, 400, "<Error><Code>Throttling</Code></Error>", false),
        (false, 503, "<Code>123456", false),
    ] {
        let (url, asked) = provider(status, body).await;
        let server = if twilio { by_twilio(&url).await } else { by_sns(&url).await };
        queue(&server, &code()).await;
        server.run_jobs().await;
        assert_eq!(server.count(JOBS).await, i64::from(!refused), "{body}");
        let noted = agora::domain::jobs::list(&server.app, false, 1).await.unwrap();
        let noted: Vec<_> = noted.into_iter().filter_map(|job| job.last_error).collect();
        assert!(noted.iter().all(|error| !error.contains("123456") && !error.contains("+20")), "{noted:?}");
        server.advance(3600);
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_tried_again() {
    for server in [by_twilio("http://127.0.0.1:1").await, by_sns("http://127.0.0.1:1").await] {
        queue(&server, &code()).await;
        server.run_jobs().await;
        assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND attempts = 1").await, 1);
        let job = agora::domain::jobs::list(&server.app, false, 1).await.unwrap().remove(0);
        let error = job.last_error.unwrap();
        assert!(!error.contains("AC1") && !error.contains("http"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_number_goes_to_nobody() {
    let (url, asked) = provider(201, "{}").await;
    let server = by_twilio(&url).await;
    for to in ["", "201001234567", "+20 100", "+1", "+1234567890123456", "whatsapp:+201001234567", "+2010012345\r\n67"]
    {
        let refused = server.app.sms.send("job", server.app.clock.now(), &outgoing_to(to)).await;
        assert!(matches!(refused, Err(Undelivered::Refused(_))), "{to}: {refused:?}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_provider_a_text_lies_in_the_folder() {
    let server = Server::start().await;
    queue(&server, &code()).await;
    let sent = server.last_sent("+201001234567").await;
    assert_eq!((sent.text.trim(), sent.code().as_str()), (TEXT, "123456"));
    assert!(server.app.sms.is_carried());
}
