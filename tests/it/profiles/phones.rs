//! Telephone numbers of the whole world, against the data of libphonenumber itself: as they are written where they are
//! from, and abroad.

use agora::platform::text::phone::e164;
use serde_json::{Value, json};

use crate::harness::Server;

/// See the script beside it.
const NUMBERS: &str = include_str!("../../data/telephone_numbers.tsv");
/// What a person can be called at.
const REACHABLE: &[&str] = &["mobile", "fixed_line", "fixed_line_or_mobile", "voip", "personal"];

#[test]
fn numbers_of_every_country_are_read_in_all_their_forms_and_what_nobody_is_called_at_in_none() {
    let (mut regions, mut reached, mut wrong) = (std::collections::BTreeSet::new(), 0, Vec::new());
    for line in NUMBERS.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [kind, region, number, national, abroad] = columns[..] else { panic!("{line}") };
        let expected = REACHABLE.contains(&kind).then(|| number.to_owned());
        let read = [e164(number, None), e164(national, Some(region)), e164(abroad, None), e164(number, Some("EG"))];
        if read.iter().any(|read| *read != expected) {
            wrong.push(format!("{line}: {read:?}"));
        }
        regions.insert(region);
        reached += usize::from(expected.is_some());
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    assert!(regions.len() >= 240 && reached >= 600, "{} {reached}", regions.len());
}

#[tokio::test]
async fn a_number_with_a_zero_of_its_own_is_kept_and_proven() {
    let server = Server::start().await;
    let send =
        "mutation($phone: PhoneNumber) { phoneVerificationSend(input: { phone: $phone }) { errors { code path } } }";
    let verify = "mutation($code: String!) { phoneVerify(input: { code: $code }) { errors { code path } } }";
    for (number, kept) in
        [("+39 06 6982 1234", "+390669821234"), ("\u{202A}+225 07 12 34 56 78\u{202C}", "+2250712345678")]
    {
        let client = server.user(&format!("person_{}", &kept[1..5])).await;
        assert_eq!(client.user_errors(send, json!({ "phone": number })).await, []);
        let code = server.last_sent(kept).await.code();
        assert_eq!(client.user_errors(verify, json!({ "code": code })).await, []);
        let me = client.ok("{ me { profile { phone phoneVerified } } }", Value::Null).await;
        assert_eq!(me["me"]["profile"], json!({ "phone": kept, "phoneVerified": true }));
    }
}
