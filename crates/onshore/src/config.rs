//! The configuration file: one typed struct, unknown keys refused, defaults for everything.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use onshore_api::DrillParty;
use onshore_control::RequestRate;
use onshore_gate::{EpochDocument, Region};
use onshore_ledger::{PolicyWitness, TlogPolicy, VerifierKey, WitnessKey};
use onshore_policy::{Networks, Proxies};
use onshore_s3::Audience;
use onshore_sources::{Credentials, OtherRegion, Peers, Purpose};
use onshore_store::DayLength;
use onshore_tls::{CertificateFiles, Introduction, Trust, trusting};
use onshore_types::{Jurisdiction, PartitionName, Place, RegionId, TenantName};
use onshore_upkeep::{
    AccessLogRhythm, AlarmTarget, EventTarget, LifecycleRhythm, MailLogin, Mailbox, RescanRhythm,
    ScrubRhythm, WebhookSecret, WitnessTarget,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::country_database::CountryDatabase;
use crate::exit::usage;

/// The configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) region: Region,
    networks: BTreeMap<IpNet, Jurisdiction>,
    trusted_proxies: Vec<IpNet>,
    countries: Option<CountryDatabase>,
    /// Where the country database errs.
    overruled: Vec<IpNet>,
    /// Where proxies say in front of each connection whom it is from.
    proxy_protocol: BTreeSet<Listener>,
    /// Suffixes under which a bucket's name stands in the host.
    pub(crate) domains: Vec<String>,
    /// How fast each token may ask the control API.
    pub(crate) control_rate: RequestRate,
    /// Where the root key is; none means in the data folder.
    pub(crate) root_key_file: Option<PathBuf>,
    /// Whether the pages of the database are encrypted, names and all.
    pub(crate) hide_names: bool,
    /// Where the TLS certificate and its key are; none means that nothing is secured.
    pub(crate) tls: Option<CertificateFiles>,
    /// Folders below which a migration may read on the server's side.
    pub(crate) migrate_roots: Vec<PathBuf>,
    /// Endpoints inside private networks that a migration may read.
    pub(crate) allowed_endpoints: Vec<String>,
    upkeep: UpkeepTable,
    ledger: LedgerTable,
    /// Who cosigns the ledger, and how many of them are enough.
    witnesses: Option<TlogPolicy>,
    /// Whom events may be told, by name.
    events: BTreeMap<String, EventTable>,
    /// The regions that objects may be brought to, by name.
    replication: BTreeMap<String, ReplicationTable>,
    alarms: AlarmsTable,
    updates: UpdatesTable,
    telemetry: Option<TelemetryTable>,
    /// Whom a disconnect drill lets through.
    pub(crate) drill_peers: Peers,
    /// What whoever starts the server should know.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    region: Option<RegionTable>,
    networks: Option<BTreeMap<String, Jurisdiction>>,
    border: BorderTable,
    proxies: ProxiesTable,
    s3: S3Table,
    control: ControlTable,
    keys: KeysTable,
    tls: Option<CertificateTable>,
    migrate: MigrateTable,
    upkeep: UpkeepTable,
    ledger: LedgerTable,
    events: BTreeMap<String, EventTable>,
    replication: BTreeMap<String, ReplicationTable>,
    alarms: AlarmsTable,
    updates: UpdatesTable,
    drill: DrillTable,
    telemetry: Option<TelemetryTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionTable {
    id: RegionId,
    jurisdiction: Jurisdiction,
    #[serde(default = "default_partition")]
    partition: PartitionName,
    #[serde(default)]
    operator: String,
    #[serde(default)]
    technology_provider: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BorderTable {
    /// A database in the format of MaxMind.
    country_database: Option<PathBuf>,
    /// The networks of which `[networks]` alone says where they are.
    overruled: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ProxiesTable {
    trusted: Vec<String>,
    /// The listeners whose connections begin with a header of the PROXY protocol.
    proxy_protocol: BTreeSet<Listener>,
}

/// A listener of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listener {
    /// S3, and STS with it.
    S3,
    /// The control API.
    Control,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct S3Table {
    domains: Vec<String>,
}

/// How fast each token may ask the control API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ControlTable {
    requests_per_s: NonZeroU32,
    burst: NonZeroU32,
}

impl Default for ControlTable {
    fn default() -> Self {
        Self {
            requests_per_s: NonZeroU32::new(200).expect("not zero"),
            burst: NonZeroU32::new(2000).expect("not zero"),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeysTable {
    root_key_file: Option<PathBuf>,
    #[serde(default)]
    hide_names: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateTable {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MigrateTable {
    roots: Vec<PathBuf>,
    allowed_endpoints: Vec<String>,
}

/// Somebody whom events may be told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventTable {
    url: String,
    subject: Option<String>,
    /// Whose buckets may name it; none is everybody's.
    tenants: Option<BTreeSet<TenantName>>,
    /// A file with what the target asks for.
    token_file: Option<PathBuf>,
    /// The authorities that may say who the target is, in PEM; without it those of the system.
    ca_file: Option<PathBuf>,
}

/// Who is told numbers of the server, which of them, and how often. Nothing is told without it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TelemetryTable {
    url: String,
    /// What may be sent, as the operator signed it.
    list_file: PathBuf,
    /// The operator's keys.
    keys: Vec<String>,
    #[serde(default = "an_hour")]
    period_s: NonZeroU32,
    /// A file with what the receiver asks for.
    token_file: Option<PathBuf>,
    /// The authorities that may say who the receiver is, in PEM; without it those of the system.
    ca_file: Option<PathBuf>,
}

fn an_hour() -> NonZeroU32 {
    NonZeroU32::new(3600).expect("an hour has seconds")
}

/// Whom a disconnect drill lets through: others of the own partition.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DrillTable {
    /// Networks, addresses and names of hosts.
    peers: Vec<String>,
}

/// Whose updates are taken into quarantine, and how long they may be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UpdatesTable {
    /// The technology provider's keys; the operator has them from another source than the bundles.
    keys: Vec<String>,
    size_max_bytes: NonZeroU64,
}

impl Default for UpdatesTable {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            size_max_bytes: NonZeroU64::new(512 << 20).expect("half a gibibyte has bytes"),
        }
    }
}

/// Another region that objects may be brought to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplicationTable {
    url: String,
    region: RegionId,
    /// A file with the access key there.
    credentials_file: PathBuf,
    /// Whose buckets may name it: the access key opens what this tenant has there.
    tenant: TenantName,
    /// The authorities that may say who the region is, in PEM; without it those of the system.
    ca_file: Option<PathBuf>,
}

/// What opens another region.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionCredentials {
    access_key: String,
    secret_key: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UpkeepTable {
    lifecycle_interval_s: NonZeroU32,
    lifecycle_day_s: NonZeroU32,
    /// Zero is off.
    scrub_bytes_per_s: u64,
    rescan_bytes_per_s: NonZeroU64,
    access_log_interval_s: NonZeroU32,
}

/// Who watches the ledger, and how long the records of reads are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LedgerTable {
    witnesses: Vec<WitnessTable>,
    /// How many of the witnesses are enough; all of them where none is said.
    quorum: Option<usize>,
    /// A C2SP tlog-policy that says both instead.
    policy_file: Option<PathBuf>,
    witness_interval_s: NonZeroU32,
    /// The authorities that may say who a witness is, in PEM; without it those of the system.
    witness_ca_file: Option<PathBuf>,
    /// For ever where none is said.
    reads_kept_days: Option<u32>,
}

/// A witness that is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessTable {
    url: String,
    key: String,
}

impl Default for LedgerTable {
    fn default() -> Self {
        Self {
            witnesses: Vec::new(),
            quorum: None,
            policy_file: None,
            witness_interval_s: NonZeroU32::new(10).expect("ten seconds are some"),
            witness_ca_file: None,
            reads_kept_days: None,
        }
    }
}

/// The fewest days that records of reads are kept: network logs are kept for six months (Cybersecurity Law).
const READS_KEPT_DAYS_MIN: u32 = 180;

/// The seconds of a day: any other length is for tests.
const DAY_S: NonZeroU32 = NonZeroU32::new(86_400).expect("a day has seconds");

impl Default for UpkeepTable {
    fn default() -> Self {
        Self {
            lifecycle_interval_s: NonZeroU32::new(3600).expect("an hour has seconds"),
            lifecycle_day_s: DAY_S,
            scrub_bytes_per_s: 16 << 20,
            rescan_bytes_per_s: NonZeroU64::new(64 << 20).expect("a mebibyte has bytes"),
            access_log_interval_s: NonZeroU32::new(300).expect("five minutes have seconds"),
        }
    }
}

/// How often it is looked whether somebody must be told of a day that comes near.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AlarmsTable {
    interval_s: NonZeroU32,
    /// Who is told by a webhook, by name.
    webhooks: BTreeMap<String, WebhookTable>,
    /// Who is told by mail, by name.
    mail: BTreeMap<String, MailTable>,
}

/// Somebody who is told of alarms by a webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookTable {
    url: String,
    /// A file with what the target asks for.
    token_file: Option<PathBuf>,
    /// A file with what messages are signed with, as the Standard Webhooks have it.
    secret_file: Option<PathBuf>,
    /// The authorities that may say who the target is, in PEM; without it those of the system.
    ca_file: Option<PathBuf>,
}

/// Somebody who is told of alarms by mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailTable {
    /// The mail server.
    server: String,
    from: String,
    to: Vec<String>,
    user: Option<String>,
    /// A file with the password.
    password_file: Option<PathBuf>,
    /// The authorities that may say who the server is, in PEM; without it those of the system.
    ca_file: Option<PathBuf>,
}

impl Default for AlarmsTable {
    fn default() -> Self {
        Self {
            interval_s: NonZeroU32::new(600).expect("ten minutes have seconds"),
            webhooks: BTreeMap::new(),
            mail: BTreeMap::new(),
        }
    }
}

impl Default for S3Table {
    fn default() -> Self {
        Self {
            domains: vec!["s3.localhost".to_owned()],
        }
    }
}

fn default_partition() -> PartitionName {
    PartitionName::parse("onshore").expect("the default partition is a name")
}

impl Config {
    /// Reads the file, or takes the defaults where there is none.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let Some(path) = file else {
            return Self::from_file(File::default(), None);
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            usage(format!(
                "cannot read the configuration file {}: {error}",
                path.display()
            ))
        })?;
        let parsed: File = toml::from_str(&text).map_err(|error| {
            usage(format!(
                "the configuration file {} is not right:\n{error}",
                path.display()
            ))
        })?;
        let base = std::path::absolute(path).context("the working folder is gone")?;
        Self::from_file(parsed, base.parent()).map_err(|error| {
            usage(format!(
                "the configuration file {} is not right: {error:#}",
                path.display()
            ))
        })
    }

    fn from_file(file: File, base: Option<&Path>) -> Result<Self> {
        let mut warnings = Vec::new();
        let region = file.region.map_or_else(
            || {
                warnings.push(
                    "no region is configured: this is region onshore-1 in jurisdiction ZZ, a place for trials; name \
                     the real one in [region] of --config FILE"
                        .to_owned(),
                );
                Region {
                    id: RegionId::parse("onshore-1").expect("the default region is a name"),
                    jurisdiction: Jurisdiction::UNCONFIGURED,
                    partition: default_partition(),
                    operator: String::new(),
                    technology_provider: String::new(),
                }
            },
            |table| Region {
                id: table.id,
                jurisdiction: table.jurisdiction,
                partition: table.partition,
                operator: table.operator,
                technology_provider: table.technology_provider,
            },
        );
        if file.upkeep.lifecycle_day_s != DAY_S {
            warnings.push(format!(
                "A DAY OF A LIFECYCLE LASTS {} SECONDS HERE ([upkeep] lifecycle_day_s): objects are removed long before \
                 the time their owners were told; this is for tests alone, take it out where data is real",
                file.upkeep.lifecycle_day_s
            ));
        }
        if let Some(days) = file.ledger.reads_kept_days
            && days < READS_KEPT_DAYS_MIN
        {
            anyhow::ensure!(
                region.jurisdiction == Jurisdiction::UNCONFIGURED,
                "ledger.reads_kept_days: records of reads are kept for {READS_KEPT_DAYS_MIN} days at least, not {days}"
            );
            warnings.push(format!(
                "RECORDS OF READS ARE KEPT FOR {days} DAYS HERE ([ledger] reads_kept_days), where the law asks for \
                 {READS_KEPT_DAYS_MIN}: this is for trials alone"
            ));
        }
        let networks = match file.networks {
            Some(table) => table
                .into_iter()
                .map(|(network, jurisdiction)| {
                    Ok((parse_network(&network, "networks")?, jurisdiction))
                })
                .collect::<Result<_>>()?,
            None => ["127.0.0.0/8", "::1/128"]
                .iter()
                .map(|network| Ok((parse_network(network, "networks")?, region.jurisdiction)))
                .collect::<Result<_>>()?,
        };
        let trusted_proxies: Vec<IpNet> = file
            .proxies
            .trusted
            .iter()
            .map(|network| parse_network(network, "proxies.trusted"))
            .collect::<Result<_>>()?;
        anyhow::ensure!(
            file.proxies.proxy_protocol.is_empty() || !trusted_proxies.is_empty(),
            "proxies.proxy_protocol: nobody could connect; name the proxies whose headers are believed in `trusted`"
        );
        let overruled: Vec<IpNet> = file
            .border
            .overruled
            .iter()
            .map(|network| parse_network(network, "border.overruled"))
            .collect::<Result<_>>()?;
        anyhow::ensure!(
            overruled.is_empty() || file.border.country_database.is_some(),
            "border.overruled: there is nothing to overrule without a `country_database`"
        );
        if let Some(bad) = file.s3.domains.iter().find(|domain| !is_domain(domain)) {
            anyhow::bail!("s3.domains: `{bad}` is not a domain name in small letters");
        }
        let anchored = |path: PathBuf| base.map_or_else(|| path.clone(), |base| base.join(&path));
        // In their real spelling where they exist, which certificates show.
        let real = |path: PathBuf| std::fs::canonicalize(&path).unwrap_or(path);
        let peers = file.drill.peers.iter().map(String::as_str);
        let drill_peers = Peers::parse(peers).map_err(|bad| {
            anyhow::anyhow!("drill.peers: `{bad}` is neither a network nor the name of a host")
        })?;
        let ledger = LedgerTable {
            policy_file: file.ledger.policy_file.map(anchored),
            witness_ca_file: file.ledger.witness_ca_file.map(anchored),
            ..file.ledger
        };
        let witnesses = ledger_policy(&ledger).context("ledger")?;
        let roots: Vec<PathBuf> = file
            .migrate
            .roots
            .into_iter()
            .map(|path| real(anchored(path)))
            .collect();
        let config = Self {
            region,
            networks,
            trusted_proxies,
            countries: file
                .border
                .country_database
                .map(|path| CountryDatabase::read(&anchored(path)))
                .transpose()?,
            overruled,
            proxy_protocol: file.proxies.proxy_protocol,
            domains: file.s3.domains,
            root_key_file: file.keys.root_key_file.map(anchored),
            hide_names: file.keys.hide_names,
            tls: file.tls.map(|table| CertificateFiles {
                certificate: anchored(table.certificate),
                key: anchored(table.key),
            }),
            migrate_roots: roots,
            allowed_endpoints: file.migrate.allowed_endpoints,
            control_rate: RequestRate {
                per_s: file.control.requests_per_s,
                burst: file.control.burst,
            },
            upkeep: file.upkeep,
            ledger,
            witnesses,
            events: file
                .events
                .into_iter()
                .map(|(name, table)| {
                    let table = EventTable {
                        token_file: table.token_file.map(anchored),
                        ca_file: table.ca_file.map(anchored),
                        ..table
                    };
                    (name, table)
                })
                .collect(),
            replication: file
                .replication
                .into_iter()
                .map(|(name, table)| {
                    let table = ReplicationTable {
                        credentials_file: anchored(table.credentials_file),
                        ca_file: table.ca_file.map(anchored),
                        ..table
                    };
                    (name, table)
                })
                .collect(),
            alarms: AlarmsTable {
                webhooks: file
                    .alarms
                    .webhooks
                    .into_iter()
                    .map(|(name, table)| {
                        let table = WebhookTable {
                            token_file: table.token_file.map(anchored),
                            secret_file: table.secret_file.map(anchored),
                            ca_file: table.ca_file.map(anchored),
                            ..table
                        };
                        (name, table)
                    })
                    .collect(),
                mail: file
                    .alarms
                    .mail
                    .into_iter()
                    .map(|(name, table)| {
                        let table = MailTable {
                            password_file: table.password_file.map(anchored),
                            ca_file: table.ca_file.map(anchored),
                            ..table
                        };
                        (name, table)
                    })
                    .collect(),
                ..file.alarms
            },
            updates: file.updates,
            telemetry: file.telemetry.map(|table| TelemetryTable {
                list_file: anchored(table.list_file),
                token_file: table.token_file.map(anchored),
                ca_file: table.ca_file.map(anchored),
                ..table
            }),
            drill_peers,
            warnings,
        };
        config.networks()?;
        config.update_keys()?;
        config.telemetry()?;
        config.event_targets()?;
        config.regions()?;
        config.witness_targets()?;
        Ok(config)
    }

    /// Returns where addresses are.
    pub(crate) fn networks(&self) -> Result<Networks> {
        let places = self
            .networks
            .iter()
            .map(|(network, place)| (*network, Place::In(*place)));
        let networks = Networks::new(places)?;
        let Some(database) = &self.countries else {
            return Ok(networks);
        };
        let overruled = self.overruled.iter().copied();
        Ok(networks.with_countries(Arc::clone(&database.countries), overruled)?)
    }

    /// Returns whose word on addresses is believed.
    pub(crate) fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.iter().copied())
    }

    /// Returns how a listener learns whom connections are from.
    pub(crate) fn introduction(&self, listener: Listener) -> Introduction {
        if self.proxy_protocol.contains(&listener) {
            Introduction::ByProxy(Arc::new(self.proxies()))
        } else {
            Introduction::ByAddress
        }
    }

    /// Returns when lifecycles are carried out.
    pub(crate) fn lifecycle_rhythm(&self) -> LifecycleRhythm {
        LifecycleRhythm {
            interval: Duration::from_secs(self.upkeep.lifecycle_interval_s.get().into()),
            day: DayLength::of_seconds(self.upkeep.lifecycle_day_s),
        }
    }

    /// Returns when lines of access logs become objects.
    pub(crate) fn access_log_rhythm(&self) -> AccessLogRhythm {
        AccessLogRhythm {
            interval: Duration::from_secs(self.upkeep.access_log_interval_s.get().into()),
        }
    }

    /// Returns how fast what is stored is read through; none where it is not.
    pub(crate) fn scrub_rhythm(&self) -> Option<ScrubRhythm> {
        NonZeroU64::new(self.upkeep.scrub_bytes_per_s).map(|rate| ScrubRhythm {
            bytes_per_s: Some(rate),
        })
    }

    /// Returns how fast what is stored is looked through once more is known of what may be in it.
    pub(crate) fn rescan_rhythm(&self) -> RescanRhythm {
        RescanRhythm {
            bytes_per_s: self.upkeep.rescan_bytes_per_s,
        }
    }

    /// Returns who cosigns the ledger, and how many of them are enough.
    pub(crate) fn witnesses(&self) -> Option<TlogPolicy> {
        self.witnesses.clone()
    }

    /// Returns where witnesses are asked.
    pub(crate) fn witness_targets(&self) -> Result<Vec<WitnessTarget>> {
        let witnesses = self.witnesses.iter().flat_map(TlogPolicy::witnesses);
        witnesses
            .filter_map(|witness| Some((witness, witness.url.as_ref()?)))
            .map(|(witness, url)| {
                let secure = || {
                    let file = self.ledger.witness_ca_file.as_deref();
                    let trust = file.map_or(Trust::System, Trust::File);
                    Ok::<_, anyhow::Error>(trusting(trust)?)
                };
                let named = || format!("ledger: the witness {}", witness.name);
                let target = EventTarget::parse(url, None, None, secure).with_context(named)?;
                WitnessTarget::new(witness.clone(), target).with_context(named)
            })
            .collect()
    }

    /// Returns how often witnesses are asked at most.
    pub(crate) fn witness_interval(&self) -> Duration {
        Duration::from_secs(self.ledger.witness_interval_s.get().into())
    }

    /// Returns how often it is looked whether somebody must be told of a day that comes near.
    pub(crate) fn alarm_interval(&self) -> Duration {
        Duration::from_secs(self.alarms.interval_s.get().into())
    }

    /// Returns who is told of alarms.
    pub(crate) fn alarm_targets(&self) -> Result<BTreeMap<String, AlarmTarget>> {
        let mut targets = BTreeMap::new();
        for (name, table) in &self.alarms.webhooks {
            let target =
                alarm_webhook(name, table).with_context(|| format!("alarms.webhooks.{name}"))?;
            targets.insert(format!("webhook:{name}"), target);
        }
        for (name, table) in &self.alarms.mail {
            let target = alarm_mail(name, table).with_context(|| format!("alarms.mail.{name}"))?;
            targets.insert(format!("mail:{name}"), target);
        }
        Ok(targets)
    }

    /// Returns how long records of reads are kept; none is for ever.
    pub(crate) fn reads_kept(&self) -> Option<Duration> {
        let days = self.ledger.reads_kept_days?;
        Some(Duration::from_secs(
            u64::from(days) * u64::from(DAY_S.get()),
        ))
    }

    /// Returns whom the configuration has the server connect to, as a drill tells of them.
    pub(crate) fn drill_parties(&self) -> Result<Vec<DrillParty>> {
        let party = |purpose: Purpose, name: &str, host: &str| DrillParty {
            purpose: purpose.to_string(),
            name: name.to_owned(),
            host: host.to_owned(),
            peer: self.drill_peers.has(host),
        };
        let mut parties: Vec<DrillParty> = Vec::new();
        for (name, target) in self.event_targets()? {
            parties.push(party(Purpose::Notification, &name, target.host()));
        }
        for witness in self.witness_targets()? {
            let (name, host) = (&witness.witness.name, witness.target.host());
            parties.push(party(Purpose::Witness, name, host));
        }
        for (name, region) in self.regions()? {
            let (host, _) = region.endpoint();
            parties.push(party(Purpose::Replication, &name, host));
        }
        for (name, target) in self.alarm_targets()? {
            parties.push(party(Purpose::Alarm, &name, target.host()));
        }
        if let Some(telemetry) = self.telemetry()? {
            let host = telemetry.receiver.host();
            parties.push(party(Purpose::Telemetry, "telemetry", host));
        }
        Ok(parties)
    }

    /// Returns who is told numbers of the server, where the list is, whose word it must be, and how often they are told; none
    /// where nobody is.
    pub(crate) fn telemetry(&self) -> Result<Option<TelemetrySettings>> {
        self.telemetry
            .as_ref()
            .map(|table| telemetry_settings(table).context("telemetry"))
            .transpose()
    }

    /// Returns the keys that sign updates.
    pub(crate) fn update_keys(&self) -> Result<Vec<VerifierKey>> {
        let keys = self.updates.keys.iter();
        keys.map(|key| {
            key.parse()
                .with_context(|| format!("updates.keys: `{key}`"))
        })
        .collect()
    }

    /// Returns how long an update bundle may be.
    pub(crate) fn update_size_max_bytes(&self) -> u64 {
        self.updates.size_max_bytes.get()
    }

    /// Returns whom events may be told.
    pub(crate) fn event_targets(&self) -> Result<BTreeMap<String, EventTarget>> {
        self.events
            .iter()
            .map(|(name, table)| {
                let target = event_target(name, table).with_context(|| format!("events.{name}"))?;
                Ok((name.clone(), target))
            })
            .collect()
    }

    /// Returns who may name whom events may be told.
    pub(crate) fn event_audiences(&self) -> BTreeMap<String, Audience> {
        self.events
            .iter()
            .map(|(name, table)| (name.clone(), audience(table.tenants.as_ref())))
            .collect()
    }

    /// Returns the regions that objects may be brought to.
    pub(crate) fn regions(&self) -> Result<BTreeMap<String, OtherRegion>> {
        self.replication
            .iter()
            .map(|(name, table)| {
                let region =
                    other_region(name, table).with_context(|| format!("replication.{name}"))?;
                Ok((of_tenant(name, table), region))
            })
            .collect()
    }

    /// Returns what those regions are called, and who may name them.
    pub(crate) fn regions_named(&self) -> BTreeMap<String, onshore_s3::OtherRegion> {
        let named = |table: &ReplicationTable| onshore_s3::OtherRegion {
            region: table.region.to_string(),
            tenant: table.tenant.clone(),
        };
        self.replication
            .iter()
            .map(|(name, table)| (of_tenant(name, table), named(table)))
            .collect()
    }

    /// Returns everything that a verdict depends on, for the ledger.
    pub(crate) fn epoch(&self) -> EpochDocument {
        let Region {
            id,
            jurisdiction,
            partition,
            operator,
            technology_provider,
        } = &self.region;
        EpochDocument {
            configuration: json!({
                "region": {
                    "id": id,
                    "jurisdiction": jurisdiction,
                    "partition": partition,
                    "operator": operator,
                    "technology_provider": technology_provider,
                },
                "networks": self.networks.iter().map(|(net, place)| (net.to_string(), place.to_string())).collect::<BTreeMap<_, _>>(),
                "proxies": self.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "country_database": self.countries.as_ref().map(CountryDatabase::told),
                "overruled": self.overruled.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "proxy_protocol": self.proxy_protocol,
                "updates": { "keys": self.updates.keys },
                "telemetry": self.telemetry.as_ref().map(|table| json!({ "url": table.url, "keys": table.keys })),
                "upkeep": { "lifecycle_day_s": self.upkeep.lifecycle_day_s },
                "events": self.event_targets().unwrap_or_default().iter().map(|(name, target)| (name.clone(), target.told())).collect::<BTreeMap<_, _>>(),
                "replication": self.replication.iter().map(|(name, table)| (name.clone(), json!({ "url": table.url, "region": table.region, "tenant": table.tenant }))).collect::<BTreeMap<_, _>>(),
            }),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn audience(tenants: Option<&BTreeSet<TenantName>>) -> Audience {
    match tenants {
        None => Audience::Everybody,
        Some(tenants) => Audience::Tenants(tenants.clone()),
    }
}

/// Returns who cosigns the ledger: what a policy file says, or the witnesses that are listed, alike.
fn ledger_policy(table: &LedgerTable) -> Result<Option<TlogPolicy>> {
    if let Some(path) = &table.policy_file {
        anyhow::ensure!(
            table.witnesses.is_empty() && table.quorum.is_none(),
            "a policy_file says who the witnesses are: it goes with neither `witnesses` nor `quorum`"
        );
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let policy = TlogPolicy::parse(&bytes).with_context(|| path.display().to_string())?;
        return Ok(Some(policy));
    }
    if table.witnesses.is_empty() {
        anyhow::ensure!(
            table.quorum.is_none(),
            "a quorum needs witnesses: name them, or leave it out"
        );
        return Ok(None);
    }
    let witnesses = table
        .witnesses
        .iter()
        .map(|witness| {
            let key: WitnessKey = witness
                .key
                .parse()
                .with_context(|| format!("the key of the witness at {}", witness.url))?;
            Ok(PolicyWitness {
                name: key.name().to_owned(),
                key,
                url: Some(witness.url.clone()),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let quorum = table.quorum.unwrap_or(witnesses.len());
    anyhow::ensure!(
        (1..=witnesses.len()).contains(&quorum),
        "a quorum of {quorum} of {} witnesses cannot be",
        witnesses.len()
    );
    Ok(Some(TlogPolicy::of_witnesses(witnesses, quorum)?))
}

/// How numbers of the server are told.
pub(crate) struct TelemetrySettings {
    pub(crate) receiver: EventTarget,
    pub(crate) list: PathBuf,
    pub(crate) keys: Vec<VerifierKey>,
    pub(crate) period: Duration,
}

fn telemetry_settings(table: &TelemetryTable) -> Result<TelemetrySettings> {
    let uri: http::Uri = table
        .url
        .parse()
        .context("url: write https://HOST[:PORT]/PATH")?;
    let is_loopback = uri.host().is_some_and(|host| {
        host.trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
    });
    let is_secured = uri.scheme_str() == Some("https");
    anyhow::ensure!(
        is_secured || (uri.scheme_str() == Some("http") && is_loopback),
        "url: it is https, or http to an address of loopback"
    );
    anyhow::ensure!(
        !table.keys.is_empty(),
        "keys: name the key by which the operator signs what may be sent"
    );
    let keys = table
        .keys
        .iter()
        .map(|key| key.parse().with_context(|| format!("keys: `{key}`")));
    Ok(TelemetrySettings {
        receiver: receiver(
            &table.url,
            None,
            table.token_file.as_deref(),
            table.ca_file.as_deref(),
        )?,
        list: table.list_file.clone(),
        keys: keys.collect::<Result<_>>()?,
        period: Duration::from_secs(table.period_s.get().into()),
    })
}

/// Checks a name that stands in ARNs.
fn check_name(name: &str) -> Result<()> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    anyhow::ensure!(
        !name.is_empty() && name.len() <= 64 && name.bytes().all(is_name),
        "a name has up to 64 letters, digits, `-`, `_` and `.`: it is a part of ARNs"
    );
    Ok(())
}

/// Returns the name by which what waits goes: where an entry gets another tenant, nothing of the former goes there.
fn of_tenant(name: &str, table: &ReplicationTable) -> String {
    format!("{name}/{}", table.tenant)
}

fn other_region(name: &str, table: &ReplicationTable) -> Result<OtherRegion> {
    check_name(name)?;
    let path = &table.credentials_file;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    // What does not read may be a secret: the parser's message would quote it.
    let credentials: RegionCredentials = toml::from_str(&text).map_err(|_| {
        anyhow::anyhow!(
            "{} does not hold `access_key = \"…\"` and `secret_key = \"…\"`, and nothing else",
            path.display()
        )
    })?;
    let authorities = table
        .ca_file
        .as_ref()
        .map(|path| {
            // Read once as certificates, so that what is none is said here.
            trusting(Trust::File(path))?;
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        })
        .transpose()?;
    let credentials = Credentials::new(credentials.access_key, credentials.secret_key, None);
    Ok(OtherRegion::parse(
        &table.url,
        table.region.to_string(),
        credentials,
        authorities,
    )?)
}

fn event_target(name: &str, table: &EventTable) -> Result<EventTarget> {
    check_name(name)?;
    receiver(
        &table.url,
        table.subject.clone(),
        table.token_file.as_deref(),
        table.ca_file.as_deref(),
    )
}

fn alarm_webhook(name: &str, table: &WebhookTable) -> Result<AlarmTarget> {
    check_name(name)?;
    let WebhookTable {
        url,
        token_file,
        secret_file,
        ca_file,
    } = table;
    let target = receiver(url, None, token_file.as_deref(), ca_file.as_deref())?;
    let secret = secret_file
        .as_deref()
        .map(|path| Ok::<_, anyhow::Error>(WebhookSecret::parse(&secret_in(path)?)?))
        .transpose()?;
    Ok(AlarmTarget::Webhook { target, secret })
}

fn alarm_mail(name: &str, table: &MailTable) -> Result<AlarmTarget> {
    check_name(name)?;
    let login = match (&table.user, &table.password_file) {
        (Some(user), Some(path)) => Some(MailLogin {
            user: user.clone(),
            password: secret_in(path)?,
        }),
        (None, None) => None,
        _ => anyhow::bail!("user and password_file go together: set both or neither"),
    };
    let secure = || {
        let trust = table.ca_file.as_deref().map_or(Trust::System, Trust::File);
        Ok::<_, anyhow::Error>(trusting(trust)?)
    };
    let mailbox = Mailbox::parse(&table.server, &table.from, &table.to, login, secure)?;
    Ok(AlarmTarget::Mail(mailbox))
}

/// Reads a secret out of a file of its own.
fn secret_in(path: &Path) -> Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim_end().to_owned())
}

/// Reads where somebody is told something, and what he asks for.
fn receiver(
    url: &str,
    subject: Option<String>,
    token_file: Option<&Path>,
    ca_file: Option<&Path>,
) -> Result<EventTarget> {
    let token = token_file.map(secret_in).transpose()?;
    let secure = || {
        let trust = ca_file.map_or(Trust::System, Trust::File);
        Ok::<_, anyhow::Error>(trusting(trust)?)
    };
    EventTarget::parse(url, subject, token, secure)
}

fn parse_network(text: &str, key: &str) -> Result<IpNet> {
    if let Ok(network) = text.parse::<IpNet>() {
        return Ok(network);
    }
    let address: std::net::IpAddr = text.parse().map_err(|_| {
        anyhow::anyhow!("{key}: `{text}` is not a network: write an address and a prefix length, such as 10.0.0.0/8")
    })?;
    Ok(IpNet::from(address))
}

fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::{Config, File};
    use onshore_types::Timestamp;

    const FULL: &str = r#"
        [region]
        id = "cn-north-1"
        jurisdiction = "CN"
        partition = "onshore"
        operator = "Example Operator"
        technology_provider = "Example Provider"
        [networks]
        "127.0.0.0/8" = "CN"
        "127.0.0.66/32" = "US"
        [proxies]
        trusted = ["10.0.0.1", "10.1.0.0/16"]
        proxy_protocol = ["s3"]
        [s3]
        domains = ["s3.localhost"]
        [keys]
        root_key_file = "keys/root.key"
        [tls]
        certificate = "tls/chain.pem"
        key = "/etc/keys/tls.pem"
        [migrate]
        roots = ["/srv/old"]
        allowed_endpoints = []
        [control]
        requests_per_s = 50
        burst = 100

        [upkeep]
        lifecycle_interval_s = 3600
        lifecycle_day_s = 86400
        scrub_bytes_per_s = 16777216
        rescan_bytes_per_s = 67108864
        access_log_interval_s = 300
        [ledger]
        witnesses = [{ url = "http://127.0.0.1:9010", key = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY" }]
        quorum = 1
        witness_interval_s = 10
        reads_kept_days = 180
        [drill]
        peers = ["10.0.0.0/8", "2001:db8::7", "near.example"]
        [updates]
        keys = ["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]
        size_max_bytes = 536870912
    "#;

    fn load(text: &str) -> anyhow::Result<Config> {
        Config::from_file(toml::from_str::<File>(text)?, Some("/etc/onshore".as_ref()))
    }

    #[test]
    fn the_documented_file_is_read_and_paths_are_beside_it() {
        let config = load(FULL).expect("the documented file");
        assert_eq!(
            config.root_key_file.as_deref(),
            Some("/etc/onshore/keys/root.key".as_ref())
        );
        let tls = config.tls.as_ref().expect("certificate and key");
        assert_eq!(tls.certificate.as_os_str(), "/etc/onshore/tls/chain.pem");
        assert_eq!(tls.key.as_os_str(), "/etc/keys/tls.pem");
        assert!(config.warnings.is_empty());
        let place = config.networks().expect("networks").place_of(
            "127.0.0.66".parse().expect("an address"),
            config.region.jurisdiction,
            Timestamp::from_millis(0),
        );
        assert_eq!(place.to_string(), "US");
    }

    #[test]
    fn what_is_unknown_or_malformed_is_refused() {
        for (good, bad) in [
            ("[s3]", "[s4]"),
            ("partition =", "partitions ="),
            ("\"CN\"\n        partition", "\"XX\"\n        partition"),
            ("127.0.0.66/32", "127.0.0.66/33"),
            ("s3.localhost", "S3.localhost"),
            ("key = \"/etc/keys/tls.pem\"", ""),
            ("10.0.0.1\"", "proxy.example\""),
            ("trusted = [\"10.0.0.1\", \"10.1.0.0/16\"]", "trusted = []"),
            ("proxy_protocol = [\"s3\"]", "proxy_protocol = [\"sts\"]"),
            ("proxy_protocol = [\"s3\"]", "proxy_protocol = true"),
            ("interval_s = 3600", "interval_s = 0"),
            ("day_s = 86400", "day_s = 0"),
            ("day_s = 86400", "day_h = 24"),
            ("per_s = 16777216", "per_s = -1"),
            ("kept_days = 180", "kept_days = 179"),
            ("quorum = 1", "quorum = 2"),
            ("quorum = 1", "quorum = 0"),
            ("quorum = 1", "policy_file = \"policy\""),
            ("+24b5d9fe+", "+24b5d9ff+"),
            ("near.example", "http://near.example"),
            ("\"10.0.0.0/8\"", "\"10.0.0.0/33\""),
            ("+c74f20a3+", "+c74f20a4+"),
            ("bytes = 536870912", "bytes = 0"),
            ("http://127.0.0.1:9010", "nats://127.0.0.1:9010"),
        ] {
            assert!(FULL.contains(good), "{good}");
            assert!(load(&FULL.replace(good, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_day_of_another_length_is_warned_about() {
        for (day_s, warnings) in [("86399", 1), ("86400", 0), ("86401", 1)] {
            let config = load(&FULL.replace("86400", day_s)).expect("a file");
            assert_eq!(config.warnings.len(), warnings, "{day_s}");
        }
    }

    #[test]
    fn a_scrub_of_no_bytes_is_none() {
        let rate = |text: &str| {
            let config = load(&FULL.replace("16777216", text)).expect("a file");
            let rhythm = config.scrub_rhythm()?;
            rhythm.bytes_per_s.map(u64::from)
        };
        assert_eq!(rate("0"), None);
        assert_eq!(rate("1"), Some(1));
    }

    #[test]
    fn without_a_file_the_place_is_unconfigured_and_says_so() {
        let config = load("").expect("defaults");
        assert_eq!(config.region.jurisdiction.as_str(), "ZZ");
        assert_eq!(config.warnings.len(), 1);
        let networks = config.networks().expect("networks");
        let place = |text: &str| {
            let address = text.parse().expect("an address");
            let place = networks.place_of(
                address,
                config.region.jurisdiction,
                Timestamp::from_millis(0),
            );
            place.to_string()
        };
        assert_eq!(place("127.0.0.1"), "ZZ");
        assert_eq!(place("10.0.0.1"), "unknown");
    }
}
