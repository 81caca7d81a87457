use proptest::{collection::vec, option, prelude::*};

use hub_domain::{
    AlertId, AlertKind, Channel, Door, DoorState, Link, LinkCause, LinkState, ManualLog,
    ManualLogState, MilliCelsius, Mode, OpenAlert, PerMille, Point, PointState, Severity, Side,
    SideState, SourceId, Timestamp, UnitState, UserId, conditions::CoolingRun,
};
use uuid::Uuid;

use super::{decode, encode};
use crate::StoreError;

fn instants() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn temperatures() -> impl Strategy<Value = MilliCelsius> {
    any::<i32>().prop_map(MilliCelsius)
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(|index| all[index])
}

fn ids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn sensing_points() -> impl Strategy<Value = Point> {
    let names = "[a-z0-9_-]{1,32}".prop_map(|name| Channel::parse(&name).unwrap());
    (ids(), names).prop_map(|(source, channel)| Point { source: SourceId(source), channel })
}

fn sides() -> impl Strategy<Value = SideState> {
    prop_oneof![
        Just(SideState::Ok),
        instants().prop_map(|began_at| SideState::Excursion { began_at }),
        (instants(), instants())
            .prop_map(|(began_at, confirmed_at)| SideState::AlarmActive { began_at, confirmed_at }),
        any::<u8>().prop_map(|good_readings| SideState::Restoring { good_readings }),
    ]
}

fn cooling_runs() -> impl Strategy<Value = CoolingRun> {
    (one_of(&Side::BOTH), instants(), temperatures(), any::<u32>(), any::<bool>()).prop_map(
        |(side, began_at, worst, readings, is_suspected)| CoolingRun {
            side,
            began_at,
            worst,
            readings,
            is_suspected,
        },
    )
}

fn points() -> impl Strategy<Value = PointState> {
    let seen = (sensing_points(), (instants(), any::<i64>()), instants());
    let said = (option::of(temperatures()), option::of(any::<i16>()), option::of(any::<u8>()));
    let judged = (sides(), sides(), any::<bool>(), any::<bool>(), option::of(cooling_runs()));
    let kept = (vec(any::<i64>(), 0..4), option::of(instants()));
    (seen, said, judged, kept).prop_map(|(seen, said, judged, kept)| PointState {
        point: seen.0,
        newest: seen.1,
        beside: kept.0.into(),
        newest_received_at: seen.2,
        temperature: said.0,
        humidity: said.1.map(PerMille),
        battery_percent: said.2,
        high: judged.0,
        low: judged.1,
        is_faulty: judged.2,
        is_battery_low: judged.3,
        cooling: judged.4,
        gone_at: kept.1,
    })
}

fn doors() -> impl Strategy<Value = Door> {
    let at = || option::of(instants());
    (one_of(DoorState::ALL), at(), at(), at(), option::of(one_of(Severity::ALL))).prop_map(
        |(state, since, newest_at, newest_received_at, concern)| Door {
            state,
            since,
            newest_at,
            newest_received_at,
            concern,
        },
    )
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Normal),
        (instants(), option::of(ids()), ".*").prop_map(|(until, by, reason)| Mode::Maintenance {
            until,
            by: by.map(UserId),
            reason: reason.into(),
        }),
        instants().prop_map(|until| Mode::Defrosting { until }),
        Just(Mode::Commissioning),
    ]
}

fn alerts(kind: AlertKind) -> impl Strategy<Value = OpenAlert> {
    let at = || option::of(instants());
    let times = (instants(), at(), at(), at());
    let measured = (option::of(sensing_points()), vec(option::of(temperatures()), 3));
    (ids(), one_of(Severity::ALL), times, option::of(ids()), measured).prop_map(
        move |(id, severity, times, by, (point, temperatures))| OpenAlert {
            id: AlertId(id),
            kind,
            severity,
            opened_at: times.0,
            confirmed_at: times.1,
            acknowledged_at: times.2,
            acknowledged_by: by.map(UserId),
            escalated_at: times.3,
            point,
            temperature: temperatures[0],
            limit: temperatures[1],
            peak: temperatures[2],
        },
    )
}

fn states() -> impl Strategy<Value = UnitState> {
    let at = || option::of(instants());
    let link = (one_of(LinkState::ALL), at(), one_of(LinkCause::ALL))
        .prop_map(|(state, newest_at, cause)| Link { state, newest_at, cause });
    let manual_log = (one_of(ManualLogState::ALL), at())
        .prop_map(|(state, newest_at)| ManualLog { state, newest_at });
    let open = AlertKind::ALL.iter().map(|kind| option::of(alerts(*kind))).collect::<Vec<_>>();
    let calibration = (at(), any::<bool>());
    (vec(points(), 0..4), link, doors(), manual_log, modes(), calibration, open, any::<u32>())
        .prop_map(|(points, link, door, manual_log, mode, calibration, alerts, alerts_opened)| {
            UnitState {
                points,
                link,
                door,
                manual_log,
                mode,
                calibration_due_at: calibration.0,
                is_calibration_due: calibration.1,
                alerts: alerts.into_iter().flatten().collect(),
                alerts_opened,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_state_comes_back_from_its_text(state in states()) {
        prop_assert_eq!(decode(&encode(&state)).unwrap(), state);
    }
}

#[test]
fn a_text_without_what_is_kept_of_points_today_is_still_a_state() {
    let old = r#"{"layout":1,"points":[{"source":"00000000000000000000000000000001","channel":"manual",
        "newest":[5,7],"newest_received_at":6,"high":"ok","low":"ok","is_faulty":false,"is_battery_low":false}],
        "link":{"state":"never_seen","cause":"sensor"},"door":{"state":"unknown"},"manual_log":{"state":"not_due"},
        "mode":"normal","is_calibration_due":false,"alerts":[],"alerts_opened":0}"#;
    let state = decode(old).unwrap();
    let kept = |point: &PointState| (point.newest.1, point.beside.is_empty(), point.gone_at);
    assert_eq!(state.points.iter().map(kept).collect::<Vec<_>>(), [(7, true, None)]);
}

#[test]
fn what_cannot_be_a_state_is_corrupt_and_no_default() {
    let good = encode(&UnitState::default());
    assert!(decode(&good).is_ok());
    let spoilt = [
        good.replace("\"layout\":1", "\"layout\":2"),
        good.replace("never_seen", "asleep"),
        good.replace("\"alerts_opened\":0", "\"alerts_opened\":-1"),
        good.replace("\"alerts_opened\":0", "\"other\":0"),
        good.replace("\"points\":[]", "\"points\":[{}]"),
        "{}".to_owned(),
        String::new(),
    ];
    for text in spoilt {
        assert_ne!(text, good);
        assert!(matches!(decode(&text), Err(StoreError::Corrupt(_))), "{text}");
    }
}
