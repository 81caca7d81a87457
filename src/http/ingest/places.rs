//! Where readings belong: the unit and the source of each, from what its sender named.
//!
//! Answers are remembered, and what is not known is asked for all at once: no query for each reading.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use hub_domain::{DeviceId, OrgId, SiteId, SourceId, UnitId};
use hub_store::{Store, records::Device};
use moka::future::Cache;

use super::item::{Item, Rejection, Target};
use crate::{auth::IngestKey, http::error::ApiError};

/// Units remembered, for so long, each for its own organization alone.
const UNITS: u64 = 500_000;
const UNITS_FOR: Duration = Duration::from_secs(60);
/// Devices remembered, for so long: they may come to another unit.
const DEVICES: u64 = 500_000;
const DEVICES_FOR: Duration = Duration::from_secs(10);

/// Where one reading belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its unit.
    pub unit: UnitId,
    /// What measured it.
    pub source: SourceId,
}

/// Finds the places of readings.
pub struct Places {
    store: Store,
    units: Cache<(OrgId, UnitId), SiteId>,
    devices: Cache<DeviceId, Sensor>,
    by_eui: Cache<(OrgId, String), Sensor>,
}

#[derive(Clone, Debug)]
struct Sensor {
    id: DeviceId,
    org: OrgId,
    unit: Option<UnitId>,
    dev_eui: Option<String>,
}

impl From<Device> for Sensor {
    fn from(device: Device) -> Self {
        Self { id: device.id, org: device.org, unit: device.unit, dev_eui: device.dev_eui }
    }
}

/// What is known of all that one request names: only what is the key's organization's.
#[derive(Default)]
struct Known {
    units: HashMap<UnitId, SiteId>,
    devices: HashMap<DeviceId, Sensor>,
    by_eui: HashMap<String, Sensor>,
}

impl Places {
    /// Places as in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let devices = || Cache::builder().max_capacity(DEVICES).time_to_live(DEVICES_FOR);
        Self {
            store,
            units: Cache::builder().max_capacity(UNITS).time_to_live(UNITS_FOR).build(),
            devices: devices().build(),
            by_eui: Cache::builder().max_capacity(DEVICES).time_to_live(DEVICES_FOR).build(),
        }
    }

    /// The place of each reading, in order. One that was rejected before has none and says so again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn place(
        &self,
        key: IngestKey,
        items: &[Result<Item, Rejection>],
    ) -> Result<Vec<Result<Place, Rejection>>, ApiError> {
        let known = self.known(key.org, items).await?;
        let placed = items.iter().map(|item| match item {
            Ok(item) => known.place(key, item),
            Err(rejection) => Err(rejection.clone()),
        });
        Ok(placed.collect())
    }

    async fn known(
        &self,
        org: OrgId,
        items: &[Result<Item, Rejection>],
    ) -> Result<Known, ApiError> {
        let targets = || items.iter().flatten().map(|item| &item.target);
        let mut known = Known::default();
        self.find_devices(org, targets(), &mut known.devices).await?;
        self.find_euis(org, targets(), &mut known.by_eui).await?;
        let sensors = known.devices.values().chain(known.by_eui.values());
        let units: HashSet<UnitId> = targets()
            .filter_map(|target| target.unit)
            .chain(sensors.filter_map(|sensor| sensor.unit))
            .collect();
        self.find_units(org, units, &mut known.units).await?;
        Ok(known)
    }

    async fn find_devices(
        &self,
        org: OrgId,
        targets: impl Iterator<Item = &Target>,
        known: &mut HashMap<DeviceId, Sensor>,
    ) -> Result<(), ApiError> {
        let mut asked = Vec::new();
        for id in targets.filter_map(|target| target.device).collect::<HashSet<_>>() {
            match self.devices.get(&id).await {
                Some(sensor) => drop(known.insert(id, sensor)),
                None => asked.push(id),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        for device in self.store.resolve_devices(org, &asked).await? {
            let sensor = Sensor::from(device);
            self.devices.insert(sensor.id, sensor.clone()).await;
            known.insert(sensor.id, sensor);
        }
        Ok(())
    }

    async fn find_euis(
        &self,
        org: OrgId,
        targets: impl Iterator<Item = &Target>,
        known: &mut HashMap<String, Sensor>,
    ) -> Result<(), ApiError> {
        let mut asked = Vec::new();
        for eui in targets.filter_map(|target| target.dev_eui.as_ref()).collect::<HashSet<_>>() {
            match self.by_eui.get(&(org, eui.clone())).await {
                Some(sensor) => drop(known.insert(eui.clone(), sensor)),
                None => asked.push(eui.clone()),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        for sensor in self.store.resolve_euis(org, &asked).await?.into_iter().map(Sensor::from) {
            let Some(eui) = sensor.dev_eui.clone() else { continue };
            self.by_eui.insert((org, eui.clone()), sensor.clone()).await;
            known.insert(eui, sensor);
        }
        Ok(())
    }

    async fn find_units(
        &self,
        org: OrgId,
        units: HashSet<UnitId>,
        known: &mut HashMap<UnitId, SiteId>,
    ) -> Result<(), ApiError> {
        let mut asked = Vec::new();
        for unit in units {
            match self.units.get(&(org, unit)).await {
                Some(site) => drop(known.insert(unit, site)),
                None => asked.push(unit),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        for (unit, site) in self.store.resolve_units(org, &asked).await? {
            self.units.insert((org, unit), site).await;
            known.insert(unit, site);
        }
        Ok(())
    }
}

impl Known {
    fn place(&self, key: IngestKey, item: &Item) -> Result<Place, Rejection> {
        let target = &item.target;
        let Some(sensor) = self.sensor(key.org, target)? else {
            let unit = target.unit.ok_or_else(Rejection::unknown_unit)?;
            self.is_in_reach(key, unit).then_some(()).ok_or_else(Rejection::unknown_unit)?;
            let labelled = |label: &String| SourceId::labelled(unit, label);
            return Ok(Place {
                unit,
                source: item.source.as_ref().map_or_else(|| SourceId::direct(unit), labelled),
            });
        };
        let Some(unit) = sensor.unit else {
            return Err(Rejection::new("device_unassigned", "the device belongs to no unit yet"));
        };
        if !self.is_in_reach(key, unit) {
            return Err(unknown_device());
        }
        if target.unit.is_some_and(|named| named != unit) {
            return Err(Rejection::new(
                "wrong_unit_for_device",
                "the device belongs to another unit than unitId",
            ));
        }
        Ok(Place { unit, source: SourceId(sensor.id.0) })
    }

    /// The sensor that is named, if one is. A device and a devEui that are both named must be one sensor.
    fn sensor(&self, org: OrgId, target: &Target) -> Result<Option<&Sensor>, Rejection> {
        let by_id = match target.device {
            None => None,
            Some(id) => {
                let found = self.devices.get(&id).filter(|sensor| sensor.org == org);
                Some(found.ok_or_else(unknown_device)?)
            }
        };
        let by_eui = match &target.dev_eui {
            None => None,
            Some(eui) => Some(self.by_eui.get(eui).ok_or_else(unknown_device)?),
        };
        match (by_id, by_eui) {
            (Some(one), Some(other)) if one.id != other.id => {
                Err(Rejection::new("unknown_device", "deviceId and devEui name two devices"))
            }
            (one, other) => Ok(one.or(other)),
        }
    }

    fn is_in_reach(&self, key: IngestKey, unit: UnitId) -> bool {
        self.units.get(&unit).is_some_and(|site| key.site.is_none_or(|bound| bound == *site))
    }
}

fn unknown_device() -> Rejection {
    Rejection::new("unknown_device", "there is no such device that this key may write for")
}
