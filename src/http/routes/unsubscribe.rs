//! The link under news: a page with a button, and what the button does. Mail programs call it by POST themselves (RFC 8058);
//! programs that only look at links, to see whether they are safe, must not unsubscribe anybody.

use axum::{
    extract::{Extension, Path, State},
    response::Response,
};

use crate::{
    catalogue::Text,
    domain::goals::{self, NewsSubscription},
    error::{Error, Locale, Result},
    http::{
        Shared,
        client::{Identity, as_refusal},
        respond::{self, Media, refuse},
        stranger::Stranger,
    },
};

/// The page; not found when the link is none.
pub(in crate::http) async fn page(
    State(shared): State<Shared>,
    Stranger(identity): Stranger,
    Path(token): Path<String>,
) -> Response {
    answer(identity, goals::news_subscription(&shared.app, &token).await).await
}

/// No more news. Whatever the body says: the token is enough.
pub(in crate::http) async fn unsubscribe(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    Path(token): Path<String>,
) -> Response {
    // Not taken from the allowance of the address: a mail service calls for all its users, and what the token allows is
    // done once.
    answer(identity, goals::news_unsubscribe(&shared.app, &token).await).await
}

async fn answer(identity: Identity, found: Result<Option<NewsSubscription>, Error>) -> Response {
    match found {
        Ok(Some(subscription)) => respond::page(html(identity.client.locale, &subscription)),
        Ok(None) => respond::not_found(Extension(identity)).await,
        Err(error) => refuse(&as_refusal(error, &identity), Media::Json, &identity),
    }
}

fn html(locale: Locale, subscription: &NewsSubscription) -> String {
    let (language, direction) = (locale.as_str(), locale.direction());
    let title = Text::NewsByEmail.in_language(locale);
    let button = Text::Unsubscribe.in_language(locale);
    let goal = respond::escaped(&subscription.goal).into();
    let words = if subscription.is_on { Text::NewsIsOn { goal } } else { Text::NewsIsOff { goal } };
    let words = words.in_language(locale);
    // Without an action it goes to where the page came from, however the service is reached.
    let form = if subscription.is_on {
        format!("<form method=\"post\"><button>{button}</button></form>")
    } else {
        String::new()
    };
    format!(
        "<!doctype html><html lang=\"{language}\" dir=\"{direction}\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <style>body{{font:16px sans-serif;max-width:40em;margin:3em auto;padding:0 1em}}</style>\
         <h1>{title}</h1><p>{words}</p>{form}</html>"
    )
}
