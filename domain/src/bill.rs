//! The bill of a month, made of the usage ledger alone.
//!
//! By days: each day that was billed costs its plan's part of the month. Stripe's own invoice prorates by the second of
//! a change, so the two may differ by cents in a month with one; usage is the same to the reading.

use std::collections::BTreeMap;

use crate::{Aggregation, Meter, Plan, UsageLine, UtcDay, UtcMonth};

/// A line of the ledger, as a bill needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// What was counted.
    pub meter: Meter,
    /// When it was used.
    pub day: UtcDay,
    /// On which day it is billed: its own, or the one on which it was told as an adjustment.
    pub billed_on: UtcDay,
    /// What it says.
    pub line: UsageLine,
    /// The plan of that day.
    pub plan: Plan,
    /// Whether that day was paid for: none of a trial is.
    pub is_billed: bool,
}

/// The bill of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Which month.
    pub month: UtcMonth,
    /// What the plans cost, the smallest first.
    pub plans: Vec<PlanDays>,
    /// What was used, meter by meter.
    pub usage: Vec<MeterTotal>,
}

/// What one plan costs in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanDays {
    /// The plan.
    pub plan: Plan,
    /// How many days it was billed for.
    pub days: u8,
    /// What that is, in cents, half a cent rounded up; `None` where the price is agreed upon.
    pub cents: Option<u32>,
}

/// What a month says of one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterTotal {
    /// The meter.
    pub meter: Meter,
    /// The sum of all days, or what the last day says.
    pub value: u64,
    /// How much of it Stripe was told.
    pub told: u64,
}

impl Bill {
    /// Makes the bill of a month of whatever lines there are; those of other months are left out.
    #[must_use]
    pub fn of(month: UtcMonth, lines: &[LedgerLine]) -> Self {
        let is_in = |day: UtcDay| day >= month.first() && day < month.end();
        let used: Vec<&LedgerLine> = lines.iter().filter(|one| is_in(one.billed_on)).collect();
        let usage = Meter::ALL.map(|meter| meter_total(meter, &used)).to_vec();
        let own: Vec<&LedgerLine> = lines.iter().filter(|one| is_in(one.day)).collect();
        Self { month, plans: plan_days(month, &own), usage }
    }

    /// What the plans cost together, in cents; those whose price is agreed upon are not in it.
    #[must_use]
    pub fn cents(&self) -> u32 {
        self.plans.iter().filter_map(|plan| plan.cents).sum()
    }
}

/// What was used in a month, paid for or not: of each meter the sum of its days, or what the last day says.
#[must_use]
pub fn used(month: UtcMonth, lines: &[LedgerLine]) -> [(Meter, u64); 2] {
    let is_in = |one: &&LedgerLine| one.day >= month.first() && one.day < month.end();
    Meter::ALL.map(|meter| {
        let own = || lines.iter().filter(is_in).filter(|one| one.meter == meter);
        let value = match meter.aggregation() {
            Aggregation::Sum => own().map(|one| one.line.value).sum(),
            Aggregation::Last => {
                let last = own().max_by_key(|one| (one.day, one.line.ordinal));
                last.map_or(0, |one| one.line.value)
            }
        };
        (meter, value)
    })
}

/// A day is of the plan that its first line names.
fn plan_days(month: UtcMonth, lines: &[&LedgerLine]) -> Vec<PlanDays> {
    let mut by_day = BTreeMap::new();
    for one in lines {
        by_day.entry(one.day).or_insert((one.plan, one.is_billed));
    }
    let count = |plan: Plan| by_day.values().filter(|day| **day == (plan, true)).count();
    let with_days = Plan::ALL.map(|plan| (plan, u8::try_from(count(plan)).unwrap_or(u8::MAX)));
    let billed = with_days.into_iter().filter(|(_, days)| *days > 0);
    billed.map(|(plan, days)| PlanDays { plan, days, cents: part(plan, days, month) }).collect()
}

fn part(plan: Plan, days: u8, month: UtcMonth) -> Option<u32> {
    let (days, of) = (u32::from(days), u32::from(month.days()));
    plan.terms().month_cents.map(|cents| (cents * days * 2 + of) / (of * 2))
}

fn meter_total(meter: Meter, lines: &[&LedgerLine]) -> MeterTotal {
    let own = || lines.iter().filter(move |one| one.meter == meter && one.is_billed);
    let told = || own().filter(|one| one.line.is_told);
    let newest = |one: &&&LedgerLine| (one.billed_on, one.line.ordinal);
    let (value, told) = match meter.aggregation() {
        Aggregation::Sum => {
            (own().map(|one| one.line.value).sum(), told().map(|one| one.line.value).sum())
        }
        Aggregation::Last => {
            let last = |one: Option<&&LedgerLine>| one.map_or(0, |one| one.line.value);
            (last(own().max_by_key(newest)), last(told().max_by_key(newest)))
        }
    };
    MeterTotal { meter, value, told }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> UtcMonth {
        UtcMonth::parse(text).unwrap()
    }

    fn line(meter: Meter, day: UtcDay, value: u64, plan: Plan) -> LedgerLine {
        let line = UsageLine { ordinal: 0, value, is_told: true };
        LedgerLine { meter, day, billed_on: day, line, plan, is_billed: true }
    }

    #[test]
    fn a_whole_month_costs_its_price_whatever_its_length() {
        for text in ["2026-02", "2026-11", "2026-12"] {
            let month = month(text);
            let days = (0..i32::from(month.days())).map(|day| month.first().plus(day));
            let lines: Vec<_> =
                days.map(|day| line(Meter::ActiveSensors, day, 3, Plan::Pro)).collect();
            assert_eq!(Bill::of(month, &lines).cents(), 7_900, "{text}");
        }
    }

    #[test]
    fn a_month_with_a_trial_and_a_change_of_plan_is_billed_by_days() {
        let month = month("2026-11");
        let day = |number: i32| month.first().plus(number - 1);
        let mut lines = Vec::new();
        for number in 1..=30 {
            let plan = if number <= 20 { Plan::Pro } else { Plan::Haccp };
            let mut own =
                line(Meter::ActiveSensors, day(number), number.unsigned_abs().into(), plan);
            own.is_billed = number > 10; // before that it was tried out
            lines.push(own);
            let mut readings = line(Meter::TemperatureReadings, day(number), 100, plan);
            (readings.is_billed, readings.line.is_told) = (number > 10, number < 30);
            lines.push(readings);
        }
        let bill = Bill::of(month, &lines);
        let (pro, haccp) = (2_633, 6_633); // a third of 79 and of 199 dollars
        assert_eq!(
            bill.plans,
            [
                PlanDays { plan: Plan::Pro, days: 10, cents: Some(pro) },
                PlanDays { plan: Plan::Haccp, days: 10, cents: Some(haccp) },
            ]
        );
        assert_eq!(bill.cents(), pro + haccp);
        assert_eq!(
            bill.usage,
            [
                MeterTotal { meter: Meter::ActiveSensors, value: 30, told: 30 },
                MeterTotal { meter: Meter::TemperatureReadings, value: 2_000, told: 1_900 },
            ]
        );
        let whole = used(month, &lines).map(|(_, value)| value);
        assert_eq!(whole, [30, 3_000], "what was tried out was used, too");
        lines.reverse();
        assert_eq!(Bill::of(month, &lines), bill, "in whatever order the lines come");
        assert_eq!(used(month, &lines).map(|(_, value)| value), whole);
    }

    #[test]
    fn late_usage_is_billed_in_the_month_in_which_it_was_told() {
        let (used, told) = (month("2026-09"), month("2026-11"));
        let mut late = line(Meter::TemperatureReadings, used.first(), 7, Plan::Pro);
        late.billed_on = told.first();
        let lines = [line(Meter::TemperatureReadings, used.first(), 5, Plan::Pro), late];
        let readings = |month| Bill::of(month, &lines).usage[1].value;
        assert_eq!((readings(used), readings(told)), (5, 7));
        assert_eq!(Bill::of(told, &lines).plans, [], "its day was paid for before");
    }

    #[test]
    fn a_price_that_is_agreed_upon_is_not_guessed() {
        let month = month("2026-11");
        let lines = [line(Meter::ActiveSensors, month.first(), 300, Plan::Enterprise)];
        let bill = Bill::of(month, &lines);
        assert_eq!(bill.plans, [PlanDays { plan: Plan::Enterprise, days: 1, cents: None }]);
        assert_eq!(bill.cents(), 0);
    }
}
