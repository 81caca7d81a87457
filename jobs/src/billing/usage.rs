//! Usage: counted into the ledger, told to Stripe from the ledger.

use hub_billing::{Billing, BillingError, MeterEvent};
use hub_domain::{Clock, Telling, Timestamp, UtcDay, usage::COUNTED_WITHIN_DAYS};
use hub_store::{Store, StoreError, records::DueUsage};

use super::{pause::again_at, sync::AWAY_AFTER};

/// So many lines are taken up at a time.
const AT_ONCE: u64 = 200;

/// How far back is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Yesterday and today: for every hour.
    Recent,
    /// As far back as late readings are charged: for every day. It reads two months of readings.
    Whole,
}

/// What became of the lines that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// So many lines are new or changed.
    pub counted: u64,
    /// So many Stripe has by now.
    pub told: u64,
    /// So many are tried again later.
    pub put_off: u64,
    /// So many are not told, for a reason that the ledger keeps.
    pub not_told: u64,
}

/// Counts what was used and tells Stripe of the days that are over. Safe to do twice and by several at once.
///
/// # Errors
/// See [`StoreError`].
pub async fn report_usage(
    store: &Store,
    billing: &Billing,
    span: Span,
    clock: &dyn Clock,
) -> Result<Told, StoreError> {
    let now = clock.now();
    let days = match span {
        Span::Recent => 1,
        Span::Whole => COUNTED_WITHIN_DAYS,
    };
    let counted = store.count_usage(UtcDay::of(now).plus(-days), now).await?;
    let told = tell_usage(store, billing, clock).await?;
    Ok(Told { counted, ..told })
}

/// Tells Stripe of every line that is due; the older days first. Ends when Stripe is away.
///
/// # Errors
/// See [`StoreError`].
pub async fn tell_usage(
    store: &Store,
    billing: &Billing,
    clock: &dyn Clock,
) -> Result<Told, StoreError> {
    let mut told = Told::default();
    let mut away = 0;
    loop {
        let due = store.due_usage(clock.now(), AT_ONCE).await?;
        let is_last = (due.len() as u64) < AT_ONCE;
        for line in due {
            match tell(store, billing, &line, clock.now()).await? {
                Outcome::Told => (told.told, away) = (told.told + 1, 0),
                Outcome::NotTold => told.not_told += 1,
                Outcome::Later => (told.put_off, away) = (told.put_off + 1, away + 1),
                Outcome::Others => {}
            }
            if away == AWAY_AFTER {
                return Ok(told);
            }
        }
        if is_last {
            return Ok(told);
        }
    }
}

/// What came of one line.
enum Outcome {
    Told,
    NotTold,
    Later,
    /// Somebody else is at it.
    Others,
}

async fn tell(
    store: &Store,
    billing: &Billing,
    line: &DueUsage,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let (at, value) = match line.effective_at {
        Some(at) => (at, line.value),
        None => match fixed(store, line, now).await? {
            Ok(fixed) => fixed,
            Err(outcome) => return Ok(outcome),
        },
    };
    let event = MeterEvent {
        meter: line.key.meter,
        identifier: line.identifier.clone(),
        customer: line.customer.clone(),
        value,
        at,
    };
    match billing.report(&event).await {
        Ok(()) => store.usage_told(line.key, now).await.map(|()| Outcome::Told),
        Err(error) => missed(store, line, error, now).await,
    }
}

/// Fixes a line before it is told: as of when, and with what it says at that moment.
async fn fixed(
    store: &Store,
    line: &DueUsage,
    now: Timestamp,
) -> Result<Result<(Timestamp, u64), Outcome>, StoreError> {
    let key = line.key;
    let at = match key.meter.telling(key.day, key.ordinal, now) {
        Telling::AsOf(at) | Telling::Adjusted(at) => at,
        Telling::NotBefore(at) => {
            store.put_off_usage(key, at).await?;
            return Ok(Err(Outcome::Others));
        }
        Telling::Never => {
            store.usage_not_told(key, "its day is over for good").await?;
            return Ok(Err(Outcome::NotTold));
        }
    };
    let value = store.fix_usage(key, at).await?;
    Ok(value.map(|value| (at, value)).ok_or(Outcome::Others))
}

async fn missed(
    store: &Store,
    line: &DueUsage,
    error: BillingError,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let (organization, usage) = (line.key.org, &line.identifier);
    if let BillingError::Refused { status, code, .. } = &error {
        tracing::error!(%error, organization.id = %organization, usage, "usage is not told");
        store.usage_not_told(line.key, &format!("stripe refuses: {status} {code}")).await?;
        return Ok(Outcome::NotTold);
    }
    tracing::warn!(%error, organization.id = %organization, usage, "usage is told later");
    let again_at = again_at(now, line.attempts, usage);
    store.put_off_usage(line.key, again_at).await?;
    Ok(Outcome::Later)
}
