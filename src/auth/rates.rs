//! How often people, and organizations as a whole, may ask, so that one tenant's flood is its own.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DashMapStateStore,
};
use hub_domain::OrgId;
use uuid::Uuid;

use crate::http::error::ApiError;

/// So many seconds' worth may be asked at once.
const BURST_SECS: u32 = 4;

type Limiter = RateLimiter<Uuid, DashMapStateStore<Uuid>, DefaultClock>;

/// The rates of a hub's interface for people.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Requests a second of each caller.
    pub caller: NonZeroU32,
    /// Requests a second of each organization, all its callers together.
    pub organization: NonZeroU32,
}

/// Counts requests.
#[derive(Debug)]
pub struct Rates {
    callers: Limiter,
    organizations: Limiter,
}

impl Rates {
    /// Rates by these shares.
    #[must_use]
    pub fn new(shares: Shares) -> Self {
        Self {
            callers: RateLimiter::dashmap(quota(shares.caller)),
            organizations: RateLimiter::dashmap(quota(shares.organization)),
        }
    }

    /// Counts a request of a caller.
    ///
    /// # Errors
    /// 429 past their rate.
    pub fn admit_caller(&self, caller: Uuid) -> Result<(), ApiError> {
        check(&self.callers, caller)
    }

    /// Counts a request of an organization.
    ///
    /// # Errors
    /// 429 past its rate.
    pub fn admit_organization(&self, org: OrgId) -> Result<(), ApiError> {
        check(&self.organizations, org.0)
    }

    /// Lets go of those who have not asked for a while.
    pub fn shed(&self) {
        self.callers.retain_recent();
        self.organizations.retain_recent();
    }
}

fn quota(a_second: NonZeroU32) -> Quota {
    Quota::per_second(a_second).allow_burst(a_second.saturating_mul(burst()))
}

const fn burst() -> NonZeroU32 {
    match NonZeroU32::new(BURST_SECS) {
        Some(secs) => secs,
        None => NonZeroU32::MIN,
    }
}

fn check(limiter: &Limiter, key: Uuid) -> Result<(), ApiError> {
    limiter.check_key(&key).map_err(|not_until| {
        // the limiter's own clock: to make one is dearer than all the rest of a refusal
        let wait = not_until.wait_time_from(limiter.clock().now());
        ApiError::TooManyRequests(wait.max(Duration::from_millis(1)))
    })
}
