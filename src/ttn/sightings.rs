//! When gateways were last heard, noted without a hot row: at most once a minute each.

use std::time::Duration;

use hub_domain::{OrgId, Timestamp};
use hub_store::Store;
use moka::future::Cache;

/// Gateways that were noted are remembered for so long.
const NOTED_FOR: Duration = Duration::from_secs(60);
const GATEWAYS: u64 = 100_000;

/// The gateways that were noted a moment ago.
#[derive(Clone, Debug)]
pub struct Sightings(Cache<(OrgId, String), ()>);

impl Default for Sightings {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(GATEWAYS).time_to_live(NOTED_FOR).build())
    }
}

impl Sightings {
    /// Notes that these gateways passed on a frame. One that cannot be noted now is noted at its next frame.
    pub async fn note(&self, store: &Store, org: OrgId, gateways: Vec<String>, at: Timestamp) {
        for eui in gateways {
            let gateway = (org, eui);
            if self.0.contains_key(&gateway) {
                continue;
            }
            match store.note_gateway(org, &gateway.1, at).await {
                Ok(()) => self.0.insert(gateway, ()).await,
                Err(error) => tracing::debug!(%error, "a gateway could not be noted as heard"),
            }
        }
    }

    /// Forgets a gateway that was registered or changed, so that its next frame is noted.
    pub async fn forget(&self, org: OrgId, eui: &str) {
        self.0.invalidate(&(org, eui.to_owned())).await;
    }
}
