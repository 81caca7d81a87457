//! The ends of a unit's life: edited, and deleted.

use std::sync::Arc;

use hub_store::{By, Said};
use ractor::{ActorProcessingErr, ActorRef};

use super::{Ask, Asked, LiveUnit, UnitActor, UnitMessage};
use crate::{UnitUpdate, answer::AskError};

/// What is noted on the alerts of a unit that is deleted without a reason.
const NOTE: &str = "the unit was deleted";

impl UnitActor {
    /// Shows the name of a newer edition. Edits may arrive in another order than they were made.
    pub(super) fn rename(&self, live: &mut LiveUnit, name: Arc<str>, edition: i64) {
        if edition <= live.edition {
            return;
        }
        live.edition = edition;
        if live.place.name == name {
            return;
        }
        live.place.name = name;
        live.seq += 1;
        self.0.channels.publish(UnitUpdate { shown: live.shown(), alerts: Vec::new() });
    }

    /// Ends the unit's alerts, marks it as deleted in the same commit, and ends. A crash leaves both or neither: no
    /// deleted unit with an open alert, and none that is there and has lost its alarms.
    pub(super) async fn delete(
        &self,
        me: &ActorRef<UnitMessage>,
        live: &mut LiveUnit,
        by: By,
        ask: Ask<Result<(), AskError>>,
    ) -> Result<(), ActorProcessingErr> {
        let said = said_of(&by);
        if let Err(error) = self.advance(live, Asked::End(by), said).await? {
            ask.tell(Err(error));
            return Ok(());
        }
        self.0.channels.remove_unit(live.place.site, live.unit.id);
        ask.tell(Ok(()));
        me.stop(Some("the unit was deleted".to_owned())); // who is waiting asks again, and is told
        Ok(())
    }
}

/// What is noted on the alerts of a unit that somebody deletes.
pub(crate) fn said_of(by: &By) -> Said {
    let reason = by.reason.clone();
    Said { note: reason.clone().or_else(|| Some(NOTE.to_owned())), reason, contact: None }
}
