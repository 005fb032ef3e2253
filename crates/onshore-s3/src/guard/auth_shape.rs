//! Which kind of authentication a request carries. Exactly one kind is taken: Signature Version 4 in the
//! `Authorization` header or in the query. Nothing, two at once, and every other kind are refused here.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::fault::{Code, Fault};
use crate::guard::query::Query;

/// The algorithm that is taken.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a request claims, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) style: Style,
    /// `ACCESS-KEY/DATE/REGION/SERVICE/aws4_request`.
    pub(crate) credential: String,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
}

/// Where the claim was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// In the `Authorization` header.
    Header,
    /// In the query of a presigned link.
    Presigned,
}

impl Claim {
    /// Finds the claim; none where nobody signed.
    pub(crate) fn find(headers: &HeaderMap, query: &Query) -> Result<Option<Self>, Fault> {
        let header = headers
            .get(AUTHORIZATION)
            .filter(|value| !value.as_bytes().trim_ascii().is_empty());
        let presigned = query.names().any(|name| {
            matches!(
                name,
                "X-Amz-Algorithm" | "X-Amz-Credential" | "X-Amz-Signature" | "X-Amz-SignedHeaders"
            )
        });
        let version_two = query.has("AWSAccessKeyId") || query.has("Signature");
        let kinds =
            usize::from(header.is_some()) + usize::from(presigned) + usize::from(version_two);
        if kinds > 1 {
            return Err(Fault::new(
                Code::InvalidArgument,
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            ));
        }
        // What is only half there is nothing, as at AWS: nobody signed.
        if query.has("AWSAccessKeyId") && query.has("Signature") {
            return Err(not_supported());
        }
        if headers.contains_key("x-amz-region-set") || query.has("X-Amz-Region-Set") {
            return Err(signature_version_four_a());
        }
        match header {
            Some(value) => Self::of_header(value.to_str().map_err(|_| malformed())?).map(Some),
            None if query.has("X-Amz-Algorithm") => Self::of_query(query).map(Some),
            // What is only half there is refused: whoever meant to sign is not nobody.
            None if presigned || version_two => Err(Fault::access_denied()),
            None => Ok(None),
        }
    }

    fn of_header(value: &str) -> Result<Self, Fault> {
        let value = value.trim();
        let (algorithm, fields) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        match algorithm {
            ALGORITHM => {}
            "AWS4-ECDSA-P256-SHA256" => return Err(signature_version_four_a()),
            "AWS" => return Err(not_supported()),
            _ => {
                return Err(
                    Fault::new(Code::InvalidArgument, "Unsupported Authorization Type")
                        .with_detail("ArgumentName", "Authorization"),
                );
            }
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=').ok_or_else(malformed)?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(malformed()),
            };
            if slot.replace(value.to_owned()).is_some() {
                return Err(malformed());
            }
        }
        Ok(Self {
            style: Style::Header,
            credential: credential.ok_or_else(malformed)?,
            signed_headers: split_names(&signed_headers.ok_or_else(malformed)?),
            signature: signature.ok_or_else(malformed)?,
        })
    }

    fn of_query(query: &Query) -> Result<Self, Fault> {
        let get = |name: &'static str| {
            query
                .get(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| {
                    Fault::new(
                        Code::AuthorizationQueryParametersError,
                        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
                    )
                    .with_detail("Parameter", name)
                })
        };
        match get("X-Amz-Algorithm")? {
            ALGORITHM => {}
            "AWS4-ECDSA-P256-SHA256" => return Err(signature_version_four_a()),
            _ => {
                return Err(Fault::new(
                    Code::AuthorizationQueryParametersError,
                    "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
                ));
            }
        }
        Ok(Self {
            style: Style::Presigned,
            credential: get("X-Amz-Credential")?.to_owned(),
            signed_headers: split_names(get("X-Amz-SignedHeaders")?),
            signature: get("X-Amz-Signature")?.to_owned(),
        })
    }
}

/// What a client reads that signs in a way that is no longer one of S3, as version 2, or never was.
pub(crate) fn not_supported() -> Fault {
    Fault::new(
        Code::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
}

fn signature_version_four_a() -> Fault {
    Fault::new(
        Code::NotImplemented,
        "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not implemented by this service. Please sign with AWS4-HMAC-SHA256.",
    )
}

fn split_names(names: &str) -> Vec<String> {
    names.split(';').map(str::to_ascii_lowercase).collect()
}

fn malformed() -> Fault {
    Fault::new(
        Code::AuthorizationHeaderMalformed,
        "The authorization header is malformed: it needs AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature, each once.",
    )
}

#[cfg(test)]
mod tests {
    use super::{Claim, Style};
    use crate::fault::Code;
    use crate::guard::query::Query;
    use http::HeaderMap;

    fn find(headers: &[(&'static str, &str)], query: &str) -> Result<Claim, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let query = Query::parse(Some(query)).expect("a query");
        let found = Claim::find(&map, &query).map_err(|fault| fault.code)?;
        found.ok_or(Code::AccessDenied)
    }

    const GOOD: &str = "AWS4-HMAC-SHA256 Credential=k/20260101/r/s3/aws4_request, SignedHeaders=host;X-Amz-Date,Signature=ab";

    #[test]
    fn both_styles_are_read() {
        let claim = find(&[("authorization", GOOD)], "").expect("a claim");
        assert_eq!(claim.style, Style::Header);
        assert_eq!(claim.signed_headers, ["host", "x-amz-date"]);
        let claim = find(
            &[],
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-SignedHeaders=host&X-Amz-Signature=s",
        )
        .expect("a claim");
        assert_eq!(claim.style, Style::Presigned);
    }

    #[test]
    fn every_other_shape_is_refused() {
        for (headers, query, code) in [
            (vec![], "", Code::AccessDenied),
            (vec![], "prefix=a", Code::AccessDenied),
            (
                vec![("authorization", "AWS k:sig")],
                "",
                Code::InvalidRequest,
            ),
            (
                vec![],
                "AWSAccessKeyId=k&Signature=s&Expires=1",
                Code::InvalidRequest,
            ),
            (vec![], "Signature=s", Code::AccessDenied),
            (vec![("authorization", " ")], "", Code::AccessDenied),
            (
                vec![(
                    "authorization",
                    "AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=b, Signature=c",
                )],
                "",
                Code::NotImplemented,
            ),
            (
                vec![("authorization", GOOD), ("x-amz-region-set", "*")],
                "",
                Code::NotImplemented,
            ),
            (
                vec![],
                "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Signature=a",
                Code::NotImplemented,
            ),
            (
                vec![("authorization", GOOD)],
                "X-Amz-Signature=a",
                Code::InvalidArgument,
            ),
            (
                vec![("authorization", GOOD)],
                "AWSAccessKeyId=a",
                Code::InvalidArgument,
            ),
            (
                vec![("authorization", "Bearer abc")],
                "",
                Code::InvalidArgument,
            ),
            (
                vec![("authorization", "AWS4-HMAC-SHA256")],
                "",
                Code::AuthorizationHeaderMalformed,
            ),
            (
                vec![(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=a,Credential=b,SignedHeaders=h,Signature=s",
                )],
                "",
                Code::AuthorizationHeaderMalformed,
            ),
            (
                vec![],
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=a",
                Code::AuthorizationQueryParametersError,
            ),
            (vec![], "X-Amz-Credential=a", Code::AccessDenied),
        ] {
            assert_eq!(
                find(&headers, query).err(),
                Some(code),
                "{headers:?} {query}"
            );
        }
    }
}
