//! Places: for connections, requests, sockets. So many at once, and so many of them for one address, so that no one can
//! take them all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::platform::rate_limit::address_key;

/// The places of this process for one kind of thing. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Inner>);

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

/// A taken place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(limit: usize, limit_per_address: usize) -> Self {
        Self(Arc::new(Inner { limit, limit_per_address, taken: Mutex::default() }))
    }

    /// A place for a client of this address (IPv6: of this /64), if there still is one. Without an address it only
    /// counts among all.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Option<Place> {
        let address = address.map(address_key);
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.0.limit {
            return None;
        }
        if let Some(address) = address {
            let here = taken.by_address.entry(address).or_default();
            if *here >= self.0.limit_per_address {
                return None;
            }
            *here += 1;
        }
        taken.all += 1;
        Some(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(address) = self.address
            && let Some(here) = taken.by_address.get_mut(&address)
        {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_its_share_and_all_together_theirs() {
        let places = Places::new(3, 2);
        let at = |text: &str| Some(text.parse().unwrap());
        let first = places.take(at("192.0.2.1")).unwrap();
        let _second = places.take(at("192.0.2.1")).unwrap();
        assert!(places.take(at("192.0.2.1")).is_none());
        let _third = places.take(at("2001:db8::1")).unwrap();
        assert!(places.take(at("192.0.2.2")).is_none());
        drop(first);
        assert!(places.take(at("192.0.2.1")).is_some());
        assert!(places.take(at("192.0.2.2")).is_some());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_theirs() {
        let places = Places::new(10, 1);
        let at = |text: &str| Some(text.parse().unwrap());
        let _first = places.take(at("2001:db8:1:2::1")).unwrap();
        assert!(places.take(at("2001:db8:1:2:ffff::1")).is_none());
        assert!(places.take(at("2001:db8:1:3::1")).is_some());
    }
}
