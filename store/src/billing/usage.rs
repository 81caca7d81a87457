//! What was used: counted from the readings that are stored, written down line by line.
//!
//! Counting is one question over all organizations, and what is counted is compared with what is written down: so it may
//! be done at any time, by several at once, and as often as one likes. Readings have no index by time, so a count reads
//! the months that it is about.

use std::collections::BTreeMap;

use hub_domain::{LedgerLine, Meter, OrgId, Telling, Timestamp, UsageLine, UtcDay};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    Statement,
    sea_query::{Alias, Expr, ExprTrait as _, OnConflict},
};

use crate::{
    Store, StoreError,
    entity::{self, subscription, usage_line},
    open::{Backend, ask_database},
    records::{BillingAccount, Counted},
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};

/// How many lines are written in one statement.
const CHUNK: usize = 1_000;

impl Store {
    /// Counts what was used from a day on, until now, and writes it down; gives how many lines are new or changed. Takes
    /// as long as it takes to read those readings.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn count_usage(&self, from: UtcDay, now: Timestamp) -> Result<u64, StoreError> {
        match self.backend() {
            Backend::Memory(_) => {
                Err(StoreError::Unavailable("the memory keeps none of that".to_owned()))
            }
            Backend::Sql(sql) => sql.count_usage(from, now).await,
        }
    }

    /// The lines of an organization's ledger that were used or told from `from` until before `until`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn usage_of(
        &self,
        org: OrgId,
        from: UtcDay,
        until: UtcDay,
    ) -> Result<Vec<LedgerLine>, StoreError> {
        ask_database!(self, usage_of(org, from, until))
    }
}

/// What was stored by day. What people log is no sensor's.
const COUNT: &str = "
SELECT org_id, recorded_at / 86400000 AS day, COUNT(DISTINCT source_id) AS sensors, COUNT(*) AS readings
FROM readings WHERE recorded_at >= $1 AND recorded_at < $2 AND channel <> 'manual'
GROUP BY org_id, recorded_at / 86400000";

impl Sql {
    pub(crate) async fn count_usage(
        &self,
        from: UtcDay,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        use usage_line::Column::{CountedAt, IsBilled, Plan, Value};
        let until = UtcDay::of(now).plus(1);
        let accounts = self.accounts().await?;
        let counted = self.counted(from, until).await?;
        let mut count =
            Count { now, until, present: self.lines_of_all(from).await?, ..Count::default() };
        for account in &accounts {
            let begin = UtcDay::of(account.created_at).max(from);
            for day in (begin.0..until.0).map(UtcDay) {
                let of_day = counted.get(&(account.org, day));
                for meter in Meter::ALL {
                    count.compare(account, meter, day, of_day);
                }
            }
        }
        for rows in count.corrected.chunks(CHUNK) {
            self.write_lines(rows, &[Value, CountedAt]).await?;
        }
        for rows in count.restated.chunks(CHUNK) {
            self.write_lines(rows, &[Plan, IsBilled]).await?;
        }
        Ok((count.corrected.len() + count.restated.len()) as u64)
    }

    async fn accounts(&self) -> Result<Vec<BillingAccount>, StoreError> {
        let living = of_the_living(subscription::Column::OrgId);
        let rows = subscription::Entity::find().filter(living).all(&self.db).await?;
        rows.into_iter().map(BillingAccount::try_from).collect()
    }

    async fn counted(
        &self,
        from: UtcDay,
        until: UtcDay,
    ) -> Result<BTreeMap<(OrgId, UtcDay), Counted>, StoreError> {
        let span = [from, until].map(|day| day.begins_at().as_millis().into());
        let count = Statement::from_sql_and_values(self.db.get_database_backend(), COUNT, span);
        let mut all = BTreeMap::new();
        for row in self.db.query_all_raw(count).await? {
            let number = |name: &str| Ok::<i64, StoreError>(row.try_get("", name)?);
            let org = OrgId(row.try_get("", "org_id")?);
            let day = UtcDay(i32::try_from(number("day")?).unwrap_or(i32::MAX));
            let [sensors, readings] =
                [number("sensors")?, number("readings")?].map(i64::unsigned_abs);
            all.insert((org, day), Counted { org, day, sensors, readings });
        }
        Ok(all)
    }

    async fn lines_of_all(&self, from: UtcDay) -> Result<Present, StoreError> {
        use usage_line::Column::{Day, Ordinal};
        let rows = usage_line::Entity::find().filter(Day.gte(from.0)).order_by_asc(Ordinal);
        let mut all = Present::new();
        for row in rows.all(&self.db).await? {
            let (key, line) = ((OrgId(row.org_id), row.meter()?, row.day()?), row.line()?);
            all.entry(key).or_default().push((line, (row.plan, row.is_billed)));
        }
        Ok(all)
    }

    /// Writes lines, or those columns of lines that are there. One that was to be told meanwhile stays as it is, and what
    /// is missing is another line next time; of two who count at once the one that saw more is right.
    async fn write_lines(
        &self,
        rows: &[usage_line::Model],
        columns: &[usage_line::Column],
    ) -> Result<(), StoreError> {
        use usage_line::Column::{Day, EffectiveAt, Meter, Ordinal, OrgId, Refusal, Value};
        let stored = |column| Expr::col((usage_line::Entity, column));
        let is_open = stored(EffectiveAt).is_null().and(stored(Refusal).is_null());
        let counted = Expr::col((Alias::new("excluded"), Value));
        let again = OnConflict::columns([OrgId, Meter, Day, Ordinal])
            .update_columns(columns.iter().copied())
            .action_and_where(is_open.and(stored(Value).lte(counted)))
            .to_owned();
        usage_line::Entity::insert_many(rows.iter().cloned().map(entity::insertable))
            .on_conflict(again)
            .exec_without_returning(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn usage_of(
        &self,
        org: OrgId,
        from: UtcDay,
        until: UtcDay,
    ) -> Result<Vec<LedgerLine>, StoreError> {
        use usage_line::Column::{Day, EffectiveAt, Ordinal};
        let span = [from, until].map(|day| day.begins_at().as_millis());
        let used = Day.gte(from.0).and(Day.lt(until.0));
        let told = EffectiveAt.gte(span[0]).and(EffectiveAt.lt(span[1]));
        let rows = usage_line::Entity::find()
            .filter(within(usage_line::Column::OrgId, org))
            .filter(used.or(told))
            .order_by_asc(Day)
            .order_by_asc(Ordinal);
        rows.all(&self.of(org).await?).await?.into_iter().map(LedgerLine::try_from).collect()
    }
}

/// The lines that are written down, by whose, what and when: each with its plan and whether it is paid for.
type Present = BTreeMap<(OrgId, Meter, UtcDay), Vec<(UsageLine, (String, bool))>>;

/// What was counted, compared with what is written down.
#[derive(Default)]
struct Count {
    now: Timestamp,
    /// The day after the present one.
    until: UtcDay,
    present: Present,
    /// Lines that say more than before, or are new.
    corrected: Vec<usage_line::Model>,
    /// Lines of the present day that are of another plan by now: a day has that of its last count.
    restated: Vec<usage_line::Model>,
}

impl Count {
    fn compare(
        &mut self,
        account: &BillingAccount,
        meter: Meter,
        day: UtcDay,
        counted: Option<&Counted>,
    ) {
        let written = self.present.get(&(account.org, meter, day));
        let written = written.map_or(&[][..], Vec::as_slice);
        let lines: Vec<UsageLine> = written.iter().map(|(line, _)| *line).collect();
        let line = meter.corrected(&lines, counted.map_or(0, |counted| used(counted, meter)));
        self.corrected.extend(line.map(|line| row(account, meter, day, line, self.now)));
        let is_today = day.plus(1) == self.until;
        let stale = |(_, plan): &&(UsageLine, _)| is_today && *plan != plan_of(account, day);
        let stale = written.iter().filter(stale);
        self.restated.extend(stale.map(|(line, _)| row(account, meter, day, *line, self.now)));
    }
}

const fn used(counted: &Counted, meter: Meter) -> u64 {
    match meter {
        Meter::ActiveSensors => counted.sensors,
        Meter::TemperatureReadings => counted.readings,
    }
}

fn row(
    account: &BillingAccount,
    meter: Meter,
    day: UtcDay,
    line: UsageLine,
    now: Timestamp,
) -> usage_line::Model {
    let due_at = match meter.telling(day, line.ordinal, now) {
        Telling::NotBefore(at) => at,
        Telling::AsOf(_) | Telling::Adjusted(_) | Telling::Never => now,
    };
    let first = || meter.identifier(account.org, day, 0);
    let (plan, is_billed) = plan_of(account, day);
    usage_line::Model {
        org_id: account.org.0,
        meter: meter.name().to_owned(),
        day: day.0.into(),
        ordinal: line.ordinal.into(),
        value: i64::try_from(line.value).unwrap_or(i64::MAX),
        identifier: meter.identifier(account.org, day, line.ordinal),
        adjustment_of: (line.ordinal > 0).then(first),
        plan,
        is_billed,
        counted_at: now.as_millis(),
        effective_at: None,
        due_at: Some(due_at.as_millis()),
        attempts: 0,
        reported_at: None,
        refusal: None,
    }
}

/// The plan of a day, and whether somebody pays for it: Stripe's subscription was there, and it was not free.
fn plan_of(account: &BillingAccount, day: UtcDay) -> (String, bool) {
    let is_subscribed = account.subscribed_at.is_some_and(|at| day >= UtcDay::of(at));
    let is_billed = is_subscribed && account.standing.state.is_billed();
    (account.standing.plan.name().to_owned(), is_billed)
}
