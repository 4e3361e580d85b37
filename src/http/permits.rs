//! Permits, by semaphores with a limit per address: for connections, requests, what is live (sockets and event streams),
//! and the bytes of answers. So many at once, and so many of them for one address, so that no one can take them all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::platform::rate_limit::address_key;

/// The permits of this process for one kind of thing. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Permits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    limit_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A permit, or several together; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Permits,
    address: Option<IpAddr>,
    count: usize,
}

impl Permits {
    pub(super) fn new(limit: usize, limit_per_address: usize) -> Self {
        Self(Arc::new(Inner { limit, limit_per_address, taken: Mutex::default() }))
    }

    /// A permit for a client of this address (IPv6: of this /64), if there still is one. Without an address it only
    /// counts among all.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Option<Permit> {
        self.take_many(1, address)
    }

    /// Several permits at once, or none of them.
    pub(super) fn take_many(&self, count: usize, address: Option<IpAddr>) -> Option<Permit> {
        let address = address.map(address_key);
        let mut taken = self.taken();
        if taken.all.saturating_add(count) > self.0.limit {
            return None;
        }
        if let Some(address) = address {
            let here = taken.by_address.get(&address).copied().unwrap_or_default().saturating_add(count);
            if here > self.0.limit_per_address {
                return None;
            }
            taken.by_address.insert(address, here);
        }
        taken.all += count;
        Some(Permit { permits: self.clone(), address, count })
    }

    /// How many are taken now.
    pub(super) fn count(&self) -> usize {
        self.taken().all
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Gives all but so many back.
    pub(super) fn shrink(&mut self, count: usize) {
        self.give_back(self.count.saturating_sub(count));
    }

    fn give_back(&mut self, count: usize) {
        self.count -= count;
        let mut taken = self.permits.taken();
        taken.all -= count;
        if let Some(address) = self.address
            && let Some(here) = taken.by_address.get_mut(&address)
        {
            *here -= count;
            if *here == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_its_share_and_all_together_theirs() {
        let permits = Permits::new(3, 2);
        let at = |text: &str| Some(text.parse().unwrap());
        let first = permits.take(at("192.0.2.1")).unwrap();
        let _second = permits.take(at("192.0.2.1")).unwrap();
        assert!(permits.take(at("192.0.2.1")).is_none());
        let _third = permits.take(at("2001:db8::1")).unwrap();
        assert!(permits.take(at("192.0.2.2")).is_none());
        drop(first);
        assert!(permits.take(at("192.0.2.1")).is_some());
        assert!(permits.take(at("192.0.2.2")).is_some());
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let permits = Permits::new(10, 6);
        let at = |text: &str| Some(text.parse().unwrap());
        let mut first = permits.take_many(5, at("192.0.2.1")).unwrap();
        assert!(permits.take_many(2, at("192.0.2.1")).is_none());
        first.shrink(4);
        let _second = permits.take_many(2, at("192.0.2.1")).unwrap();
        assert!(permits.take_many(5, at("192.0.2.2")).is_none());
        drop(first);
        assert!(permits.take_many(5, at("192.0.2.2")).is_some());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_theirs() {
        let permits = Permits::new(10, 1);
        let at = |text: &str| Some(text.parse().unwrap());
        let _first = permits.take(at("2001:db8:1:2::1")).unwrap();
        assert!(permits.take(at("2001:db8:1:2:ffff::1")).is_none());
        assert!(permits.take(at("2001:db8:1:3::1")).is_some());
    }
}
