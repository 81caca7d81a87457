//! How late messages are: counted from the instant that stands in them.

use chrono::DateTime;
use hdrhistogram::Histogram;

use super::crowd::Listener;
use super::wire::find;

/// The publishing time, the last field of a publication, stands within so many bytes of a message's end.
const TAIL: usize = 96;

/// Hears publications, and keeps how long each took to get here.
#[derive(Debug, Clone)]
pub(super) struct Delays {
    /// Since the publishing time `t`.
    pub(super) since_published: Histogram<u64>,
    /// Since the reading's `recordedAt`, which is when its sender meant to send it.
    pub(super) since_meant: Option<Histogram<u64>>,
    /// Only messages published, or meant to be sent, in this span of unix nanoseconds are counted.
    span_ns: (i64, i64),
    /// How many were counted.
    pub(super) messages: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

impl Delays {
    /// Nothing is counted before [`Self::begin`].
    pub(super) fn new(counts_from_recorded_at: bool) -> Self {
        let since_meant = counts_from_recorded_at.then(microseconds);
        let since_published = microseconds();
        Self { since_published, since_meant, span_ns: (i64::MAX, i64::MAX), messages: 0, bytes: 0 }
    }

    /// Forgets all and counts what belongs into this span of unix nanoseconds.
    pub(super) fn begin(&mut self, from_ns: i64, until_ns: i64) {
        *self = Self::new(self.since_meant.is_some());
        self.span_ns = (from_ns, until_ns);
    }

    /// Bytes of a message on average.
    pub(super) fn message_bytes(&self) -> f64 {
        as_f64(self.bytes) / as_f64(self.messages.max(1))
    }
}

impl Listener for Delays {
    fn hear(&mut self, message: &[u8], now_ns: i64) {
        let Some(published_ns) = published_ns(message) else { return };
        let meant_ns = self.since_meant.as_ref().and_then(|_| recorded_ns(message));
        let at_ns = meant_ns.unwrap_or(published_ns);
        if !(self.span_ns.0..self.span_ns.1).contains(&at_ns) {
            return;
        }
        self.messages += 1;
        self.bytes += message.len() as u64;
        record(&mut self.since_published, now_ns - published_ns);
        if let (Some(histogram), Some(meant_ns)) = (&mut self.since_meant, meant_ns) {
            record(histogram, now_ns - meant_ns);
        }
    }
}

/// A histogram of microseconds up to a minute.
pub(super) fn microseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order")
}

/// Keeps a delay. One below a microsecond counts as one.
pub(super) fn record(histogram: &mut Histogram<u64>, delay_ns: i64) {
    histogram.saturating_record(u64::try_from(delay_ns / 1000).unwrap_or_default().max(1));
}

/// A quantile in milliseconds.
pub(super) fn quantile_ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    as_f64(histogram.value_at_quantile(quantile)) / 1000.0
}

/// The greatest in milliseconds.
pub(super) fn max_ms(histogram: &Histogram<u64>) -> f64 {
    as_f64(histogram.max()) / 1000.0
}

/// A count as the float that it is divided as.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
pub(super) const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// The number behind `"t":`, in nanoseconds.
fn published_ns(message: &[u8]) -> Option<i64> {
    let tail = &message[message.len().saturating_sub(TAIL)..];
    let at = tail.windows(4).rposition(|window| window == b"\"t\":")? + 4;
    let digits = tail[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// The instant behind `"recordedAt":`, in nanoseconds.
fn recorded_ns(message: &[u8]) -> Option<i64> {
    let mark = b"\"recordedAt\":\"";
    let at = find(message, mark)? + mark.len();
    let text = std::str::from_utf8(message.get(at..at + 24)?).ok()?;
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"push":{"channel":"site:x","pub":{"data":{"type":"unit","unit":{"id":"u","temperature":3.25,"recordedAt":"2025-11-20T08:00:00.000Z","receivedAt":"2025-11-20T08:00:00.001Z"},"t":1763625600002000000},"offset":42}}}"#;
    const MEANT_NS: i64 = 1_763_625_600_000_000_000;

    #[test]
    fn a_publication_is_late_since_it_was_meant_and_since_it_was_published() {
        let mut delays = Delays::new(true);
        delays.begin(MEANT_NS, MEANT_NS + 1);
        delays.hear(MESSAGE.as_bytes(), MEANT_NS + 5_000_000);
        assert_eq!(delays.messages, 1);
        assert_eq!(delays.bytes, MESSAGE.len() as u64);
        assert!((quantile_ms(&delays.since_published, 1.0) - 3.0).abs() < 0.01);
        assert!((max_ms(delays.since_meant.as_ref().unwrap()) - 5.0).abs() < 0.01);
    }

    #[test]
    fn what_belongs_into_another_span_is_not_counted() {
        let mut delays = Delays::new(true);
        delays.hear(MESSAGE.as_bytes(), MEANT_NS);
        delays.begin(MEANT_NS + 1, i64::MAX);
        delays.hear(MESSAGE.as_bytes(), MEANT_NS);
        delays.hear(b"{}", MEANT_NS);
        assert_eq!(delays.messages, 0);
    }
}
