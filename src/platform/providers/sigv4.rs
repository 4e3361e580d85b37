//! Signature version 4 of Amazon's services, for a POST with a body: the little of it that is needed here, because the
//! crate for all of it brings some thirty others along.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use chrono::{DateTime, Utc};

use crate::platform::crypto::{hex, sha256};

/// Whose signature, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The id of the key.
    pub access_key: &'a str,
    /// The secret that belongs to the key; never sent.
    pub secret: &'a str,
    /// The region's code, such as `eu-central-1`.
    pub region: &'a str,
    /// The service's code, such as `sns`.
    pub service: &'a str,
}

/// The time as the header `x-amz-date` has it.
#[must_use]
pub(crate) fn amz_date(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The header `authorization` of a POST to `/` with these headers, which are given in lower case and in order, and
/// among which are `host` and `x-amz-date`.
#[must_use]
pub(crate) fn authorization(scope: Scope<'_>, at: DateTime<Utc>, headers: &[(&str, &str)], body: &[u8]) -> String {
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines = headers.iter().map(|(name, value)| format!("{name}:{}", value.trim())).collect::<Vec<_>>().join("\n");
    let request = format!("POST\n/\n\n{lines}\n\n{names}\n{}", hex(&sha256(body)));

    let day = at.format("%Y%m%d").to_string();
    let where_to = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{where_to}\n{}", amz_date(at), hex(&sha256(request.as_bytes())));
    let secret = format!("AWS4{}", scope.secret).into_bytes();
    let key = [&day, scope.region, scope.service, "aws4_request"].iter().fold(secret, |key, part| keyed(&key, part));
    let signature = hex(&keyed(&key, &to_sign));
    format!("AWS4-HMAC-SHA256 Credential={}/{where_to}, SignedHeaders={names}, Signature={signature}", scope.access_key)
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Amazon's own suite: `post-vanilla` and `post-x-www-form-urlencoded`.
    #[test]
    fn the_official_examples_are_signed_as_they_should_be() {
        let scope = Scope {
            access_key: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "service",
        };
        let at = "2015-08-30T12:36:00Z".parse().unwrap();
        let (host, date) = (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"));
        assert_eq!(amz_date(at), date.1);
        assert_eq!(
            authorization(scope, at, &[host, date], b""),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let body = b"Param1=value1";
        let hash = hex(&sha256(body));
        let headers = [
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            host,
            ("x-amz-content-sha256", hash.as_str()),
            date,
        ];
        let signed = authorization(scope, at, &headers, body);
        assert!(
            signed.ends_with("Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"),
            "{signed}"
        );
    }
}
