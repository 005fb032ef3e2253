//! `onshore migrate plan`: lists every bucket of an account with what is in it and how it is set, and the command that brings each. It
//! reads alone, with the credentials of this user's environment, and needs no server.

use anyhow::Result;
use onshore_sources::{
    BucketSurvey, Credentials, Dialect, Network, S3Account, S3Spec, Setting, SourceOptions,
    resolve_credentials,
};
use onshore_types::BucketName;
use serde::Serialize;

use crate::cli::{AccountArgs, PlanArgs};
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};

/// What is known of an account.
#[derive(Debug, Serialize)]
struct Plan {
    account: String,
    buckets: Vec<Planned>,
    /// Whether something could not be told.
    partial: bool,
}

/// A bucket, and how it is brought.
#[derive(Debug, Serialize)]
struct Planned {
    #[serde(flatten)]
    survey: BucketSurvey,
    /// The bucket here.
    to: String,
    /// What brings it.
    command: String,
}

pub(crate) async fn run(style: Style, args: &PlanArgs) -> Result<Exit> {
    let (spec, credentials) = account(&args.account).await?;
    let account = S3Account::open(spec.clone(), credentials, Network::Anywhere)?;
    let mut plan = Plan {
        account: args.account.account.clone(),
        buckets: Vec::new(),
        partial: false,
    };
    for bucket in account.buckets().await? {
        let survey = account.survey(&bucket).await;
        plan.partial |= survey.is_partial();
        plan.buckets.push(planned(args, &spec, survey));
    }
    show(style, &plan)?;
    Ok(if plan.partial {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// Says where the account is, and what opens it.
pub(crate) async fn account(args: &AccountArgs) -> Result<(S3Spec, Option<Credentials>)> {
    let scheme = args.account.strip_suffix("://").unwrap_or_default();
    let dialect = match (scheme, args.dialect) {
        ("s3", dialect) => dialect,
        (scheme, named) => {
            let dialect = Dialect::of_scheme(scheme).ok_or_else(|| {
                usage("an account is s3://, oss://, cos://, obs:// or r2://, without a bucket")
            })?;
            if named.is_some_and(|named| named != dialect) {
                return Err(usage("the scheme and --dialect are not the same"));
            }
            Some(dialect)
        }
    };
    let resolved = resolve_credentials(args.profile.as_deref(), dialect)
        .await
        .map_err(|error| usage(error.to_string()))?;
    let of_environment = resolved.endpoint.filter(|_| scheme == "s3");
    let options = SourceOptions {
        endpoint: args.endpoint.clone().or(of_environment),
        region: args.region.clone().or(resolved.region),
        dialect,
        account: args.account_id.clone(),
        ..SourceOptions::default()
    };
    let spec = S3Spec::of_account(options).map_err(|error| usage(error.to_string()))?;
    Ok((spec, resolved.credentials))
}

fn planned(args: &PlanArgs, spec: &S3Spec, survey: BucketSurvey) -> Planned {
    let to = name_here(&survey.bucket);
    let scheme = spec.dialect().scheme();
    let mut command = format!("onshore migrate {scheme}://{} {to}", survey.bucket);
    let mut add = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            command.push_str(&format!(" --{option} {value}"));
        }
    };
    add("endpoint", survey.endpoint.clone());
    add("region", survey.signed_for.clone());
    add(
        "dialect",
        spec.dialect
            .filter(|_| scheme == "s3")
            .map(|dialect| dialect.to_string()),
    );
    add("profile", args.account.profile.clone());
    let tenant = args.tenant.to_string();
    add("tenant", Some(tenant).filter(|tenant| tenant != "default"));
    Planned {
        survey,
        to,
        command,
    }
}

/// Returns the name of a bucket here: its own, or the nearest that a bucket can have.
fn name_here(bucket: &str) -> String {
    if BucketName::parse(bucket).is_ok() {
        return bucket.to_owned();
    }
    let lower = bucket.to_ascii_lowercase().replace('_', "-");
    let bare = lower.trim_matches(['-', '.']);
    let mut name: String = bare.chars().take(63).collect();
    while name.len() < 3 {
        name.push('0');
    }
    name
}

fn show(style: Style, plan: &Plan) -> Result<()> {
    if style == Style::Json {
        return output::json(plan);
    }
    let rows: Vec<Vec<String>> = plan.buckets.iter().map(row).collect();
    output::table(
        &[
            "BUCKET",
            "REGION",
            "OBJECTS",
            "BYTES",
            "CLASSES",
            "VERSIONING",
            "EARLIER",
            "MARKERS",
            "LOCK",
            "ENCRYPTION",
        ],
        &rows,
    );
    for one in &plan.buckets {
        details(one);
    }
    Ok(())
}

fn row(one: &Planned) -> Vec<String> {
    let contents = &one.survey.contents;
    let unknown = || "?".to_owned();
    let current = |text: String| contents.counted.map_or_else(unknown, |_| text);
    let earlier = |text: String| match contents.unknown {
        None => text,
        Some(_) => unknown(),
    };
    let classes: Vec<_> = contents
        .classes
        .iter()
        .map(|(class, amount)| format!("{class} {}", amount.objects))
        .collect();
    vec![
        one.survey.bucket.clone(),
        one.survey.region.clone().unwrap_or_else(|| "?".to_owned()),
        current(contents.current.objects.to_string()),
        current(bytes(contents.current.bytes)),
        current(classes.join(", ")),
        setting(one, "versioning"),
        earlier(contents.earlier.objects.to_string()),
        earlier(contents.delete_markers.to_string()),
        setting(one, "object-lock"),
        setting(one, "encryption"),
    ]
}

fn setting(one: &Planned, name: &str) -> String {
    match one.survey.settings.get(name) {
        Some(Setting::Set { to }) => to.clone(),
        Some(Setting::NotSet | Setting::NotThere) => "-".to_owned(),
        Some(Setting::Unknown { .. }) | None => "?".to_owned(),
    }
}

/// Prints what no column tells: other settings, what could not be told and why, and the command.
fn details(one: &Planned) {
    output::line("");
    output::line(&one.command);
    if let Some(why) = &one.survey.contents.unknown {
        output::line(&format!("    contents unknown: {why}"));
    }
    for (name, setting) in &one.survey.settings {
        match setting {
            Setting::Set { to } => output::line(&format!("    {name}: {to}")),
            Setting::Unknown { why } => output::line(&format!("    {name} unknown: {why}")),
            Setting::NotSet | Setting::NotThere => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use onshore_types::BucketName;

    use super::name_here;

    #[test]
    fn every_name_has_one_here() {
        for (theirs, ours) in [
            ("docs", "docs"),
            ("Old_Bucket", "old-bucket"),
            ("a.b-1250000000", "a.b-1250000000"),
            ("-Ab-", "ab0"),
        ] {
            assert_eq!(name_here(theirs), ours);
            assert!(BucketName::parse(ours).is_ok());
        }
    }
}
