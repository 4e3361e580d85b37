//! The second step of joining, telephone numbers, and who sees them.

mod phones;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Client, Server, client::PASSWORD};

const COMPLETE: &str = "mutation($input: ProfileCompleteInput!) { profileComplete(input: $input) { errors { code path } \
    user { bio profileCompleted profile { phone phoneVerified country state city address dateOfBirth skills \
    experienceLevel hourlyRate { amount currency } availability completedAt } } } }";
const PROFILE: &str = "{ me { bio profileCompleted profile { phone phoneVerified country state city address dateOfBirth \
    skills experienceLevel hourlyRate { amount currency } availability completedAt } } }";
const SEND: &str = "mutation($phone: PhoneNumber) { phoneVerificationSend(input: { phone: $phone }) { accepted \
    errors { code path } } }";
const VERIFY: &str = "mutation($code: String!) { phoneVerify(input: { code: $code }) { user { profile { phone \
    phoneVerified } } errors { code path } } }";
const LOGIN: &str = "mutation { login(input: { login: \"amina\", password: \"correct horse battery\" }) { result { \
    ... on Session { requiresCompletion missingProfileFields } } errors { code } } }";

const PHONE: &str = "+201001234567";

fn error(code: &str, field: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), format!("input.{field}"))]
}

fn complete() -> Value {
    json!({
        "phone": "0100 123 4567", "country": "eg", "state": " Giza ", "city": "Cairo", "address": "1 Nile St\r\nFlat 2",
        "dateOfBirth": "1990-02-28", "skills": "Rust, GraphQL", "experienceLevel": "SENIOR",
        "hourlyRate": { "amount": "12.5", "currency": "USD" }, "availability": "PART_TIME", "bio": "Hello",
    })
}

async fn prove(server: &Server, client: &Client, phone: &str) {
    assert_eq!(client.user_errors(SEND, json!({ "phone": phone })).await, []);
    let code = server.last_sent(phone).await.code();
    assert_eq!(client.user_errors(VERIFY, json!({ "code": code })).await, []);
}

#[tokio::test]
async fn the_second_step_stores_everything() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let empty = json!({
        "bio": "", "profileCompleted": false, "profile": {
            "phone": null, "phoneVerified": false, "country": null, "state": null, "city": null, "address": null,
            "dateOfBirth": null, "skills": null, "experienceLevel": "ENTRY", "hourlyRate": null,
            "availability": "FULL_TIME", "completedAt": null,
        },
    });
    assert_eq!(amina.ok(PROFILE, Value::Null).await["me"], empty);
    let data = amina.ok(COMPLETE, json!({ "input": complete() })).await;
    let user = &data["profileComplete"]["user"];
    let expected = json!({
        "bio": "Hello", "profileCompleted": true, "profile": {
            "phone": PHONE, "phoneVerified": false, "country": "EG", "state": "Giza", "city": "Cairo",
            "address": "1 Nile St\nFlat 2", "dateOfBirth": "1990-02-28", "skills": "Rust, GraphQL",
            "experienceLevel": "SENIOR", "hourlyRate": { "amount": "12.50", "currency": "USD" },
            "availability": "PART_TIME", "completedAt": user["profile"]["completedAt"],
        },
    });
    assert_eq!(data["profileComplete"], json!({ "errors": [], "user": expected }));
    assert_eq!(amina.ok(PROFILE, Value::Null).await["me"], expected);
    assert_eq!(server.count("SELECT COUNT(*) FROM activities WHERE kind = 'profile_completed'").await, 1);
}

#[tokio::test]
async fn later_changes_leave_what_is_absent_and_clear_what_is_null() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let first = amina.ok(COMPLETE, json!({ "input": complete() })).await["profileComplete"]["user"].clone();
    server.advance(60);
    let same = amina.ok(COMPLETE, json!({ "input": {} })).await["profileComplete"]["user"].clone();
    assert_eq!(same, first, "completed at the first time");
    let input = json!({
        "state": null, "address": "", "dateOfBirth": null, "skills": null, "experienceLevel": null,
        "hourlyRate": null, "availability": null, "bio": null,
    });
    let cleared = amina.ok(COMPLETE, json!({ "input": input })).await["profileComplete"]["user"].clone();
    let mut expected = first;
    expected["bio"] = "".into();
    for field in ["state", "address", "dateOfBirth", "skills", "hourlyRate"] {
        expected["profile"][field] = Value::Null;
    }
    expected["profile"]["experienceLevel"] = "ENTRY".into();
    expected["profile"]["availability"] = "FULL_TIME".into();
    assert_eq!(cleared, expected);
    assert_eq!(amina.user_errors(COMPLETE, json!({ "input": { "city": null } })).await, error("BLANK", "city"));
    assert_eq!(amina.ok(PROFILE, Value::Null).await["me"], expected);
    assert_eq!(server.count("SELECT COUNT(*) FROM activities WHERE kind = 'profile_completed'").await, 1);
}

#[tokio::test]
async fn each_field_has_its_rules_and_nothing_is_kept_of_a_refused_call() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let rate = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
    for (field, value, code) in [
        ("phone", json!("+20100"), "INVALID"),
        ("phone", json!("not a number"), "INVALID"),
        ("phone", json!("+201001234567\r\nX"), "INVALID"),
        ("phone", json!("<script>"), "INVALID"),
        ("phone", json!("+999123456789"), "INVALID"),
        ("phone", json!("9".repeat(1000)), "INVALID"),
        ("country", json!("XX"), "INVALID"),
        ("country", json!("Egypt"), "INVALID"),
        ("country", json!("EGY"), "INVALID"),
        ("country", json!("é"), "INVALID"),
        ("state", json!("x".repeat(51)), "TOO_LONG"),
        ("state", json!("a\u{0}b"), "INVALID_CHARACTERS"),
        ("city", json!("x".repeat(101)), "TOO_LONG"),
        ("address", json!("x".repeat(501)), "TOO_LONG"),
        ("address", json!("a\u{202e}b"), "INVALID_CHARACTERS"),
        ("skills", json!("x".repeat(1001)), "TOO_LONG"),
        ("bio", json!("x".repeat(501)), "TOO_LONG"),
        ("dateOfBirth", json!("2026-01-01"), "INVALID"),
        ("dateOfBirth", json!("2999-01-01"), "INVALID"),
        ("dateOfBirth", json!("1899-12-31"), "INVALID"),
        ("hourlyRate", rate("1.234", "USD"), "INVALID"),
        ("hourlyRate", rate("-1", "USD"), "INVALID"),
        ("hourlyRate", rate("0.5", "JPY"), "INVALID"),
        ("hourlyRate", rate("100000000.00", "USD"), "INVALID"),
    ] {
        let mut input = complete();
        input[field] = value.clone();
        if field == "country" {
            // A national number can't be read then, either.
            input["phone"] = PHONE.into();
        }
        let errors = amina.user_errors(COMPLETE, json!({ "input": input })).await;
        assert_eq!(errors, error(code, field), "{field}: {value}");
    }
    for (field, path, value) in [
        ("dateOfBirth", "dateOfBirth", json!("1990-02-30")),
        ("hourlyRate", "hourlyRate.currency", json!({ "amount": "12.5", "currency": "XXX" })),
    ] {
        let mut input = complete();
        input[field] = value;
        assert_eq!(amina.user_errors(COMPLETE, json!({ "input": input })).await, error("INVALID", path), "{field}");
    }
    for (field, value) in [
        ("dateOfBirth", json!(19_900_228)),
        ("hourlyRate", json!({ "amount": 12.5, "currency": "USD" })),
        ("experienceLevel", json!("WIZARD")),
    ] {
        let mut input = complete();
        input[field] = value;
        assert_eq!(amina.refused(COMPLETE, json!({ "input": input })).await, "BAD_REQUEST", "{field}");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn everything_that_is_wrong_or_missing_is_told_at_once() {
    let server = Server::with(&[("PROFILE_REQUIRED_FIELDS", "phone,country,city,date_of_birth,hourly_rate,bio")]).await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let mut errors = amina.user_errors(COMPLETE, json!({ "input": { "country": "XX", "city": " " } })).await;
    errors.sort();
    let mut expected = [error("INVALID", "country")].concat();
    for field in ["phone", "city", "dateOfBirth", "hourlyRate", "bio"] {
        expected.extend(error("BLANK", field));
    }
    expected.sort();
    assert_eq!(errors, expected);
    assert_eq!(server.rows().await, before, "nothing of it is kept");
}

#[tokio::test]
async fn whoever_signs_in_is_told_what_is_missing() {
    let server = Server::start().await;
    let register = "mutation($input: RegisterInput!) { register(input: $input) { result { ... on Session { refreshToken \
                    accessToken requiresCompletion missingProfileFields } } errors { code } } }";
    let input = json!({ "username": "amina", "email": "amina@example.org", "password": PASSWORD });
    let session = server.anonymous().ok(register, json!({ "input": input })).await["register"]["result"].clone();
    assert_eq!(session["requiresCompletion"], true);
    assert_eq!(session["missingProfileFields"], json!(["PHONE", "COUNTRY", "CITY"]));
    let amina = server.anonymous().token(session["accessToken"].as_str().unwrap());
    let login = server.anonymous().ok(LOGIN, Value::Null).await;
    assert_eq!(login["login"]["result"]["missingProfileFields"], json!(["PHONE", "COUNTRY", "CITY"]));
    assert_eq!(amina.user_errors(COMPLETE, json!({ "input": complete() })).await, []);
    let complete = json!({ "requiresCompletion": false, "missingProfileFields": [] });
    assert_eq!(server.anonymous().ok(LOGIN, Value::Null).await["login"]["result"], complete);
    let refresh = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { session { \
                   requiresCompletion missingProfileFields } errors { code } } }";
    let data = amina.ok(refresh, json!({ "token": session["refreshToken"] })).await;
    assert_eq!(data["tokenRefresh"]["session"], complete);

    // The operator asks for more; the next sign-in says so.
    let stricter = server.beside(&[("PROFILE_REQUIRED_FIELDS", "phone,skills,date_of_birth")]).await;
    let clear = json!({ "input": { "skills": null } });
    assert_eq!(amina.user_errors(COMPLETE, clear).await, []);
    let data = stricter.anonymous().ok(LOGIN, Value::Null).await;
    let missing = json!({ "requiresCompletion": true, "missingProfileFields": ["SKILLS"] });
    assert_eq!(data["login"]["result"], missing);
    let me = amina.clone().through(stricter.router.clone()).ok("{ me { profileCompleted } }", Value::Null).await;
    assert_eq!(me["me"]["profileCompleted"], false);
}

#[tokio::test]
async fn where_nothing_is_required_nothing_is_missing() {
    let server = Server::with(&[("PROFILE_REQUIRED_FIELDS", "none")]).await;
    let amina = server.user("amina").await;
    let data = server.anonymous().ok(LOGIN, Value::Null).await;
    assert_eq!(data["login"]["result"], json!({ "requiresCompletion": false, "missingProfileFields": [] }));
    assert_eq!(amina.ok("{ me { profileCompleted } }", Value::Null).await["me"]["profileCompleted"], false);
    assert_eq!(amina.user_errors(COMPLETE, json!({ "input": {} })).await, []);
    assert_eq!(amina.ok("{ me { profileCompleted } }", Value::Null).await["me"]["profileCompleted"], true);
}

#[tokio::test]
async fn a_day_has_its_number_of_codes_whatever_number_they_go_to() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let phone = |number: i32| json!({ "phone": format!("+20100123456{number}") });
    for number in 0..5 {
        assert_eq!(amina.user_errors(SEND, phone(number)).await, []);
    }
    let before = server.contents().await;
    assert_eq!(amina.user_errors(SEND, phone(5)).await, [("TOO_MANY_CODES".to_owned(), String::new())]);
    assert!(server.changes_since(&before).await.is_empty());
}

#[tokio::test]
async fn a_number_is_proven_by_the_code_in_a_text_message() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    assert_eq!(amina.user_errors(SEND, json!({})).await, error("BLANK", "phone"));
    assert_eq!(amina.user_errors(SEND, json!({ "phone": "0100 123 4567" })).await, error("INVALID", "phone"));
    amina.ok(COMPLETE, json!({ "input": complete() })).await;
    // Now the country is known, and the number is there.
    assert_eq!(amina.user_errors(SEND, json!({})).await, []);
    let again = amina.user_errors(SEND, json!({ "phone": "0100 123 4567" })).await;
    assert_eq!(again, [("CODE_SENT_JUST_NOW".to_owned(), String::new())]);
    let code = server.last_sent(PHONE).await.code();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(amina.user_errors(VERIFY, json!({ "code": wrong })).await, error("INVALID_CODE", "code"));
    let data = amina.ok(VERIFY, json!({ "code": code })).await;
    let profile = json!({ "phone": PHONE, "phoneVerified": true });
    assert_eq!(data["phoneVerify"], json!({ "user": { "profile": profile }, "errors": [] }));
    assert_eq!(amina.user_errors(VERIFY, json!({ "code": code })).await, error("INVALID_CODE", "code"));
    assert_eq!(amina.user_errors(SEND, json!({})).await, error("ALREADY_VERIFIED", "phone"));
    assert_eq!(server.count("SELECT COUNT(*) FROM activities WHERE kind = 'phone_verified'").await, 1);

    // The same number, written otherwise, is no change; another one has to be proven again.
    let data = amina.ok(COMPLETE, json!({ "input": { "phone": "+20 (100) 123-4567" } })).await;
    assert_eq!(data["profileComplete"]["user"]["profile"]["phoneVerified"], true);
    let data = amina.ok(COMPLETE, json!({ "input": { "phone": "+201001234568" } })).await;
    assert_eq!(data["profileComplete"]["user"]["profile"]["phoneVerified"], false);
}

#[tokio::test]
async fn the_code_for_a_number_is_good_for_ten_minutes_and_five_tries() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.ok(SEND, json!({ "phone": PHONE })).await;
    let code = server.last_sent(PHONE).await.code();
    server.advance(600);
    assert_eq!(amina.user_errors(VERIFY, json!({ "code": code })).await, error("INVALID_CODE", "code"));
    let amina = server.anonymous().login("amina").await;
    amina.ok(SEND, json!({ "phone": PHONE })).await;
    let code = server.last_sent(PHONE).await.code();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let guesses = (0..50).map(|_| amina.user_errors(VERIFY, json!({ "code": wrong })));
    join_all(guesses).await;
    assert_eq!(amina.user_errors(VERIFY, json!({ "code": code })).await, error("INVALID_CODE", "code"));
    assert_eq!(server.count("SELECT COUNT(*) FROM profiles").await, 0);
}

#[tokio::test]
async fn malformed_numbers_are_refused_before_anything_is_sent() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    for phone in [
        "+",
        "+1",
        "++201001234567",
        "+20100123456789012345",
        "201001234567",
        "00201001234567",
        "+20-100-123-456a",
        "tel:+201001234567;ext=1",
        "sip:+201001234567",
        "+201001234567;ext=1",
        "+201001234567,+201001234568",
        "+20\u{0}1001234567",
        "+201001234567\r\nTo: x",
        "+1 900 555 0100",
        "112",
        "' OR 1=1 --",
    ] {
        assert_eq!(amina.user_errors(SEND, json!({ "phone": phone })).await, error("INVALID", "phone"), "{phone:?}");
    }
    assert_eq!(server.rows().await, before);
    assert_eq!(server.sent().await, []);
}

#[tokio::test]
async fn a_number_that_another_has_proven_is_refused_to_who_proves_it_and_told_to_nobody_else() {
    let server = Server::start().await;
    let (amina, badr) = (server.user("amina").await, server.user("badr").await);
    prove(&server, &amina, PHONE).await;
    // Writing it down, and asking for a code, shows nothing; nor that somebody asked just now.
    let input = json!({ "input": { "phone": PHONE, "country": "EG", "city": "Giza" } });
    assert_eq!(badr.user_errors(COMPLETE, input).await, []);
    assert_eq!(badr.user_errors(SEND, json!({})).await, []);
    server.advance(60);
    assert_eq!(badr.user_errors(SEND, json!({})).await, []);
    let code = server.last_sent(PHONE).await.code();
    let before = server.rows().await;
    assert_eq!(badr.user_errors(VERIFY, json!({ "code": code })).await, error("TAKEN", "code"));
    assert_eq!(server.rows().await, before);
    let phones = "SELECT COUNT(*) FROM profiles WHERE phone_verified_at IS NOT NULL";
    assert_eq!(server.count(phones).await, 1);
}

#[tokio::test]
async fn of_two_who_prove_one_number_at_once_one_has_it() {
    let server = Server::start().await;
    let both = [server.user("amina").await, server.user("badr").await];
    let mut codes = Vec::new();
    for client in &both {
        client.ok(SEND, json!({ "phone": PHONE })).await;
        codes.push(server.last_sent(PHONE).await.code());
        server.advance(60);
    }
    let verified = both.iter().zip(&codes).map(|(client, code)| client.user_errors(VERIFY, json!({ "code": code })));
    let mut results = join_all(verified).await;
    results.sort();
    assert_eq!(results, [vec![], error("TAKEN", "code")]);
}

#[tokio::test]
async fn contacts_are_seen_by_their_owner_and_by_who_may_see_contacts() {
    let server = Server::with(&[("TWO_FACTOR_REQUIRED_ROLES", "administrator,owner")]).await;
    let amina = server.user("amina").await;
    amina.ok(COMPLETE, json!({ "input": complete() })).await;
    for (name, role) in
        [("agent", "support_agent"), ("moderator_1", "moderator"), ("seller_1", "seller"), ("unready", "administrator")]
    {
        server.user(name).await;
        let sql = "INSERT INTO user_roles (user_id, role, created_at) SELECT id, $2, created_at FROM users \
                   WHERE username_key = $1";
        server.write(sql, vec![name.into(), role.into()]).await;
    }
    let query = "{ user(username: \"amina\") { email emailVerified profileCompleted profile { phone city } } }";
    let shown = json!({
        "email": "amina@example.org", "emailVerified": false, "profileCompleted": true,
        "profile": { "phone": PHONE, "city": "Cairo" },
    });
    let hidden = json!({ "email": null, "emailVerified": null, "profileCompleted": null, "profile": null });
    assert_eq!(amina.ok(query, Value::Null).await["user"], shown);
    assert_eq!(server.anonymous().ok(query, Value::Null).await["user"], hidden);
    // A role counts from the next sign-in on, and only with the second factor that it demands.
    for (name, expected) in [("agent", &shown), ("moderator_1", &hidden), ("seller_1", &hidden), ("unready", &hidden)] {
        let client = server.anonymous().login(name).await;
        assert_eq!(client.ok(query, Value::Null).await["user"], *expected, "{name}");
    }
}

#[tokio::test]
async fn contacts_of_a_list_load_with_a_constant_number_of_statements() {
    let server = Server::start().await;
    for number in 0..6 {
        let client = server.user(&format!("person_{number}")).await;
        client.ok(COMPLETE, json!({ "input": { "phone": PHONE, "country": "EG", "city": "Giza" } })).await;
    }
    server.user("agent").await;
    let sql = "INSERT INTO user_roles (user_id, role, created_at) SELECT id, 'support_agent', created_at FROM users \
               WHERE username_key = 'agent'";
    server.write(sql, Vec::new()).await;
    let agent = server.anonymous().login("agent").await;
    agent.ok("{ me { id } }", Value::Null).await;
    let cost = async |first: usize| {
        let before = server.app.db.statements();
        let query = format!(
            "{{ users(first: {first}) {{ nodes {{ email emailVerified profileCompleted profile {{ phone }} }} }} }}"
        );
        let data = agent.ok(&query, Value::Null).await;
        assert_eq!(data["users"]["nodes"].as_array().unwrap().len(), first);
        server.app.db.statements() - before
    };
    assert_eq!(cost(2).await, cost(6).await);
}

#[tokio::test]
async fn a_change_of_user_name_is_written_down() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let update = "mutation { profileUpdate(input: { username: \"Amina_2\" }) { errors { code } } }";
    amina.ok(update, Value::Null).await;
    amina.ok(update, Value::Null).await;
    let rows = "SELECT COUNT(*) FROM activities WHERE kind = 'username_changed' AND detail = 'amina → Amina_2'";
    assert_eq!(server.count(rows).await, 1);
}
