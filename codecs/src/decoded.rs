//! What was read out of a frame.

use hub_domain::{Channel, MilliCelsius, PerMille, Timestamp};

use crate::{
    field::{FieldValue, Fields},
    plausible::{self, Span},
};

/// What was read out of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Temperatures, the sensor's own first.
    pub temperatures: Vec<Measured>,
    /// Relative humidity.
    pub humidity: Option<PerMille>,
    /// Charge left.
    pub battery_percent: Option<u8>,
    /// Battery voltage.
    pub battery_mv: Option<u16>,
    /// Whether the door stood open.
    pub door_open: Option<bool>,
    /// Whether anything in it was known, be it that there is nothing to measure in it.
    pub is_understood: bool,
    /// All that the frame says, by the names of its vendor, implausible values among it. Empty where a decoded payload
    /// was read instead of the frame.
    pub fields: Fields,
}

/// One temperature of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Where it was measured.
    pub channel: Channel,
    /// The temperature.
    pub temperature: MilliCelsius,
    /// The humidity beside it, for those out of a sensor's memory.
    pub humidity: Option<PerMille>,
    /// When, where the frame says; else when it was received.
    pub at: Option<Timestamp>,
}

/// The channel of this name.
pub(crate) fn channel(name: &str) -> Channel {
    Channel::parse(name).expect("names of channels in this crate are well formed")
}

impl Decoded {
    /// A frame that is understood, with nothing in it so far.
    pub(crate) fn understood() -> Self {
        Self { is_understood: true, ..Self::default() }
    }

    /// Notes what the frame says of something.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<FieldValue>) {
        self.fields.set(name, value);
    }

    /// Takes a temperature of now, in thousandths of a degree, if it is believed.
    ///
    /// Of two for one channel the later one in the frame stays, as in the vendors' own decoders.
    pub(crate) fn temperature(&mut self, channel: Channel, milli: i64, span: Span) {
        self.temperatures.retain(|before| before.channel != channel || before.at.is_some());
        self.temperature_at(channel, milli, span, None, None);
    }

    /// Takes a temperature of an instant and the humidity beside it, if the temperature is believed.
    ///
    /// Where a frame has one time for several of a channel, each is set a millisecond after the one before: two readings of
    /// one instant would be one.
    pub(crate) fn temperature_at(
        &mut self,
        channel: Channel,
        milli: i64,
        span: Span,
        at: Option<Timestamp>,
        humidity: Option<PerMille>,
    ) {
        let Some(temperature) = plausible::temperature(milli, span) else { return };
        let mut at = at;
        while at.is_some() && self.is_taken(&channel, at) {
            at = at.map(|at| at.plus_millis(1));
        }
        self.temperatures.push(Measured { channel, temperature, humidity, at });
    }

    fn is_taken(&self, channel: &Channel, at: Option<Timestamp>) -> bool {
        self.temperatures.iter().any(|before| before.channel == *channel && before.at == at)
    }

    /// Takes a relative humidity in thousandths of a percent, if it is believed.
    pub(crate) fn humid(&mut self, milli: i64) {
        self.humidity = plausible::humidity(milli);
    }

    /// Takes a battery's voltage in millivolts.
    pub(crate) fn millivolts(&mut self, millivolts: i64) {
        self.battery_mv = plausible::millivolts(millivolts);
    }

    /// Takes a battery's charge in percent.
    pub(crate) fn charge(&mut self, percent: u8) {
        self.battery_percent = Some(percent).filter(|percent| *percent <= 100);
    }
}

/// The instant so many seconds after the Unix epoch; `None` for one that only an unset clock says.
pub(crate) fn unix(secs: u32) -> Option<Timestamp> {
    Some(Timestamp::from_millis(i64::from(secs) * 1000)).filter(|at| *at >= Timestamp::EARLIEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_one_instant_stay_apart() {
        let mut decoded = Decoded::understood();
        let at = unix(1_700_000_000);
        for milli in [1_000, 2_000, 3_000] {
            decoded.temperature_at(Channel::TEMPERATURE, milli, plausible::AIR, at, None);
        }
        let millis: Vec<_> =
            decoded.temperatures.iter().filter_map(|one| Some(one.at?.as_millis())).collect();
        assert_eq!(millis, [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002]);
    }

    #[test]
    fn of_two_temperatures_of_now_the_later_one_stays() {
        let mut decoded = Decoded::understood();
        decoded.temperature(Channel::TEMPERATURE, 1_000, plausible::AIR);
        decoded.temperature(Channel::TEMPERATURE, 2_000, plausible::AIR);
        let read: Vec<_> = decoded.temperatures.iter().map(|one| one.temperature.0).collect();
        assert_eq!(read, [2_000]);
    }

    #[test]
    fn a_clock_that_was_never_set_says_no_time() {
        assert_eq!(unix(0), None);
        assert_eq!(unix(86_400), None);
        assert!(unix(1_625_570_502).is_some());
    }
}
