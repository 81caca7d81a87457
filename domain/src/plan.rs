//! Plans: what customers pay for, as data.

/// What a customer pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    /// One shop.
    Starter,
    /// A kitchen with some sites.
    Pro,
    /// Whoever owes records to an inspector.
    Haccp,
    /// By agreement.
    Enterprise,
}

/// What a plan holds. Prices and numbers of sensors are those of the price list (ADR 0012); alarms and the messages that
/// tell of them are in no plan, because they are in every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The price of a month in cents of a US dollar; `None` where it is agreed upon.
    pub month_cents: Option<u32>,
    /// At most so many sensors; `None` for any number.
    pub sensors: Option<u32>,
    /// Readings are promised to be kept for so many days; `None` for as long as there is an organization.
    pub retention_days: Option<u32>,
    /// Whether digests and the like come by SMS, too. Alarms do in any plan.
    pub sms: bool,
    /// Whether there are reports.
    pub reports: bool,
}

impl Plan {
    /// Every plan, the smallest first.
    pub const ALL: [Self; 4] = [Self::Starter, Self::Pro, Self::Haccp, Self::Enterprise];

    /// The plan whose terms hold while a customer tries the hub out.
    pub const TRIED: Self = Self::Pro;

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Pro => "pro",
            Self::Haccp => "haccp",
            Self::Enterprise => "enterprise",
        }
    }

    /// The plan of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.name() == name)
    }

    /// What it holds. Two years of records are what 21 CFR 117.315(a) asks for.
    #[must_use]
    pub const fn terms(self) -> Terms {
        match self {
            Self::Starter => Terms {
                month_cents: Some(2_900),
                sensors: Some(5),
                retention_days: Some(90),
                sms: false,
                reports: false,
            },
            Self::Pro => Terms {
                month_cents: Some(7_900),
                sensors: Some(25),
                retention_days: Some(366),
                sms: true,
                reports: false,
            },
            Self::Haccp => Terms {
                month_cents: Some(19_900),
                sensors: Some(100),
                retention_days: Some(731),
                sms: true,
                reports: true,
            },
            Self::Enterprise => Terms {
                month_cents: None,
                sensors: None,
                retention_days: None,
                sms: true,
                reports: true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_list_is_that_of_the_offer() {
        let list = Plan::ALL.map(|plan| {
            let terms = plan.terms();
            (plan.name(), terms.month_cents, terms.sensors)
        });
        assert_eq!(
            list,
            [
                ("starter", Some(2_900), Some(5)),
                ("pro", Some(7_900), Some(25)),
                ("haccp", Some(19_900), Some(100)),
                ("enterprise", None, None),
            ]
        );
    }

    #[test]
    fn a_larger_plan_holds_no_less_than_a_smaller_one() {
        let most = |number: Option<u32>| number.unwrap_or(u32::MAX);
        for pair in Plan::ALL.windows(2) {
            let (less, more) = (pair[0].terms(), pair[1].terms());
            assert!(most(less.sensors) < most(more.sensors), "{pair:?}");
            assert!(most(less.retention_days) < most(more.retention_days), "{pair:?}");
            assert!(less.sms <= more.sms && less.reports <= more.reports, "{pair:?}");
        }
    }

    #[test]
    fn a_plan_is_found_by_its_name_alone() {
        for plan in Plan::ALL {
            assert_eq!(Plan::named(plan.name()), Some(plan));
        }
        assert_eq!(Plan::named("Pro"), None);
    }
}
