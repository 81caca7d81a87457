//! What the published frames do not show: memories, broken probes, doors, items that nobody knows.

use hub_codecs::{Decoded, Frame, Refusal, codec_by_shape, codec_of};

use crate::vector::{RECEIVED_AT, unhex};

fn decode(model: &str, port: u8, hex: &str) -> Result<Decoded, Refusal> {
    let bytes = unhex(&hex.replace(' ', ""));
    let frame = Frame { port: Some(port), bytes: &bytes, received_at: RECEIVED_AT };
    codec_of(model).expect("the model is known").decode(&frame)
}

/// `temperature 25.5 @1700000000 60.0%`, a line each.
fn told(decoded: &Decoded) -> Vec<String> {
    let tenths = |share: i16| format!(" {}.{}%", share / 10, share % 10);
    let mut lines: Vec<String> = decoded
        .temperatures
        .iter()
        .map(|one| {
            let at = one.at.map(|at| format!(" @{}", at.as_millis() / 1000)).unwrap_or_default();
            let humidity = one.humidity.map(|share| tenths(share.0)).unwrap_or_default();
            format!("{} {}{at}{humidity}", one.channel, one.temperature.0)
        })
        .collect();
    lines.extend(decoded.humidity.map(|share| format!("humidity{}", tenths(share.0))));
    lines.extend(
        decoded.door_open.map(|open| format!("door {}", if open { "open" } else { "closed" })),
    );
    lines
}

#[track_caller]
fn check(model: &str, port: u8, hex: &str, expected: &[&str]) {
    let decoded = decode(model, port, hex).expect("the frame is known");
    assert_eq!(told(&decoded), expected, "{model}, port {port}, {hex}");
}

#[test]
fn memories_tell_their_own_times() {
    let records = "0AA0 0500 01F4 41 6553F100  0AB4 050A 01F5 41 6553F164";
    check(
        "dragino/lht65n",
        2,
        records,
        &[
            "temperature 12800 @1700000000 50.0%",
            "probe1 27200 @1700000000",
            "temperature 12900 @1700000100 50.1%",
            "probe1 27400 @1700000100",
        ],
    );
    // without a status, as EM300-TH sends them, and of a PT100
    let two = "20CE 00F15365 FF00 78  20CE 64F15365 0001 79";
    check(
        "milesight/em300-th",
        85,
        two,
        &["temperature 25500 @1700000000 60.0%", "temperature 25600 @1700000100 60.5%"],
    );
    check("milesight/em500-pt100", 85, "20CE 00F15365 FF00", &["temperature 25500 @1700000000"]);
    // 60 seconds before it was received
    check("sensative/strips", 2, "0001 0000003C 02 00EA", &["temperature 23400 @1767225540"]);
    // Laird counts from 2015; two samples under one time stay apart
    check(
        "laird/rs1xx-ext-temp-rtd-sensor",
        1,
        "02 00 00 0000 05 02 10B0A7B0  0005 0004  0006 0004",
        &["temperature 4050 @1700083120", "temperature 4060 @1700083120"],
    );
}

#[test]
fn a_memory_that_has_nothing_to_tell_tells_no_zero() {
    check("dragino/lht65", 2, "0000 0000 0000 00 00000000", &[]);
    // of a clock that was never set
    check("dragino/lht65", 2, "0AA0 0500 01F4 41 00000000", &[]);
    check("milesight/em300-th", 85, "20CE 00000000 FF00 78", &[]);
}

#[test]
fn broken_and_absent_probes_are_left_out() {
    let air = ["temperature 28290", "humidity 88.6%"];
    for probe in ["01 7FFF 7FFF", "81 0ADD 7FFF", "01 8000 7FFF", "01 2134 7FFF", "02 7FFF 7FFF"] {
        check("dragino/lht65", 2, &format!("CBF6 0B0D 0376 {probe}"), &air); // 2134 is 85.00 °C
    }
    check("dragino/lht65", 2, "CBF6 7FFF FFFF 01 0ADD 7FFF", &["probe1 27810"]);
    let colours = "0B54 FFFF 0000 0C 00FC 7FFF";
    check("dragino/lsn50v2-d20-d22-d23", 2, colours, &["probe2 25200"]);
    check("dragino/lsn50v2-s31", 2, "0B54 FFFF 0000 00 FFFF FFFF", &[]);
    // alone at its board a probe's zero is one
    check("dragino/lsn50v2-d20", 2, "0B54 0000 0000 00 0000 0000", &["probe1 0"]);
    check("dragino/ltc2", 2, "0E55 01 7FFF 8000 60E43CC6", &[]);
    check(
        "mclimate/ht-sensor",
        2,
        "01 0274 73 F1 02 9C",
        &["temperature 22800", "probe1 66800", "humidity 44.9%"],
    );
    // humidity 127 is a measurement that failed
    check("browan/tbhh100", 103, "08 0B 23 7F FFFFFFFF", &["temperature 3000"]);
    // the fault flag
    check("laird/rs1xx-temp-rh-sensor", 1, "01 10 0032 0004 05 0000 0000", &[]);
    check(
        "laird/rs1xx-temp-rh-sensor",
        1,
        "01 00 0032 0004 05 0000 0000",
        &["temperature 4000", "humidity 50.0%"],
    );
    // hundredths and whole are signed each: -15.87 °C
    check(
        "laird/rs1xx-temp-rh-sensor",
        1,
        "01 00 0032 A9F1 05 0000 0000",
        &["temperature -15870", "humidity 50.0%"],
    );
}

#[test]
fn what_is_below_zero_is_read_below_zero() {
    check("milesight/em300-th", 85, "0367 38FF 0468 3C", &["temperature -20000", "humidity 30.0%"]);
    check(
        "browan/merryiot-dw10",
        120,
        "01 0F EC 1C 0000 D22500",
        &["temperature -20000", "humidity 28.0%", "door open"],
    );
    check(
        "dragino/ltc2",
        2,
        "0E55 01 F830 F831 60E43CC6",
        &["probe1 -20000 @1625570502", "probe2 -19990 @1625570502"],
    );
    check("decentlab/dl-ds18", 1, "02 0001 0001 7EC0", &["probe1 -20000"]);
    check("sensative/strips", 1, "0001 02 FF38", &["temperature -20000"]);
    check(
        "netvox/r711",
        6,
        "01 01 01 9E F830 1A90 000000",
        &["temperature -20000", "humidity 68.0%"],
    );
}

#[test]
fn doors_open_and_close() {
    check("milesight/em300-mcs", 85, "0367 2C00 0600 01", &["temperature 4400", "door open"]);
    check("milesight/em300-mcs", 85, "0600 00", &["door closed"]);
    check("dragino/lds02", 10, "8B88 01 000001 000000 00", &["door open"]);
    check("browan/tbdw100", 100, "01 CB 35 0000 8A3A00", &["board 21000", "door open"]);
    // a leak sensor has none, nor has a button
    check("dragino/lds01", 10, "CB88 02 000001 000000 00", &[]);
    check("laird/rs1xx-ext-multi-sensor", 1, "09 00 01 01 01 01", &[]);
}

#[test]
fn elsys_keeps_what_stands_before_an_unknown_item() {
    check(
        "elsys/ers",
        5,
        "01 00E2 19 0096 19 FF38 2A 77",
        &["temperature 22600", "probe2 15000", "probe3 -20000"],
    );
    assert_eq!(decode("elsys/ers", 5, "2A 77"), Err(Refusal::UnknownKind));
    assert_eq!(decode("elsys/ers", 5, "01 00"), Err(Refusal::Length));
    check("elsys/ers", 6, "3E 01 02 03", &[]);
}

#[test]
fn a_frame_of_two_vendors_making_is_claimed_by_neither() {
    // the same bytes are 1 °C of Tektelic's, most significant byte first, and 256 °C of Milesight's
    for (port, claimed) in [(Some(85), true), (Some(10), false), (Some(5), false), (None, false)] {
        let bytes = unhex("0367000A046828");
        let frame = Frame { port, bytes: &bytes, received_at: RECEIVED_AT };
        assert_eq!(codec_by_shape(&frame).is_some(), claimed, "{port:?}");
    }
    check("tektelic/t00048xx", 10, "0367000A046828", &["temperature 1000", "humidity 20.0%"]);
}
