//! Publications and snapshots as JSON.

use bytes::Bytes;
use hub_actors::channel::{ChannelName, Encoder, News, Publication, Snapshot};
use serde::Serialize;

use super::frame;
use crate::wire::{AlertOut, IdOut, NamedOut, SummaryOut, UnitOut};

/// Writes publications as finished text frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonEncoder;

impl Encoder for JsonEncoder {
    fn data(&self, news: &News, at_nanos: i64) -> Bytes {
        let mut bytes = Vec::with_capacity(640);
        write(&mut bytes, &NewsOut::of(news, at_nanos));
        Bytes::from(bytes)
    }

    fn push(&self, channel: ChannelName, offset: u64, data: &[u8]) -> Bytes {
        frame::text(data.len() + 110, |bytes| {
            append(bytes, format_args!(r#"{{"push":{{"channel":"{channel}","pub":{{"data":"#));
            bytes.extend_from_slice(data);
            append(bytes, format_args!(r#","offset":{offset}}}}}}}"#));
        })
    }
}

/// What a frame of [`JsonEncoder::push`] says, and its place in the channel.
pub(crate) fn pushed(frame: &[u8]) -> (&[u8], u64) {
    const DATA: &[u8] = br#""pub":{"data":"#;
    const OFFSET: &[u8] = br#","offset":"#;
    let payload = frame::payload(frame);
    // names of channels hold no quote, and of what follows the data nothing but digits and brackets does
    let from = payload.windows(DATA.len()).position(|part| part == DATA).map(|at| at + DATA.len());
    let to = payload.windows(OFFSET.len()).rposition(|part| part == OFFSET);
    let (from, to) = from.zip(to).expect("a push is written here");
    let digits = payload[to + OFFSET.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    let offset = digits.fold(0, |offset, digit| offset * 10 + u64::from(digit - b'0'));
    (&payload[from..to], offset)
}

/// The `data` of a publication.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum NewsOut<'a> {
    Unit {
        unit: UnitOut<'a>,
        t: i64,
    },
    Alert {
        event: &'static str,
        alert: AlertOut,
        t: i64,
    },
    Summary {
        site: SummaryOut<'a>,
        t: i64,
    },
    #[serde(rename_all = "camelCase")]
    UnitRemoved {
        unit_id: IdOut,
        site_id: IdOut,
        t: i64,
    },
    #[serde(rename_all = "camelCase")]
    SiteRemoved {
        site_id: IdOut,
        t: i64,
    },
}

impl<'a> NewsOut<'a> {
    fn of(news: &'a News, t: i64) -> Self {
        match news {
            News::Unit(shown) => Self::Unit { unit: UnitOut::from(&**shown), t },
            News::Alert(change) => {
                Self::Alert { event: change.event.name(), alert: AlertOut::from(&change.alert), t }
            }
            News::Summary(summary) => Self::Summary { site: SummaryOut::from(&**summary), t },
            News::UnitRemoved { site, unit } => {
                Self::UnitRemoved { unit_id: IdOut(unit.0), site_id: IdOut(site.0), t }
            }
            News::SiteRemoved(site) => Self::SiteRemoved { site_id: IdOut(site.0), t },
        }
    }
}

/// A publication of the history.
#[derive(Debug, Serialize)]
pub(crate) struct PublicationOut<'a> {
    pub(crate) data: NewsOut<'a>,
    offset: u64,
}

impl<'a> From<&'a Publication> for PublicationOut<'a> {
    fn from(publication: &'a Publication) -> Self {
        Self {
            data: NewsOut::of(&publication.news, publication.at_nanos),
            offset: publication.offset,
        }
    }
}

/// The `data` of a subscribe reply.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SnapshotOut<'a> {
    Site { site: NamedOut<'a>, units: Vec<UnitOut<'a>>, alerts: Vec<AlertOut> },
    Unit { unit: UnitOut<'a>, alerts: Vec<AlertOut> },
    Organization { organization: NamedOut<'a>, sites: Vec<SummaryOut<'a>>, alerts: Vec<AlertOut> },
}

impl<'a> From<&'a Snapshot> for SnapshotOut<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        match snapshot {
            Snapshot::Site(snapshot) => Self::Site {
                site: NamedOut { id: IdOut(snapshot.site.id.0), name: &snapshot.site.name },
                units: snapshot.units.iter().map(|unit| UnitOut::from(&**unit)).collect(),
                alerts: snapshot.alerts.iter().map(|alert| AlertOut::from(&**alert)).collect(),
            },
            Snapshot::Unit(snapshot) => Self::Unit {
                unit: UnitOut::from(&*snapshot.unit),
                alerts: snapshot.alerts.iter().map(|alert| AlertOut::from(&**alert)).collect(),
            },
            Snapshot::Organization(snapshot) => Self::Organization {
                organization: NamedOut { id: IdOut(snapshot.organization.0), name: &snapshot.name },
                sites: snapshot.sites.iter().map(|site| SummaryOut::from(&**site)).collect(),
                alerts: snapshot.alerts.iter().map(|alert| AlertOut::from(&**alert)).collect(),
            },
        }
    }
}

/// Appends `value` as JSON.
pub(crate) fn write(bytes: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(bytes, value)
        .expect("values of the wire have string keys and a Vec takes all bytes");
}

/// Appends text.
pub(crate) fn append(bytes: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    bytes.write_fmt(text).expect("a Vec takes all bytes");
}
