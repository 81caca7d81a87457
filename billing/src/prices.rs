//! What is on sale: the ids that plans and meters have as prices of the Stripe account.

use std::collections::BTreeMap;

use hub_domain::{Meter, Plan};

/// Ids of prices, by what they are the price of. A plan without one is not on sale; a meter without one is told and
/// costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    plans: BTreeMap<Plan, String>,
    meters: BTreeMap<Meter, String>,
}

/// A list of prices that cannot be one, as a sentence's end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPrices(pub String);

impl Prices {
    /// Reads `starter=price_1,pro=price_2,temperature_readings=price_3`.
    ///
    /// # Errors
    /// For a name that is neither a plan's nor a meter's, what is no id of a price, and one that stands there twice.
    pub fn parse(text: &str) -> Result<Self, BadPrices> {
        let mut prices = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, price) = part
                .split_once('=')
                .map(|(name, price)| (name.trim(), price.trim()))
                .ok_or_else(|| BadPrices(format!("{part:?} is no name=price")))?;
            prices.add(name, price)?;
        }
        Ok(prices)
    }

    fn add(&mut self, name: &str, price: &str) -> Result<(), BadPrices> {
        let is_id = price.len() > 6 && price.starts_with("price_") && is_word(price);
        if !is_id {
            return Err(BadPrices(format!("{price:?} is no id of a price")));
        }
        let is_known = |known: &String| known == price;
        if self.plans.values().any(is_known) || self.meters.values().any(is_known) {
            return Err(BadPrices(format!("{price:?} is the price of two things")));
        }
        let before = match (Plan::named(name), Meter::named(name)) {
            (Some(plan), _) => self.plans.insert(plan, price.to_owned()),
            (None, Some(meter)) => self.meters.insert(meter, price.to_owned()),
            (None, None) => return Err(BadPrices(format!("{name:?} is neither plan nor meter"))),
        };
        before.map_or(Ok(()), |_| Err(BadPrices(format!("{name:?} has two prices"))))
    }

    /// The price of a plan.
    #[must_use]
    pub fn of(&self, plan: Plan) -> Option<&str> {
        self.plans.get(&plan).map(String::as_str)
    }

    /// The plan of a price.
    #[must_use]
    pub fn plan(&self, price: &str) -> Option<Plan> {
        self.plans.iter().find(|(_, known)| *known == price).map(|(plan, _)| *plan)
    }

    /// The prices of usage.
    pub fn of_meters(&self) -> impl Iterator<Item = &str> {
        self.meters.values().map(String::as_str)
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_found_both_ways() {
        let prices = Prices::parse(" starter=price_1, pro = price_2 ,active_sensors=price_3,");
        let prices = prices.unwrap();
        assert_eq!(prices.of(Plan::Pro), Some("price_2"));
        assert_eq!(prices.of(Plan::Haccp), None);
        assert_eq!(prices.plan("price_1"), Some(Plan::Starter));
        assert_eq!(prices.plan("price_3"), None, "that is a meter's");
        assert_eq!(prices.of_meters().collect::<Vec<_>>(), ["price_3"]);
        assert_eq!(Prices::parse(""), Ok(Prices::default()));
    }

    #[test]
    fn a_list_that_cannot_be_is_refused() {
        for bad in [
            "starter",
            "gold=price_1",
            "starter=prod_1",
            "starter=price_",
            "starter=price_1 2",
            "starter=price_1,starter=price_2",
            "starter=price_1,pro=price_1",
        ] {
            assert!(Prices::parse(bad).is_err(), "{bad}");
        }
    }
}
