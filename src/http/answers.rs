//! Answers in flight: made, and not yet taken by their clients. So many bytes at once, in all and by address: whoever asks
//! for much and reads nothing must not fill the memory. Small ones are not counted, so that nobody is kept from signing in
//! by others' large ones; there are no more of them than requests.

use std::net::IpAddr;

use bytes::Bytes;

use super::permits::{Permit, Permits};
use crate::config::Limits;

/// Up to this many bytes an answer is small.
const SMALL: usize = 16 << 10;
/// How many addresses it takes to use up the room for all.
const SHARES: usize = 4;

/// The room for answers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    permits: Permits,
    share: usize,
}

/// Room for an answer, until it is taken.
#[derive(Debug)]
pub(super) struct Room(Option<Permit>);

impl Answers {
    pub(super) fn new(limits: &Limits) -> Self {
        // Whatever the share, one answer of any size has to be possible.
        let share = (limits.answers_in_flight / SHARES).max(limits.answer_bytes);
        Self { permits: Permits::new(limits.answers_in_flight.max(share), share), share }
    }

    /// Room for an answer of so many bytes, if there is any.
    pub(super) fn room(&self, bytes: usize, address: Option<IpAddr>) -> Option<Room> {
        if bytes <= SMALL {
            return Some(Room(None));
        }
        self.permits.take_many(bytes.min(self.share), address).map(|permit| Room(Some(permit)))
    }
}

impl Room {
    /// The answer, which holds its room until the last of it is written, or its client is gone.
    pub(super) fn hold(mut self, answer: Vec<u8>) -> Bytes {
        match &mut self.0 {
            Some(permit) => permit.shrink(answer.len()),
            None => return answer.into(),
        }
        Bytes::from_owner(Held { answer, _room: self })
    }
}

struct Held {
    answer: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.answer
    }
}
