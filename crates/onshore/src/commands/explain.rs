//! `onshore explain`.

use anyhow::Result;
use http::Method;
use onshore_api::{ExplanationView, Question};
use onshore_types::{BucketName, ObjectKey};

use crate::cli::{AskedOperation, ExplainArgs, TargetArgs};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, args: &ExplainArgs) -> Result<Exit> {
    let question = question(args)?;
    let answer: ExplanationView = target::client(target)?
        .send(Method::POST, "/v1/explain", &question)
        .await?;
    match target.style() {
        Style::Json => output::json(&answer)?,
        Style::Text => {
            output::line(&format!("verdict  {}", answer.verdict));
            output::line(&format!("rule     {}", answer.rule));
            output::line(&format!("cause    {}", answer.cause));
            output::line(&format!("from     {}", answer.from));
            output::line(&format!("to       {}", answer.to));
            match (&answer.label, args.operation) {
                (Some(label), _) => output::line(&format!("label    {label}")),
                (None, AskedOperation::Get | AskedOperation::Head) => output::line(
                    "object   there is none of this name; it is answered as an unclassified one would be",
                ),
                (None, AskedOperation::List | AskedOperation::Put) => {}
            }
            if let Some(remedy) = &answer.remedy {
                output::line(&format!("remedy   {remedy}"));
            }
        }
    }
    Ok(Exit::Done)
}

fn question(args: &ExplainArgs) -> Result<Question> {
    let (bucket, key) = args.object.split_once('/').unwrap_or((&args.object, ""));
    let bucket = BucketName::parse(bucket).map_err(|error| usage(error.to_string()))?;
    let key = match key {
        "" => None,
        key => Some(ObjectKey::parse(key).map_err(|error| usage(error.to_string()))?),
    };
    let operation = match args.operation {
        AskedOperation::Get => onshore_api::AskedOperation::Get,
        AskedOperation::Head => onshore_api::AskedOperation::Head,
        AskedOperation::List => onshore_api::AskedOperation::List,
        AskedOperation::Put => onshore_api::AskedOperation::Put,
    };
    if key.is_none() && !matches!(args.operation, AskedOperation::List) {
        return Err(usage(
            "--object is BUCKET/KEY; a bucket alone goes with --operation list",
        ));
    }
    Ok(Question {
        bucket,
        key,
        from_address: args.from_address,
        operation,
    })
}
