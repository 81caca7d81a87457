//! Frames that were kept and then left: whoever took them in was killed before anything was made of them. The network
//! does not send them again.

use std::sync::Arc;

use freshtrack_hub::clock::SystemClock;
use hub_domain::{OrgId, Timestamp};
use hub_store::{OpenOptions, Store, records::Uplink};
use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, wait};

use super::*;
use crate::promises::Backend;

const EUI: &str = "A84041000181B2C3";

/// A frame that says 4 °C, as it is stored.
fn frame(org: OrgId, dev_eui: &str, f_cnt: i64) -> Uplink {
    let now = Timestamp::from_millis(Utc::now().timestamp_millis());
    Uplink {
        org,
        dev_eui: dev_eui.to_owned(),
        session: "AY3x".to_owned(),
        f_cnt,
        payload_hash: [0; 32],
        f_port: Some(2),
        payload: vec![1, 2],
        decoded_payload: Some("{\"TempC_SHT\":4.0}".to_owned()),
        model: None,
        recorded_at: now,
        received_at: now,
        rssi_dbm: None,
        is_decoded: false,
        unit: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_whose_hub_was_killed_before_its_readings_is_taken_up() {
    for backend in BACKENDS {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        let (folder, postgres) = (tempfile::tempdir().unwrap(), PrivatePostgres::shared);
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}/hub.db", folder.path().display()),
            Backend::Postgres => postgres().create_database(),
        };
        let hub = builder.database_url(&url).start().await.expect("the hub starts");
        let (owner, api) = hub.owner("Left").await.expect("an owner is made");
        let org = owner.organization_id.parse().expect("an id");
        let unit = api.create_unit(&api.create_site("Kitchen").await, "Fridge").await;
        api.create_device(&unit, "Probe", Some(EUI)).await;
        api.create("/api/v1/devices", json!({ "name": "Idle", "devEui": "A84041000181B2C4" }))
            .await;

        let options = OpenOptions { url, max_connections: 2, clock: Arc::new(SystemClock) };
        let store = Store::open(options).await.expect("the store opens");
        for (dev_eui, f_cnt) in
            [(EUI, 1), (EUI, 2), ("A84041000181B2C4", 1), ("A84041000181B2C5", 1)]
        {
            store.keep_uplink(&frame(org, dev_eui, f_cnt)).await.expect("it is kept");
        }
        let path = format!("/api/v1/units/{unit}/readings");
        wait::until("both readings", SOON, || async {
            (api.list(&path).await.len() == 2).then_some(())
        })
        .await;
        wait::until("the unknown sensor", SOON, || async {
            let heard = api.list("/api/v1/unclaimed-devices").await;
            let told: Vec<_> = heard.iter().map(|one| (&one["devEui"], &one["frames"])).collect();
            (told == [(&json!("A84041000181B2C5"), &json!(1))]).then_some(())
        })
        .await;
        wait::until("nothing to be in hand", SOON, || async {
            let later = Timestamp::from_millis(i64::MAX);
            store
                .uplinks_in_hand(later, None, 10)
                .await
                .expect("an answer")
                .is_empty()
                .then_some(())
        })
        .await;
        store.close().await;
        let frames = api.list(&format!("/api/v1/units/{unit}/frames")).await;
        assert!(frames.iter().all(|frame| frame["decoded"] == true), "{backend:?}: {frames:?}");
    }
}
