//! Rate limits by named policy (GCRA, by `governor`), per process. A policy is a `const` of whoever counts by it; what it has
//! counted is made when it is first used.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use crate::{
    catalogue::Text,
    config::{Rate, Rates},
    error::{Code, Refusal},
    platform::once_list::{Link, OnceList},
};

/// A policy: what it is called, how often it allows what it counts, and whether it counts calls or failures. `L` says by which
/// key: an address, or somebody who is signed in. Nothing is counted by what anybody can type, or strangers would use it up for
/// others (`docs/operating.md` says who can use up what).
pub struct Policy<L> {
    name: &'static str,
    rate: fn(&Rates) -> Rate,
    make: fn(&'static str, Rate) -> L,
}

impl<K: Hash + Eq + Clone> Policy<Limiter<K>> {
    /// Counts every call.
    #[must_use]
    pub(crate) const fn of_calls(name: &'static str, rate: fn(&Rates) -> Rate) -> Self {
        Self { name, rate, make: Limiter::new }
    }
}

impl<K: Hash + Eq + Clone> Policy<Failures<K>> {
    /// Counts what failed.
    #[must_use]
    pub(crate) const fn of_failures(name: &'static str, rate: fn(&Rates) -> Rate) -> Self {
        Self { name, rate, make: Failures::new }
    }
}

/// What a policy has counted.
pub trait Counted: fmt::Debug + Any + Send + Sync {
    /// The policy's name.
    fn name(&self) -> &'static str;

    /// Forgets keys that are back at their full allowance, so that memory stays bounded by the recent ones.
    fn forget_idle(&self);
}

/// What all policies of a program have counted.
#[derive(Debug)]
pub struct Limiters {
    rates: Rates,
    made: OnceList<dyn Counted>,
}

impl Limiters {
    /// Nothing was counted yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, made: OnceList::default() }
    }

    /// What a policy has counted.
    pub fn of<L: Counted>(&self, policy: &Policy<L>) -> &L {
        self.made.find_or_add(
            |made| {
                let counted: &dyn Any = made;
                counted.downcast_ref::<L>().filter(|_| made.name() == policy.name)
            },
            || Box::new(Link::<dyn Counted, _>::new((policy.make)(policy.name, (policy.rate)(&self.rates)))),
        )
    }

    /// Forgets idle callers.
    pub(crate) fn forget_idle(&self) {
        for counted in self.made.things() {
            counted.forget_idle();
        }
    }
}

/// One policy with a state per key.
pub(crate) struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    state: RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limiter<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Limiter").field("name", &self.name).field("rate", &self.rate).finish_non_exhaustive()
    }
}

/// A policy that counts failures only: whoever succeeds is never held up, whoever failed too often is not heard for a while.
pub(crate) struct Failures<K: Hash + Eq + Clone> {
    limiter: Limiter<K>,
    /// Until when they are not heard.
    refused: Mutex<HashMap<K, (Instant, Remaining)>>,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Failures<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limiter.fmt(formatter)
    }
}

impl<K: Hash + Eq + Clone> Failures<K> {
    /// A policy: as many failures as the rate's count, then one more each time that the rate allows one.
    #[must_use]
    pub(crate) fn new(name: &'static str, rate: Rate) -> Self {
        Self { limiter: Limiter::new(name, rate), refused: Mutex::default() }
    }

    /// Refused while they have failed too often.
    pub(crate) fn check(&self, key: &K) -> Result<(), Remaining> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((until, left)) = refused.get(key) else { return Ok(()) };
        match until.checked_duration_since(Instant::now()) {
            Some(retry_after) if !retry_after.is_zero() => Err(Remaining { retry_after, ..*left }),
            _ => Ok(()),
        }
    }

    /// Counts a failure of theirs.
    pub(crate) fn count(&self, key: &K) {
        let (left, wait) = match self.limiter.check(key) {
            Ok(left) if left.remaining > 0 => return,
            Ok(left) => (left, left.period / left.limit.max(1)),
            Err(left) => (left, left.retry_after),
        };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(key.clone(), (Instant::now() + wait, left));
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Counted for Failures<K> {
    fn name(&self) -> &'static str {
        self.limiter.name
    }

    fn forget_idle(&self) {
        let now = Instant::now();
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (until, _)| *until > now);
        self.limiter.forget_idle();
    }
}

/// What is left to a caller; becomes the `RateLimit` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// The policy's name.
    pub policy: &'static str,
    /// How many the policy allows in its period.
    pub limit: u32,
    /// The policy's period.
    pub period: Duration,
    /// How many are left now.
    pub remaining: u32,
    /// After how long one more is allowed; zero unless refused.
    pub retry_after: Duration,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A policy: bursts up to the rate's count, refilled evenly over its period.
    #[must_use]
    pub(crate) fn new(name: &'static str, rate: Rate) -> Self {
        let interval = rate.period / rate.count.get();
        let quota = Quota::with_period(interval.max(Duration::from_nanos(1)))
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(rate.count);
        let state = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        Self { name, rate, state }
    }

    /// Takes one; refused when none is left.
    pub(crate) fn check(&self, key: &K) -> Result<Remaining, Remaining> {
        self.check_many(key, NonZeroU32::MIN)
    }

    /// Takes so many at once, or all that there can ever be where that is less; refused when they are not left.
    pub(crate) fn check_many(&self, key: &K, count: NonZeroU32) -> Result<Remaining, Remaining> {
        let answer = |remaining, retry_after| Remaining {
            policy: self.name,
            limit: self.rate.count.get(),
            period: self.rate.period,
            remaining,
            retry_after,
        };
        let checked = self.state.check_key_n(key, count.min(self.rate.count));
        match checked.unwrap_or_else(|_| self.state.check_key(key)) {
            Ok(snapshot) => Ok(answer(snapshot.remaining_burst_capacity(), Duration::ZERO)),
            Err(not_until) => Err(answer(0, not_until.wait_time_from(DefaultClock::default().now()))),
        }
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Counted for Limiter<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forget_idle(&self) {
        self.state.retain_recent();
        self.state.shrink_to_fit();
    }
}

impl Remaining {
    /// The coded error for a call that was refused.
    #[must_use]
    pub(crate) fn refusal(&self) -> Refusal {
        let seconds = self.retry_after.as_secs_f64().ceil().max(1.0) as u64;
        Refusal::of(Code::RateLimited, Text::TooManyRequests { seconds })
            .with("retryAfter", seconds)
            .with("policy", self.policy)
            .with("limit", self.limit)
    }
}

/// What stands for an address: itself, for IPv6 its /64, which is what one subscriber gets.
#[must_use]
pub(crate) fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(segments))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_burst_is_allowed_and_the_next_is_refused_with_a_time() {
        let limiter = Limiter::new("test", "3/hour".parse().unwrap());
        for left in [2, 1, 0] {
            assert_eq!(limiter.check(&1).unwrap().remaining, left);
        }
        let refused = limiter.check(&1).unwrap_err();
        assert!(refused.retry_after > Duration::from_secs(1000) && refused.retry_after <= Duration::from_secs(1200));
        assert!(limiter.check(&2).is_ok());
    }

    #[test]
    fn many_are_taken_at_once_or_none_of_them() {
        let limiter = Limiter::new("test", "10/hour".parse().unwrap());
        let many = |count| NonZeroU32::new(count).unwrap();
        assert_eq!(limiter.check_many(&1, many(7)).unwrap().remaining, 3);
        assert!(limiter.check_many(&1, many(4)).is_err());
        assert_eq!(limiter.check_many(&1, many(3)).unwrap().remaining, 0);
        // More than there can ever be are all that there are.
        assert_eq!(limiter.check_many(&2, many(1000)).unwrap().remaining, 0);
        let refused = limiter.check_many(&2, many(1000)).unwrap_err();
        assert!(refused.retry_after > Duration::from_secs(3500) && refused.retry_after <= Duration::from_secs(3600));
    }

    #[test]
    fn who_fails_too_often_is_not_heard_and_who_succeeds_is_never_counted() {
        let failures = Failures::new("test", "3/hour".parse().unwrap());
        for _ in 0..3 {
            assert_eq!(failures.check(&1), Ok(()));
            failures.count(&1);
        }
        let refused = failures.check(&1).unwrap_err();
        assert!(refused.retry_after > Duration::from_secs(1000) && refused.retry_after <= Duration::from_secs(1200));
        assert_eq!(failures.check(&2), Ok(()));
        failures.forget_idle();
        assert!(failures.check(&1).is_err());
    }

    #[test]
    fn a_policy_counts_once_for_a_program_and_apart_for_the_next() {
        const ADDRESS: Policy<Limiter<u32>> = Policy::of_calls("address", |rates| rates.login_address);
        const FAILED: Policy<Failures<u32>> = Policy::of_failures("failed", |rates| rates.webhook_address);
        let values = [("RATE_LIMIT_LOGIN_ADDRESS".to_owned(), "2/hour".to_owned())];
        let rates = Config::from_values(values.into()).unwrap().rates;
        let [limiters, others] = [(); 2].map(|()| Limiters::new(rates.clone()));
        assert!(limiters.of(&ADDRESS).check(&1).is_ok());
        limiters.of(&FAILED).count(&1);
        assert!(limiters.of(&ADDRESS).check(&1).is_ok());
        limiters.forget_idle();
        assert_eq!(limiters.of(&ADDRESS).check(&1).unwrap_err().policy, "address");
        assert!(others.of(&ADDRESS).check(&1).is_ok());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_a_key() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2:3::4"), key("2001:db8:1:2:ffff::1"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
