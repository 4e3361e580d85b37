//! `agora check` on those who carry messages, and a production that has none.

use super::{Folder, KEY};
use crate::harness::database;

#[tokio::test]
async fn check_tells_of_a_mail_server_and_a_provider_that_don_t_answer() {
    let folder = Folder::new();
    let database = database::create_empty().await;
    let url = database.url();
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", KEY),
        ("EMAIL_HOST", "127.0.0.1"),
        ("EMAIL_PORT", "1"),
        ("EMAIL_HOST_USER", "agora"),
        ("EMAIL_HOST_PASSWORD", "s3cret-password"),
        ("SMS_PROVIDER", "twilio"),
        ("TWILIO_ACCOUNT_SID", "AC1"),
        ("TWILIO_AUTH_TOKEN", "s3cret-token"),
        ("TWILIO_PHONE_NUMBER", "+15551234567"),
        ("TWILIO_API_URL", "http://127.0.0.1:1"),
        ("PAYMENT_SANDBOX", "false"),
    ];
    let ended = folder.run(&["check"], &environment);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ended.out);
    assert!(lines[1].starts_with("fail  mail server (127.0.0.1:1): "), "{}", ended.out);
    assert!(lines[2].starts_with("fail  text messages (Twilio): "), "{}", ended.out);
    assert!(lines[3].starts_with("ok    database ("), "{}", ended.out);
    assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");
}

#[tokio::test]
async fn check_tells_of_providers_of_payments_that_don_t_answer() {
    let folder = Folder::new();
    let database = database::create_empty().await;
    let url = database.url();
    let mut environment = vec![("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY), ("PAYMENT_SANDBOX", "false")];
    for name in ["STRIPE_API_URL", "PAYPAL_API_URL", "PAYMOB_API_URL"] {
        environment.push((name, "http://127.0.0.1:1/"));
    }
    for name in [
        "STRIPE_SECRET_KEY",
        "STRIPE_PUBLIC_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "PAYPAL_CLIENT_ID",
        "PAYPAL_CLIENT_SECRET",
        "PAYPAL_WEBHOOK_ID",
        "PAYMOB_SECRET_KEY",
        "PAYMOB_PUBLIC_KEY",
        "PAYMOB_HMAC_SECRET",
    ] {
        environment.push((name, "s3cret"));
    }
    environment.push(("PAYMOB_INTEGRATION_IDS", "1"));
    let ended = folder.run(&["check"], &environment);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for name in ["stripe", "paypal", "paymob"] {
        assert!(ended.out.contains(&format!("fail  payments ({name}): unavailable: ")), "{}", ended.out);
    }
    assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");
}

#[test]
fn an_authority_s_file_that_is_none_is_told_at_the_start() {
    let folder = Folder::new();
    let environment = [
        ("DATABASE_URL", "sqlite://agora.db"),
        ("SECRET_KEY", KEY),
        ("EMAIL_HOST", "mail.example.org"),
        ("EMAIL_TLS_CA_FILE", "there-is-no-such-file.pem"),
    ];
    let ended = folder.run(&["worker"], &environment);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("EMAIL_TLS_CA_FILE"), "{}", ended.err);
}
