//! Units and sites that were made, edited, deleted or brought back: the running ones are told.

use std::sync::{Arc, atomic::Ordering};

use hub_domain::{SiteId, UnitId};
use hub_store::{
    By, RuleScope,
    records::{Site, UnitRecord},
};
use tokio::time::timeout_at;

use super::Units;
use crate::{
    answer::AskError,
    directory::Entry,
    root::RootMessage,
    unit::{Ask, UnitMessage},
};

impl Units {
    /// Starts the actor of a unit that was just created or brought back.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn unit_created(&self, unit: UnitId) -> Result<(), AskError> {
        self.find(unit).await.map(drop)
    }

    /// Brings an edited rule to the running units it concerns. They have it when this returns: the version that they
    /// were told, if there are any.
    ///
    /// # Errors
    /// When the store is away. A unit that ends meanwhile loads the new rule when it starts.
    pub async fn rules_changed(&self, scope: RuleScope) -> Result<Option<i64>, AskError> {
        self.0.tools.rule_edits.fetch_add(1, Ordering::AcqRel);
        let rules = self.0.tools.store.rules_of(scope).await.map_err(|error| {
            tracing::warn!(%error, "edited rules could not be read");
            AskError::Unavailable
        })?;
        let version = rules.first().map(|(_, _, version)| *version);
        let mut answers = Vec::new();
        for (unit, rule, rule_version) in rules {
            if let Some(Entry::Live { actor, .. }) = self.0.directory.unit(unit) {
                let (ask, answer) = Ask::new(None);
                if actor.send_message(UnitMessage::SetRule { rule, rule_version, ask }).is_ok() {
                    answers.push(answer);
                }
            }
        }
        let deadline = self.deadline();
        for answer in answers {
            match timeout_at(deadline, answer).await {
                Ok(Ok(told)) => told?,
                Ok(Err(_ended)) => {}
                Err(_) => return Err(AskError::TimedOut),
            }
        }
        Ok(version)
    }

    /// Shows a unit as it was edited. Its rule is told by [`Self::rules_changed`].
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn unit_edited(&self, unit: &UnitRecord) -> Result<(), AskError> {
        let (name, edition) = (Arc::<str>::from(unit.name.as_str()), unit.edition.version);
        let message = |ask| UnitMessage::Rename { name: Arc::clone(&name), edition, ask };
        self.ask(unit.id, message).await
    }

    /// Deletes a unit: its alerts are resolved, it is marked as deleted, and it is watched no more when this returns.
    /// If it is refused, the unit is as it was.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn delete_unit(&self, unit: UnitId, by: By) -> Result<(), AskError> {
        if let Some(Entry::Quarantined { org, site, owner_epoch }) = self.0.directory.unit(unit) {
            return self.delete_set_aside((org, site, owner_epoch), unit, by).await;
        }
        self.ask(unit, |ask| UnitMessage::Delete(by.clone(), ask)).await?
    }

    /// Shows a site as it was edited.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn site_edited(&self, site: &Site) -> Result<(), AskError> {
        self.activate(site.id).await?; // one that is being loaded may have read the name before
        self.0.tools.channels.show_site(site);
        Ok(())
    }

    /// Ends what runs for a site that was deleted, and its channel.
    ///
    /// # Errors
    /// When the tree has ended.
    pub async fn site_deleted(&self, site: SiteId) -> Result<(), AskError> {
        let (ask, answer) = Ask::new(None);
        self.0.root.send_message(RootMessage::Forget(site, ask)).map_err(|_| AskError::Busy)?;
        answer.await.map_err(|_| AskError::Busy)
    }
}
