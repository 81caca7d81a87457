//! What keys and radio connections have in common: names, and secrets that take the place of others.

use hub_domain::Timestamp;
use hub_store::NewSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{asked, edition, error::ApiError, schemas, whole};

/// The longest time that an old secret is taken beside the new one, in seconds: a week.
const LONGEST_OVERLAP: i64 = 604_800;

/// How long it is where nothing is said: a day.
const OVERLAP: i64 = 86_400;

/// An edit of what has a name and nothing else to edit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NameEdit)]
pub struct RenameIn {
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::name)]
    name: Option<String>,
}

impl RenameIn {
    /// The name that is to be, or the one that is.
    ///
    /// # Errors
    /// 422 for a bad name.
    pub fn read(self, present: String) -> Result<String, ApiError> {
        let Some(name) = self.name else { return Ok(present) };
        asked::all_good([asked::name("/name", &name)])?;
        Ok(name)
    }
}

/// How a secret takes the place of another.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Rotation)]
pub struct RotateIn {
    /// So many seconds the old secret is taken too. 0: it is refused at once.
    #[serde(default, deserialize_with = "whole::given")]
    #[schema(value_type = i64, required = false, minimum = 0, maximum = 604_800, default = 86_400)]
    keep_old_secs: Option<i64>,
}

impl RotateIn {
    /// The secret that is to be, by its hash.
    ///
    /// # Errors
    /// 422 for a time out of bounds.
    pub fn read(&self, hash: [u8; 32], now: Timestamp) -> Result<NewSecret, ApiError> {
        let secs = self.keep_old_secs.unwrap_or(OVERLAP);
        if !(0..=LONGEST_OVERLAP).contains(&secs) {
            let detail = "keepOldSecs must be from 0 to 604800";
            return Err(ApiError::field("/keepOldSecs", "out_of_range", detail));
        }
        let old_until = (secs > 0).then(|| now.plus_millis(secs * 1000));
        Ok(NewSecret { hash, old_until })
    }
}
