//! Random and broken frames: no codec panics, none takes long.
//!
//! Each codec gets 2,000 frames. With `HUB_FUZZ_SECS=60 cargo test -p hub-codecs fuzz` each gets frames for 60 seconds.
//! Half of them are published frames of its own with bytes changed, cut off or repeated; the others are random.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use hub_codecs::{Codec, Decoded, FieldValue, Fields, Frame, codec_by_shape, codec_of};
use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestCaseError, TestRunner},
};

use crate::vector::{RECEIVED_AT, cold_chain};

/// The longest that a codec may take for a frame, best of three: a thousand times what it needs.
const LONGEST: Duration = Duration::from_millis(20);
/// The longest payload of a radio frame.
const LONGEST_PAYLOAD: usize = 255;
/// Frames of a round.
const CASES: u32 = 2_000;

type Input = (Option<u8>, Vec<u8>);

/// One change of a frame.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Append(Vec<u8>),
    Repeat,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => any::<Index>().prop_map(Change::Cut),
        2 => prop::collection::vec(any::<u8>(), 1..12).prop_map(Change::Append),
        1 => Just(Change::Repeat),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: Vec<Change>) -> Vec<u8> {
    for change in changes {
        match change {
            Change::Set(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Change::Set(..) => {}
            Change::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Change::Append(more) => bytes.extend(more),
            Change::Repeat => bytes.extend(bytes.clone()),
        }
    }
    bytes.truncate(LONGEST_PAYLOAD);
    bytes
}

/// Frames of the vendor, changed, and random ones on the ports of its frames and on others.
fn inputs(seeds: Vec<Input>) -> impl Strategy<Value = Input> {
    let mut ports: Vec<Option<u8>> = seeds.iter().map(|(port, _)| *port).collect();
    ports.extend([None, Some(0), Some(255)]);
    let seeds = if seeds.is_empty() { vec![(None, Vec::new())] } else { seeds };
    let own = (select(seeds), prop::collection::vec(change(), 0..6))
        .prop_map(|((port, bytes), changes)| (port, changed(bytes, changes)));
    let random = (select(ports), prop::collection::vec(any::<u8>(), 0..=LONGEST_PAYLOAD)).boxed();
    prop_oneof![own, random]
}

/// What must hold of everything that a codec reads.
fn hold(decoded: &Decoded) -> Result<(), TestCaseError> {
    prop_assert!(decoded.is_understood);
    prop_assert!(decoded.battery_percent.is_none_or(|percent| percent <= 100));
    let humidities = decoded.temperatures.iter().map(|one| one.humidity).chain([decoded.humidity]);
    prop_assert!(humidities.flatten().all(|share| (0..=1000).contains(&share.0)));
    for (number, one) in decoded.temperatures.iter().enumerate() {
        prop_assert!((-200_000..=400_000).contains(&one.temperature.0));
        let mut later = decoded.temperatures[number + 1..].iter();
        prop_assert!(later.all(|other| (&other.channel, other.at) != (&one.channel, one.at)));
    }
    prop_assert!(count(&decoded.fields) <= 16 * LONGEST_PAYLOAD);
    Ok(())
}

fn count(fields: &Fields) -> usize {
    fields.iter().map(|(_, value)| count_in(value)).sum()
}

fn count_in(value: &FieldValue) -> usize {
    match value {
        FieldValue::Map(fields) => count(fields),
        FieldValue::List(values) => values.iter().map(count_in).sum(),
        _ => 1,
    }
}

fn quickest(codec: &dyn Codec, frame: &Frame<'_>) -> Duration {
    let once = || {
        let begun = Instant::now();
        drop(codec.decode(frame));
        begun.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap_or_default()
}

fn check(codec: &dyn Codec, (port, bytes): &Input) -> Result<(), TestCaseError> {
    let frame = Frame { port: *port, bytes, received_at: RECEIVED_AT };
    let begun = Instant::now();
    let outcome = codec.decode(&frame);
    if begun.elapsed() > LONGEST {
        let quickest = quickest(codec, &frame); // or was it only that another process had its turn?
        prop_assert!(quickest <= LONGEST, "{quickest:?}");
    }
    if let Ok(decoded) = &outcome {
        hold(decoded)?;
    }
    if codec.claims(&frame) {
        prop_assert!(outcome.is_ok(), "what a codec claims it reads");
    }
    prop_assert!(codec_by_shape(&frame).is_none_or(|claiming| claiming.decode(&frame).is_ok()));
    Ok(())
}

/// Sends frames to a vendor's models, each in turn.
fn fuzz(vendor: &str, models: &[&str]) {
    let vectors = cold_chain().unwrap_or_default();
    let own = vectors.into_iter().filter(|vector| vector.id.starts_with(vendor));
    let seeds: Vec<Input> = own.map(|vector| (vector.port, vector.bytes)).collect();
    let codecs: Vec<_> = models.iter().filter_map(|model| codec_of(model)).collect();
    assert_eq!(codecs.len(), models.len(), "all models of {vendor} are known");
    let secs = std::env::var("HUB_FUZZ_SECS").ok().and_then(|secs| secs.parse().ok());
    let (begun, budget) = (Instant::now(), Duration::from_secs(secs.unwrap_or(0)));
    let inputs = inputs(seeds);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let frames = Cell::new(0_u64);
    loop {
        // a runner counts what it has run and does no more than its cases: each round has its own, of another seed
        let outcome = TestRunner::new(config.clone()).run(&inputs, |input| {
            frames.update(|frames| frames + 1);
            codecs.iter().try_for_each(|codec| check(*codec, &input))
        });
        outcome.unwrap_or_else(|failure| panic!("{vendor}: {failure}"));
        if begun.elapsed() >= budget {
            break;
        }
    }
    assert!(frames.get() >= u64::from(CASES));
    eprintln!("{vendor}: {} frames in {:?}", frames.get(), begun.elapsed());
}

macro_rules! fuzzed {
    ($($name:ident: $vendor:literal, [$($model:literal),+];)*) => { $(
        #[test]
        fn $name() {
            fuzz($vendor, &[$(concat!($vendor, "/", $model)),+]);
        }
    )* };
}

fuzzed! {
    browan_reads_or_refuses: "browan", ["merryiot-dw10", "tabs-tbhh100", "tbdw100", "tbhh100"];
    decentlab_reads_or_refuses: "decentlab", ["dl-ds18", "dl-sht35"];
    dragino_reads_or_refuses: "dragino",
        ["lds01", "lds02", "lht65", "lsn50v2-d20", "lsn50v2-d20-d22-d23", "ltc2"];
    elsys_reads_or_refuses: "elsys", ["elsys"];
    laird_reads_or_refuses: "laird", ["rs1xx-temp-rh-sensor", "rs1xx-ext-temp-rtd-sensor"];
    mclimate_reads_or_refuses: "mclimate", ["ht-sensor"];
    milesight_reads_or_refuses: "milesight", ["em300-th", "em500-pt100"];
    netvox_reads_or_refuses: "netvox", ["r711"];
    sensative_reads_or_refuses: "sensative", ["strips"];
    talkpool_reads_or_refuses: "talkpool", ["oy1100", "oy1110"];
    tektelic_reads_or_refuses: "tektelic",
        ["t00048xx", "t00059xx", "t0006129", "t0007405", "t00078xx"];
}
