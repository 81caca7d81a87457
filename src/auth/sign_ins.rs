//! How often somebody may fail to sign in.
//!
//! The narrow budget is that of one e-mail address tried from one place: whoever fails there locks nobody else out.
//! Two wide ones bound what one place can try at all, and what all places can try at one e-mail address.

use std::{net::IpAddr, time::Duration};

use hub_domain::UserId;

use super::attempts::{Attempts, origin_of};

/// Failures in a window: of an e-mail from one place, of one place, of an e-mail.
const TOGETHER: u32 = 10;
const BY_PLACE: u32 = 300;
const BY_EMAIL: u32 = 100;
const WINDOW: Duration = Duration::from_secs(60);

/// Wrong codes of a second factor, wherever from. Whoever gets there knows the password, so nobody else can spend it.
/// It leaves three in a thousand to who guesses for a day.
const BY_CODE: u32 = 10;
const CODE_WINDOW: Duration = Duration::from_secs(900);

/// Links and tokens of one place that were not good.
const BY_LINK: u32 = 60;

/// Links that somebody asked for: to one address, from one place.
const ASKED_BY_EMAIL: u32 = 5;
const ASKED_BY_PLACE: u32 = 60;
const ASKED_WINDOW: Duration = Duration::from_secs(900);

/// The budgets of failed sign-ins.
#[derive(Debug)]
pub struct SignIns {
    together: Attempts<(String, IpAddr)>,
    by_place: Attempts<IpAddr>,
    by_email: Attempts<String>,
    by_code: Attempts<UserId>,
    by_link: Attempts<IpAddr>,
    asked_by_email: Attempts<String>,
    asked_by_place: Attempts<IpAddr>,
}

/// An attempt of one kind. It counts as failed unless it is given back.
#[derive(Debug)]
pub struct TakenOne<'a, K>(&'a Attempts<K>, K);

/// An attempt taken from the budgets. It counts as failed unless it is given back.
#[derive(Debug)]
pub struct Taken<'a> {
    budgets: &'a SignIns,
    email: String,
    place: IpAddr,
}

impl SignIns {
    /// Full budgets.
    #[must_use]
    pub fn new() -> Self {
        Self {
            together: Attempts::new(TOGETHER, WINDOW),
            by_place: Attempts::new(BY_PLACE, WINDOW),
            by_email: Attempts::new(BY_EMAIL, WINDOW),
            by_code: Attempts::new(BY_CODE, CODE_WINDOW),
            by_link: Attempts::new(BY_LINK, WINDOW),
            asked_by_email: Attempts::new(ASKED_BY_EMAIL, ASKED_WINDOW),
            asked_by_place: Attempts::new(ASKED_BY_PLACE, ASKED_WINDOW),
        }
    }

    /// Takes one attempt at `email` from `address`.
    ///
    /// # Errors
    /// With the time to wait, when a budget is spent.
    pub fn take(&self, email: &str, address: IpAddr) -> Result<Taken<'_>, Duration> {
        let (email, place) = (email.to_owned(), origin_of(address));
        let together = (email.clone(), place);
        // of a place that is spent no address is remembered, so that it cannot fill the memory of them
        self.by_place.take(place)?;
        if let Err(wait) = self.together.take(together.clone()) {
            self.by_place.give_back(&place);
            return Err(wait);
        }
        if let Err(wait) = self.by_email.take(email.clone()) {
            self.together.give_back(&together);
            self.by_place.give_back(&place);
            return Err(wait);
        }
        Ok(Taken { budgets: self, email, place })
    }

    /// Takes one attempt at somebody's second factor.
    ///
    /// # Errors
    /// With the time to wait, when the budget is spent.
    pub fn take_code(&self, user: UserId) -> Result<TakenOne<'_, UserId>, Duration> {
        self.by_code.take(user)?;
        Ok(TakenOne(&self.by_code, user))
    }

    /// Counts a link or a token from `address` that was not good. One that is good is never asked whether others were
    /// not: its secret cannot be guessed, and whoever shares the address must not be able to stop it.
    ///
    /// # Errors
    /// With the time to wait, when the budget is spent.
    pub fn refused_link(&self, address: IpAddr) -> Result<(), Duration> {
        self.by_link.take(origin_of(address))
    }

    /// Counts that a link to `email` was asked for from `address`, whether or not it is anybody's.
    ///
    /// # Errors
    /// With the time to wait, when a budget is spent.
    pub fn ask_for_link(&self, email: &str, address: IpAddr) -> Result<(), Duration> {
        self.asked_by_place.take(origin_of(address))?;
        self.asked_by_email.take(email.to_owned())
    }
}

impl Default for SignIns {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq + std::hash::Hash> TakenOne<'_, K> {
    /// The attempt did not fail.
    pub fn give_back(self) {
        self.0.give_back(&self.1);
    }
}

impl Taken<'_> {
    /// The attempt did not fail.
    pub fn give_back(self) {
        self.budgets.by_email.give_back(&self.email);
        self.budgets.by_place.give_back(&self.place);
        self.budgets.together.give_back(&(self.email, self.place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn failing_elsewhere_does_not_lock_the_owner_out() {
        let budgets = SignIns::new();
        let tried = (0..50).filter(|_| budgets.take("a@x.test", place(1)).is_ok()).count();
        assert_eq!(tried, 10);
        budgets.take("a@x.test", place(2)).unwrap().give_back();
        budgets.take("b@x.test", place(1)).unwrap().give_back();
    }

    #[test]
    fn many_addresses_and_many_places_tire_too() {
        let budgets = SignIns::new();
        let emails = (0..400).filter(|n| budgets.take(&format!("{n}@x.test"), place(1)).is_ok());
        assert_eq!(emails.count(), 300);
        let places = (2..=200).filter(|last| budgets.take("a@x.test", place(*last)).is_ok());
        assert_eq!(places.count(), 100);
    }
}
