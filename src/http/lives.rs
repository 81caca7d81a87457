//! Pages of what is there, or of what was deleted.

use hub_store::records::{Life, PageQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{asked, error::ApiError, schemas};

/// Which page is wanted, of what is there or of what was deleted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LivesIn {
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
    /// `true` for what was deleted.
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
}

impl LivesIn {
    /// What is asked for.
    ///
    /// # Errors
    /// 400 for a bad limit or word.
    pub fn read(self) -> Result<(Life, PageQuery), ApiError> {
        let life = asked::life(self.deleted.as_deref())?;
        Ok((life, asked::page(self.limit.as_deref(), self.cursor)?))
    }
}
