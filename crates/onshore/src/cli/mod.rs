//! The command line: what can be asked, in words, one file for each noun. What is done about it is in `commands`.

mod alarm;
mod approval;
mod backup;
mod bucket;
mod classify;
mod config;
mod cutover;
mod decommission;
mod departure;
mod dora;
mod drill;
mod erase;
mod explain;
mod fsck;
mod group;
mod guard;
mod identity;
mod important;
mod job;
mod key;
mod kms;
mod label;
mod ledger;
mod listing;
mod migrate;
mod pack;
mod quota;
mod register;
mod rekey;
mod report;
mod restore;
mod role;
mod scrub;
mod serve;
mod session;
mod subject;
mod support;
mod telemetry;
mod tenant;
mod token;
mod update;
mod user;
mod verify;
mod witness;
mod worker;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use onshore_orders::Language;

use crate::output::Style;

pub(crate) use alarm::AlarmCommand;
pub(crate) use approval::ApprovalCommand;
pub(crate) use backup::{BackupArgs, BackupCommand, ErasedKeyArgs, SeriesArgs};
pub(crate) use bucket::BucketCommand;
pub(crate) use classify::ClassifyArgs;
pub(crate) use config::ConfigCommand;
pub(crate) use cutover::{BeginCutoverArgs, CutoverArgs, CutoverCommand, ReturnArgs};
pub(crate) use decommission::DecommissionCommand;
pub(crate) use departure::DepartureCommand;
pub(crate) use dora::DoraCommand;
pub(crate) use drill::DrillCommand;
pub(crate) use erase::EraseArgs;
pub(crate) use explain::{AskedOperation, ExplainArgs};
pub(crate) use fsck::FsckArgs;
pub(crate) use group::GroupCommand;
pub(crate) use guard::GuardArgs;
pub(crate) use identity::IdentityCommand;
pub(crate) use important::ImportantCommand;
pub(crate) use job::JobCommand;
pub(crate) use key::KeyCommand;
pub(crate) use kms::KmsCommand;
pub(crate) use label::LabelCommand;
pub(crate) use ledger::LedgerCommand;
pub(crate) use listing::ListingCommand;
pub(crate) use migrate::{
    AccountArgs, Addressing, CountArgs, Deletes, MigrateArgs, MigrateCommand, MigrateLine,
    PlanArgs, SourceArgs, VersionsWish,
};
pub(crate) use pack::PackCommand;
pub(crate) use quota::{QuotaCommand, QuotaHolderArgs};
pub(crate) use register::{
    AssessmentCommand, AssetCommand, ContractCommand, HandoverCommand, OrderCommand,
    OrganisationCommand, ProcureCommand, RecordCommand, ReviewCommand, TableCommand,
    WhichRecordsArgs,
};
pub(crate) use rekey::RekeyArgs;
pub(crate) use report::{
    HoldingsArgs, PaperArgs, QuarterlyArgs, RegionsArgs, ReportCommand, StatusArgs, StatusFormat,
};
pub(crate) use restore::RestoreArgs;
pub(crate) use role::RoleCommand;
pub(crate) use scrub::ScrubArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use session::SessionCommand;
pub(crate) use subject::SubjectCommand;
pub(crate) use support::SupportCommand;
pub(crate) use telemetry::TelemetryCommand;
pub(crate) use tenant::TenantCommand;
pub(crate) use token::TokenCommand;
pub(crate) use update::UpdateCommand;
pub(crate) use user::UserCommand;
pub(crate) use verify::{SpotArgs, VerifyArgs};
pub(crate) use witness::WitnessCommand;
pub(crate) use worker::WorkerArgs;

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
    /// In which language reports of the register are, and what an order, a licence or a review forbids: en or zh; words of CSV and JSON stay
    /// as they are, but for the reasons
    #[arg(
        long,
        global = true,
        env = "ONSHORE_LANG",
        value_name = "LANG",
        default_value = "en"
    )]
    pub(crate) lang: Language,
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
    /// Sessions: control tokens that hold for a while
    #[command(subcommand)]
    Session(SessionCommand),
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
    /// Organisations, and who holds them
    #[command(subcommand)]
    Organisation(OrganisationCommand),
    /// Providers of clouds
    #[command(subcommand)]
    Provider(RecordCommand),
    /// Orders of authorities: whom they bind, what they freeze, by when what must be left
    #[command(subcommand)]
    Order(OrderCommand),
    /// Contracts with providers: recorded, signed unless an order freezes that, closed
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Assets: what is kept under a contract, how far it has moved, and that it arrived
    #[command(subcommand)]
    Asset(AssetCommand),
    /// Licences: of which class, whose, for which places, from when until when
    #[command(subcommand)]
    Licence(RecordCommand),
    /// Regions, and who runs them: whoever becomes operator of record holds the licence that is asked for
    #[command(subcommand)]
    Region(RecordCommand),
    /// Partnerships: who runs a region on whose technology, and what is kept of it
    #[command(subcommand)]
    Partnership(RecordCommand),
    /// Hand-over plans: what is sold in tranches, for how much, until when, what stays; signed for by both sides
    #[command(subcommand)]
    Handover(HandoverCommand),
    /// How a provider leaves a contract: it acknowledges the order, says what it has, and signs that it is deleted
    #[command(subcommand)]
    Departure(DepartureCommand),
    /// Impact assessments: why they were made, until when they are kept as they were, and their reports
    #[command(subcommand)]
    Assessment(AssessmentCommand),
    /// Reviews before a listing abroad: who must consent, and how they ended
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Whether an organisation may be listed abroad
    #[command(subcommand)]
    Listing(ListingCommand),
    /// Incidents: when they were noticed, reported and summed up
    #[command(subcommand)]
    Incident(RecordCommand),
    /// Requests of those whose data is held: access, copy, correct, delete
    #[command(subcommand)]
    Request(RecordCommand),
    /// What somebody was told of before its day
    #[command(subcommand)]
    Alarm(AlarmCommand),
    /// The register of information of DORA: fifteen tables, checked against each other and packed for an authority; taken into the register as contracts
    #[command(subcommand)]
    Dora(DoraCommand),
    /// Whether an order freezes what somebody is about to buy
    #[command(subcommand)]
    Procure(ProcureCommand),
    /// Judge a plan of Terraform against the orders in force and the place where data must stay; exit 1 on a violation
    Guard(GuardArgs),
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
    Migrate(MigrateLine),
    /// Cut a bucket over that programs use: it answers here as if all were in it, until all is and the source is left
    Cutover(Box<CutoverArgs>),
    /// Delete at a source what a migration brought, as its complete certificate says, once two people have said so
    #[command(subcommand)]
    Decommission(DecommissionCommand),
    /// Read everything in a data folder once and say what is not what was written; no server may run on it
    Scrub(ScrubArgs),
    /// Seal all keys in a data folder anew, under another root key; no data is rewritten, and no server may run on it
    Rekey(RekeyArgs),
    /// Work for a server: read what its migrations are to bring, and deliver it; the token is that of a worker
    Worker(WorkerArgs),
    /// Migration jobs
    #[command(subcommand)]
    Job(JobCommand),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
