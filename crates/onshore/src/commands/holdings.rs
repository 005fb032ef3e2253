//! `onshore report holdings`: what personal data is held, and what of it need not be: without a purpose, past its time, not read
//! for long, or of a kind that could go.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use onshore_api::{BucketView, FindingsView, ReadVersionsView};
use onshore_classify::kinds;
use onshore_orders::Language;
use onshore_types::{BucketName, Label, Personal, Timestamp, VersionId};
use serde_json::json;

use crate::cli::{HoldingsArgs, TargetArgs};
use crate::client::Client;
use crate::clock;
use crate::commands::classify::findings_of;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

/// How old data is told to be: younger than so many days, in both languages.
const AGES: [(i64, &str, &str); 4] = [
    (30, "under 30 days", "不足 30 天"),
    (365, "under a year", "不足一年"),
    (3 * 365, "under 3 years", "不足三年"),
    (i64::MAX, "older", "更久"),
];
const DAY_MS: i64 = 86_400_000;
/// As which kind is it told what was said to be personal, and nothing that is known was found in it?
const DECLARED: &str = "declared";

/// What is held of one kind in one bucket and of one age.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    objects: u64,
    identifiers: u64,
    without_purpose: u64,
    without_basis: u64,
    past_retention: u64,
    unread: u64,
}

/// What would go from a bucket with some kinds.
#[derive(Debug, Default, Clone, Copy)]
struct Gone {
    /// Versions that hold one of them.
    objects: u64,
    /// How many identifiers, or columns.
    identifiers: u64,
    /// Of those versions: those in which nothing personal would be left that is known.
    nothing_left: u64,
}

/// What was read of a bucket.
struct Reads {
    since: Timestamp,
    recorded_from: Timestamp,
    versions: BTreeSet<VersionId>,
}

/// The report.
#[derive(Default)]
struct Report {
    held: BTreeMap<[String; 4], Held>,
    gone: BTreeMap<[String; 2], Gone>,
    /// From when on reads are on record, where that is later than was asked for.
    recorded_from: Option<Timestamp>,
}

pub(super) async fn run(target: &TargetArgs, args: &HoldingsArgs) -> Result<Exit> {
    if let Some(unknown) = args
        .without
        .iter()
        .find(|kind| !kinds().any(|known| known == *kind))
    {
        let known: Vec<&str> = kinds().collect();
        return Err(usage(format!(
            "`{unknown}` is no kind; there are {}",
            known.join(", ")
        )));
    }
    let client = target::client(target)?;
    let buckets: Vec<BucketView> = client.list("/v1/buckets").await?;
    let (mut report, now) = (Report::default(), clock::today());
    for view in buckets {
        let is_wanted = args
            .tenant
            .as_ref()
            .is_none_or(|tenant| *tenant == view.tenant)
            && args
                .bucket
                .as_ref()
                .is_none_or(|bucket| *bucket == view.name);
        if !is_wanted {
            continue;
        }
        let reads = match args.unread_days {
            None => None,
            Some(days) => {
                let since = now.plus_millis(-DAY_MS * i64::from(days));
                Some(reads_of(&client, &view.name, since).await?)
            }
        };
        if let Some(reads) = reads
            .as_ref()
            .filter(|reads| reads.recorded_from > reads.since)
        {
            report.recorded_from = report.recorded_from.max(Some(reads.recorded_from));
        }
        for object in findings_of(&client, &view.name, "").await? {
            report.count(&view, &object, now, reads.as_ref());
            report.count_gone(&view, &object, &args.without);
        }
    }
    match target.style() {
        Style::Json => report.show_json(args)?,
        Style::Text => report.show_text(args, target.lang),
    }
    Ok(Exit::Done)
}

/// Asks for every page of what was read.
async fn reads_of(client: &Client, bucket: &BucketName, since: Timestamp) -> Result<Reads> {
    let mut reads = Reads {
        since,
        recorded_from: since,
        versions: BTreeSet::new(),
    };
    let mut after = String::new();
    loop {
        let path = format!("/v1/buckets/{bucket}/reads?since={since}{after}");
        let page: ReadVersionsView = client.get(&path).await?;
        reads.recorded_from = page.recorded_from;
        reads.versions.extend(page.versions);
        match page.next {
            None => return Ok(reads),
            Some(next) => after = format!("&after={next}"),
        }
    }
}

impl Reads {
    /// Whether an object was there all the time and nobody read it.
    fn are_without(&self, object: &FindingsView) -> bool {
        object.modified < self.since && !self.versions.contains(&object.version)
    }
}

/// Returns which kinds were found in an object, and how many of each.
fn found_in(object: &FindingsView) -> impl Iterator<Item = (&str, u64)> {
    object.scan.iter().flat_map(|scan| {
        let kinds = scan
            .kinds
            .iter()
            .map(|found| (found.kind.as_str(), found.count));
        let columns = scan
            .columns
            .iter()
            .map(|found| (found.kind.as_str(), found.columns));
        kinds.chain(columns)
    })
}

/// Returns until when a bucket keeps something that was written at an instant, as was declared for it.
fn kept_by(bucket: &BucketView, written: Timestamp) -> Option<Timestamp> {
    let of_days = |days: u32| written.plus_millis(DAY_MS * i64::from(days));
    let each = bucket.keep_days.map(of_days);
    match (bucket.keep_until, each) {
        (Some(all), Some(each)) => Some(all.min(each)),
        (all, each) => all.or(each),
    }
}

fn is_personal(object: &FindingsView) -> bool {
    matches!(
        object.label,
        Label::Known {
            personal: Personal::Personal | Personal::Sensitive,
            ..
        } | Label::Unclassified
    )
}

impl Report {
    /// Counts what personal data an object holds. What the object says of itself goes before what its bucket says.
    fn count(
        &mut self,
        bucket: &BucketView,
        object: &FindingsView,
        now: Timestamp,
        reads: Option<&Reads>,
    ) {
        if !is_personal(object) {
            return;
        }
        let days = (now.as_millis() - object.modified.as_millis()) / DAY_MS;
        let age = AGES.iter().find(|(under, ..)| days < *under);
        let age = age.map_or("older", |(_, words, _)| words);
        let mut found: Vec<(&str, u64)> = found_in(object).collect();
        if found.is_empty() {
            found.push((DECLARED, 0));
        }
        let has_purpose = object.purpose.is_some() || bucket.purpose.is_some();
        let keep_until = object
            .keep_until
            .or_else(|| kept_by(bucket, object.modified));
        for (kind, identifiers) in found {
            let place = [
                bucket.tenant.to_string(),
                bucket.name.to_string(),
                kind.to_owned(),
                age.to_owned(),
            ];
            let row = self.held.entry(place).or_default();
            row.objects += 1;
            row.identifiers += identifiers;
            row.without_purpose += u64::from(!has_purpose);
            row.without_basis += u64::from(bucket.basis.is_none());
            row.past_retention += u64::from(keep_until.is_some_and(|until| until < now));
            row.unread += u64::from(reads.is_some_and(|reads| reads.are_without(object)));
        }
    }

    /// Counts what would go from an object with some kinds.
    fn count_gone(&mut self, bucket: &BucketView, object: &FindingsView, without: &[String]) {
        let goes = |kind: &str| without.iter().any(|gone| gone == kind);
        let going: Vec<u64> = found_in(object)
            .filter(|(kind, _)| goes(kind))
            .map(|(_, count)| count)
            .collect();
        if going.is_empty() {
            return;
        }
        let place = [bucket.tenant.to_string(), bucket.name.to_string()];
        let row = self.gone.entry(place).or_default();
        row.objects += 1;
        row.identifiers += going.iter().sum::<u64>();
        row.nothing_left += u64::from(found_in(object).all(|(kind, _)| goes(kind)));
    }

    fn show_json(&self, args: &HoldingsArgs) -> Result<()> {
        let rows = self.held.iter().map(|([tenant, bucket, kind, age], row)| {
            let mut told = json!({
                "tenant": tenant,
                "bucket": bucket,
                "kind": kind,
                "age": age,
                "objects": row.objects,
                "identifiers": row.identifiers,
                "without_purpose": row.without_purpose,
                "without_basis": row.without_basis,
                "past_retention": row.past_retention,
            });
            if args.unread_days.is_some() {
                told["unread"] = json!(row.unread);
            }
            told
        });
        let gone = self.gone.iter().map(|([tenant, bucket], row)| {
            json!({
                "tenant": tenant,
                "bucket": bucket,
                "objects": row.objects,
                "identifiers": row.identifiers,
                "nothing_left": row.nothing_left,
            })
        });
        let mut report = json!({ "holdings": rows.collect::<Vec<_>>() });
        if let Some(days) = args.unread_days {
            report["unread_days"] = json!(days);
            report["reads_recorded_from"] = json!(self.recorded_from);
        }
        if !args.without.is_empty() {
            report["without"] =
                json!({ "kinds": args.without, "buckets": gone.collect::<Vec<_>>() });
        }
        output::json(&report)
    }

    fn show_text(&self, args: &HoldingsArgs, lang: Language) {
        let numbers = |row: &Held| {
            let mut numbers = vec![
                row.objects,
                row.identifiers,
                row.without_purpose,
                row.without_basis,
                row.past_retention,
            ];
            numbers.extend(args.unread_days.map(|_| row.unread));
            numbers.into_iter().map(|number| number.to_string())
        };
        let rows: Vec<Vec<String>> = self
            .held
            .iter()
            .map(|([tenant, bucket, kind, age], row)| {
                let place = [tenant, bucket, kind, age_in(age, lang)];
                place
                    .into_iter()
                    .map(ToString::to_string)
                    .chain(numbers(row))
                    .collect()
            })
            .collect();
        let mut header = match lang {
            Language::En => vec![
                "TENANT",
                "BUCKET",
                "KIND",
                "AGE",
                "VERSIONS",
                "IDENTIFIERS",
                "NO PURPOSE",
                "NO BASIS",
                "PAST ITS TIME",
            ],
            Language::Zh => vec![
                "租户",
                "存储桶",
                "类型",
                "存放时间",
                "版本数",
                "标识数",
                "未声明目的",
                "未声明依据",
                "超过保存期限",
            ],
        };
        let unread = args.unread_days.map(|days| match lang {
            Language::En => format!("NOT READ IN {days} DAYS"),
            Language::Zh => format!("{days} 天内未读取"),
        });
        header.extend(unread.as_deref());
        output::table(&header, &rows);
        if let Some(from) = self.recorded_from {
            output::line(&match lang {
                Language::En => format!(
                    "Reads are on record from {from} on alone; what is told as not read was not read since then."
                ),
                Language::Zh => {
                    format!("读取记录自 {from} 起才有；所称未读取，指自该时起未读取。")
                }
            });
        }
        if args.without.is_empty() {
            return;
        }
        output::line("");
        let rows: Vec<Vec<String>> = self
            .gone
            .iter()
            .map(|(place, row)| {
                let numbers = [row.objects, row.identifiers, row.nothing_left];
                let numbers = numbers.map(|number| number.to_string());
                place.iter().cloned().chain(numbers).collect()
            })
            .collect();
        let without = args.without.join(", ");
        let (title, header) = match lang {
            Language::En => (
                format!("Without {without}:"),
                [
                    "TENANT",
                    "BUCKET",
                    "VERSIONS THAT HOLD IT",
                    "IDENTIFIERS THAT GO",
                    "VERSIONS WITH NOTHING ELSE",
                ],
            ),
            Language::Zh => (
                format!("去除 {without} 后："),
                [
                    "租户",
                    "存储桶",
                    "含有的版本",
                    "去除的标识",
                    "再无其他个人信息的版本",
                ],
            ),
        };
        output::line(&title);
        output::table(&header, &rows);
    }
}

/// Returns an age in a language.
fn age_in(age: &str, lang: Language) -> &str {
    match lang {
        Language::En => age,
        Language::Zh => AGES
            .iter()
            .find(|(_, english, _)| *english == age)
            .map_or(age, |(_, _, chinese)| chinese),
    }
}
