//! The tables of the registry.

use onshore_db::Schema;

/// The tables of the registry.
pub const SCHEMA: Schema = Schema {
    keeper: "registry",
    steps: &["
    CREATE TABLE tenants (
        id BLOB PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE access_keys (
        access_key TEXT PRIMARY KEY,
        principal BLOB NOT NULL UNIQUE,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        sealed_secret BLOB NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        digest BLOB PRIMARY KEY,
        principal BLOB NOT NULL UNIQUE,
        role TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE approvals (
        id BLOB PRIMARY KEY,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        destination TEXT NOT NULL,
        label TEXT NOT NULL,
        max_bytes INTEGER NOT NULL,
        spent_bytes INTEGER NOT NULL DEFAULT 0 CHECK (spent_bytes BETWEEN 0 AND max_bytes),
        granted_ms INTEGER NOT NULL,
        granted_by BLOB NOT NULL,
        basis TEXT NOT NULL,
        until_ms INTEGER NOT NULL,
        revoked_ms INTEGER
    ) STRICT;
    CREATE INDEX approvals_by_tenant ON approvals (tenant, until_ms);
    CREATE TABLE exports (
        id BLOB PRIMARY KEY,
        -- None for data labelled general, which needs no approval.
        approval BLOB REFERENCES approvals (id),
        reserved_bytes INTEGER NOT NULL,
        sent_bytes INTEGER,
        ended TEXT,
        opened_leaf INTEGER NOT NULL,
        closed_leaf INTEGER
    ) STRICT;
    CREATE INDEX exports_open ON exports (id) WHERE ended IS NULL;
    CREATE UNIQUE INDEX exports_by_leaf ON exports (opened_leaf);
    CREATE TABLE refusals (
        principal BLOB NOT NULL,
        rule TEXT NOT NULL,
        minute INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        times INTEGER NOT NULL,
        is_counted INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (principal, rule, minute)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX refusals_uncounted ON refusals (minute) WHERE is_counted = 0;
    CREATE TABLE epochs (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL,
        body TEXT NOT NULL,
        leaf INTEGER NOT NULL,
        began_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE jobs (
        id BLOB PRIMARY KEY,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        bucket TEXT NOT NULL,
        source TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        label TEXT,
        state TEXT NOT NULL,
        phase TEXT NOT NULL,
        cursor TEXT,
        sealed_credentials BLOB,
        detail TEXT,
        created_by BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        certificate_leaf INTEGER
    ) STRICT;
    CREATE INDEX jobs_by_source ON jobs (fingerprint, created_ms);
    CREATE INDEX jobs_unfinished ON jobs (created_ms) WHERE ended_ms IS NULL;
    CREATE TABLE job_entries (
        job BLOB NOT NULL REFERENCES jobs (id),
        key TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        source_version TEXT,
        modified_ms INTEGER,
        state TEXT NOT NULL,
        sha256 BLOB,
        method TEXT,
        destination BLOB,
        label TEXT,
        detail TEXT,
        PRIMARY KEY (job, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX job_entries_listed ON job_entries (job, key) WHERE state = 'listed';
    ",
    // What is kept of persons is none where it is among what was joined, and where nobody knows who is in the version.
    "
    CREATE TABLE person_key (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        sealed BLOB NOT NULL
    ) STRICT;
    CREATE TABLE exported_persons (
        year INTEGER NOT NULL,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        place TEXT NOT NULL,
        version BLOB NOT NULL,
        is_known INTEGER NOT NULL,
        kept BLOB,
        PRIMARY KEY (year, tenant, place, version)
    ) STRICT;
    CREATE INDEX exported_persons_loose ON exported_persons (year, tenant, place) WHERE kept IS NOT NULL;
    CREATE TABLE exported_joined (
        year INTEGER NOT NULL,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        place TEXT NOT NULL,
        loose_bytes INTEGER NOT NULL,
        kept BLOB,
        PRIMARY KEY (year, tenant, place)
    ) STRICT;
    CREATE TABLE subject_finding (
        tenant BLOB PRIMARY KEY REFERENCES tenants (id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE told_terms (
        tenant BLOB NOT NULL REFERENCES tenants (id),
        id TEXT NOT NULL,
        term TEXT NOT NULL,
        PRIMARY KEY (tenant, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE told_changes (
        tenant BLOB PRIMARY KEY REFERENCES tenants (id),
        changes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
    "
    ALTER TABLE tenants ADD COLUMN group_name TEXT;
    CREATE INDEX tenants_by_group ON tenants (group_name) WHERE group_name IS NOT NULL;
    ",
    // In `exported_persons` and `exported_joined` the place is `sensitive` for what left anywhere and is sensitive, and of the year 0
    // the id of an approval for what left under it.
    "
    ALTER TABLE tenants ADD COLUMN critical_infrastructure INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tenants ADD COLUMN state_organ INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE approvals ADD COLUMN instrument TEXT;
    ALTER TABLE approvals ADD COLUMN recipient TEXT;
    ALTER TABLE approvals ADD COLUMN purpose TEXT;
    ALTER TABLE approvals ADD COLUMN max_objects INTEGER;
    ALTER TABLE approvals ADD COLUMN spent_objects INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE approvals ADD COLUMN max_persons INTEGER;
    ALTER TABLE approvals ADD COLUMN spent_persons INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE exported_bounds (
        year INTEGER NOT NULL,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        non_sensitive INTEGER NOT NULL,
        sensitive INTEGER NOT NULL,
        changes INTEGER NOT NULL,
        is_exact INTEGER NOT NULL,
        PRIMARY KEY (year, tenant)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX exported_persons_by_version ON exported_persons (year, tenant, version);
    CREATE TABLE splitting_alarms (
        year INTEGER NOT NULL,
        group_name TEXT NOT NULL,
        threshold TEXT NOT NULL,
        leaf INTEGER NOT NULL,
        PRIMARY KEY (year, group_name, threshold)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE pack_activations (
        id INTEGER PRIMARY KEY,
        pack TEXT NOT NULL,
        version TEXT NOT NULL,
        files TEXT NOT NULL,
        as_of_ms INTEGER NOT NULL,
        recorded_ms INTEGER NOT NULL,
        by BLOB NOT NULL
    ) STRICT;
    ",
    // A key without a user is one of its tenant's administrator.
    "
    CREATE TABLE identities (
        id BLOB PRIMARY KEY,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        kind TEXT NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        details TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        UNIQUE (tenant, kind, name)
    ) STRICT;
    CREATE TABLE memberships (
        user BLOB NOT NULL REFERENCES identities (id),
        of_group BLOB NOT NULL REFERENCES identities (id),
        PRIMARY KEY (user, of_group)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memberships_by_group ON memberships (of_group);
    CREATE TABLE identity_policies (
        identity BLOB NOT NULL REFERENCES identities (id),
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (identity, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE access_keys_of_users (
        access_key TEXT PRIMARY KEY,
        principal BLOB NOT NULL,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        user BLOB REFERENCES identities (id),
        sealed_secret BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        is_disabled INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO access_keys_of_users (access_key, principal, tenant, sealed_secret, created_ms)
        SELECT access_key, principal, tenant, sealed_secret, created_ms FROM access_keys;
    DROP TABLE access_keys;
    ALTER TABLE access_keys_of_users RENAME TO access_keys;
    CREATE INDEX access_keys_by_tenant ON access_keys (tenant);
    CREATE INDEX access_keys_by_user ON access_keys (user) WHERE user IS NOT NULL;
    CREATE TABLE session_key (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        sealed BLOB NOT NULL
    ) STRICT;
    ALTER TABLE tenants ADD COLUMN jurisdiction TEXT;
    ALTER TABLE tokens ADD COLUMN tenant BLOB REFERENCES tenants (id);
    ",
    // Who vouched for a token is written down when it is made: whoever made it may have gone since.
    "
    ALTER TABLE tokens ADD COLUMN person TEXT;
    ALTER TABLE tokens ADD COLUMN vouched_by TEXT NOT NULL DEFAULT '[]';
    CREATE TABLE support_sessions (
        id BLOB PRIMARY KEY,
        engineer BLOB NOT NULL,
        person TEXT NOT NULL,
        organisation TEXT NOT NULL,
        purpose TEXT NOT NULL,
        tenant BLOB REFERENCES tenants (id),
        lasts_ms INTEGER NOT NULL,
        proposed_ms INTEGER NOT NULL,
        proposed_by BLOB NOT NULL,
        proposer TEXT NOT NULL,
        approved_ms INTEGER,
        approved_by BLOB,
        approver TEXT,
        until_ms INTEGER,
        closed_ms INTEGER,
        closed_by BLOB
    ) STRICT;
    CREATE INDEX support_sessions_by_engineer ON support_sessions (engineer, until_ms);
    CREATE TABLE support_requests (
        id INTEGER PRIMARY KEY,
        -- None where no session was in force.
        session BLOB REFERENCES support_sessions (id),
        engineer BLOB NOT NULL,
        at_ms INTEGER NOT NULL,
        operation TEXT NOT NULL,
        target TEXT NOT NULL,
        place TEXT NOT NULL,
        refused_by TEXT,
        status INTEGER NOT NULL,
        len_bytes INTEGER NOT NULL,
        leaf INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX support_requests_by_session ON support_requests (session, id);
    ",
    // What was told before binds what nobody has looked through since: all of it counts as not looked through.
    "
    CREATE TABLE told_notices (
        tenant BLOB PRIMARY KEY,
        newest INTEGER NOT NULL,
        settled INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO told_notices (tenant, newest, settled) SELECT tenant, changes, 0 FROM told_changes;
    ",
    "
    CREATE TABLE loosenings (
        id BLOB PRIMARY KEY,
        tenant BLOB NOT NULL REFERENCES tenants (id),
        bucket BLOB NOT NULL,
        -- None where it is what the bucket makes of what comes.
        version BLOB,
        key TEXT,
        seen BLOB,
        was TEXT NOT NULL,
        becomes TEXT NOT NULL,
        reason TEXT NOT NULL,
        proposed_ms INTEGER NOT NULL,
        proposed_by BLOB NOT NULL,
        proposer TEXT NOT NULL,
        approved_ms INTEGER,
        approved_by BLOB,
        approver TEXT,
        withdrawn_ms INTEGER,
        withdrawn_by BLOB
    ) STRICT;
    ",
    // An update that was rejected has no file any more; its row keeps it out for good.
    "
    CREATE TABLE updates (
        id BLOB PRIMARY KEY,
        version TEXT NOT NULL,
        platform TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        escrow TEXT NOT NULL,
        notes TEXT NOT NULL,
        signed_by TEXT NOT NULL,
        is_older INTEGER NOT NULL,
        imported_ms INTEGER NOT NULL,
        imported_by BLOB NOT NULL,
        rejected_ms INTEGER,
        rejected_by BLOB,
        reason TEXT,
        staged_ms INTEGER,
        staged_by BLOB
    ) STRICT;
    CREATE TABLE update_approvals (
        of_update BLOB NOT NULL REFERENCES updates (id),
        principal BLOB NOT NULL,
        person TEXT NOT NULL,
        approved_ms INTEGER NOT NULL,
        PRIMARY KEY (of_update, principal)
    ) STRICT, WITHOUT ROWID;
    ",
    "
    CREATE TABLE drills (
        id BLOB PRIMARY KEY,
        began_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        began_by BLOB NOT NULL,
        ended_ms INTEGER,
        ended_how TEXT,
        report TEXT
    ) STRICT;
    CREATE UNIQUE INDEX drills_under_way ON drills ((1)) WHERE ended_ms IS NULL;
    ",
    // A job knows the versions of a key, newest first, and in which of its listings each was seen last.
    "
    CREATE TABLE entries_with_versions (
        job BLOB NOT NULL REFERENCES jobs (id),
        key TEXT NOT NULL,
        version TEXT NOT NULL DEFAULT '',
        newer INTEGER NOT NULL DEFAULT 0,
        kind TEXT NOT NULL DEFAULT 'object',
        seen INTEGER NOT NULL DEFAULT 0,
        size_bytes INTEGER NOT NULL,
        source_version TEXT,
        modified_ms INTEGER,
        state TEXT NOT NULL,
        sha256 BLOB,
        method TEXT,
        destination BLOB,
        label TEXT,
        detail TEXT,
        -- The last version at the destination that was made of it, whatever became of it since.
        brought BLOB,
        -- The upload in parts that it comes in, and the state of the source that the parts are of.
        upload BLOB,
        upload_of TEXT,
        PRIMARY KEY (job, key, version)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO entries_with_versions
            (job, key, size_bytes, source_version, modified_ms, state, sha256, method, destination, label, detail, brought)
        SELECT job, key, size_bytes, source_version, modified_ms, state, sha256, method, destination, label, detail, destination
        FROM job_entries;
    DROP TABLE job_entries;
    ALTER TABLE entries_with_versions RENAME TO job_entries;
    CREATE INDEX job_entries_listed ON job_entries (job, key, newer) WHERE state = 'listed';
    CREATE INDEX job_entries_in_parts ON job_entries (job) WHERE upload IS NOT NULL;
    ALTER TABLE jobs ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE jobs ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
    ",
    // A revision is never changed, but that the instant is noted at which the next one came. The last index has all that is
    // counted in it: of a million assets only it is read.
    "
    CREATE TABLE register (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        holder TEXT,
        recorded_ms INTEGER NOT NULL,
        recorded_by BLOB NOT NULL,
        superseded_ms INTEGER,
        planned TEXT,
        moving TEXT,
        moved TEXT,
        proven TEXT,
        record TEXT NOT NULL,
        PRIMARY KEY (kind, id, revision)
    ) STRICT;
    CREATE INDEX register_by_holder ON register
        (kind, holder, recorded_ms, superseded_ms, planned, moving, moved, proven) WHERE holder IS NOT NULL;
    ",
    // What a pre-flight found.
    "
    ALTER TABLE jobs ADD COLUMN report TEXT;
    ",
    // What somebody was told of before its day.
    "
    CREATE TABLE alarms (
        number INTEGER PRIMARY KEY,
        what TEXT NOT NULL,
        subject TEXT NOT NULL,
        by_order TEXT NOT NULL,
        due TEXT NOT NULL,
        days_before INTEGER NOT NULL,
        why TEXT NOT NULL,
        raised_ms INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        UNIQUE (what, subject, by_order, due, days_before)
    ) STRICT;
    ",
    // What buckets hold data for, and until when: every declaration, the last of which counts. None of a purpose is that it was
    // taken back.
    "
    CREATE TABLE purposes (
        bucket BLOB NOT NULL,
        revision INTEGER NOT NULL,
        purpose TEXT,
        until_ms INTEGER,
        declared_ms INTEGER NOT NULL,
        declared_by BLOB NOT NULL,
        PRIMARY KEY (bucket, revision)
    ) STRICT, WITHOUT ROWID;
    ",
    // Who is to be told of an alarm, and when they were.
    "
    CREATE TABLE alarm_tellings (
        alarm INTEGER NOT NULL REFERENCES alarms (number),
        target TEXT NOT NULL,
        told_ms INTEGER,
        PRIMARY KEY (target, alarm)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX alarm_tellings_untold ON alarm_tellings (target, alarm) WHERE told_ms IS NULL;
    ",
    // Cut-overs, and the step that each has come to.
    "
    CREATE TABLE cutovers (
        job BLOB PRIMARY KEY REFERENCES jobs (id),
        tenant BLOB NOT NULL REFERENCES tenants (id),
        bucket TEXT NOT NULL,
        step TEXT NOT NULL,
        is_rehearsal INTEGER NOT NULL,
        accepts_exceptions INTEGER NOT NULL,
        freeze TEXT,
        old_policy TEXT,
        detail TEXT,
        report TEXT,
        began_ms INTEGER NOT NULL,
        switched_ms INTEGER,
        ended_ms INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX cutovers_under_way ON cutovers (bucket) WHERE ended_ms IS NULL;
    ",
    // What each listing of a source told page by page, and which page of the last one names an entry. An entry knows the leaf
    // of the decision that let it in.
    "
    ALTER TABLE job_entries ADD COLUMN page INTEGER;
    ALTER TABLE job_entries ADD COLUMN leaf INTEGER;
    CREATE TABLE job_inventories (
        job BLOB NOT NULL,
        round INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        PRIMARY KEY (job, round)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE job_pages (
        job BLOB NOT NULL,
        round INTEGER NOT NULL,
        number INTEGER NOT NULL,
        listed_ms INTEGER NOT NULL,
        is_in_order INTEGER NOT NULL,
        page TEXT NOT NULL,
        PRIMARY KEY (job, round, number)
    ) STRICT, WITHOUT ROWID;
    ",
    // How fast a job went, stretch by stretch.
    "
    CREATE TABLE job_stretches (
        job BLOB NOT NULL,
        ended_ms INTEGER NOT NULL,
        lasted_ms INTEGER NOT NULL,
        brought TEXT NOT NULL,
        PRIMARY KEY (job, ended_ms)
    ) STRICT, WITHOUT ROWID;
    ",
    // Jobs that delete at a source what a certificate covers, who said so, and what the provider stated.
    "
    CREATE TABLE decommissions (
        job BLOB NOT NULL PRIMARY KEY,
        of_job BLOB NOT NULL,
        proposed_ms INTEGER NOT NULL,
        proposed_by BLOB NOT NULL,
        proposer TEXT NOT NULL,
        approved_ms INTEGER,
        approved_by BLOB,
        approver TEXT,
        statement_name TEXT,
        statement_sha256 BLOB,
        statement BLOB,
        filed_ms INTEGER,
        filed_by BLOB
    ) STRICT, WITHOUT ROWID;
    ",
    // Requests that came with an idempotency key. Who asked, with which key and for what stands here as hashes, and the answer sealed under
    // what he alone has.
    "
    CREATE TABLE idempotency (
        id BLOB PRIMARY KEY,
        request BLOB NOT NULL,
        began_ms INTEGER NOT NULL,
        status INTEGER,
        answer BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_by_age ON idempotency (began_ms);
    ",
    // Duties that began with a number of persons that was counted: of whom, and in which year of Beijing; in none where it is not
    // counted anew.
    "
    CREATE TABLE duties (
        subject_kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        duty TEXT NOT NULL,
        year INTEGER NOT NULL,
        persons INTEGER NOT NULL,
        began_ms INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        PRIMARY KEY (subject_kind, subject, duty, year)
    ) STRICT, WITHOUT ROWID;
    ",
    // Tokens for people of providers that others leave.
    "
    ALTER TABLE tokens ADD COLUMN provider TEXT;
    ",
    // On which ground buckets hold data, where the consents are, and for how long each object is kept.
    "
    ALTER TABLE purposes ADD COLUMN basis TEXT;
    ALTER TABLE purposes ADD COLUMN consent TEXT;
    ALTER TABLE purposes ADD COLUMN keep_days INTEGER;
    ",
    // Jobs that keep up with their sources until somebody asks them to finish.
    "
    ALTER TABLE jobs ADD COLUMN is_finishing INTEGER NOT NULL DEFAULT 0;
    ",
    // Sessions on the control API: tokens that hold for a while, of those who hold one for good.
    "
    CREATE TABLE control_sessions (
        digest BLOB PRIMARY KEY,
        principal BLOB NOT NULL,
        until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX control_sessions_by_principal ON control_sessions (principal);
    ",
    // Which worker brought an entry, by the token it had and what it called itself; none where the server did.
    "
    ALTER TABLE job_entries ADD COLUMN worker TEXT;
    ALTER TABLE job_entries ADD COLUMN worker_id BLOB;
    CREATE INDEX job_entries_by_worker ON job_entries (job, worker, worker_id, state, size_bytes) WHERE worker IS NOT NULL;
    ",
    // For how long behind its switch what is changed in a bucket can be taken back to where it came from, and the job that does.
    "
    ALTER TABLE cutovers ADD COLUMN way_back_s INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cutovers ADD COLUMN way_back_until_ms INTEGER;
    ALTER TABLE cutovers ADD COLUMN return_job BLOB;
    ALTER TABLE cutovers ADD COLUMN return_overwrites INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cutovers ADD COLUMN return_accepts INTEGER NOT NULL DEFAULT 0;
    ",
    // From which day a revision holds, none where that is from the beginning; and under what an asset was recorded until then, where
    // that is something else now.
    "
    ALTER TABLE register ADD COLUMN from_day TEXT;
    ALTER TABLE register ADD COLUMN taken_from TEXT;
    UPDATE register SET taken_from = (
        SELECT holder FROM register AS before
        WHERE before.kind = register.kind AND before.id = register.id AND before.revision = register.revision - 1
    ) WHERE kind = 'asset' AND revision > 1;
    UPDATE register SET taken_from = NULL WHERE taken_from = holder;
    CREATE INDEX register_taken ON register (taken_from) WHERE taken_from IS NOT NULL;
    DROP INDEX register_by_holder;
    CREATE INDEX register_by_holder ON register
        (kind, holder, recorded_ms, superseded_ms, from_day, planned, moving, moved, proven, id, revision) WHERE holder IS NOT NULL;
    ",
    // Why an alarm was raised, in Chinese too.
    "
    ALTER TABLE alarms ADD COLUMN why_zh TEXT NOT NULL DEFAULT '';
    ",
    // Reports of impact assessments, as they were filed: none is ever written over or taken away.
    "
    CREATE TABLE assessment_reports (
        assessment TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        report BLOB NOT NULL,
        filed_ms INTEGER NOT NULL,
        filed_by BLOB NOT NULL,
        PRIMARY KEY (assessment, sha256)
    ) STRICT;
    ",
    // Rule packs that open a border take two people.
    "
    ALTER TABLE pack_activations ADD COLUMN proposer TEXT;
    ALTER TABLE pack_activations ADD COLUMN approved_ms INTEGER;
    ALTER TABLE pack_activations ADD COLUMN approved_by BLOB;
    ALTER TABLE pack_activations ADD COLUMN approver TEXT;
    ",
    // Exactly who was told of in a version when it left, so that tags that come later count. In `exported_persons` and
    // `exported_joined` the place is `non-sensitive` for what left anywhere and is personal and not sensitive; what left before that was
    // told apart counts as that, place by place: nobody knows any more what of it was not sensitive.
    "
    ALTER TABLE exported_persons ADD COLUMN digest BLOB;
    INSERT INTO exported_persons (year, tenant, place, version, is_known, kept)
        SELECT year, tenant, 'non-sensitive before, to ' || place, version, is_known, kept FROM exported_persons
        WHERE year <> 0 AND place <> 'sensitive';
    INSERT INTO exported_joined (year, tenant, place, loose_bytes, kept)
        SELECT year, tenant, 'non-sensitive before, to ' || place, loose_bytes, kept FROM exported_joined
        WHERE year <> 0 AND place <> 'sensitive';
    UPDATE exported_bounds SET non_sensitive = non_sensitive + sensitive, changes = changes + 1, is_exact = 0;
    ",
    // By which job an asset is proven, how many objects its certificate covers, and what was set aside, a bit for each; before that was
    // told apart it was a name. And statements of providers that what was kept under a contract is deleted, as they were filed.
    "
    ALTER TABLE register ADD COLUMN proven_by TEXT;
    ALTER TABLE register ADD COLUMN objects INTEGER;
    ALTER TABLE register ADD COLUMN set_aside INTEGER;
    UPDATE register SET proven_by = json_extract(record, '$.proof.job'),
                        set_aside = CASE WHEN json_extract(record, '$.proof.set_aside') THEN 1 END
    WHERE kind = 'asset' AND proven IS NOT NULL;
    CREATE INDEX register_proven_by ON register (proven_by) WHERE proven_by IS NOT NULL AND superseded_ms IS NULL;
    DROP INDEX register_by_holder;
    CREATE INDEX register_by_holder ON register
        (kind, holder, recorded_ms, superseded_ms, from_day, planned, moving, moved, proven, objects, set_aside, id, revision)
        WHERE holder IS NOT NULL;
    CREATE TABLE deletion_statements (
        contract TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        statement BLOB NOT NULL,
        filed_ms INTEGER NOT NULL,
        filed_by BLOB NOT NULL,
        PRIMARY KEY (contract, sha256)
    ) STRICT;
    "],
};
