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
    ",
    "
    -- Where to find the leaves that others speak of: epochs by their number, approvals by their id, closings of exports
    -- by the leaf that opened them.
    CREATE TABLE marks (
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        idx INTEGER NOT NULL,
        PRIMARY KEY (kind, value, idx)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO marks
        SELECT 'epoch', CAST(json_extract(CAST(body AS TEXT), '$.epoch') AS TEXT), idx FROM leaves
        WHERE json_extract(CAST(body AS TEXT), '$.kind') = 'epoch';
    INSERT INTO marks
        SELECT 'approval', json_extract(CAST(body AS TEXT), '$.approval'), idx FROM leaves
        WHERE json_extract(CAST(body AS TEXT), '$.kind') LIKE 'approval.%'
            AND json_extract(CAST(body AS TEXT), '$.approval') IS NOT NULL;
    INSERT INTO marks
        SELECT 'closing', CAST(json_extract(CAST(body AS TEXT), '$.opened') AS TEXT), idx FROM leaves
        WHERE json_extract(CAST(body AS TEXT), '$.kind') = 'export.closed';
    -- The newest checkpoint that enough witnesses cosigned.
    CREATE TABLE witnessed (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL
    ) STRICT;
    -- What each witness cosigned last.
    CREATE TABLE cosigned (
        witness TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        time_s INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    "],
};
