//! Compares the leaves with what was signed over them, and the files with the leaves, without changing anything.

use std::path::Path;

use onshore_db::Database;
use onshore_keys::KeyProvider;
use onshore_ledger::{Hash, VerifierKey, commitment, leaf_hash, parse_leaf, parse_record};
use onshore_types::finding::{Fault, Findings};

use crate::Error;
use crate::journal::kept_signer;
use crate::publisher::{has_leaves, is_written, signed_heads, take_page};
use crate::tiles::{Edge, TileFile};

const REWRITTEN: Fault = Fault {
    name: "ledger-rewritten",
    meaning: "the leaves are not those that were signed over: the database was changed or rolled back",
};
const KEY_SHUT: Fault = Fault {
    name: "ledger-key-shut",
    meaning: "the ledger's signing key is missing or does not open: the root key is another",
};
const LEAF_DAMAGED: Fault = Fault {
    name: "leaf-damaged",
    meaning: "a leaf does not have the hash or the time that it was recorded with",
};
const RECORD_DIFFERS: Fault = Fault {
    name: "record-differs",
    meaning: "a record is not the one that its leaf commits to",
};
const RECORD_WITHOUT_LEAF: Fault = Fault {
    name: "record-without-leaf",
    meaning: "a record belongs to a leaf that is not there",
};
const TILE_DIFFERS: Fault = Fault {
    name: "tile-differs",
    meaning: "a tile is missing or is not what its leaves make it; the next start writes it again",
};

/// Compares leaves, records, checkpoints and tiles, and returns how many leaves there are.
///
/// # Errors
/// Those of the database.
pub fn examine(
    db: &Database,
    folder: &Path,
    keys: &dyn KeyProvider,
    found: Findings<'_>,
) -> Result<u64, Error> {
    let leaves = leaves(db, found)?;
    match db.read_blocking(|view| kept_signer(view, keys)) {
        Ok(Some(signer)) => match heads(db, folder, &signer.verifier(), found) {
            Err(Error::Rewritten { what }) => found(REWRITTEN.of(what)),
            compared => compared?,
        },
        Ok(None) if has_leaves(db)? => found(KEY_SHUT.of("ledger key")),
        Ok(None) => {}
        Err(Error::Key(_)) => found(KEY_SHUT.of("ledger key")),
        Err(error) => return Err(error),
    }
    Ok(leaves)
}

/// Compares every leaf with its hash, its neighbour and its record.
fn leaves(db: &Database, found: Findings<'_>) -> Result<u64, Error> {
    let mut next = 0_i64;
    let mut latest = i64::MIN;
    db.read_blocking(|view| {
        view.each(
            "SELECT idx, time_ms, body, hash, salt, record FROM leaves LEFT JOIN records USING (idx) ORDER BY idx",
            [],
            |row| {
                let (index, time): (i64, i64) = (row.get(0)?, row.get(1)?);
                let (body, hash): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
                let (salt, record): (Option<[u8; 32]>, Option<Vec<u8>>) = (row.get(4)?, row.get(5)?);
                let name = format!("leaf {index}");
                if leaf_hash(&body).as_bytes().as_slice() != hash || time < latest || index != next {
                    found(LEAF_DAMAGED.of(name.clone()));
                }
                if let (Some(salt), Some(record)) = (salt, record)
                    && !commits(&body, &salt, &record)
                {
                    found(RECORD_DIFFERS.of(name));
                }
                (next, latest) = (index + 1, time);
                Ok(())
            },
        )?;
        for table in [
            "SELECT idx FROM records WHERE idx NOT IN (SELECT idx FROM leaves)",
            "SELECT DISTINCT leaf FROM read_records WHERE leaf NOT IN (SELECT idx FROM leaves)",
        ] {
            view.each(table, [], |row| {
                found(RECORD_WITHOUT_LEAF.of(format!("leaf {}", row.get::<_, i64>(0)?)));
                Ok(())
            })?;
        }
        Ok::<_, onshore_db::Error>(())
    })?;
    Ok(next.cast_unsigned())
}

fn commits(leaf: &[u8], salt: &[u8; 32], record: &[u8]) -> bool {
    let (Ok(leaf), Ok(record)) = (parse_leaf(leaf), parse_record(record)) else {
        return false;
    };
    commitment(salt, &record).is_ok_and(|made| {
        leaf.get("record").and_then(serde_json::Value::as_str) == Some(&made.to_string())
    })
}

/// Compares the leaves with the heads that were signed, and the tiles under them with the leaves.
fn heads(
    db: &Database,
    folder: &Path,
    verifier: &VerifierKey,
    found: Findings<'_>,
) -> Result<(), Error> {
    let mut edge = Edge::default();
    let mut full = Vec::new();
    for head in signed_heads(db, folder, verifier)? {
        let size = head.checkpoint.size;
        while edge.size() < size && take_page(&mut edge, db, size, &mut full)? {
            tiles(folder, full.drain(..), found);
        }
        agree(&edge, size, &head.checkpoint.root, head.whose)?;
    }
    tiles(folder, edge.partial(), found);
    Ok(())
}

/// Refuses leaves that are not those under a signed head.
pub(crate) fn agree(edge: &Edge, size: u64, root: &Hash, whose: &str) -> Result<(), Error> {
    let found = edge.size();
    if found < size {
        return Err(Error::Rewritten {
            what: format!("{whose} tells of {size} leaves, {found} are there"),
        });
    }
    if edge.root() != *root {
        return Err(Error::Rewritten {
            what: format!("{whose} has another root at size {size}"),
        });
    }
    Ok(())
}

fn tiles(folder: &Path, files: impl IntoIterator<Item = TileFile>, found: Findings<'_>) {
    for file in files {
        if !is_written(folder, &file) {
            found(TILE_DIFFERS.of(file.tile.path()));
        }
    }
}
