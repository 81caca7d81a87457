//! HTTP/1.1 as a load generator needs it: bytes made beforehand, one connection kept, next to no parsing.
//!
//! The generator shares its two cores with what it measures, so that a client library's comfort would be paid for
//! by the figures.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::AddAssign;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, SecondsFormat};
use uuid::Uuid;

/// An answer takes no longer than this, or the run fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The form of an instant in a body; all have its length.
const INSTANT_LEN: usize = "2026-01-01T00:00:00.000Z".len();
const ID_LEN: usize = 36;

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    /// Its status.
    pub(super) status: u16,
    /// Its body.
    pub(super) body: &'a [u8],
}

impl Wire {
    /// Connects to a server on this machine.
    ///
    /// # Errors
    /// When it does not listen.
    pub(super) fn connect(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and waits for its whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer has no `Content-Length`.
    pub(super) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                let end = head.len + head.body_len;
                while self.buffer.len() < end {
                    self.fill()?;
                }
                return Ok(Answer { status: head.status, body: &self.buffer[head.len..end] });
            }
            self.fill()?;
        }
    }

    /// Sends readings, all of which must be stored anew.
    ///
    /// # Errors
    /// When the answer says anything else.
    pub(super) fn post(&mut self, batch: &Batch) -> anyhow::Result<Verdict> {
        let answer = self.exchange(&batch.bytes)?;
        let told =
            || String::from_utf8_lossy(&answer.body[..answer.body.len().min(400)]).into_owned();
        ensure!(answer.status == 200, "{}: {}", answer.status, told());
        let verdict = Verdict {
            accepted: count_after(answer.body, b"\"accepted\":").with_context(told)?,
            late: count_after(answer.body, b"\"late\":").unwrap_or_default(),
        };
        ensure!(verdict.accepted == batch.len() as u64, "not all was accepted: {}", told());
        Ok(verdict)
    }

    fn fill(&mut self) -> anyhow::Result<()> {
        let mut chunk = [0; 4096];
        let read = self.stream.read(&mut chunk).context("no answer in time")?;
        ensure!(read > 0, "the server closed the connection");
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(())
    }
}

/// What the hub answered to a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Stored anew.
    pub(super) accepted: u64,
    /// Of these, older than the newest of their unit: another client's batch overtook it.
    pub(super) late: u64,
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.late += other.late;
    }
}

struct Head {
    status: u16,
    len: usize,
    body_len: usize,
}

impl Head {
    /// `None` while the head is not complete.
    fn parse(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end]).context("a head is text")?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let Some((status, body_len)) = status.zip(length) else {
            bail!("an answer of a form that is not understood: {text}");
        };
        Ok(Some(Self { status, len: end + 4, body_len }))
    }
}

/// A whole ingest request, written once and stamped anew for each use.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    readings: Vec<Slots>,
}

/// Where a reading's fields begin in the bytes.
#[derive(Debug, Clone, Copy)]
struct Slots {
    unit: usize,
    temperature: usize,
    instant: usize,
}

impl Batch {
    /// One reading for each unit, in that order, at 3.00 °C and no particular time.
    pub(super) fn new(key: &str, units: &[Uuid]) -> Self {
        let mut body = String::from(r#"{"readings":["#);
        let mut readings = Vec::with_capacity(units.len());
        for (index, unit) in units.iter().enumerate() {
            let start = body.len() + usize::from(index > 0) + r#"{"unitId":""#.len();
            let comma = if index > 0 { "," } else { "" };
            let text = format!(
                r#"{comma}{{"unitId":"{unit}","temperature":3.00,"recordedAt":"2026-01-01T00:00:00.000Z"}}"#
            );
            let temperature = start + ID_LEN + r#"","temperature":"#.len();
            let instant = temperature + "3.00".len() + r#","recordedAt":""#.len();
            readings.push(Slots { unit: start, temperature, instant });
            body.push_str(&text);
        }
        body.push_str("]}");
        let head = format!(
            "POST /api/ingest/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        for slots in &mut readings {
            slots.unit += head.len();
            slots.temperature += head.len();
            slots.instant += head.len();
        }
        Self { bytes: (head + &body).into_bytes(), readings }
    }

    /// How many readings it holds.
    pub(super) const fn len(&self) -> usize {
        self.readings.len()
    }

    /// Gives all readings this instant, in milliseconds since 1970.
    pub(super) fn stamp(&mut self, at_ms: i64) {
        let instant = instant(at_ms);
        for slots in &self.readings {
            self.bytes[slots.instant..slots.instant + INSTANT_LEN]
                .copy_from_slice(instant.as_bytes());
        }
    }

    /// Lets the temperatures wander between 2.00 and 3.99 °C.
    pub(super) fn wander(&mut self, round: u64) {
        for (index, slots) in (0_u64..).zip(&self.readings) {
            let hundredths = 200 + (round * 7 + index * 31) % 200;
            write_hundredths(&mut self.bytes[slots.temperature..], hundredths);
        }
    }

    /// Gives all readings one temperature, in hundredths of a degree between 1.00 and 9.99.
    pub(super) fn heat(&mut self, hundredths: u64) {
        for slots in &self.readings {
            write_hundredths(&mut self.bytes[slots.temperature..], hundredths);
        }
    }

    /// Makes the first reading another unit's.
    pub(super) fn aim(&mut self, unit: Uuid) {
        let slots = self.readings[0];
        unit.hyphenated().encode_lower(&mut self.bytes[slots.unit..slots.unit + ID_LEN]);
    }
}

fn write_hundredths(place: &mut [u8], hundredths: u64) {
    for (position, divisor) in [(0, 100), (2, 10), (3, 1)] {
        let digit = u8::try_from(hundredths / divisor % 10).expect("a digit is below ten");
        place[position] = b'0' + digit;
    }
}

/// An instant as the hub takes it, in milliseconds since 1970.
pub(super) fn instant(at_ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(at_ms).expect("an instant of our days");
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Where `wanted` begins.
pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// The whole number that follows `mark`.
fn count_after(text: &[u8], mark: &[u8]) -> Option<u64> {
    let rest = &text[find(text, mark)? + mark.len()..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
    let mut digits = digits.map(|byte| u64::from(byte - b'0')).peekable();
    digits.peek()?;
    Some(digits.fold(0, |number, digit| number * 10 + digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_stamped_batch_is_the_json_that_it_says() {
        let units = [Uuid::now_v7(), Uuid::now_v7()];
        let mut batch = Batch::new("ftk_a_b", &units);
        batch.stamp(1_763_625_600_123);
        batch.heat(950);
        let other = Uuid::now_v7();
        batch.aim(other);
        let text = String::from_utf8(batch.bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        let reading = |unit: Uuid| serde_json::json!({"unitId": unit.to_string(), "temperature": 9.5, "recordedAt": "2025-11-20T08:00:00.123Z"});
        assert_eq!(value, serde_json::json!({"readings": [reading(other), reading(units[1])]}));
    }

    #[test]
    fn temperatures_wander_within_the_range() {
        let mut batch = Batch::new("k", &[Uuid::nil()]);
        let mut seen = std::collections::HashSet::new();
        for round in 0..300 {
            batch.wander(round);
            let at = batch.readings[0].temperature;
            let text = std::str::from_utf8(&batch.bytes[at..at + 4]).unwrap().to_owned();
            assert!((2.0..4.0).contains(&text.parse::<f64>().unwrap()), "{text}");
            seen.insert(text);
        }
        assert!(seen.len() > 100, "only {} different ones", seen.len());
    }

    #[test]
    fn an_answer_in_pieces_is_put_together_and_judged() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            for accepted in [1, 0] {
                stream.read_exact(&mut [0; 1]).unwrap();
                let body =
                    format!(r#"{{"accepted":{accepted},"late":0,"duplicates":{}}}"#, 1 - accepted);
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                for piece in answer.as_bytes().chunks(20) {
                    stream.write_all(piece).unwrap();
                }
                let sent = Batch::new("k", &[Uuid::nil()]).bytes.len();
                stream.read_exact(&mut vec![0; sent - 1]).unwrap();
            }
        });
        let mut wire = Wire::connect(port).unwrap();
        let batch = Batch::new("k", &[Uuid::nil()]);
        assert_eq!(wire.post(&batch).unwrap(), Verdict { accepted: 1, late: 0 });
        let refused = wire.post(&batch).unwrap_err().to_string();
        assert!(refused.contains(r#""duplicates":1"#), "{refused}");
        answering.join().unwrap();
    }
}
