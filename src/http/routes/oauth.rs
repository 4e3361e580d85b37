//! Where providers send browsers back to: `GET /oauth/callback/{provider}`. Nothing is shown here; the browser goes on
//! to the frontend, whatever happened.

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use url::form_urlencoded;

use crate::{
    domain::auth::oauth::{self, ComeBack},
    http::{
        Shared,
        client::as_refusal,
        respond::{Media, refuse},
        stranger::Stranger,
    },
};

/// Takes a browser back.
pub(in crate::http) async fn callback(
    State(shared): State<Shared>,
    Stranger(identity): Stranger,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let back = read(provider, query.as_deref().unwrap_or_default());
    let onward = match oauth::come_back(&shared.app, back).await {
        Ok(url) => url,
        Err(error) => return refuse(&as_refusal(error, &identity), Media::Json, &identity),
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(onward.as_str()) {
        headers.insert(header::LOCATION, location);
    }
    // The ticket is in the address.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The parameters of the answer. One that comes twice counts as absent: nobody can tell which was meant (RFC 6749, 3.1).
fn read(provider: String, query: &str) -> ComeBack {
    let only = |name: &str| {
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        value.filter(|_| values.next().is_none())
    };
    ComeBack { state: only("state"), code: only("code"), error: only("error"), iss: only("iss"), provider }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_counts_as_absent() {
        let back = read("google".to_owned(), "state=a%20b&code=1&code=2&iss=https%3A%2F%2Fid.example");
        assert_eq!((back.state.as_deref(), back.code), (Some("a b"), None));
        assert_eq!((back.error, back.iss.as_deref()), (None, Some("https://id.example")));
    }
}
