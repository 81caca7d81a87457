//! 8.5 months of one radio sensor with all the copies that the network made of its frames.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use hub_domain::Timestamp;
use hub_testkit::hub::{HubBuilder, HubProcess};
use hub_testkit::postgres::PrivatePostgres;
use hub_testkit::{ledger, shared};
use serde_json::{Value, json};

use super::Connection;

const DEV_EUI: &str = "A81758FFFE04B1C1";
/// Frames in the file, and how many are left without their copies.
const SENT: usize = 12_614;
const FRAMES: usize = 10_631;
/// Two frames carry no temperature.
const TEMPERATURES: usize = 10_629;
const SENDERS: u64 = 8;

/// A row as the webhook's body; the network leaves out what is 0 or empty.
fn body(row: &csv::StringRecord) -> (u64, Value) {
    let number = |column: usize| row[column].parse::<f64>().ok();
    let received_at =
        row[0].parse().map(Timestamp::from_millis).expect("the first column is in ms");
    let f_cnt: u64 = row[2].parse().expect("the third column counts");
    let mut message = json!({
        "f_port": row[3].parse::<u8>().expect("the fourth column is a port"),
        "frm_payload": &row[9],
        "received_at": ledger::text(received_at),
        "rx_metadata": [{ "gateway_ids": { "gateway_id": "helium" }, "rssi": number(8) }],
    });
    if f_cnt > 0 {
        message["f_cnt"] = f_cnt.into();
    }
    for (name, column) in [("temperature", 4), ("humidity", 5), ("vdd", 6)] {
        if let Some(value) = number(column) {
            message["decoded_payload"][name] = json!(value);
        }
    }
    let device = json!({ "device_id": "tower", "dev_eui": DEV_EUI, "application_ids": { "application_id": "perret" } });
    (
        f_cnt,
        json!({ "end_device_ids": device, "received_at": ledger::text(received_at), "uplink_message": message }),
    )
}

/// Sends every row. Copies of a frame go through the same sender, so that the first stays the first.
async fn send_all(connection: &Connection, rows: &[(u64, Value)]) {
    join_all((0..SENDERS).map(|sender| async move {
        for (f_cnt, body) in rows.iter().filter(|(f_cnt, _)| f_cnt % SENDERS == sender) {
            let status = connection.send(body).await;
            assert!((200..300).contains(&status), "frame {f_cnt} is answered {status}");
        }
    }))
    .await;
}

/// A folder in memory, where the system has one. What one sensor sends is committed frame by frame: 30,000 waits for a
/// disk, which this test is not about.
fn in_memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

async fn sent_twice_over(builder: HubBuilder) {
    let Some(path) = shared::path("datasets/tour-perret-lorawan/elsys-ems-helium.csv") else {
        return;
    };
    let mut file = csv::Reader::from_path(path).expect("the file was found");
    let rows: Vec<_> = file.records().map(|row| body(&row.expect("the file is CSV"))).collect();
    assert_eq!(rows.len(), SENT);
    let hub = builder.start().await.expect("the hub starts");
    let (_, api) = hub.owner("Tour Perret").await.expect("an owner is made");
    let site = api.create_site("Grenoble").await;
    let unit = api.create_unit(&site, "Tower").await;
    api.create_device(&unit, "EMS", Some(DEV_EUI)).await;
    let connection = Connection::make(&api).await;
    for time in ["once", "twice"] {
        let begun = std::time::Instant::now();
        send_all(&connection, &rows).await;
        eprintln!("{SENT} frames sent {time} in {:?}", begun.elapsed());
        let frames = api.list(&format!("/api/v1/units/{unit}/frames")).await;
        assert_eq!(frames.len(), FRAMES, "sent {time}");
        let readings = api.list(&format!("/api/v1/units/{unit}/readings")).await;
        assert_eq!(readings.len(), TEMPERATURES, "sent {time}");
        assert!(readings.iter().all(|reading| reading["channel"] == "temperature"), "sent {time}");
    }
    assert_eq!(api.list("/api/v1/unclaimed-devices").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tower_leaves_each_frame_once_on_sqlite() {
    let data = tempfile::tempdir_in(in_memory()).expect("a folder can be made");
    sent_twice_over(HubProcess::builder(env!("CARGO_BIN_EXE_hub")).data(data.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tower_leaves_each_frame_once_on_postgres() {
    let server = PrivatePostgres::start_in(&in_memory()).expect("a private PostgreSQL starts");
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    sent_twice_over(hub.database_url(server.create_database())).await;
}
