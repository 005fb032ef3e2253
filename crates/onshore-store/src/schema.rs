//! The store's tables. Keys are BLOBs so that they sort by the bytes of their UTF-8.
//!
//! `objects` points from each key to its current version and holds what listings tell; it is what a look without a
//! permit reads. `history` holds in the same shape what is not current: earlier versions, and delete markers, current
//! or not. A key whose newest turn is a delete marker has no row in `objects`. `versions` holds everything else,
//! sealed, and the locks. `bodies` holds small bodies, and for large ones the names of their files; its owner is a
//! version, or an upload as long as it is under way. `damaged` holds what was found damaged and reported, as long as it
//! is there and not sound again; `scrub` where the round that verifies everything stands. `outbox` holds what happened and
//! is still to be told; `usage` how much a bucket holds, kept by triggers, and `quotas` how much buckets and tenants may;
//! `access_lines` sealed lines of access logs that are no objects yet; `inventories` what is to be told of what is held;
//! `replications` what is to be brought to other regions; `erased` which versions were erased, for those who keep copies
//! of what opens them; `kms_keys` keys that tenants name; `scans` versions that are to be looked through by the background;
//! `rescan` how far everything was looked through again by a scanner that knows more, `told` how often authorities told a tenant something.
//! `persons` holds who is told of in a version, as pseudonyms, as long as the version is there, and `persons_changes` how often
//! that changed, for whoever remembers a count. `pulled_buckets` holds which buckets are cut over from another cloud, and
//! `changed_keys` which keys of those were changed here since, and how often.

use onshore_db::Schema;

/// The store's tables.
pub(crate) const SCHEMA: Schema = Schema {
    keeper: "store",
    steps: &[
        "
        CREATE TABLE tenant_keys (
            tenant  BLOB PRIMARY KEY,
            root    TEXT NOT NULL,
            wrapped BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE buckets (
            id      BLOB PRIMARY KEY,
            name    TEXT NOT NULL UNIQUE,
            tenant  BLOB NOT NULL,
            class   TEXT,
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX buckets_by_tenant ON buckets (tenant, name);

        CREATE TABLE objects (
            bucket    BLOB NOT NULL,
            key       BLOB NOT NULL,
            version   BLOB NOT NULL,
            label     TEXT NOT NULL,
            size      INTEGER NOT NULL,
            etag      TEXT NOT NULL,
            checksums TEXT NOT NULL,
            modified  INTEGER NOT NULL,
            PRIMARY KEY (bucket, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX objects_bound ON objects (bucket, label, key) WHERE label <> 'general';

        CREATE TABLE versions (
            id      BLOB PRIMARY KEY,
            bucket  BLOB NOT NULL,
            facts   BLOB NOT NULL,
            wrapped BLOB NOT NULL,
            tags    BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE bodies (
            row    INTEGER PRIMARY KEY,
            owner  BLOB NOT NULL,
            part   INTEGER NOT NULL,
            body   BLOB NOT NULL,
            sealed BLOB
        ) STRICT;
        CREATE UNIQUE INDEX bodies_by_owner ON bodies (owner, part);
        CREATE UNIQUE INDEX bodies_in_files ON bodies (body) WHERE sealed IS NULL;

        CREATE TABLE uploads (
            id      BLOB PRIMARY KEY,
            bucket  BLOB NOT NULL,
            key     BLOB NOT NULL,
            label   TEXT NOT NULL,
            created INTEGER NOT NULL,
            facts   BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX uploads_by_key ON uploads (bucket, key, id);
        CREATE INDEX uploads_bound ON uploads (bucket, label, key) WHERE label <> 'general';

        CREATE TABLE parts (
            upload BLOB NOT NULL,
            number INTEGER NOT NULL,
            facts  BLOB NOT NULL,
            PRIMARY KEY (upload, number)
        ) STRICT, WITHOUT ROWID;
    ",
        "
        ALTER TABLE buckets ADD COLUMN versioning TEXT NOT NULL DEFAULT 'off';
        ALTER TABLE buckets ADD COLUMN lock TEXT;
        ALTER TABLE buckets ADD COLUMN encryption TEXT;

        ALTER TABLE objects ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE objects ADD COLUMN naming TEXT NOT NULL DEFAULT 'null';

        CREATE TABLE history (
            bucket     BLOB NOT NULL,
            key        BLOB NOT NULL,
            turn       INTEGER NOT NULL,
            version    BLOB NOT NULL,
            naming     TEXT NOT NULL,
            kind       TEXT NOT NULL,
            label      TEXT NOT NULL,
            size       INTEGER NOT NULL,
            etag       TEXT NOT NULL,
            checksums  TEXT NOT NULL,
            modified   INTEGER NOT NULL,
            superseded INTEGER,
            PRIMARY KEY (bucket, key, turn DESC)
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX history_by_version ON history (version);
        CREATE INDEX history_bound ON history (bucket, label, key) WHERE label <> 'general';

        ALTER TABLE versions ADD COLUMN hold TEXT;
        ALTER TABLE versions ADD COLUMN retain_mode TEXT;
        ALTER TABLE versions ADD COLUMN retain_until INTEGER;

        CREATE TABLE bucket_settings (
            bucket   BLOB NOT NULL,
            name     TEXT NOT NULL,
            document TEXT NOT NULL,
            PRIMARY KEY (bucket, name)
        ) STRICT, WITHOUT ROWID;
    ",
        "
        CREATE TABLE damaged (
            owner  BLOB NOT NULL,
            part   INTEGER NOT NULL,
            bucket BLOB NOT NULL,
            what   TEXT NOT NULL,
            found  INTEGER NOT NULL,
            PRIMARY KEY (owner, part)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE scrub (
            one    INTEGER PRIMARY KEY CHECK (one = 1),
            marker TEXT NOT NULL
        ) STRICT;
    ",
        "
        CREATE TABLE outbox (
            number    INTEGER PRIMARY KEY AUTOINCREMENT,
            target    TEXT NOT NULL,
            bucket    BLOB NOT NULL,
            label     TEXT NOT NULL,
            version   BLOB,
            happening TEXT NOT NULL
        ) STRICT;
        CREATE INDEX outbox_by_target ON outbox (target, number);
    ",
        "
        ALTER TABLE parts ADD COLUMN size INTEGER NOT NULL DEFAULT 0;

        CREATE TABLE quotas (
            holder  BLOB PRIMARY KEY,
            bytes   INTEGER,
            objects INTEGER
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE usage (
            bucket  BLOB PRIMARY KEY,
            bytes   INTEGER NOT NULL,
            objects INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO usage (bucket, bytes, objects)
            SELECT id,
                (SELECT coalesce(sum(size), 0) FROM objects WHERE bucket = id)
                    + (SELECT coalesce(sum(size), 0) FROM history WHERE bucket = id),
                (SELECT count(*) FROM objects WHERE bucket = id)
                    + (SELECT count(*) FROM history WHERE bucket = id AND kind = 'object')
            FROM buckets;

        CREATE TRIGGER bucket_comes AFTER INSERT ON buckets BEGIN
            INSERT INTO usage (bucket, bytes, objects) VALUES (NEW.id, 0, 0);
        END;
        CREATE TRIGGER bucket_goes AFTER DELETE ON buckets BEGIN
            DELETE FROM usage WHERE bucket = OLD.id;
            DELETE FROM quotas WHERE holder = OLD.id;
        END;
        CREATE TRIGGER object_comes AFTER INSERT ON objects BEGIN
            UPDATE usage SET bytes = bytes + NEW.size, objects = objects + 1 WHERE bucket = NEW.bucket;
        END;
        CREATE TRIGGER object_goes AFTER DELETE ON objects BEGIN
            UPDATE usage SET bytes = bytes - OLD.size, objects = objects - 1 WHERE bucket = OLD.bucket;
        END;
        CREATE TRIGGER earlier_comes AFTER INSERT ON history WHEN NEW.kind = 'object' BEGIN
            UPDATE usage SET bytes = bytes + NEW.size, objects = objects + 1 WHERE bucket = NEW.bucket;
        END;
        CREATE TRIGGER earlier_goes AFTER DELETE ON history WHEN OLD.kind = 'object' BEGIN
            UPDATE usage SET bytes = bytes - OLD.size, objects = objects - 1 WHERE bucket = OLD.bucket;
        END;
        CREATE TRIGGER part_comes AFTER INSERT ON parts BEGIN
            UPDATE usage SET bytes = bytes + NEW.size
            WHERE bucket = (SELECT bucket FROM uploads WHERE id = NEW.upload);
        END;
        CREATE TRIGGER part_goes AFTER DELETE ON parts BEGIN
            UPDATE usage SET bytes = bytes - OLD.size
            WHERE bucket = (SELECT bucket FROM uploads WHERE id = OLD.upload);
        END;
    ",
        "
        CREATE TABLE access_lines (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            target BLOB NOT NULL,
            origin TEXT NOT NULL,
            batch  BLOB NOT NULL,
            label  TEXT NOT NULL,
            first  INTEGER NOT NULL,
            size   INTEGER NOT NULL,
            sealed BLOB NOT NULL
        ) STRICT;
        CREATE INDEX access_lines_by_origin ON access_lines (target, origin, number, size);
        CREATE TRIGGER log_target_goes AFTER DELETE ON buckets BEGIN
            DELETE FROM access_lines WHERE target = OLD.id;
        END;

        CREATE TABLE inventories (
            bucket    BLOB NOT NULL,
            id        TEXT NOT NULL,
            document  TEXT NOT NULL,
            delivered INTEGER,
            PRIMARY KEY (bucket, id)
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER inventoried_goes AFTER DELETE ON buckets BEGIN
            DELETE FROM inventories WHERE bucket = OLD.id;
        END;
    ",
        "
        ALTER TABLE versions ADD COLUMN replication TEXT;
        CREATE INDEX versions_not_replicated ON versions (bucket) WHERE replication = 'failed';

        CREATE TABLE replications (
            number      INTEGER PRIMARY KEY AUTOINCREMENT,
            destination TEXT NOT NULL,
            target      TEXT NOT NULL,
            rule        TEXT NOT NULL,
            kms_key     TEXT,
            bucket      BLOB NOT NULL,
            key         BLOB NOT NULL,
            version     BLOB NOT NULL,
            deed        TEXT NOT NULL,
            failed      INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX replications_by_destination ON replications (destination, number);
        CREATE INDEX replications_by_version ON replications (version);
        CREATE INDEX replications_by_bucket ON replications (bucket, rule);
        CREATE TRIGGER replicated_goes AFTER DELETE ON buckets BEGIN
            DELETE FROM replications WHERE bucket = OLD.id;
        END;
    ",
        "
        CREATE TABLE erased (
            owner BLOB PRIMARY KEY
        ) STRICT, WITHOUT ROWID;
    ",
        "
        CREATE TABLE kms_keys (
            id      BLOB PRIMARY KEY,
            tenant  BLOB NOT NULL,
            alias   TEXT,
            state   TEXT NOT NULL,
            created INTEGER NOT NULL,
            root    TEXT NOT NULL,
            wrapped BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX kms_keys_by_alias ON kms_keys (tenant, alias) WHERE alias IS NOT NULL;
    ",
        "
        CREATE TABLE scans (
            version BLOB PRIMARY KEY
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER version_goes AFTER DELETE ON versions BEGIN
            DELETE FROM scans WHERE version = OLD.id;
        END;

        CREATE TABLE rescan (
            one     INTEGER PRIMARY KEY CHECK (one = 1),
            scanner INTEGER NOT NULL,
            tables  INTEGER NOT NULL,
            behind  BLOB,
            over    INTEGER NOT NULL,
            told    INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE told (
            tenant  BLOB PRIMARY KEY,
            changes INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    ",
        "
        CREATE TABLE persons (
            version BLOB PRIMARY KEY,
            tenant  BLOB NOT NULL,
            kept    BLOB NOT NULL,
            sketch  BLOB
        ) STRICT;
        CREATE INDEX persons_by_tenant ON persons (tenant);
        CREATE TABLE persons_changes (
            tenant  BLOB PRIMARY KEY,
            changes INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER held_goes AFTER DELETE ON versions BEGIN
            DELETE FROM persons WHERE version = OLD.id;
        END;
        CREATE TRIGGER persons_come AFTER INSERT ON persons BEGIN
            INSERT INTO persons_changes (tenant, changes) VALUES (NEW.tenant, 1)
            ON CONFLICT (tenant) DO UPDATE SET changes = changes + 1;
        END;
        CREATE TRIGGER persons_differ AFTER UPDATE ON persons BEGIN
            UPDATE persons_changes SET changes = changes + 1 WHERE tenant = NEW.tenant;
        END;
        CREATE TRIGGER persons_go AFTER DELETE ON persons BEGIN
            UPDATE persons_changes SET changes = changes + 1 WHERE tenant = OLD.tenant;
        END;
    ",
        "
        CREATE TABLE pulled_buckets (
            bucket BLOB PRIMARY KEY,
            pulls  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE changed_keys (
            bucket BLOB NOT NULL,
            key    BLOB NOT NULL,
            gone   INTEGER NOT NULL,
            PRIMARY KEY (bucket, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX keys_gone ON changed_keys (bucket, key) WHERE gone = 1;
        CREATE TRIGGER cut_over_bucket_goes AFTER DELETE ON buckets BEGIN
            DELETE FROM pulled_buckets WHERE bucket = OLD.id;
            DELETE FROM changed_keys WHERE bucket = OLD.id;
        END;
        CREATE TRIGGER cut_over_object_comes AFTER INSERT ON objects
        WHEN EXISTS (SELECT 1 FROM pulled_buckets WHERE bucket = NEW.bucket) BEGIN
            INSERT INTO changed_keys (bucket, key, gone) VALUES (NEW.bucket, NEW.key, 0)
            ON CONFLICT (bucket, key) DO UPDATE SET gone = 0;
        END;
        CREATE TRIGGER cut_over_object_goes AFTER DELETE ON objects
        WHEN EXISTS (SELECT 1 FROM pulled_buckets WHERE bucket = OLD.bucket) BEGIN
            INSERT INTO changed_keys (bucket, key, gone) VALUES (OLD.bucket, OLD.key, 1)
            ON CONFLICT (bucket, key) DO UPDATE SET gone = 1;
        END;
    ",
        "
        ALTER TABLE changed_keys ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
        DROP TRIGGER cut_over_object_comes;
        DROP TRIGGER cut_over_object_goes;
        CREATE TRIGGER cut_over_object_comes AFTER INSERT ON objects
        WHEN EXISTS (SELECT 1 FROM pulled_buckets WHERE bucket = NEW.bucket) BEGIN
            INSERT INTO changed_keys (bucket, key, gone) VALUES (NEW.bucket, NEW.key, 0)
            ON CONFLICT (bucket, key) DO UPDATE SET gone = 0, changes = changes + 1;
        END;
        CREATE TRIGGER cut_over_object_goes AFTER DELETE ON objects
        WHEN EXISTS (SELECT 1 FROM pulled_buckets WHERE bucket = OLD.bucket) BEGIN
            INSERT INTO changed_keys (bucket, key, gone) VALUES (OLD.bucket, OLD.key, 1)
            ON CONFLICT (bucket, key) DO UPDATE SET gone = 1, changes = changes + 1;
        END;
    ",
    ],
};
