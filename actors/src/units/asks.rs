//! What people and sensors say of a unit besides readings.

use hub_domain::{AlertId, Input, LinkCause, Mode, SourceId, Timestamp, UnitId, UserId};
use hub_store::Said;

use super::Units;
use crate::{
    answer::{AlertAskError, AskError},
    unit::UnitMessage,
};

impl Units {
    /// A door report that came without a temperature.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn door(
        &self,
        unit: UnitId,
        open: bool,
        recorded_at: Timestamp,
    ) -> Result<(), AskError> {
        self.take(unit, Input::Door { open, recorded_at }).await
    }

    /// A person says what the unit is in; [`Mode::Normal`] ends what it was in.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn set_mode(&self, unit: UnitId, mode: Mode) -> Result<(), AskError> {
        self.take(unit, Input::SetMode(mode)).await
    }

    /// A source measures here no more since `at`: nobody waits for it. What it had open stays open until another
    /// sensor's readings or a person end it.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn retire_source(
        &self,
        unit: UnitId,
        source: SourceId,
        at: Timestamp,
    ) -> Result<(), AskError> {
        self.take(unit, Input::RetireSource { source, at }).await
    }

    /// The unit's calibration runs out then; with `None`, never.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn expect_calibration(
        &self,
        unit: UnitId,
        due_at: Option<Timestamp>,
    ) -> Result<(), AskError> {
        self.take(unit, Input::CalibrationDue(due_at)).await
    }

    /// What the silence of a unit is thought to come from.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn attribute_silence(&self, unit: UnitId, cause: LinkCause) -> Result<(), AskError> {
        self.take(unit, Input::AttributeSilence(cause)).await
    }

    async fn take(&self, unit: UnitId, input: Input<'static>) -> Result<(), AskError> {
        self.ask(unit, |ask| UnitMessage::Take(input.clone(), ask)).await?
    }

    /// A person saw an alert: a member, or somebody who is told of alerts and is none, whom `said` names.
    ///
    /// # Errors
    /// When the alert cannot be acknowledged, or the unit gave no answer.
    pub async fn acknowledge(
        &self,
        unit: UnitId,
        alert: AlertId,
        by: Option<UserId>,
        said: Said,
    ) -> Result<(), AlertAskError> {
        self.ask(unit, |ask| UnitMessage::Acknowledge { alert, by, said: said.clone(), ask })
            .await?
    }

    /// A person says an alert is over.
    ///
    /// # Errors
    /// When the condition still holds or the alert is resolved, or the unit gave no answer.
    pub async fn resolve(
        &self,
        unit: UnitId,
        alert: AlertId,
        by: UserId,
        said: Said,
    ) -> Result<(), AlertAskError> {
        self.ask(unit, |ask| UnitMessage::Resolve { alert, by, said: said.clone(), ask }).await?
    }
}
