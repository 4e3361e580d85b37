//! The HMAC of a notice of Paymob's.

use aws_lc_rs::hmac;
use serde_json::Value;

use crate::platform::providers::payments::signature::from_hex;

/// The fields of a transaction that its notice's HMAC is over, in their order
/// (https://developers.paymob.com/egypt/manage-callback/hmac/hmac-transaction-callback).
const SIGNED: [&str; 20] = [
    "/amount_cents",
    "/created_at",
    "/currency",
    "/error_occured",
    "/has_parent_transaction",
    "/id",
    "/integration_id",
    "/is_3d_secure",
    "/is_auth",
    "/is_capture",
    "/is_refunded",
    "/is_standalone_payment",
    "/is_voided",
    "/order/id",
    "/owner",
    "/pending",
    "/source_data/pan",
    "/source_data/sub_type",
    "/source_data/type",
    "/success",
];

fn signed(transaction: &Value) -> String {
    let field = |path| match transaction.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    SIGNED.into_iter().map(field).collect()
}

/// Whether an HMAC is that of a transaction.
pub(super) fn is_signed(secret: &[u8], transaction: &Value, tag: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA512, secret);
    // In constant time.
    from_hex(tag).is_some_and(|tag| hmac::verify(&key, signed(transaction).as_bytes(), &tag).is_ok())
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A notice of the documents' shape; the text and its HMAC under `only for tests` were made by openssl.
    pub(in crate::platform::providers::payments) fn notice() -> Value {
        json!({
            "id": 192_036_465, "pending": false, "amount_cents": 100_000, "success": true, "is_auth": false,
            "is_capture": false, "is_standalone_payment": true, "is_voided": false, "is_refunded": false,
            "is_3d_secure": true, "integration_id": 4_097_558, "has_parent_transaction": false,
            "order": { "id": 217_503_754, "merchant_order_id": "payment_1" }, "created_at": "2024-06-13T11:33:44.592345",
            "currency": "EGP", "source_data": { "pan": "2346", "type": "card", "sub_type": "MasterCard" },
            "error_occured": false, "owner": 302_852,
        })
    }
    const TEXT: &str = "1000002024-06-13T11:33:44.592345EGPfalsefalse1920364654097558truefalsefalsefalsetruefalse217503754302852\
                        false2346MasterCardcardtrue";
    const TAG: &str = "e863ae483a74c30f059fbb1a2d9ccc69cdf31fec977d856e9fb88c71e2f05135a3e3ddc426b6add90ed63e7f8cb702d3\
                       478089714d523fd896e5668dceee99c9";

    #[test]
    fn the_hmac_is_over_the_documented_fields_in_their_order() {
        let secret = b"only for tests";
        assert_eq!(signed(&notice()), TEXT);
        assert!(is_signed(secret, &notice(), TAG) && is_signed(secret, &notice(), &TAG.to_uppercase()));
        assert!(!is_signed(b"another", &notice(), TAG));
        assert!(!is_signed(secret, &notice(), &TAG[..126]) && !is_signed(secret, &notice(), ""));
        for path in SIGNED {
            let mut changed = notice();
            *changed.pointer_mut(path).unwrap() = "changed".into();
            assert!(!is_signed(secret, &changed, TAG), "{path}");
        }
        let mut without = notice();
        without["source_data"]["pan"] = Value::Null;
        assert_eq!(signed(&without), TEXT.replace("2346", ""));
    }
}
