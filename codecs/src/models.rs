//! Which codec reads which model.

use crate::{
    Codec, Frame,
    browan::Browan,
    decentlab::Decentlab,
    dragino::{Door, Lht65, Lsn50v2, Ltc2},
    elsys::Elsys,
    laird::Laird,
    mclimate::HtSensor,
    milesight::Milesight,
    netvox::Netvox,
    sensative::Strips,
    talkpool::Talkpool,
    tektelic,
};

type Entry = (&'static str, &'static dyn Codec);

/// Models by the names that The Things Network's and ChirpStack's device repositories give them.
const MODELS: &[Entry] = &[
    ("browan/merryiot-dw10", &Browan::MerryIotDw10),
    ("browan/tabs-tbhh100", &Browan::TabsTbhh100),
    ("browan/tbdw100", &Browan::Tbdw100),
    ("browan/tbhh100", &Browan::Tbhh100),
    ("decentlab/dl-ds18", &Decentlab::Ds18),
    ("decentlab/dl-sht35", &Decentlab::Sht35),
    ("dragino/lds01", &Door::Lds01),
    ("dragino/lds02", &Door::Lds02),
    ("dragino/lht65", &Lht65),
    ("dragino/lht65n", &Lht65),
    ("dragino/lsn50v2-d20", &Lsn50v2::Board),
    ("dragino/lsn50v2-d20-d22-d23", &Lsn50v2::Colours),
    ("dragino/lsn50v2-s31", &Lsn50v2::Board),
    ("dragino/ltc2", &Ltc2),
    ("laird/rs1xx-ext-multi-sensor", &Laird::Narrow),
    ("laird/rs1xx-ext-temp-1w-sensor", &Laird::Narrow),
    ("laird/rs1xx-ext-temp-rtd-sensor", &Laird::Rtd),
    ("laird/rs1xx-temp-rh-sensor", &Laird::Narrow),
    ("mclimate/ht-sensor", &HtSensor),
    ("milesight/em300-mcs", &Milesight::Air),
    ("milesight/em300-sld", &Milesight::Air),
    ("milesight/em300-sld-zld", &Milesight::Air),
    ("milesight/em300-th", &Milesight::Air),
    ("milesight/em300-zld", &Milesight::Air),
    ("milesight/em320-th", &Milesight::Air),
    ("milesight/em500-pt100", &Milesight::Pt100),
    ("milesight-iot/am104", &Milesight::Air),
    ("milesight-iot/am107", &Milesight::Air),
    ("milesight-iot/em300-mcs", &Milesight::Air),
    ("milesight-iot/em300-sld", &Milesight::Air),
    ("milesight-iot/em300-th", &Milesight::Air),
    ("milesight-iot/em300-zld", &Milesight::Air),
    ("milesight-iot/em320-th", &Milesight::Air),
    ("milesight-iot/em500-pt100", &Milesight::Pt100),
    ("netvox/r711", &Netvox),
    ("netvox/r711a", &Netvox),
    ("netvox/r712", &Netvox),
    ("netvox/r718a", &Netvox),
    ("netvox/r718ab", &Netvox),
    ("netvox/r718ad", &Netvox),
    ("netvox/r718b", &Netvox),
    ("netvox/r718b2", &Netvox),
    ("netvox/r718ck", &Netvox),
    ("netvox/r718ck2", &Netvox),
    ("netvox/r718ct", &Netvox),
    ("netvox/r718ct2", &Netvox),
    ("sensative/strips", &Strips),
    ("talkpool/oy1100", &Talkpool::Oy1100),
    ("talkpool/oy1110", &Talkpool::Oy1110),
    ("tektelic/t00048xx", &tektelic::ROOM_SENSOR),
    ("tektelic/t00059xx", &tektelic::AGRICULTURE_SENSOR),
    ("tektelic/t0006129", &tektelic::ASSET_TRACKER),
    ("tektelic/t0007405", &tektelic::TRANSCEIVER),
    ("tektelic/t00078xx", &tektelic::ROOM_SENSOR_3),
];

/// Vendors all of whose sensors have one payload.
const VENDORS: &[Entry] = &[("elsys", &Elsys)];

/// The codecs that claim frames by port and shape.
const BY_SHAPE: &[&dyn Codec] = &[&Browan::Tbhh100, &Elsys, &Milesight::Air, &Netvox];

/// The codec of a model, written `vendor/model` in any case; `None` where none is known.
#[must_use]
pub fn codec_of(model: &str) -> Option<&'static dyn Codec> {
    let model = model.trim().to_ascii_lowercase();
    let vendor = model.split_once('/').map(|(vendor, _)| vendor);
    let exact = MODELS.iter().find(|(name, _)| *name == model);
    let found = exact.or_else(|| VENDORS.iter().find(|(name, _)| vendor == Some(*name)));
    found.map(|(_, codec)| *codec)
}

/// The codec of a frame whose model is not known; `None` unless exactly one claims it.
#[must_use]
pub fn codec_by_shape(frame: &Frame<'_>) -> Option<&'static dyn Codec> {
    let mut claiming = BY_SHAPE.iter().filter(|codec| codec.claims(frame));
    let only = claiming.next().copied();
    only.filter(|_| claiming.next().is_none())
}

/// The names of all models that are known; of a vendor with one payload for all, its name and `/`.
pub fn models() -> impl Iterator<Item = String> {
    let exact = MODELS.iter().map(|(name, _)| (*name).to_owned());
    exact.chain(VENDORS.iter().map(|(vendor, _)| format!("{vendor}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_in_any_case_and_an_unknown_one_is_not() {
        for known in ["dragino/lht65", " Dragino/LHT65 ", "elsys/ers-next"] {
            assert!(codec_of(known).is_some(), "{known}");
        }
        for unknown in ["", "lht65", "dragino/", "dragino/lht652", "elsys", "acme/ers"] {
            assert!(codec_of(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn each_model_is_named_once() {
        let mut names: Vec<_> = models().collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
