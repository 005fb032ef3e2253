//! `onshore migrate`: bringing a bucket or a folder onshore.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use onshore_sources::Dialect;
use onshore_types::pace::{Offset, Rate, Window};
use onshore_types::selection::{Class, Residence};
use onshore_types::{BucketName, JobId, Label, TenantName, Timestamp};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct MigrateLine {
    #[command(subcommand)]
    pub(crate) command: Option<MigrateCommand>,
    #[command(flatten)]
    pub(crate) order: Option<MigrateArgs>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Say when migrations will be done, and how likely by a date
    Status {
        /// Which [default: all that are under way]
        #[arg(value_name = "JOB")]
        id: Option<JobId>,
        /// By when it has to be done: 2022-09-30, or an instant such as 2022-09-30T24:00:00+08:00
        #[arg(long, value_name = "DATE")]
        by: Option<Timestamp>,
    },
    /// Lists every bucket of an account: what is in it, how it is set, and the command that brings it
    Plan(PlanArgs),
    /// Counts what a source lists, from here and with credentials of its own: what `--counted` of a migration is held against
    Count(CountArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) from: SourceArgs,
    /// Which versions of a bucket are counted
    #[arg(long, value_enum, default_value_t = VersionsWish::Auto)]
    pub(crate) versions: VersionsWish,
}

/// Where a source is, and what opens it.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// From where: s3, oss, cos, obs, r2, azblob, gs or swift://bucket/prefix, webdav, webdavs or hdfs://host/path, or a folder on the
    /// server's side
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// The source's endpoint [default: AWS, or what follows from scheme, region and variables]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// How S3 is spoken there [default: the scheme or the endpoint tells]
    #[arg(long, value_parser = PossibleValuesParser::new(Dialect::NAMES).try_map(|name| name.parse::<Dialect>()))]
    pub(crate) dialect: Option<Dialect>,
    /// The account at the source, from which the endpoint of R2 and of Azure follows
    #[arg(long, value_name = "ID")]
    pub(crate) account_id: Option<String>,
    /// The profile whose credentials open the source [default: the usual AWS variables and profile]
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The region at the source, to sign for or of the catalogue of Keystone
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Where in requests to the source the bucket's name goes
    #[arg(long, value_enum, default_value_t = Addressing::Auto)]
    pub(crate) addressing: Addressing,
    /// Read the source without credentials
    #[arg(long)]
    pub(crate) anonymous: bool,
}

// Clap knows by its group whether it is there, and leaves a group empty that another is flattened into.
#[derive(Debug, Args)]
#[group(args = ["bucket"])]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) from: SourceArgs,
    /// Into which bucket; made if it is missing
    #[arg(value_name = "BUCKET")]
    pub(crate) bucket: BucketName,
    /// The class of everything it brings
    #[arg(long, value_parser = Label::parse_declaration)]
    pub(crate) class: Option<Label>,
    /// For whom
    #[arg(long, default_value = "default")]
    pub(crate) tenant: TenantName,
    /// Which versions of a bucket are brought
    #[arg(long, value_enum, default_value_t = VersionsWish::Auto)]
    pub(crate) versions: VersionsWish,
    /// What becomes here of what the source removes after it was brought
    #[arg(long, value_enum, default_value_t = Deletes::Follow)]
    pub(crate) deletes: Deletes,
    /// Keep up with the source: list it again, bring what is new and remove what is gone, so many seconds after nothing was new, until
    /// `onshore job finish`
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60", conflicts_with = "dry_run")]
    pub(crate) watch: Option<u32>,
    /// Bring only objects of this class, by what is found in them and said of them, and of stricter ones; again for each. What is not
    /// brought is named in the certificate
    #[arg(long, value_name = "CLASS", conflicts_with = "dry_run", value_parser = PossibleValuesParser::new(Class::WORDS).try_map(|word| word.parse::<Class>()))]
    pub(crate) select_class: Vec<Class>,
    /// Bring only objects that tell of persons who live there, by the identifiers in them; again for each
    #[arg(long, value_name = "WHERE", conflicts_with = "dry_run", value_parser = PossibleValuesParser::new(Residence::WORDS).try_map(|word| word.parse::<Residence>()))]
    pub(crate) select_persons: Vec<Residence>,
    /// How many bytes a second it may read of the source at most, such as 10MiB [default: as many as can be]
    #[arg(long, value_name = "RATE")]
    pub(crate) max_rate: Option<Rate>,
    /// How many at certain hours of the week: "mon-fri 08:00-18:00 2MiB"; 0 stands still
    #[arg(long, value_name = "WINDOW")]
    pub(crate) rate_at: Vec<Window>,
    /// What clocks show where those hours are meant
    #[arg(long, value_name = "OFFSET", default_value_t = Offset::default(), allow_hyphen_values = true)]
    pub(crate) rate_zone: Offset,
    /// Only find out what would come, what could not and why, how long it would take and what the old provider would charge
    #[arg(long, conflicts_with = "certificate")]
    pub(crate) dry_run: bool,
    /// Leave the reading of the source to workers (`onshore worker`): the server lists, and brings what no worker can
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) workers_only: bool,
    /// How many objects (versions and delete markers where all come), and how many bytes, somebody else counted at the source: the
    /// job is complete only if it lists as much at the end
    #[arg(long, value_name = "OBJECTS[,BYTES]", requires = "counted_by", conflicts_with = "dry_run", value_parser = parse_counted)]
    pub(crate) counted: Option<(u64, Option<u64>)>,
    /// Who counted, and when; it stands in the certificate: "usage figure of the provider, 2021-09-01"
    #[arg(long, value_name = "WHO", requires = "counted")]
    pub(crate) counted_by: Option<String>,
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
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// For whom the commands are that bring the buckets
    #[arg(long, default_value = "default")]
    pub(crate) tenant: TenantName,
}

/// An account at a cloud, and what opens it.
#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    /// The account: s3://, oss://, cos://, obs:// or r2://
    #[arg(long, value_name = "SCHEME")]
    pub(crate) account: String,
    /// The S3 endpoint [default: AWS, or what follows from scheme and region]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// How S3 is spoken there [default: the scheme or the endpoint tells]
    #[arg(long, value_parser = PossibleValuesParser::new(Dialect::NAMES).try_map(|name| name.parse::<Dialect>()))]
    pub(crate) dialect: Option<Dialect>,
    /// The account at the cloud, from which the endpoint of R2 follows
    #[arg(long, value_name = "ID")]
    pub(crate) account_id: Option<String>,
    /// The profile whose credentials open it [default: the usual variables and profile]
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The region to sign for
    #[arg(long)]
    pub(crate) region: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum VersionsWish {
    /// All where the source says that the bucket keeps or kept versions, else what is current
    Auto,
    /// Every version and delete marker, in their order
    All,
    /// What is current
    Current,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Deletes {
    /// It is removed here too, unless somebody has written over it here
    Follow,
    /// It stays
    Keep,
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

/// Reads a count of objects, and of bytes behind a comma.
fn parse_counted(text: &str) -> Result<(u64, Option<u64>), String> {
    let number = |text: &str| {
        text.trim().parse().map_err(|_| {
            format!("{text:?} is no number: write OBJECTS or OBJECTS,BYTES, such as 1200,52428800")
        })
    };
    match text.split_once(',') {
        None => Ok((number(text)?, None)),
        Some((objects, bytes)) => Ok((number(objects)?, Some(number(bytes)?))),
    }
}
