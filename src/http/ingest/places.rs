//! Where readings belong: the unit and the source of each, from what its sender named.
//!
//! Answers are remembered, and what is not known is asked for all at once: no query for each reading.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use hub_domain::{DeviceId, OrgId, SiteId, SourceId, UnitId};
use hub_store::{
    Store,
    records::{Assignment, Sensor},
};
use moka::future::Cache;

use super::item::{Item, Rejection, Target};
use crate::{auth::IngestKey, http::error::ApiError};

/// Units remembered, for so long, each for its own organization alone.
const UNITS: u64 = 500_000;
const UNITS_FOR: Duration = Duration::from_secs(60);
/// Devices remembered, each for its own organization alone, for so long: another hub on the database may assign them to another unit.
const DEVICES: u64 = 500_000;
const DEVICES_FOR: Duration = Duration::from_secs(5);

/// Where one reading belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its unit.
    pub unit: UnitId,
    /// What measured it.
    pub source: SourceId,
    /// Whether its device has left the unit since, so that it moves nothing there.
    pub is_past: bool,
}

/// Finds the places of readings.
pub struct Places {
    store: Store,
    units: Cache<(OrgId, UnitId), SiteId>,
    devices: Cache<(OrgId, DeviceId), Arc<Sensor>>,
    by_eui: Cache<(OrgId, String), DeviceId>,
}

/// What is known of all that one request names: only what is the key's organization's.
#[derive(Default)]
struct Known {
    units: HashMap<UnitId, SiteId>,
    devices: HashMap<DeviceId, Arc<Sensor>>,
    by_eui: HashMap<String, DeviceId>,
}

impl Places {
    /// Places as in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            units: Cache::builder().max_capacity(UNITS).time_to_live(UNITS_FOR).build(),
            devices: Cache::builder().max_capacity(DEVICES).time_to_live(DEVICES_FOR).build(),
            by_eui: Cache::builder().max_capacity(DEVICES).time_to_live(DEVICES_FOR).build(),
        }
    }

    /// Forgets a device that was changed.
    pub async fn forget(&self, org: OrgId, device: DeviceId) {
        self.devices.invalidate(&(org, device)).await;
    }

    /// Forgets a unit that was deleted.
    pub async fn forget_unit(&self, org: OrgId, unit: UnitId) {
        self.units.invalidate(&(org, unit)).await;
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
        let mut known = Known::default();
        self.find_devices(org, items, &mut known).await?;
        let named = |item: &Item| {
            let sensor = known.named(&item.target);
            sensor.map_or(item.target.unit, |sensor| Some(sensor.at(item.recorded_at)?.unit))
        };
        let units: HashSet<UnitId> = items.iter().flatten().filter_map(named).collect();
        self.find_units(org, units, &mut known.units).await?;
        Ok(known)
    }

    /// Finds every device that is named, by id or radio identity, with one question for those not remembered.
    async fn find_devices(
        &self,
        org: OrgId,
        items: &[Result<Item, Rejection>],
        known: &mut Known,
    ) -> Result<(), ApiError> {
        let targets = || items.iter().flatten().map(|item| &item.target);
        let (mut ids, mut euis) = (Vec::new(), Vec::new());
        for id in targets().filter_map(|target| target.device).collect::<HashSet<_>>() {
            match self.devices.get(&(org, id)).await {
                Some(sensor) => known.put(sensor),
                None => ids.push(id),
            }
        }
        for eui in targets().filter_map(|target| target.dev_eui.as_ref()).collect::<HashSet<_>>() {
            match self.remembered(org, eui).await {
                Some(sensor) => known.put(sensor),
                None => euis.push(eui.clone()),
            }
        }
        if ids.is_empty() && euis.is_empty() {
            return Ok(());
        }
        for sensor in self.store.sensors(org, &ids, &euis).await? {
            let sensor = Arc::new(sensor);
            if let Some(eui) = &sensor.dev_eui {
                self.by_eui.insert((org, eui.clone()), sensor.id).await;
            }
            self.devices.insert((org, sensor.id), Arc::clone(&sensor)).await;
            known.put(sensor);
        }
        Ok(())
    }

    /// The device of that radio identity, if it is remembered and has it still.
    async fn remembered(&self, org: OrgId, eui: &String) -> Option<Arc<Sensor>> {
        let id = self.by_eui.get(&(org, eui.clone())).await?;
        let sensor = self.devices.get(&(org, id)).await?;
        (sensor.dev_eui.as_ref() == Some(eui)).then_some(sensor)
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
    fn put(&mut self, sensor: Arc<Sensor>) {
        if let Some(eui) = &sensor.dev_eui {
            self.by_eui.insert(eui.clone(), sensor.id);
        }
        self.devices.insert(sensor.id, sensor);
    }

    fn place(&self, key: IngestKey, item: &Item) -> Result<Place, Rejection> {
        let target = &item.target;
        let Some(sensor) = self.sensor(key.org, target)? else {
            let unit = target.unit.ok_or_else(Rejection::unknown_unit)?;
            self.is_in_reach(key, unit).then_some(()).ok_or_else(Rejection::unknown_unit)?;
            let labelled = |label: &String| SourceId::labelled(unit, label);
            return Ok(Place {
                unit,
                source: item.source.as_ref().map_or_else(|| SourceId::direct(unit), labelled),
                is_past: false,
            });
        };
        let Some(Assignment { unit, until, .. }) = sensor.at(item.recorded_at).copied() else {
            return Err(unassigned(sensor));
        };
        if !self.units.contains_key(&unit) {
            return Err(Rejection::new("device_unassigned", "the device's unit was deleted"));
        }
        if !self.is_in_reach(key, unit) {
            return Err(unknown_device());
        }
        if target.unit.is_some_and(|named| named != unit) {
            return Err(Rejection::new(
                "wrong_unit_for_device",
                "the device belonged to another unit than unitId at recordedAt",
            ));
        }
        Ok(Place { unit, source: SourceId(sensor.id.0), is_past: until.is_some() })
    }

    /// The sensor that is named, if one is and is known.
    fn named(&self, target: &Target) -> Option<&Sensor> {
        let by_eui = || self.by_eui.get(target.dev_eui.as_ref()?).copied();
        self.devices.get(&target.device.or_else(by_eui)?).map(Arc::as_ref)
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
            Some(eui) => {
                let found = self.by_eui.get(eui).and_then(|id| self.devices.get(id));
                let found = found.filter(|sensor| sensor.dev_eui.as_ref() == Some(eui));
                Some(found.filter(|sensor| sensor.org == org).ok_or_else(unknown_device)?)
            }
        };
        match (by_id, by_eui) {
            (Some(one), Some(other)) if one.id != other.id => {
                Err(Rejection::new("unknown_device", "deviceId and devEui name two devices"))
            }
            (one, other) => Ok(one.or(other).map(Arc::as_ref)),
        }
    }

    fn is_in_reach(&self, key: IngestKey, unit: UnitId) -> bool {
        self.units.get(&unit).is_some_and(|site| key.site.is_none_or(|bound| bound == *site))
    }
}

fn unassigned(sensor: &Sensor) -> Rejection {
    let detail = if sensor.assignments.is_empty() {
        "the device belongs to no unit yet"
    } else {
        "the device belonged to no unit at recordedAt"
    };
    Rejection::new("device_unassigned", detail)
}

fn unknown_device() -> Rejection {
    Rejection::new("unknown_device", "there is no such device that this key may write for")
}
