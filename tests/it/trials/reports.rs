//! What Telnyx reports of the messages that it accepted, whether or not its answers arrived.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use hub_testkit::contract_mock::Entry;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::crowd::Stand;
use crate::telling::webhook_path;

/// Reports until it is dropped.
pub(crate) struct Reports(JoinHandle<()>);

impl Drop for Reports {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Reports {
    /// Reports `message.sent` of each message to a phone of which `is_reported` says so, until the hub has taken it.
    pub(crate) fn start(
        stand: &Stand,
        is_reported: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (ledger, keys) = (stand.world.telnyx.reader(), stand.world.keys.clone());
        let (api, is_reported) = (stand.world.hub.api(), Arc::new(is_reported));
        Self(tokio::spawn(async move {
            let mut seen = 0;
            loop {
                let entries = ledger.ledger().await;
                let new = entries.iter().skip(seen).filter(|it| it.accepted && !it.body.is_null());
                let mine =
                    new.filter(|it| it.body["to"].as_str().is_some_and(|to| is_reported(to)));
                let told = mine.map(|entry| (webhook_path(&entry.body), sent(entry)));
                stream::iter(told.collect::<Vec<_>>())
                    .for_each_concurrent(8, |(path, event)| {
                        let (api, keys) = (&api, &keys);
                        async move {
                            while !keys
                                .say(api, &path, &event)
                                .await
                                .is_ok_and(|answer| answer.status.is_success())
                            {
                                tokio::time::sleep(Duration::from_millis(200)).await;
                            }
                        }
                    })
                    .await;
                // what is judged at this moment has no body yet, and is looked at again
                let done = entries.iter().position(|it| it.status.is_none());
                seen = done.unwrap_or(entries.len());
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }))
    }
}

/// The event that says so of an accepted message.
pub(crate) fn sent(entry: &Entry) -> Value {
    json!({ "data": {
        "event_type": "message.sent", "id": Uuid::now_v7(), "record_type": "event",
        "payload": {
            "id": entry.id, "direction": "outbound", "type": "SMS", "errors": [],
            "to": [{ "phone_number": entry.body["to"], "status": "sent" }],
        },
    } })
}
