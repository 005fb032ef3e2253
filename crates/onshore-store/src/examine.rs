//! Compares the rows with each other and with the files, from outside: the store is not open, and nothing changes but
//! the orphans that may be removed. The bytes of bodies are not read here.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use onshore_db::{Database, Row, RowError, View, params};
use onshore_keys::KeyProvider;
use onshore_types::finding::{Fault, Finding, Findings, Orphans, Remedy};
use onshore_types::{BucketId, ObjectKey, UploadId, VersionId};

use crate::facts::{Body, Facts, Place, Sealed};
use crate::files::Files;
use crate::frame::{BodyId, stored_size};
use crate::kms_keys::KmsKeys;
use crate::tenant_keys::{TenantKey, TenantKeys};
use crate::{Error, columns, part, reclaim, upload};

/// Versions looked at in one read.
const PAGE: u16 = 256;
/// Parts of an upload looked at in one read.
const PARTS_PAGE: usize = 1000;

const FILE_MISSING: Fault = Fault {
    name: "file-missing",
    meaning: "a row names a file that is not there",
};
const FILE_LENGTH: Fault = Fault {
    name: "file-length",
    meaning: "a file is longer or shorter than its row says",
};
const FILE_WITHOUT_ROW: Fault = Fault {
    name: "file-without-row",
    meaning: "a file belongs to no row; the next start removes it, and so does --repair",
};
const FILE_UNFINISHED: Fault = Fault {
    name: "file-unfinished",
    meaning: "a file was begun and never finished; the next start removes it, and so does --repair",
};
const FILE_STRANGE: Fault = Fault {
    name: "file-strange",
    meaning: "the objects folder holds files that are not the store's",
};
const BODY_MISSING: Fault = Fault {
    name: "body-missing",
    meaning: "a version or part names a body that has no row",
};
const BODY_DIFFERS: Fault = Fault {
    name: "body-differs",
    meaning: "the row of a body is not what its version or part says",
};
const BODY_SURPLUS: Fault = Fault {
    name: "body-surplus",
    meaning: "a version has a body that it does not name",
};
const FACTS_SHUT: Fault = Fault {
    name: "facts-shut",
    meaning: "the facts of a version do not open: they were changed, or the root key is another",
};
const FACTS_DIFFER: Fault = Fault {
    name: "facts-differ",
    meaning: "the row of a version tells another key, size, label or ETag than its facts",
};
const UPLOAD_SHUT: Fault = Fault {
    name: "upload-shut",
    meaning: "an upload or a part of it does not open: it was changed, or the root key is another",
};
const KEY_SHUT: Fault = Fault {
    name: "tenant-key-shut",
    meaning: "the key of a bucket's tenant is missing or does not open: the root key is another",
};

const NAMED_KEY_SHUT: Fault = Fault {
    name: "kms-key-shut",
    meaning: "a key that a tenant names does not open: it was changed, or the root key is another",
};

/// What is wrong with rows alone, each with the statement that finds it: the ids it is wrong with.
const ROW_CHECKS: &[(Fault, Subject, &str)] = &[
    (
        Fault {
            name: "version-without-key",
            meaning: "a version is there that no key leads to",
        },
        Subject::Version,
        "SELECT id FROM versions
         WHERE id NOT IN (SELECT version FROM objects) AND id NOT IN (SELECT version FROM history)",
    ),
    (
        Fault {
            name: "key-without-version",
            meaning: "a key leads to a version that is not there",
        },
        Subject::Version,
        "SELECT version FROM objects WHERE version NOT IN (SELECT id FROM versions)
         UNION ALL
         SELECT version FROM history WHERE kind = 'object' AND version NOT IN (SELECT id FROM versions)",
    ),
    (
        Fault {
            name: "marker-with-version",
            meaning: "a delete marker has facts, which only objects have",
        },
        Subject::Version,
        "SELECT version FROM history WHERE kind = 'marker' AND version IN (SELECT id FROM versions)",
    ),
    (
        Fault {
            name: "version-twice",
            meaning: "two keys lead to one version",
        },
        Subject::Version,
        "SELECT version FROM (SELECT version FROM objects UNION ALL SELECT version FROM history)
         GROUP BY version HAVING count(*) > 1",
    ),
    (
        Fault {
            name: "turns-crossed",
            meaning: "an earlier version of a key stands before its current one",
        },
        Subject::Version,
        "SELECT o.version FROM objects o WHERE EXISTS
         (SELECT 1 FROM history h WHERE h.bucket = o.bucket AND h.key = o.key AND h.turn >= o.turn)",
    ),
    (
        Fault {
            name: "key-without-current",
            meaning: "the newest version of a key is an object, and the key leads to none",
        },
        Subject::Version,
        "SELECT h.version FROM history h WHERE h.kind = 'object'
         AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.bucket = h.bucket AND o.key = h.key)
         AND NOT EXISTS (SELECT 1 FROM history n WHERE n.bucket = h.bucket AND n.key = h.key AND n.turn > h.turn)",
    ),
    (
        Fault {
            name: "usage-differs",
            meaning: "what a bucket is said to hold is not what it holds",
        },
        Subject::Bucket,
        "SELECT bucket FROM usage WHERE
             objects <> (SELECT count(*) FROM objects o WHERE o.bucket = usage.bucket)
                 + (SELECT count(*) FROM history h WHERE h.bucket = usage.bucket AND kind = 'object')
             OR bytes <> (SELECT coalesce(sum(size), 0) FROM objects o WHERE o.bucket = usage.bucket)
                 + (SELECT coalesce(sum(size), 0) FROM history h WHERE h.bucket = usage.bucket)
                 + (SELECT coalesce(sum(p.size), 0) FROM uploads u JOIN parts p ON p.upload = u.id WHERE u.bucket = usage.bucket)
         UNION ALL
         SELECT id FROM buckets WHERE id NOT IN (SELECT bucket FROM usage)",
    ),
    (
        Fault {
            name: "bucket-missing",
            meaning: "rows belong to a bucket that is not there",
        },
        Subject::Bucket,
        "SELECT bucket FROM (SELECT bucket FROM objects UNION SELECT bucket FROM history
         UNION SELECT bucket FROM versions UNION SELECT bucket FROM uploads UNION SELECT bucket FROM bucket_settings)
         WHERE bucket NOT IN (SELECT id FROM buckets)",
    ),
    (
        Fault {
            name: "part-without-upload",
            meaning: "a part belongs to an upload that is not there",
        },
        Subject::Upload,
        "SELECT DISTINCT upload FROM parts WHERE upload NOT IN (SELECT id FROM uploads)",
    ),
    (
        Fault {
            name: "body-without-owner",
            meaning: "a body belongs to no version and to no part of an upload",
        },
        Subject::Body,
        "SELECT body FROM bodies WHERE NOT EXISTS (SELECT 1 FROM versions WHERE id = owner)
         AND NOT EXISTS (SELECT 1 FROM parts WHERE upload = owner AND number = part)",
    ),
];

/// How many records and files were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Versions.
    pub versions: u64,
    /// Uploads under way.
    pub uploads: u64,
    /// Whole files.
    pub files: u64,
}

/// What an id is the id of.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Version,
    Bucket,
    Upload,
    Body,
}

impl Subject {
    fn name(self, id: [u8; 16]) -> String {
        match self {
            Self::Version => VersionId::from_bytes(id).to_string(),
            Self::Bucket => BucketId::from_bytes(id).to_string(),
            Self::Upload => UploadId::from_bytes(id).to_string(),
            Self::Body => body_name(BodyId(id)),
        }
    }
}

/// The row of a body.
struct BodyRow {
    part: u32,
    id: BodyId,
    /// How long it is where it lies in the row itself.
    inline_bytes: Option<u64>,
}

/// A version as it lies in its row.
struct VersionRow {
    id: VersionId,
    bucket: BucketId,
    sealed: Sealed,
}

/// An upload as it lies in its row.
struct UploadRow {
    id: UploadId,
    bucket: BucketId,
    key: Vec<u8>,
    sealed: Vec<u8>,
}

struct Examination<'a> {
    files: Files,
    keys: TenantKeys,
    named: KmsKeys,
    /// None for a key that does not open, which is told once.
    opened: HashMap<BucketId, Option<Arc<TenantKey>>>,
    found: Findings<'a>,
    examined: Counted,
}

/// Compares rows and files. Nothing may write to the database meanwhile.
///
/// # Errors
/// Those of the database and of files that cannot be looked at.
pub fn examine(
    db: &Database,
    folder: &Path,
    keys: Arc<dyn KeyProvider>,
    orphans: Orphans,
    found: Findings<'_>,
) -> Result<Counted, Error> {
    let mut examination = Examination {
        files: Files::at(folder),
        named: KmsKeys::new(Arc::clone(&keys)),
        keys: TenantKeys::new(keys),
        opened: HashMap::new(),
        found,
        examined: Counted::default(),
    };
    db.read_blocking(|view| {
        examination.rows(view)?;
        examination.named_keys(view)
    })?;
    examination.versions(db)?;
    examination.uploads(db)?;
    examination.folder(db, orphans)?;
    Ok(examination.examined)
}

impl Examination<'_> {
    fn rows(&mut self, view: &View<'_>) -> Result<(), Error> {
        for (fault, subject, sql) in ROW_CHECKS {
            view.each(sql, [], |row| {
                (self.found)(fault.of(subject.name(columns::bytes16(row, 0)?)));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn named_keys(&mut self, view: &View<'_>) -> Result<(), Error> {
        for id in self.named.shut(view)? {
            (self.found)(NAMED_KEY_SHUT.of(id.to_string()));
        }
        Ok(())
    }

    fn versions(&mut self, db: &Database) -> Result<(), Error> {
        let mut after = Vec::new();
        loop {
            let seen = db.read_blocking(|view| {
                let page = view.all(
                    "SELECT id, bucket, facts, wrapped, tags FROM versions WHERE id > ?1 ORDER BY id LIMIT ?2",
                    params![after, PAGE],
                    version_row,
                )?;
                for row in &page {
                    self.version(view, row)?;
                }
                Ok::<_, Error>(page)
            })?;
            self.examined.versions += seen.len() as u64;
            match seen.last() {
                Some(last) if seen.len() == usize::from(PAGE) => {
                    after = last.id.as_bytes().to_vec();
                }
                _ => return Ok(()),
            }
        }
    }

    fn version(&mut self, view: &View<'_>, row: &VersionRow) -> Result<(), Error> {
        let name = row.id.to_string();
        let Some(key) = self.tenant_key(view, row.bucket)? else {
            return Ok(());
        };
        let owner_key = key.for_owner(row.id.as_bytes())?;
        let Ok((facts, _, _)) = Facts::open(row.id, row.bucket, &owner_key, &row.sealed) else {
            (self.found)(FACTS_SHUT.of(name));
            return Ok(());
        };
        if !is_told_by_its_row(view, row.id, &facts)? {
            (self.found)(FACTS_DIFFER.of(name.clone()));
        }
        let mut rows = body_rows(view, row.id.as_bytes())?;
        for body in &facts.bodies {
            let row = rows
                .iter()
                .position(|row| row.part == body.part)
                .map(|at| rows.swap_remove(at));
            self.body(&name, body, row.as_ref())?;
        }
        for surplus in rows {
            (self.found)(BODY_SURPLUS.of(format!("{name}, {}", body_name(surplus.id))));
        }
        Ok(())
    }

    fn uploads(&mut self, db: &Database) -> Result<(), Error> {
        let mut after = Vec::new();
        loop {
            let seen = db.read_blocking(|view| {
                let page = view.all(
                    "SELECT id, bucket, key, facts FROM uploads WHERE id > ?1 ORDER BY id LIMIT ?2",
                    params![after, PAGE],
                    upload_row,
                )?;
                for row in &page {
                    self.upload(view, row)?;
                }
                Ok::<_, Error>(page)
            })?;
            self.examined.uploads += seen.len() as u64;
            match seen.last() {
                Some(last) if seen.len() == usize::from(PAGE) => {
                    after = last.id.as_bytes().to_vec();
                }
                _ => return Ok(()),
            }
        }
    }

    fn upload(&mut self, view: &View<'_>, row: &UploadRow) -> Result<(), Error> {
        let (id, bucket) = (row.id, row.bucket);
        let Some(tenant_key) = self.tenant_key(view, bucket)? else {
            return Ok(());
        };
        let owner_key = tenant_key.for_owner(id.as_bytes())?;
        let key = std::str::from_utf8(&row.key)
            .ok()
            .and_then(|key| ObjectKey::parse(key).ok());
        let opens =
            key.is_some_and(|key| upload::open(&owner_key, id, bucket, &key, &row.sealed).is_ok());
        if !opens {
            (self.found)(UPLOAD_SHUT.of(id.to_string()));
            return Ok(());
        }
        let rows = body_rows(view, id.as_bytes())?;
        let mut after = 0;
        loop {
            let Ok(parts) = part::parts(view, &owner_key, id, after, PARTS_PAGE) else {
                (self.found)(UPLOAD_SHUT.of(id.to_string()));
                return Ok(());
            };
            for facts in &parts {
                after = facts.part.number;
                let name = format!("{id}, part {after}");
                let row = rows.iter().find(|row| row.part == after);
                self.body(&name, &facts.body, row)?;
            }
            if parts.len() < PARTS_PAGE {
                return Ok(());
            }
        }
    }

    /// Compares a body with its row and its file.
    fn body(&mut self, owner: &str, body: &Body, row: Option<&BodyRow>) -> Result<(), Error> {
        let name = format!("{owner}, {}", body_name(body.id));
        let Some(row) = row else {
            (self.found)(BODY_MISSING.of(name));
            return Ok(());
        };
        let wanted = stored_size(body.size_bytes);
        match (body.place, row.inline_bytes) {
            _ if row.id != body.id => (self.found)(BODY_DIFFERS.of(name)),
            (Place::Inline, Some(len)) if len == wanted => {}
            (Place::Inline, _) | (Place::File, Some(_)) => (self.found)(BODY_DIFFERS.of(name)),
            (Place::File, None) => match self.files.len_bytes(body.id).map_err(Error::Files)? {
                None => (self.found)(FILE_MISSING.of(name)),
                Some(len) if len != wanted => {
                    (self.found)(FILE_LENGTH.of(format!("{name}: {len} bytes, not {wanted}")));
                }
                Some(_) => {}
            },
        }
        Ok(())
    }

    fn folder(&mut self, db: &Database, orphans: Orphans) -> Result<(), Error> {
        for shard in 0..=u8::MAX {
            let found = self.files.shard_of(shard).map_err(Error::Files)?;
            self.examined.files += found.bodies.len() as u64;
            if found.strangers > 0 {
                let subject = format!("objects/{shard:02x}: {}", found.strangers);
                (self.found)(FILE_STRANGE.of(subject));
            }
            for body in db.read_blocking(|view| reclaim::orphans(view, found.bodies))? {
                if orphans == Orphans::Remove {
                    self.files.remove(body);
                }
                let is_left = self.files.len_bytes(body).map_err(Error::Files)?.is_some();
                (self.found)(orphan(FILE_WITHOUT_ROW, &body_name(body), is_left));
            }
        }
        let unfinished = self.files.unfinished().map_err(Error::Files)?;
        for (number, path) in (1_usize..).zip(unfinished) {
            if orphans == Orphans::Remove {
                // One that cannot be removed is told as one that is left.
                drop(fs::remove_file(&path));
            }
            (self.found)(orphan(
                FILE_UNFINISHED,
                &format!("objects/staging, number {number}"),
                path.exists(),
            ));
        }
        Ok(())
    }

    fn tenant_key(
        &mut self,
        view: &View<'_>,
        bucket: BucketId,
    ) -> Result<Option<Arc<TenantKey>>, Error> {
        if let Some(known) = self.opened.get(&bucket) {
            return Ok(known.clone());
        }
        let key = match self.keys.in_view(view, bucket) {
            Ok(key) => Some(key),
            Err(Error::NoSuchBucket | Error::Keys(_)) => {
                (self.found)(KEY_SHUT.of(bucket.to_string()));
                None
            }
            Err(error) => return Err(error),
        };
        self.opened.insert(bucket, key.clone());
        Ok(key)
    }
}

/// Returns the files that rows name, as their paths in the objects folder.
///
/// # Errors
/// Those of the database.
pub fn named_files(db: &Database) -> Result<Vec<PathBuf>, Error> {
    let files = db.read_blocking(|view| {
        view.all("SELECT body FROM bodies WHERE sealed IS NULL", [], |row| {
            columns::bytes16(row, 0).map(BodyId)
        })
    });
    let files: Vec<BodyId> = files.map_err(|error: onshore_db::Error| error)?;
    Ok(files.into_iter().map(BodyId::file).collect())
}

fn orphan(fault: Fault, subject: &str, is_left: bool) -> Finding {
    let remedy = if is_left {
        Remedy::None
    } else {
        Remedy::Repaired
    };
    Finding {
        remedy,
        ..fault.of(subject)
    }
}

fn version_row(row: &Row<'_>) -> Result<VersionRow, RowError> {
    Ok(VersionRow {
        id: VersionId::from_bytes(columns::bytes16(row, 0)?),
        bucket: BucketId::from_bytes(columns::bytes16(row, 1)?),
        sealed: Sealed {
            facts: row.get(2)?,
            wrapped: row.get(3)?,
            tags: row.get(4)?,
        },
    })
}

fn upload_row(row: &Row<'_>) -> Result<UploadRow, RowError> {
    Ok(UploadRow {
        id: UploadId::from_bytes(columns::bytes16(row, 0)?),
        bucket: BucketId::from_bytes(columns::bytes16(row, 1)?),
        key: row.get(2)?,
        sealed: row.get(3)?,
    })
}

/// Whether the row that leads to a version tells the same as its facts. Where there is no such row, that is another
/// finding.
fn is_told_by_its_row(view: &View<'_>, id: VersionId, facts: &Facts) -> Result<bool, Error> {
    let told = view.one(
        "SELECT key, size, label, etag, version FROM objects WHERE bucket = ?1 AND key = ?2 AND version = ?3
         UNION ALL
         SELECT key, size, label, etag, version FROM history WHERE version = ?3",
        params![
            facts.bucket.as_bytes(),
            facts.key.as_str().as_bytes(),
            id.as_bytes()
        ],
        |row| {
            let (key, label, etag): (Vec<u8>, String, String) =
                (row.get(0)?, row.get(2)?, row.get(3)?);
            Ok(key == facts.key.as_str().as_bytes()
                && columns::size(row, 1)? == facts.size_bytes
                && label == facts.label_now().to_string()
                && etag == facts.etag)
        },
    )?;
    match told {
        Some(is_same) => Ok(is_same),
        // An object under another key than its facts name.
        None => Ok(view
            .one(
                "SELECT 1 FROM objects WHERE version = ?1",
                params![id.as_bytes()],
                |_| Ok(()),
            )?
            .is_none()),
    }
}

fn body_rows(view: &View<'_>, owner: &[u8; 16]) -> Result<Vec<BodyRow>, Error> {
    Ok(view.all(
        "SELECT part, body, length(sealed) FROM bodies WHERE owner = ?1 ORDER BY part",
        params![owner],
        |row| {
            let inline_bytes: Option<i64> = row.get(2)?;
            Ok(BodyRow {
                part: row.get(0)?,
                id: BodyId(columns::bytes16(row, 1)?),
                inline_bytes: inline_bytes.map(i64::cast_unsigned),
            })
        },
    )?)
}

fn body_name(body: BodyId) -> String {
    format!("body {body}")
}
