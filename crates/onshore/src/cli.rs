//! The command line: what can be asked, in words. What is done about it is in `commands`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use onshore_api::RoleWord;
use onshore_policy::rule_pack::Date;
use onshore_types::{
    AccessKeyId, ApprovalId, BucketName, DrillId, GroupName, IdentityName, Instrument, JobId,
    Jurisdiction, KmsKeyId, Label, LooseningId, ObjectKey, PrincipalId, RecipientKind,
    SupportSessionId, TenantName, Timestamp, UpdateId, Wording,
};

use crate::commands::Seconds;
use crate::output::Style;

/// A sovereign cloud in one binary: an S3 store that lets nothing out unasked, a migration engine that proves what
/// arrived, and a ledger that anyone can check offline.
#[derive(Debug, Parser)]
#[command(name = "onshore", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the server is, and how to print.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// The control API [default: what the server on --data says, else http://127.0.0.1:9001]
    #[arg(long, global = true, env = "ONSHORE_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The control token [default: the one in credentials.toml of --data]
    #[arg(
        long,
        global = true,
        env = "ONSHORE_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// The certificate authority to trust, PEM [default: those of the system]
    #[arg(long, global = true, env = "ONSHORE_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The data folder
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

impl TargetArgs {
    /// Returns for whom to print.
    pub(crate) fn style(&self) -> Style {
        if self.json { Style::Json } else { Style::Text }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve S3 and the control API from a data folder, which is made if it is empty
    Serve(ServeArgs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Tenants: organisations whose data is kept apart
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Users of tenants, and what they may do
    #[command(subcommand)]
    User(UserCommand),
    /// Groups of users that may do the same
    #[command(subcommand)]
    Group(GroupCommand),
    /// Roles, which users and programs take for a while (STS AssumeRole)
    #[command(subcommand)]
    Role(RoleCommand),
    /// S3 keys of tenants and their users
    #[command(subcommand)]
    Key(KeyCommand),
    /// Control tokens: who may ask the control API for what
    #[command(subcommand)]
    Token(TokenCommand),
    /// Tell in which role the control token is
    Whoami,
    /// Keys that tenants name to have objects encrypted under them (SSE-KMS)
    #[command(subcommand)]
    Kms(KmsCommand),
    /// Buckets and their classes
    #[command(subcommand)]
    Bucket(BucketCommand),
    /// Quotas of buckets and tenants, and how much they hold
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// Erase an object for good: its keys are destroyed, and those of its copies in backups with the next point
    Erase(EraseArgs),
    /// Transfer approvals: what may leave, where to, how much, until when
    #[command(subcommand)]
    Approval(ApprovalCommand),
    /// Labels that two people loosen: one proposes, another approves
    #[command(subcommand)]
    Label(LabelCommand),
    /// Support sessions: what the technology provider's staff see, for how long, and what they asked for
    #[command(subcommand)]
    Support(SupportCommand),
    /// Rule packs: what the law of a place asks of a transfer
    #[command(subcommand)]
    Pack(PackCommand),
    /// Say what would happen to a request, by which rule, and what would change it; nothing is done
    Explain(ExplainArgs),
    /// The ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Compare database, files and ledger of a data folder that no server works on
    Fsck(FsckArgs),
    /// Add a point to a series of backups, while the server may go on; look after the series
    Backup(BackupArgs),
    /// Make a data folder of a backup; its ledger goes on under a new key, and approvals must be granted again
    Restore(RestoreArgs),
    /// Check a certificate, a proof, an evidence bundle or a whole published ledger offline
    Verify(VerifyArgs),
    /// Telemetry: numbers of the server that somebody is told, off unless the operator configures and signs what
    #[command(subcommand)]
    Telemetry(TelemetryCommand),
    /// Drills: show that nothing here needs anybody outside
    #[command(subcommand)]
    Drill(DrillCommand),
    /// Updates of this program: signed by the technology provider, kept in quarantine, approved by two operators
    #[command(subcommand)]
    Update(UpdateCommand),
    /// Watch other people's ledgers: a witness has a data folder, a key and best a machine of its own
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Say what identifiers of persons, organisations and secrets are in files, without showing any
    Classify(ClassifyArgs),
    /// Persons and personal data in what is held and in what left; evidence for a regulator
    #[command(subcommand)]
    Report(ReportCommand),
    /// Where somebody is told of, for a request to know or to erase
    #[command(subcommand)]
    Subject(SubjectCommand),
    /// What an authority told a tenant is important data
    #[command(subcommand)]
    Important(ImportantCommand),
    /// Bring a bucket or a folder onshore: inventory, copy, verify, certify
    Migrate(MigrateArgs),
    /// Read everything in a data folder once and say what is not what was written; no server may run on it
    Scrub(ScrubArgs),
    /// Seal all keys in a data folder anew, under another root key; no data is rewritten, and no server may run on it
    Rekey(RekeyArgs),
    /// Migration jobs
    #[command(subcommand)]
    Job(JobCommand),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where S3 listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) s3_listen: SocketAddr,
    /// Where the control API, ledger, metrics and health listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub(crate) control_listen: SocketAddr,
    /// Listen off loopback without TLS: keys and data cross the network unencrypted
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    #[command(flatten)]
    pub(crate) of: SeriesArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SeriesArgs {
    /// The series: a folder that is empty or not there at first, and the same from then on
    #[arg(long = "to", value_name = "FOLDER", required = true)]
    pub(crate) series: Option<PathBuf>,
    /// Where what opens the backed-up versions is kept, apart from the series [default: FOLDER.keys]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_store: Option<PathBuf>,
    /// The root key, which seals the backups and is never in them [default: root.key in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// List the points of a series
    List {
        #[command(flatten)]
        of: SeriesArgs,
    },
    /// Compare everything that a series holds with what was backed up
    Check {
        #[command(flatten)]
        of: SeriesArgs,
    },
    /// Destroy in the key store what was erased in the data folder, without a new point; each new point does that too
    Erase {
        #[command(flatten)]
        of: SeriesArgs,
        #[command(flatten)]
        which: ErasedKeyArgs,
    },
    /// Remove old points, and what no other point has
    Prune {
        #[command(flatten)]
        of: SeriesArgs,
        /// How many of the newest points stay
        #[arg(long, value_name = "POINTS")]
        keep: NonZeroU32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ErasedKeyArgs {
    /// Besides, every version of a key that was removed from the data folder before: in this bucket
    #[arg(long, requires = "key")]
    pub(crate) bucket: Option<BucketName>,
    /// The key
    #[arg(long, requires = "bucket")]
    pub(crate) key: Option<ObjectKey>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The bucket
    pub(crate) bucket: BucketName,
    /// The key
    pub(crate) key: ObjectKey,
    #[command(flatten)]
    pub(crate) which: WhichVersionsArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichVersionsArgs {
    /// This version; `null` is the one that was written while the bucket was not versioned
    #[arg(long, value_name = "ID")]
    pub(crate) version: Option<String>,
    /// Every version and delete marker of the key
    #[arg(long)]
    pub(crate) every_version: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The series of backups
    #[arg(value_name = "FOLDER")]
    pub(crate) from: PathBuf,
    /// Restore the newest point that was made by this time, as 2026-11-22T10:00:00Z [default: the newest]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The key store of the series [default: FOLDER.keys]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_store: Option<PathBuf>,
    /// The root key that the backup was made with [default: root.key in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// The newest copy of the lost ledger's folder: lists what was acknowledged after the backup and is gone
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// The configuration file, which may name the root key
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Remove files that belong to nothing; nothing else is changed
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration file and print what it means
    Check {
        /// The configuration file
        #[arg(value_name = "FILE", required_unless_present = "config")]
        file: Option<PathBuf>,
        /// The configuration file, named as for `onshore serve`
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant
    Create {
        /// Its name
        name: TenantName,
        /// The group it belongs to, as sister companies do: persons are counted over all of a group
        #[arg(long)]
        group: Option<GroupName>,
    },
    /// Put a tenant into another group, or into none
    Change {
        /// Its name
        name: TenantName,
        #[command(flatten)]
        to: GroupArgs,
    },
    /// Say what a tenant is to the law: rule packs ask more of some
    Standing {
        /// Its name
        name: TenantName,
        /// Whether it operates critical information infrastructure
        #[arg(long, value_name = "yes|no", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
        critical_infrastructure: bool,
        /// Whether it is an organ of the state
        #[arg(long, value_name = "yes|no", action = ArgAction::Set, value_parser = BoolishValueParser::new(), default_value = "no")]
        state_organ: bool,
    },
    /// Say where the organisation of a tenant is: what it reads goes there, wherever it reads from
    SetJurisdiction {
        /// Its name
        name: TenantName,
        /// An ISO 3166-1 code, or EU [default: the region's own jurisdiction]
        jurisdiction: Option<Jurisdiction>,
    },
    /// List tenants
    List,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct GroupArgs {
    /// The group it belongs to from now on
    #[arg(long)]
    pub(crate) group: Option<GroupName>,
    /// It belongs to no group from now on
    #[arg(long)]
    pub(crate) no_group: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an S3 key pair for a tenant
    Create {
        /// For whom
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// The public half [default: drawn at random]
        #[arg(long, requires = "secret_key")]
        access_key: Option<AccessKeyId>,
        /// The secret half
        #[arg(long, requires = "access_key")]
        secret_key: Option<String>,
        /// The user whose it is to be [default: the tenant's administrator]
        #[arg(long)]
        user: Option<IdentityName>,
    },
    /// List the keys of a tenant
    List {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Make a new key in the place of another, which opens nothing from then on
    Rotate {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a key open something again
    Enable {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a key open nothing until it is enabled again
    Disable {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Remove a key for good
    Delete {
        /// The access key
        key: AccessKeyId,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user, who may do nothing until a policy allows it
    Create {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// A tag that policies may speak of, as KEY=VALUE
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        /// Where the organisation is that the user works for, if that is not the tenant's
        #[arg(long)]
        organisation: Option<Jurisdiction>,
    },
    #[command(flatten)]
    Of(IdentityCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group
    Create {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Put a user into a group
    Add {
        /// The group
        group: IdentityName,
        /// The user
        user: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Take a user out of a group
    Remove {
        /// The group
        group: IdentityName,
        /// The user
        user: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    #[command(flatten)]
    Of(IdentityCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Make a role
    Create {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// The policy that says who may take it, a JSON file
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// How long a session lasts at most [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        /// A tag that policies may speak of, as KEY=VALUE
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
    },
    /// Say anew who may take a role, how long its sessions last, and its tags
    Change {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// The policy that says who may take it, a JSON file
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// How long a session lasts at most [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        /// A tag that policies may speak of, as KEY=VALUE
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
    },
    #[command(flatten)]
    Of(IdentityCommand),
}

/// What is done to users, groups and roles alike.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// List them
    List {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Show one, with its policies
    Show {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Remove one, with its keys and sessions
    Delete {
        /// The name
        name: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Give one a policy in the JSON of AWS
    PutPolicy {
        /// The name
        name: IdentityName,
        /// What the policy is called
        policy: IdentityName,
        /// The document
        file: PathBuf,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Take a policy from one
    DeletePolicy {
        /// The name
        name: IdentityName,
        /// What the policy is called
        policy: IdentityName,
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TelemetryCommand {
    /// Make the operator's key that signs what may be sent, and print the half that is configured
    Key {
        /// The name it signs in, such as operator.example
        name: String,
        /// Where to write the secret half
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// List every metric that can be sent at all, as rows of a list
    Catalogue,
    /// Sign a list of what may be sent
    Sign {
        /// The list: `onshore-telemetry/v1`, `until TIME`, and rows of the catalogue
        list: PathBuf,
        /// The secret key that signs
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where to write the signed list
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print exactly what would be sent now
    Preview,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DrillCommand {
    /// Cut the server off from everything but loopback and the peers of `drill.peers` for a while, and try everything meanwhile
    Disconnect {
        /// For how long: 90s, 10m, 2h
        #[arg(long = "for", value_name = "TIME", default_value = "10m")]
        seconds: Seconds,
        /// Where S3 is served [default: where the server says]
        #[arg(long, value_name = "URL")]
        s3: Option<String>,
    },
    /// End the drill that is under way
    End,
    /// List drills
    List,
    /// Show what a drill found
    Show {
        /// Which
        id: DrillId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UpdateCommand {
    /// Make a key that signs, for the technology provider, and print the half that operators configure
    Key {
        /// The name it signs in, such as provider.example
        name: String,
        /// Where to write the secret half
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a signed bundle of a binary: what the technology provider does
    Pack {
        /// The binary
        #[arg(long, value_name = "FILE")]
        binary: PathBuf,
        /// Its release, as MAJOR.MINOR.PATCH
        #[arg(long, value_name = "VERSION")]
        version: String,
        /// The archive of its sources as it is deposited: its SHA-256 stands in the bundle
        #[arg(long, value_name = "FILE")]
        escrow: PathBuf,
        /// The secret key that signs
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where to write the bundle
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What is new, a text
        #[arg(long, value_name = "FILE")]
        notes: Option<PathBuf>,
        /// What it runs on [default: what this program runs on]
        #[arg(long, value_name = "MACHINE-SYSTEM")]
        platform: Option<String>,
    },
    /// Take a bundle into quarantine, if it is signed by a key of `updates.keys`; nothing runs it
    Import {
        /// The bundle
        file: PathBuf,
        /// Take a release that is older than the one that runs
        #[arg(long)]
        allow_older: bool,
    },
    /// List updates
    List,
    /// Show an update and what is new in it
    Show {
        /// Which
        id: UpdateId,
    },
    /// Approve an update; two different operators must
    Approve {
        /// Which
        id: UpdateId,
    },
    /// Reject an update for good, and remove its bundle
    Reject {
        /// Which
        id: UpdateId,
        /// Why
        #[arg(long)]
        reason: Wording,
    },
    /// Write the binary of an approved update to a file, for whoever installs it
    Stage {
        /// Which
        id: UpdateId,
        /// Where to; what is there is replaced at once, or not at all
        #[arg(long, value_name = "PATH")]
        to: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a control token
    Create {
        /// For which role
        #[arg(long, value_enum)]
        role: RoleName,
        /// For which tenant: of a tenant's administrator and user
        #[arg(long)]
        tenant: Option<TenantName>,
        /// For which person: what takes two people is for named ones
        #[arg(long, value_name = "NAME")]
        person: Option<IdentityName>,
    },
    /// List who holds control tokens
    List,
    /// Take a control token away
    Revoke {
        /// The id of its holder
        id: PrincipalId,
    },
}

/// A role on the control API.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    Operator,
    Regulator,
    Auditor,
    TenantAdmin,
    TenantUser,
    SupportEngineer,
}

impl RoleName {
    /// Returns the word for it.
    pub(crate) fn word(self) -> RoleWord {
        match self {
            Self::Operator => RoleWord::Operator,
            Self::Regulator => RoleWord::Regulator,
            Self::Auditor => RoleWord::Auditor,
            Self::TenantAdmin => RoleWord::TenantAdmin,
            Self::TenantUser => RoleWord::TenantUser,
            Self::SupportEngineer => RoleWord::SupportEngineer,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum KmsCommand {
    /// Make a key
    Create {
        /// For whom
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// Its other name, as alias/payroll; it stays
        #[arg(long)]
        alias: Option<String>,
    },
    /// List the keys of a tenant
    List {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a key be used again
    Enable {
        /// Its id
        id: KmsKeyId,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let nothing be encrypted or read under a key until it is enabled again
    Disable {
        /// Its id
        id: KmsKeyId,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Make a bucket
    Create {
        /// Its name, unique in the region
        name: BucketName,
        /// The class of objects that declare none: general, important, core, personal, sensitive-personal, or a comma list
        #[arg(long, value_parser = Label::parse_declaration)]
        class: Option<Label>,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// List buckets
    List,
    /// Tighten a bucket's class; two people loosen it (onshore label loosen)
    SetClass {
        /// The bucket
        name: BucketName,
        /// The new class
        #[arg(value_parser = Label::parse_declaration)]
        class: Label,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// Say how much a bucket or a tenant may hold; a limit that is left out is taken away
    Set {
        #[command(flatten)]
        of: QuotaHolderArgs,
        /// The most bytes of all versions, and of parts of uploads under way
        #[arg(long, value_name = "BYTES")]
        max_bytes: Option<u64>,
        /// The most versions
        #[arg(long, value_name = "COUNT")]
        max_objects: Option<u64>,
    },
    /// Tell how much a bucket or a tenant holds, and may
    Show {
        #[command(flatten)]
        of: QuotaHolderArgs,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct QuotaHolderArgs {
    /// Of this bucket
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<BucketName>,
    /// Of this tenant: all its buckets together
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<TenantName>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalCommand {
    /// Grant a transfer approval
    Grant {
        /// Whose data may go
        #[arg(long)]
        tenant: TenantName,
        /// Where it may go: an ISO 3166-1 code, or EU
        #[arg(long)]
        to: Jurisdiction,
        /// The strictest class it covers
        #[arg(long, value_parser = Label::parse_declaration)]
        class: Label,
        /// How many bytes may go in all
        #[arg(long, value_name = "BYTES")]
        max_bytes: u64,
        /// When it ends, RFC 3339 or a date
        #[arg(long, value_name = "TIME")]
        until: Timestamp,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// List approvals
    List,
    /// Show an approval
    Show {
        /// Its id
        id: ApprovalId,
    },
    /// Revoke an approval: what flows under it stops
    Revoke {
        /// Its id
        id: ApprovalId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabelCommand {
    /// Propose to loosen the label of an object, or what a bucket makes of what comes; nothing is looser until another person approves
    Loosen {
        /// Of what: s3://BUCKET/KEY, or s3://BUCKET
        #[arg(value_name = "URL")]
        of: String,
        /// Of this version; `null` is the one that was written while the bucket was not versioned [default: the current]
        #[arg(long, value_name = "ID")]
        version_id: Option<String>,
        /// To which class
        #[arg(long, value_name = "CLASS", value_parser = Label::parse_declaration)]
        to: Label,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Wording,
    },
    /// Approve what another person proposed: the label is looser at once
    Approve {
        /// Its id
        id: LooseningId,
    },
    /// Take a proposal back
    Withdraw {
        /// Its id
        id: LooseningId,
    },
    /// List proposals
    List,
    /// Show a proposal
    Show {
        /// Its id
        id: LooseningId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SupportCommand {
    /// Ask for a session; it opens nothing until a second person approves it
    Open {
        /// The holder of the support engineer's token (onshore token list)
        #[arg(long, value_name = "ID")]
        engineer: PrincipalId,
        /// For what
        #[arg(long, value_name = "TEXT")]
        purpose: Wording,
        /// How long it lasts from the approval on: 480 at most
        #[arg(long, value_name = "MINUTES", default_value_t = 60)]
        minutes: u32,
        /// Where the organisation is that the engineer works for: an ISO 3166-1 code, or EU
        #[arg(long, value_name = "CODE")]
        organisation: Jurisdiction,
        /// The tenant whose buckets and jobs it opens to view, and whose approvals carry what it answers abroad
        #[arg(long)]
        tenant: Option<TenantName>,
    },
    /// Approve a session that another person asked for: it is in force at once
    Approve {
        /// Its id
        id: SupportSessionId,
    },
    /// Close a session, or take it back before it began: what it was answering stops
    Close {
        /// Its id
        id: SupportSessionId,
    },
    /// List sessions
    List,
    /// Show a session with everything that was asked for in it
    Show {
        /// Its id
        id: SupportSessionId,
    },
    /// List what holders of support engineers' tokens asked for, in sessions and without
    Requests,
}

/// What an approval says beyond how much may go where until when. The rule pack in force says what of it must be there.
#[derive(Debug, Args)]
pub(crate) struct TermsArgs {
    /// How many objects may go, each counted once
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_objects: Option<u64>,
    /// How many persons' data may go, each counted once
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_persons: Option<u64>,
    /// What it rests on in law, such as standard-contract (onshore pack show)
    #[arg(long, value_name = "WORD")]
    pub(crate) instrument: Option<Instrument>,
    /// Who receives what goes
    #[arg(long, value_name = "NAME", requires = "purpose")]
    pub(crate) recipient: Option<Wording>,
    /// Whose law the recipient is under [default: that of --to]
    #[arg(long, value_name = "CODE", requires = "recipient")]
    pub(crate) recipient_in: Option<Jurisdiction>,
    /// What the recipient is: organisation, or foreign-authority for a court or prosecutor
    #[arg(
        long,
        value_name = "KIND",
        requires = "recipient",
        default_value_t = RecipientKind::Organisation
    )]
    pub(crate) recipient_kind: RecipientKind,
    /// For what
    #[arg(long, value_name = "TEXT")]
    pub(crate) purpose: Option<Wording>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PackCommand {
    /// List what was activated, and what Onshore ships with
    List,
    /// Show a pack: instruments, limits with their sources and days, rules, clocks
    Show {
        /// A folder, or cn, eu or open
        pack: String,
    },
    /// Run a pack's table of cases; exit 1 where one does not hold
    Test {
        /// A folder, or cn, eu or open
        #[arg(value_name = "DIR")]
        pack: String,
    },
    /// Say on what a transfer would have to rest, by whose data it is, what it is and how much has left
    Route {
        /// A folder, or cn, eu or open
        pack: String,
        /// Persons since 1 January whose data that is not sensitive left, with this transfer
        #[arg(long, value_name = "PERSONS", default_value_t = 0)]
        non_sensitive: u64,
        /// Persons since 1 January whose sensitive data left, with this transfer
        #[arg(long, value_name = "PERSONS", default_value_t = 0)]
        sensitive: u64,
        /// The class of what leaves
        #[arg(long, value_parser = Label::parse_declaration, default_value = "personal")]
        class: Label,
        /// Where to
        #[arg(long)]
        to: Jurisdiction,
        /// The exporter operates critical information infrastructure
        #[arg(long)]
        critical_infrastructure: bool,
        /// The exporter is an organ of the state
        #[arg(long)]
        state_organ: bool,
        /// On which day
        #[arg(long, value_name = "DATE")]
        on: Date,
    },
    /// Say on which days the steps of a proceeding fall
    Clock {
        /// A folder, or cn, eu or open
        pack: String,
        /// Which clock
        clock: String,
        /// The day it starts on
        #[arg(long, value_name = "DATE")]
        from: Date,
    },
    /// Put a pack in force; what flows out when it takes effect is judged anew
    Activate {
        /// A folder, or cn, eu or open
        pack: String,
        /// From when on, RFC 3339 or a date [default: now]
        #[arg(long, value_name = "TIME")]
        as_of: Option<Timestamp>,
    },
    /// Put no pack in force: the rules of the border stand alone
    Deactivate {
        /// From when on, RFC 3339 or a date [default: now]
        #[arg(long, value_name = "TIME")]
        as_of: Option<Timestamp>,
    },
    /// Say what of the recorded decisions a pack would have decided otherwise; nothing is changed
    Diff {
        /// A folder, or cn, eu or open
        pack: String,
        /// Over how many days
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// What is asked for: BUCKET/KEY, or BUCKET or BUCKET/PREFIX for a list
    #[arg(long, value_name = "BUCKET/KEY")]
    pub(crate) object: String,
    /// From where
    #[arg(long, value_name = "IP")]
    pub(crate) from_address: IpAddr,
    /// To do what
    #[arg(long, value_enum, default_value_t = AskedOperation::Get)]
    pub(crate) operation: AskedOperation,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AskedOperation {
    /// Read it
    Get,
    /// Read what is known of it
    Head,
    /// List keys
    List,
    /// Write it
    Put,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Print the newest leaves
    Tail {
        /// How many
        #[arg(short, long, default_value_t = 20)]
        number: u32,
    },
    /// Prove a leaf: a bundle that `onshore verify` checks offline
    Prove {
        /// The leaf's index
        index: u64,
        /// Where the bundle goes [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prove a leaf as other transparency logs do (C2SP tlog-proof)
    Proof {
        /// The leaf's index
        index: u64,
        /// Where the proof goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the reads of the batch that a leaf tells of
    Reads {
        /// The index of a leaf of kind `reads`
        leaf: u64,
        /// The first one
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        from: u64,
        /// How many
        #[arg(short, long, default_value_t = 100)]
        number: u32,
    },
    /// Prove one read: a document that `onshore verify` checks offline
    ProveRead {
        /// The index of the leaf of its batch
        leaf: u64,
        /// Where in the batch it stands
        position: u64,
        /// Where the proof goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say how long the ledger is, and how much of it witnesses cosigned
    Status,
    /// Print the newest signed checkpoint
    Checkpoint {
        /// The newest one that enough witnesses cosigned
        #[arg(long)]
        witnessed: bool,
    },
    /// Print the public key that checks this ledger
    Key,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make a witness in the data folder, and print its public key
    Init {
        /// Its name, as witness.example/w1
        #[arg(long)]
        name: String,
        /// The public key of a ledger that it watches
        #[arg(long = "log", value_name = "VKEY")]
        logs: Vec<String>,
    },
    /// Watch another ledger, from the witness's next start on
    Watch {
        /// The ledger's public key
        #[arg(value_name = "VKEY")]
        log: String,
    },
    /// Cosign the checkpoints that are submitted (C2SP tlog-witness)
    Serve {
        /// Where it listens: add-checkpoint is below its root
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9010")]
        listen: SocketAddr,
        /// A certificate chain for TLS, PEM
        #[arg(long, value_name = "FILE", requires = "tls_key")]
        tls_certificate: Option<PathBuf>,
        /// Its key, PEM
        #[arg(long, value_name = "FILE", requires = "tls_certificate")]
        tls_key: Option<PathBuf>,
        /// Listen off loopback without TLS: checkpoints and cosignatures are no secrets
        #[arg(long)]
        insecure: bool,
    },
    /// Print the checkpoints that it cosigned last; a ledger that does not extend one of them was rewritten
    Status,
    /// Print its public key
    Key,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A certificate, a proof, an evidence bundle, or the folder of a published ledger
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A public key of the ledger, from somewhere other than the file
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Vec<String>,
    /// Who must have cosigned (a C2SP tlog-policy): without their quorum the file does not hold
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// An older checkpoint that the folder's ledger must extend, as `onshore witness status` prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) older: Vec<PathBuf>,
    /// Prove one object of a certificate
    #[arg(long, value_name = "KEY")]
    pub(crate) object: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Files, or folders with all that is in them; or s3://bucket/prefix on the server
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Of how many identifiers in each file to tell (with --json or --sarif) where they stand, in bytes of the text as UTF-8
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) places: u64,
    /// On which day the law is asked what class the findings are of [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) on: Option<Timestamp>,
    /// Print SARIF 2.1.0, for code scanners
    #[arg(long)]
    pub(crate) sarif: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Count the distinct persons in what is held, and in what left since the first of January (Beijing time)
    Persons {
        /// Whose data; of several together each person counts once
        #[arg(long = "tenant", value_name = "TENANT", default_value = "default")]
        tenants: Vec<TenantName>,
        /// The data of all tenants of a group
        #[arg(long, conflicts_with = "tenants")]
        group: Option<GroupName>,
        /// Say at once about how many are held, and no more
        #[arg(long)]
        estimate: bool,
    },
    /// Everything that the ledger recorded in a span of time, in one file for a regulator: leaves, records, proofs,
    /// cosigned checkpoint; `onshore verify` opens it offline
    Bundle {
        /// When the span begins, RFC 3339 or a date
        #[arg(long, value_name = "TIME")]
        from: Timestamp,
        /// When it ends; this instant is not in it
        #[arg(long, value_name = "TIME")]
        to: Timestamp,
        /// Where the bundle goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Leave the records out, which tell names of objects
        #[arg(long)]
        without_records: bool,
    },
    /// Tell what personal data is held, by bucket, kind and age, without a purpose (tag or metadata onshore-purpose) or past
    /// its time (onshore-keep-until)
    Holdings {
        /// Of this tenant alone
        #[arg(long)]
        tenant: Option<TenantName>,
        /// Of this bucket alone
        #[arg(long)]
        bucket: Option<BucketName>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Say in which versions somebody is told of
    Find {
        /// In whose data
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// An identifier of the person, however it is written [default: read from standard input, where nobody else sees it]
        identifier: Option<String>,
    },
    /// Let a tenant's persons be looked for
    Allow {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
    /// Let a tenant's persons no longer be looked for
    Forbid {
        /// Whose
        #[arg(long, default_value = "default")]
        tenant: TenantName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportantCommand {
    /// Say that an authority told so: data that the word stands in is important from now on
    Tell {
        /// Whom
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// How the tenant calls it: findings name it so, and not by the word
        #[arg(long)]
        id: String,
        /// The word, as it stands in data
        #[arg(long)]
        word: String,
        /// What it makes of data
        #[arg(long, default_value = "important", value_parser = ["important", "core"])]
        level: String,
        /// What it is about
        #[arg(long, value_parser = ["economic", "scientific", "technological"])]
        category: Option<String>,
        /// What it would harm
        #[arg(long, value_parser = ["national-security", "public-interest"])]
        ground: String,
        /// Which authority, and in which notice
        #[arg(long)]
        authority: String,
    },
    /// Take a word back; what it made important stays so
    TakeBack {
        /// Whom it was told
        #[arg(long, default_value = "default")]
        tenant: TenantName,
        /// Its id
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// From where: s3://bucket/prefix, or a folder on the server's side
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Into which bucket; made if it is missing
    #[arg(value_name = "BUCKET")]
    pub(crate) bucket: BucketName,
    /// The class of everything it brings
    #[arg(long, value_parser = Label::parse_declaration)]
    pub(crate) class: Option<Label>,
    /// For whom
    #[arg(long, default_value = "default")]
    pub(crate) tenant: TenantName,
    /// The source's S3 endpoint [default: AWS]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The profile whose credentials open the source [default: the usual AWS variables and profile]
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The region to sign for at the source
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Where in requests to the source the bucket's name goes
    #[arg(long, value_enum, default_value_t = Addressing::Auto)]
    pub(crate) addressing: Addressing,
    /// Read the source without credentials
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Where the certificate goes once the job has ended
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Order the job and leave it to the server
    #[arg(long)]
    pub(crate) detach: bool,
    /// The configuration file, when no server runs on the data folder and the job runs here
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ScrubArgs {
    /// The configuration file that the server has
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// The configuration file that the server has, which names the present root key
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The file with the new root key; it is made if there is none
    #[arg(long, value_name = "FILE")]
    pub(crate) new_root_key: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Addressing {
    /// Path style at an endpoint, unless it refuses that
    Auto,
    /// Path style: the bucket stands in the path
    Path,
    /// Virtual-host style: the bucket stands before the endpoint's name
    Virtual,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs
    List,
    /// Show a job
    Show {
        /// Its id
        id: JobId,
    },
    /// Stop a job
    Cancel {
        /// Its id
        id: JobId,
    },
    /// Fetch the certificate of a job that has ended
    Certificate {
        /// Its id
        id: JobId,
        /// Where it goes [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
