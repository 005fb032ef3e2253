//! Uploads by an HTML form (POST Object). The fields in front of the file are read and judged, policy and signature
//! first of all, before a byte of the file is taken; then the file is streamed like any other body.
//!
//! The rules are those of the S3 API reference, "POST Object" and "Creating a POST policy".

mod policy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use onshore_store::BodyError;
use onshore_types::{BucketName, ObjectKey};
use s3s::dto;
use s3s::xml::{Deserialize as _, Deserializer};
use tokio::time::timeout;

use crate::access::Came;
use crate::body::{BodyReport, Framing, RequestBody};
use crate::call::{Announced, Call};
use crate::caller::Signed;
use crate::fault::{Code, Fault};
use crate::guard::address::{Address, parse_key};
use crate::guard::auth_shape::{ALGORITHM, Claim, Style, not_supported};
use crate::guard::presign::SignedAt;
use crate::guard::query::{ENCODED_IN_PATH, Query};
use crate::guard::scope::{Asked, Scope};
use crate::guard::signature::mismatch;
use crate::guard::{Guard, headers};
use policy::Policy;

pub(crate) use policy::LengthRange;

/// The most bytes of fields in front of the file.
const FIELDS_MAX_BYTES: usize = 20 * 1024;
/// How long the fields in front of the file may take to come.
const FIELDS_WITHIN: Duration = Duration::from_secs(60);
/// What is taken from beyond the fields that say who may do what.
const OF_AUTHORITY: [&str; 8] = [
    "policy",
    "x-amz-signature",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "awsaccesskeyid",
    "signature",
    "x-amz-security-token",
];
/// Fields that describe the body, and become its headers.
const OF_CONTENT: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];

/// A form that was let in, with its file still to come.
pub(crate) struct FormUpload {
    pub(crate) call: Call,
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) length: Option<LengthRange>,
    pub(crate) success: Success,
    form: multer::Multipart<'static>,
    file: multer::Field<'static>,
    around: Around,
}

impl std::fmt::Debug for FormUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormUpload").finish_non_exhaustive()
    }
}

/// What the client wants to be answered when its file is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Success {
    /// 204, or 200, without a document.
    Bare(http::StatusCode),
    /// 201 and a document.
    Created,
    /// 303 to this address, with what was stored in its query.
    Redirect(String),
}

/// The fields in front of the file, by their names in lower case.
#[derive(Debug, Default)]
struct Fields(BTreeMap<String, String>);

/// Whether a request is such a form: it is signed inside, and asks for nothing besides.
pub(crate) fn is_form(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    *method == Method::POST
        && uri.query().is_none()
        && !headers.contains_key(AUTHORIZATION)
        && headers.get_all(CONTENT_TYPE).iter().any(|value| {
            value
                .as_bytes()
                .trim_ascii_start()
                .get(..19)
                .is_some_and(|head| head.eq_ignore_ascii_case(b"multipart/form-data"))
        })
}

impl Guard {
    /// Lets a form in or turns it away. What was not read of it stays in the report.
    pub(crate) async fn admit_form(
        &self,
        parts: &Parts,
        incoming: Incoming,
        came: &Came<'_>,
        report: &BodyReport,
    ) -> Result<FormUpload, Fault> {
        headers::check_shape(&parts.headers)?;
        let address = Address::parse(&parts.headers, parts.uri.path(), &self.domains)?;
        let Address::Bucket(bucket) = address else {
            return Err(Fault::new(
                Code::MethodNotAllowed,
                "The specified method is not allowed against this resource.",
            ));
        };
        let content_type = parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let boundary = multer::parse_boundary(content_type).map_err(|_| malformed())?;
        let body = RequestBody::new(incoming, Framing::Plain, None, report.clone());
        let around = Around::default();
        let mut form = multer::Multipart::new(around.limit(BodyDataStream::new(body)), boundary);
        let (mut fields, file) = timeout(FIELDS_WITHIN, read_fields(&mut form))
            .await
            .map_err(|_| too_slow())??;
        around.is_in_file.store(true, Ordering::Relaxed);
        fields.name_key(file.file_name().unwrap_or_default());

        let (scope, policy_text, signature, signed_at) = fields.authority(self)?;
        let token = fields.get("x-amz-security-token");
        let credentials = self.credentials(&scope.access_key, token).await?;
        let signing_key =
            self.derived
                .signing_key(credentials.secret.as_bytes(), &scope, &signed_at);
        if !signing_key.is_policy_signature(policy_text, signature) {
            return Err(mismatch());
        }
        let policy = Policy::parse(policy_text, self.gate.wall())?;
        policy.check(&fields.0, bucket.as_str())?;

        let object_key = fields.require("key")?.to_owned();
        let headers = fields.headers(&parts.headers)?;
        headers::check_meaning(&headers)?;
        let caller = credentials.caller(Signed::InForm);
        let announced = Announced::parse(&headers, None, &[], None)?;
        let place = self.place_of_caller(&caller, &parts.headers, came.peer);
        let way = self.way(&parts.headers, came);
        Ok(FormUpload {
            call: Call::new(
                caller,
                way,
                place,
                Query::default(),
                headers,
                announced,
                report.clone(),
            ),
            bucket,
            key: parse_key(object_key)?,
            length: policy.length(),
            success: fields.success(),
            form,
            file,
            around,
        })
    }
}

impl FormUpload {
    /// Returns the file's bytes. They fail where the form breaks off, or where the policy has them end earlier or later.
    pub(crate) fn into_body(self) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
        let file = FileBody {
            form: self.form,
            file: Some(self.file),
            around: self.around,
            length: self.length.unwrap_or(LengthRange::ANY),
            taken_bytes: 0,
        };
        futures_util::stream::try_unfold(file, |mut file| async move {
            Ok(file.next().await?.map(|chunk| (chunk, file)))
        })
    }
}

/// The file of a form while it is read.
struct FileBody {
    /// What reads the file: it is kept as long.
    form: multer::Multipart<'static>,
    /// None once it was read to its end: only then the form is asked for what follows.
    file: Option<multer::Field<'static>>,
    around: Around,
    length: LengthRange,
    taken_bytes: u64,
}

impl FileBody {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(file) = &mut self.file else {
            return Ok(None);
        };
        let chunk = file.chunk().await;
        match chunk.map_err(|error| BodyError::new(of_form(&error)))? {
            Some(chunk) => {
                self.taken_bytes = self.taken_bytes.saturating_add(chunk.len() as u64);
                if self.taken_bytes > self.length.max {
                    let fault = too_large(self.taken_bytes, self.length.max);
                    return Err(BodyError::new(fault));
                }
                Ok(Some(chunk))
            }
            None if self.taken_bytes < self.length.min => {
                let fault = too_small(self.taken_bytes, self.length.min);
                Err(BodyError::new(fault))
            }
            None => {
                self.file = None;
                self.around.is_in_file.store(false, Ordering::Relaxed);
                // Fields behind the file are ignored, as S3 does, but the form must have an end.
                while let Some(mut field) = self
                    .form
                    .next_field()
                    .await
                    .map_err(|error| BodyError::new(of_form(&error)))?
                {
                    while field
                        .chunk()
                        .await
                        .map_err(|error| BodyError::new(of_form(&error)))?
                        .is_some()
                    {}
                }
                Ok(None)
            }
        }
    }
}

/// What of a form is not its file: there is little of it, in front of the file and behind it. What takes the form apart
/// would otherwise gather without end what has no end.
#[derive(Debug, Clone, Default)]
struct Around {
    is_in_file: Arc<AtomicBool>,
}

impl Around {
    /// Hands bytes on as long as little of them is not the file.
    fn limit<S>(&self, body: S) -> impl Stream<Item = Result<Bytes, Fault>> + Send + 'static
    where
        S: Stream<Item = Result<Bytes, Fault>> + Send + 'static,
    {
        let is_in_file = Arc::clone(&self.is_in_file);
        let mut taken_bytes = 0_usize;
        body.map(move |chunk| {
            let chunk = chunk?;
            if is_in_file.load(Ordering::Relaxed) {
                taken_bytes = 0;
                return Ok(chunk);
            }
            // The chunk in which the file begins may be mostly file.
            if taken_bytes > FIELDS_MAX_BYTES {
                return Err(too_much());
            }
            taken_bytes = taken_bytes.saturating_add(chunk.len());
            Ok(chunk)
        })
    }
}

fn too_much() -> Fault {
    Fault::new(
        Code::MaxPostPreDataLengthExceeded,
        "Your POST request fields preceding the upload file were too large.",
    )
    .with_detail("MaxPostPreDataLengthBytes", FIELDS_MAX_BYTES.to_string())
}

fn too_slow() -> Fault {
    Fault::new(
        Code::RequestTimeout,
        "Your socket connection to the server was not read from or written to within the timeout period.",
    )
}

async fn read_fields(
    form: &mut multer::Multipart<'static>,
) -> Result<(Fields, multer::Field<'static>), Fault> {
    let mut fields = Fields::default();
    let mut total = 0;
    loop {
        let field = form.next_field().await.map_err(|error| of_form(&error))?;
        let mut field = field.ok_or_else(|| {
            Fault::new(
                Code::InvalidArgument,
                "POST requires exactly one file upload per request.",
            )
        })?;
        let name = field.name().unwrap_or_default().to_ascii_lowercase();
        if name == "file" {
            return Ok((fields, field));
        }
        let mut value = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| of_form(&error))? {
            total += chunk.len();
            if total > FIELDS_MAX_BYTES {
                return Err(too_much());
            }
            value.extend_from_slice(&chunk);
        }
        total += name.len();
        let value = String::from_utf8(value)
            .map_err(|_| Fault::new(Code::InvalidArgument, "A form field is not UTF-8."))?;
        fields.0.insert(name, value);
    }
}

impl Fields {
    /// Puts the file's name where the key asks for it: the last piece of a path, as S3 takes it, and before the policy is
    /// held against the key.
    fn name_key(&mut self, file_name: &str) {
        let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        if let Some(key) = self.0.get_mut("key") {
            *key = key.replace("${filename}", name);
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn require(&self, name: &'static str) -> Result<&str, Fault> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                Fault::new(
                    Code::InvalidArgument,
                    format!("Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the fields."),
                )
                .with_detail("ArgumentName", name)
            })
    }

    /// Reads who says what may be done.
    fn authority(&self, guard: &Guard) -> Result<(Scope, &str, &str, SignedAt), Fault> {
        if self.0.contains_key("awsaccesskeyid") || self.0.contains_key("signature") {
            return Err(not_supported());
        }
        let is_anonymous = !OF_AUTHORITY.iter().any(|name| self.0.contains_key(*name));
        if is_anonymous {
            return Err(Fault::access_denied());
        }
        self.require("key")?;
        let policy = self.require("policy")?;
        if self.require("x-amz-algorithm")? != ALGORITHM {
            return Err(Fault::new(
                Code::InvalidArgument,
                "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
            ));
        }
        let signature = self.require("x-amz-signature")?;
        let date = self.require("x-amz-date")?;
        let claim = Claim {
            style: Style::Presigned,
            credential: self.require("x-amz-credential")?.to_owned(),
            signed_headers: Vec::new(),
            signature: signature.to_owned(),
        };
        let scope = Scope::parse(&claim, &guard.region, Asked::Else)?;
        let signed_at = SignedAt::of_form(date, &scope)?;
        Ok((scope, policy, signature, signed_at))
    }

    /// Returns what the fields say in the place of headers.
    fn headers(&self, request: &HeaderMap) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        if let Some(host) = request.get(http::header::HOST) {
            headers.insert(http::header::HOST, host.clone());
        }
        let mut add = |name: &str, value: &str| -> Result<(), Fault> {
            let unfit = || {
                Fault::new(
                    Code::InvalidArgument,
                    "A form field that stands for a header cannot be one.",
                )
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unfit())?;
            headers.insert(name, value);
            Ok(())
        };
        for (name, value) in &self.0 {
            let is_header = OF_CONTENT.contains(&name.as_str())
                || (name.starts_with("x-amz-") && !OF_AUTHORITY.contains(&name.as_str()));
            if is_header {
                add(name, value)?;
            }
        }
        if let Some(acl) = self.get("acl") {
            add("x-amz-acl", acl)?;
        }
        if let Some(document) = self.get("tagging") {
            add("x-amz-tagging", &tagging_header(document)?)?;
        }
        if let Some(token) = self.get("x-amz-security-token") {
            add("x-amz-security-token", token)?;
        }
        Ok(headers)
    }

    fn success(&self) -> Success {
        let redirect = self
            .get("success_action_redirect")
            .or_else(|| self.get("redirect"))
            .filter(|address| {
                address
                    .parse::<Uri>()
                    .is_ok_and(|address| matches!(address.scheme_str(), Some("http" | "https")))
            });
        match (redirect, self.get("success_action_status")) {
            (Some(address), _) => Success::Redirect(address.to_owned()),
            (None, Some("200")) => Success::Bare(http::StatusCode::OK),
            (None, Some("201")) => Success::Created,
            (None, _) => Success::Bare(http::StatusCode::NO_CONTENT),
        }
    }
}

/// Writes the document of the field `tagging` as the header that says the same.
fn tagging_header(document: &str) -> Result<String, Fault> {
    let mut deserializer = Deserializer::new(document.as_bytes());
    let tagging = dto::Tagging::deserialize(&mut deserializer).map_err(|_| {
        Fault::new(
            Code::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    })?;
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, ENCODED_IN_PATH).to_string();
    let pairs = tagging.tag_set.iter().map(|tag| {
        let key = encode(tag.key.as_deref().unwrap_or_default()).replace('/', "%2F");
        let value = encode(tag.value.as_deref().unwrap_or_default()).replace('/', "%2F");
        format!("{key}={value}")
    });
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

fn of_form(error: &multer::Error) -> Fault {
    match error {
        multer::Error::StreamReadFailed(cause) => cause
            .downcast_ref::<Fault>()
            .cloned()
            .unwrap_or_else(malformed),
        _ => malformed(),
    }
}

fn malformed() -> Fault {
    Fault::new(
        Code::MalformedPOSTRequest,
        "The body of your POST request is not well-formed multipart/form-data.",
    )
}

fn too_large(size_bytes: u64, max: u64) -> Fault {
    Fault::new(
        Code::EntityTooLarge,
        "Your proposed upload exceeds the maximum allowed size",
    )
    .with_detail("ProposedSize", size_bytes.to_string())
    .with_detail("MaxSizeAllowed", max.to_string())
}

fn too_small(size_bytes: u64, min: u64) -> Fault {
    Fault::new(
        Code::EntityTooSmall,
        "Your proposed upload is smaller than the minimum allowed size",
    )
    .with_detail("ProposedSize", size_bytes.to_string())
    .with_detail("MinSizeAllowed", min.to_string())
}
