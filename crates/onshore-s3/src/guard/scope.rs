//! The credential scope of a signature: whose key, for which day, region and service. A signature for another region,
//! service or day is refused before any secret is looked up.

use onshore_types::{AccessKeyId, PartitionName, RegionId};

use crate::fault::{Code, Fault};
use crate::guard::auth_shape::{Claim, Style};

/// The region that S3's global endpoint stands for.
const GLOBAL: &str = "us-east-1";

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Where a bucket is: `GetBucketLocation`.
    Where,
    /// Anything else.
    Else,
    /// Who somebody is, or to be somebody else for a while: STS, whose global endpoint some clients sign for.
    Identity,
}

impl Asked {
    fn service(self) -> Service {
        match self {
            Self::Where | Self::Else => Service::S3,
            Self::Identity => Service::Sts,
        }
    }
}

/// Which service a request is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    S3,
    Sts,
}

impl Service {
    /// Returns its name in a scope.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }
}

/// A credential scope that is meant for this region and this service.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) access_key: AccessKeyId,
    /// `YYYYMMDD`.
    pub(crate) date: String,
    pub(crate) region: RegionId,
    pub(crate) service: Service,
}

impl Scope {
    /// Reads the scope of a claim and compares it with this region. Who asks where a bucket is does not know the region
    /// yet, and signs for the one that S3's global endpoint stands for.
    pub(crate) fn parse(claim: &Claim, region: &RegionId, asked: Asked) -> Result<Self, Fault> {
        let bad = |message: String| {
            let (code, start) = match claim.style {
                Style::Header => (
                    Code::AuthorizationHeaderMalformed,
                    "The authorization header is malformed; ",
                ),
                Style::Presigned => (
                    Code::AuthorizationQueryParametersError,
                    "Error parsing the X-Amz-Credential parameter; ",
                ),
            };
            Fault::new(code, format!("{start}{message}"))
        };
        let fields: Vec<&str> = claim.credential.split('/').collect();
        let [access_key, date, named_region, service, terminator] = fields.as_slice() else {
            return Err(bad(
                "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
                    .to_owned(),
            ));
        };
        if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("the date of the Credential is not YYYYMMDD.".to_owned()));
        }
        let signed_for = match asked {
            Asked::Where | Asked::Identity if *named_region == GLOBAL => {
                RegionId::parse(GLOBAL).ok()
            }
            Asked::Where | Asked::Else | Asked::Identity => None,
        };
        let signed_for = signed_for.unwrap_or_else(|| region.clone());
        if *named_region != signed_for.as_str() {
            return Err(bad(format!(
                "the region of the Credential is wrong; expecting '{region}'."
            ))
            .with_detail("Region", region.as_str())
            .with_header("x-amz-bucket-region", region.as_str()));
        }
        let expected = asked.service();
        if *service != expected.as_str() {
            return Err(bad(format!(
                "incorrect service. This endpoint belongs to \"{}\".",
                expected.as_str()
            )));
        }
        if *terminator != "aws4_request" {
            return Err(bad(
                "incorrect terminal. This endpoint uses \"aws4_request\".".to_owned(),
            ));
        }
        let access_key =
            AccessKeyId::parse(*access_key).map_err(|_| unknown_access_key(access_key, None))?;
        Ok(Self {
            access_key,
            date: (*date).to_owned(),
            region: signed_for,
            service: expected,
        })
    }

    /// Returns `DATE/REGION/SERVICE/aws4_request`.
    pub(crate) fn text(&self) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            self.date,
            self.region,
            self.service.as_str()
        )
    }
}

/// What a client reads whose access key is not known, or no longer.
pub(crate) fn unknown_access_key(access_key: &str, partition: Option<&PartitionName>) -> Fault {
    let mut message =
        "The AWS Access Key Id you provided does not exist in our records.".to_owned();
    if let Some(partition) = partition {
        message.push_str(&format!(
            " This is partition {partition}: keys are valid in one partition only."
        ));
    }
    Fault::new(Code::InvalidAccessKeyId, message).with_detail("AWSAccessKeyId", access_key)
}

#[cfg(test)]
mod tests {
    use super::{Asked, Scope};
    use crate::fault::Code;
    use crate::guard::auth_shape::{Claim, Style};
    use onshore_types::RegionId;

    fn parse(credential: &str, style: Style) -> Result<Scope, crate::fault::Fault> {
        parse_of(credential, style, Asked::Else)
    }

    fn parse_of(
        credential: &str,
        style: Style,
        asked: Asked,
    ) -> Result<Scope, crate::fault::Fault> {
        let claim = Claim {
            style,
            credential: credential.to_owned(),
            signed_headers: vec!["host".to_owned()],
            signature: String::new(),
        };
        let region = RegionId::parse("cn-north-1").expect("a region");
        Scope::parse(&claim, &region, asked)
    }

    #[test]
    fn the_scope_of_this_region_passes() {
        let scope =
            parse("KEY/20260102/cn-north-1/s3/aws4_request", Style::Header).expect("a scope");
        assert_eq!(scope.text(), "20260102/cn-north-1/s3/aws4_request");
    }

    #[test]
    fn who_asks_where_a_bucket_is_may_sign_for_the_global_endpoint() {
        let global = "KEY/20260102/us-east-1/s3/aws4_request";
        let scope = parse_of(global, Style::Header, Asked::Where).expect("a scope");
        assert_eq!(scope.text(), "20260102/us-east-1/s3/aws4_request");
        let other = "KEY/20260102/eu-west-1/s3/aws4_request";
        assert!(parse_of(other, Style::Header, Asked::Where).is_err());
    }

    #[test]
    fn every_other_scope_is_refused_and_the_right_region_named() {
        for bad in [
            "KEY/20260102/us-east-1/s3/aws4_request",
            "KEY/20260102//s3/aws4_request",
            "KEY/20260102/cn-north-1/sts/aws4_request",
            "KEY/20260102/cn-north-1/s3/aws4",
            "KEY/2026010/cn-north-1/s3/aws4_request",
            "KEY/cn-north-1/s3/aws4_request",
            "a/b/KEY/20260102/cn-north-1/s3/aws4_request",
            "",
        ] {
            let header = parse(bad, Style::Header).expect_err(bad);
            assert_eq!(header.code, Code::AuthorizationHeaderMalformed, "{bad}");
            let query = parse(bad, Style::Presigned).expect_err(bad);
            assert_eq!(query.code, Code::AuthorizationQueryParametersError, "{bad}");
        }
        let wrong =
            parse("KEY/20260102/us-east-1/s3/aws4_request", Style::Header).expect_err("wrong");
        assert_eq!(wrong.details, [("Region", "cn-north-1".to_owned())]);
    }
}
