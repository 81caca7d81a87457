//! Key pairs that sign the hub's own tokens.

use crate::ddl::{Part, migration};

migration!();

const UP: &[Part] = &[Part::Both(
    "
CREATE TABLE signing_keys (
    kid {ascii} NOT NULL,
    pkcs8 {bytes} NOT NULL,
    created_at {bigint} NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
) {strict};
",
)];

const DOWN: &[Part] = &[Part::Both("DROP TABLE signing_keys;")];
