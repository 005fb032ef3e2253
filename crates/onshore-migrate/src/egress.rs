//! What the old provider will charge for the bytes that leave it: a dated table of public prices (`egress.toml`), by the host
//! of the endpoint. A provider that is not in it has no price here, and that is said.

use onshore_sources::SourceSpec;
use serde::{Deserialize, Serialize};

const TABLE: &str = include_str!("egress.toml");

/// The bytes of a gigabyte as providers charge for it.
const GIGABYTE: u64 = 1_000_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    provider: Vec<Provider>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    name: String,
    hosts: Vec<String>,
    currency: String,
    seen: String,
    source: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    until_gb: Option<u64>,
    micros: u64,
}

/// What leaving will cost, as far as a public price list says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Charge {
    provider: String,
    currency: String,
    /// In hundredths of the currency.
    cents: u64,
    /// The day on which the price was seen, and where.
    prices: String,
}

/// Returns what a provider charges for so many bytes in one month; none where the table does not know it.
pub(crate) fn charge(source: &SourceSpec, bytes: u64) -> Option<Charge> {
    let host = match source {
        SourceSpec::Folder(_) => return None,
        SourceSpec::Container(spec) => host_of(&spec.endpoint)?,
        SourceSpec::Swift(spec) => host_of(&spec.account.endpoint)?,
        SourceSpec::Tree(spec) => host_of(&spec.endpoint)?,
        SourceSpec::S3(spec) => match &spec.endpoint {
            None => "amazonaws.com".to_owned(),
            Some(endpoint) => host_of(endpoint)?,
        },
    };
    let table: Table = toml::from_str(TABLE).ok()?;
    let provider = table.provider.into_iter().find(|provider| {
        let mut hosts = provider.hosts.iter();
        hosts.any(|known| host == *known || host.ends_with(&format!(".{known}")))
    })?;
    Some(Charge {
        cents: cents(&provider.steps, bytes),
        prices: format!("{}, seen on {}", provider.source, provider.seen),
        provider: provider.name,
        currency: provider.currency,
    })
}

fn host_of(endpoint: &str) -> Option<String> {
    let (_, rest) = endpoint.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    Some(host.to_ascii_lowercase())
}

/// Sums what each step charges, rounded up to the hundredth.
fn cents(steps: &[Step], bytes: u64) -> u64 {
    let (mut left, mut below, mut sum) = (u128::from(bytes), 0, 0_u128);
    for step in steps {
        let room = step.until_gb.map_or(u128::MAX, |until| {
            u128::from(until.saturating_sub(below)) * u128::from(GIGABYTE)
        });
        let here = left.min(room);
        sum += here * u128::from(step.micros);
        left -= here;
        below = step.until_gb.unwrap_or(below);
    }
    u64::try_from(sum.div_ceil(u128::from(GIGABYTE) * 10_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use onshore_sources::{SourceOptions, SourceSpec};

    use super::{TABLE, Table, charge};

    fn at(endpoint: Option<&str>) -> SourceSpec {
        let options = SourceOptions {
            endpoint: endpoint.map(str::to_owned),
            ..SourceOptions::default()
        };
        SourceSpec::parse("s3://bucket", options, Path::new("/")).expect("a source")
    }

    #[test]
    fn the_table_reads_and_its_steps_rise() {
        let table: Table = toml::from_str(TABLE).expect("reads");
        for provider in &table.provider {
            let ends: Vec<_> = provider.steps.iter().map(|step| step.until_gb).collect();
            assert_eq!(ends.last(), Some(&None), "{}", provider.name);
            let named: Vec<u64> = ends.iter().copied().flatten().collect();
            assert_eq!(named.len() + 1, ends.len());
            assert!(named.is_sorted(), "{}", provider.name);
        }
    }

    #[test]
    fn charges_follow_the_steps() {
        let aws = |gigabytes: u64| {
            charge(&at(None), gigabytes * 1_000_000_000)
                .expect("known")
                .cents
        };
        assert_eq!(aws(0), 0);
        assert_eq!(aws(100), 0);
        assert_eq!(aws(101), 9);
        // 10,140 at 0.09 and 1,000 at 0.085.
        assert_eq!(aws(11_240), 91_260 + 8_500);
        let oss = charge(
            &at(Some("https://oss-cn-hangzhou.aliyuncs.com")),
            3_000_000_000,
        );
        assert_eq!(oss.expect("known").cents, 150);
        assert_eq!(charge(&at(Some("http://127.0.0.1:9000")), 1), None);
        assert_eq!(charge(&at(Some("https://notaliyuncs.com")), 1), None);
    }
}
