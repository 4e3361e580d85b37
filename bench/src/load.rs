//! Asking a server a fixed number of times, at a fixed concurrency, and what that took.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use memchr::memmem;

use crate::{Result, http::Connection};

/// What some requests took.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Microseconds of each request; sorted when read.
    pub(crate) latencies: Vec<u32>,
}

impl Timing {
    pub(crate) fn add(&mut self, other: Self) {
        self.elapsed += other.elapsed;
        self.latencies.extend(other.latencies);
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// The value below which this share (0 to 1) of the values lies; 0 when there is none.
pub(crate) fn percentile(values: &mut [u32], share: f64) -> u32 {
    if values.is_empty() {
        return 0;
    }
    let place = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable(place).1
}

/// Sends the requests `first..first + count`, as made by `request`, over `concurrency` connections that are each kept
/// alive, and looks that every answer is a good one, and holds what is to be measured.
pub(crate) async fn send(
    address: SocketAddr,
    concurrency: usize,
    first: usize,
    count: usize,
    request: &dyn Fn(usize) -> Vec<u8>,
    holds: &dyn Fn(&[u8]) -> bool,
) -> Result<Timing> {
    let mut connections = try_join_all((0..concurrency).map(|_| Connection::open(address))).await?;
    let next = AtomicUsize::new(first);
    let (next, end) = (&next, first + count);
    let start = Instant::now();
    let parts = try_join_all(connections.iter_mut().map(async |connection| {
        let mut latencies = Vec::with_capacity(count / concurrency + 1);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok::<_, crate::Error>(latencies);
            }
            let request = request(number);
            let sent = Instant::now();
            let (status, body) = connection.send(&request).await?;
            latencies.push(sent.elapsed().as_micros() as u32);
            if status != 200 || is_refusal(body) || !holds(body) {
                return Err(format!("{status}: {}", String::from_utf8_lossy(&body[..body.len().min(500)])).into());
            }
        }
    }))
    .await?;
    Ok(Timing { elapsed: start.elapsed(), latencies: parts.concat() })
}

/// Whether an answer has errors of either kind. An answer to a mutation always has a list of them, mostly empty.
fn is_refusal(body: &[u8]) -> bool {
    memmem::find(body, b"\"errors\":[{").is_some() || body.starts_with(b"{\"data\":null")
}

/// How often a text stands in an answer.
pub(crate) fn count_of(body: &[u8], text: &str) -> usize {
    memmem::find_iter(body, text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut values: Vec<u32> = (1..=100).rev().collect();
        assert_eq!((percentile(&mut values, 0.5), percentile(&mut values, 0.99)), (50, 99));
        assert_eq!((percentile(&mut [7], 0.5), percentile(&mut [], 0.99)), (7, 0));
    }
}
