//! What monitoring reads: figures of this process, and of money and jobs in the database, as text of Prometheus
//! (https://prometheus.io/docs/instrumenting/exposition_formats/). They are few, so that the text is written by hand.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::{
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;

use crate::{
    app::App,
    domain::{alerts, jobs},
    error::{Code, Refusal, Result},
    http::{
        Shared,
        client::{Identity, as_refusal},
        respond::{Media, refuse},
    },
};

/// How long the database may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The media type of the text.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many answers were given, by the first digit of their status.
#[derive(Debug, Default)]
pub(in crate::http) struct Answered([AtomicU64; 5]);

impl Answered {
    /// Counts an answer.
    pub(in crate::http) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = self.0.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The figures, for who has the token.
pub(in crate::http) async fn get(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
) -> Response {
    let refused = |refusal: &Refusal| refuse(refusal, Media::Json, &identity);
    if !is_admitted(&shared.app, &headers) {
        let message = "Send the token of METRICS_TOKEN as `Authorization: Bearer …`.";
        let mut response = refused(&Refusal::new(Code::Unauthenticated, message));
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    match tokio::time::timeout(TIMEOUT, figures(&shared)).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Ok(Err(error)) => refused(&as_refusal(error, &identity)),
        Err(_) => refused(&Refusal::new(Code::Unavailable, "The database does not answer in time.")),
    }
}

/// Whether a request brings the token; compared by keyed hashes, in constant time.
pub(in crate::http) fn is_admitted(app: &App, headers: &HeaderMap) -> bool {
    let Some(token) = &app.config.metrics_token else { return false };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    let Some((_, given)) = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else { return false };
    let kept = app.keys.fingerprint("metrics", &[token.expose_secret()]);
    app.keys.fingerprint_verify("metrics", &[given.trim()], &kept)
}

async fn figures(shared: &Shared) -> Result<String> {
    let app = &shared.app;
    let money = alerts::figures(app).await?;
    let (due, dead) = jobs::waiting(app).await?;
    let mut text = Exposition::default();
    let checks = [("books", money.books.as_ref()), ("providers", money.providers.as_ref())];
    let checks: Vec<_> = checks.into_iter().filter_map(|(name, check)| Some((name, check?))).collect();
    let differences = checks.iter().map(|(name, check)| (*name, check.differences));
    text.gauge("check_differences", "What differed when a check of all money ran last.", "check", differences);
    let ran = checks.iter().map(|(name, check)| (*name, check.ran_at.timestamp()));
    text.gauge("check_ran_at_seconds", "When a check of all money ran last, since 1970.", "check", ran);
    text.one("open_disputes", "Disputes that nobody has decided.", money.open_disputes);
    text.one("failed_refunds", "Refunds that failed in the last seven days.", money.failed_refunds);
    text.one("requested_refunds", "Refunds that wait for somebody to grant or refuse them.", money.requested_refunds);
    let withdrawals = [("requested", money.requested_withdrawals), ("approved", money.approved_withdrawals)];
    text.gauge("waiting_withdrawals", "Withdrawals that wait for staff.", "state", withdrawals);
    text.one("dead_jobs", "Jobs that failed too often.", dead);
    let due = due.into_iter().map(|(lane, count)| (lane.as_str(), count));
    text.gauge("due_jobs", "Jobs whose time has come.", "lane", due);
    text.one("open_streams", "WebSockets and event streams of this process.", whole(shared.live.count()));
    text.one("requests_in_flight", "Requests that this process is answering.", whole(shared.requests.count()));
    let answered = shared.answered.0.iter().map(|count| whole(count.load(Ordering::Relaxed)));
    let answered = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(answered);
    text.counter("answers_total", "Answers that this process gave, by their status.", "status", answered);
    let executions = whole(app.executions.load(Ordering::Relaxed));
    text.counter("executions_total", "Events that this process executed for followers.", "", [("", executions)]);
    Ok(text.0)
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// The text, as it is being written.
#[derive(Debug, Default)]
struct Exposition(String);

impl Exposition {
    /// What goes up and down, without a label.
    fn one(&mut self, name: &str, help: &str, value: i64) {
        self.gauge(name, help, "", [("", value)]);
    }

    /// What goes up and down, by the values of a label, if it has a name.
    fn gauge<'a>(&mut self, name: &str, help: &str, label: &str, samples: impl IntoIterator<Item = (&'a str, i64)>) {
        self.family((name, "gauge"), help, label, samples);
    }

    /// The same of what only goes up as long as the process lives.
    fn counter<'a>(&mut self, name: &str, help: &str, label: &str, samples: impl IntoIterator<Item = (&'a str, i64)>) {
        self.family((name, "counter"), help, label, samples);
    }

    fn family<'a>(
        &mut self,
        (name, kind): (&str, &str),
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (&'a str, i64)>,
    ) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP agora_{name} {help}\n# TYPE agora_{name} {kind}");
        for (value, sample) in samples {
            let _ = if label.is_empty() {
                writeln!(self.0, "agora_{name} {sample}")
            } else {
                writeln!(self.0, "agora_{name}{{{label}=\"{value}\"}} {sample}")
            };
        }
    }
}
