//! The tables of the ledger.

use onshore_db::Schema;

/// The tables of the ledger.
pub const SCHEMA: Schema = Schema {
    keeper: "journal",
    steps: &["
    CREATE TABLE leaves (
        idx INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL,
        body BLOB NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    -- What a leaf commits to, kept beside the log and shown only in a proof bundle.
    CREATE TABLE records (
        idx INTEGER PRIMARY KEY,
        salt BLOB NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    -- Ordinary reads inside the jurisdiction: a batch has one leaf with the root over its records.
    CREATE TABLE read_records (
        leaf INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        salt BLOB NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (leaf, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ledger_key (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        name TEXT NOT NULL,
        sealed_seed BLOB NOT NULL
    ) STRICT;
    CREATE TABLE checkpoint (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL
    ) STRICT;
    "],
};
