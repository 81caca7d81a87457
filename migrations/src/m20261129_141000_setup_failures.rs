//! Tries that a provider refused for a reason of the hub's own setup are told apart: the owners are told of them.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
ALTER TABLE delivery_attempts ADD COLUMN is_setup {bool} NOT NULL DEFAULT {false};
CREATE INDEX delivery_attempts_setup_idx ON delivery_attempts (org_id, begun_at) WHERE is_setup;
",
)];

const DOWN: &[Part] = &[Part::Both(
    "
DROP INDEX delivery_attempts_setup_idx;
ALTER TABLE delivery_attempts DROP COLUMN is_setup;
",
)];
