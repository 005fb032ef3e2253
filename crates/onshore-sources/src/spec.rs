//! What a source is called: parsed once from the command line or the control API, printed in certificates, and never
//! holding a credential.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use onshore_types::RegionId;
use serde::{Deserialize, Serialize};

use crate::container::{ContainerSpec, Protocol, SwiftAccount, SwiftSpec};
use crate::s3::etag_of_fingerprint;
use crate::tree::{TreeProtocol, TreeSpec};
use crate::{Dialect, Error, Network};

/// A place that objects are brought from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SourceSpec {
    /// A bucket behind an S3 endpoint.
    S3(S3Spec),
    /// A container of a cloud that does not speak S3.
    Container(ContainerSpec),
    /// A container of OpenStack Swift.
    Swift(SwiftSpec),
    /// A folder on another machine.
    Tree(TreeSpec),
    /// A folder of the server.
    Folder(FolderSpec),
}

/// A source, and how far the server may go for it: what a job keeps. Whoever takes the order decides the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceAccess {
    /// The source.
    pub source: SourceSpec,
    /// Where it may be fetched from.
    pub network: Network,
}

/// A bucket behind an S3 endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Spec {
    /// The bucket.
    pub bucket: String,
    /// What the keys begin with; empty for all. Keys arrive whole, prefix included.
    #[serde(default)]
    pub prefix: String,
    /// The endpoint; Amazon's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region to sign for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where the bucket's name goes.
    #[serde(default)]
    pub addressing: Addressing,
    /// Which versions are brought.
    #[serde(default)]
    pub versions: VersionsWish,
    /// How S3 is spoken there; where nobody said, the endpoint tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
}

/// Which versions of a bucket are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionsWish {
    /// All, with delete markers, where the bucket is or was versioned and says so; else what is current.
    #[default]
    Auto,
    /// All, with delete markers.
    All,
    /// What is current.
    Current,
}

/// A folder of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSpec {
    /// Its absolute path.
    pub path: PathBuf,
}

/// Where in a request the bucket's name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addressing {
    /// What the dialect takes, unless the endpoint refuses it.
    #[default]
    Auto,
    /// `https://endpoint/bucket/key`.
    Path,
    /// `https://bucket.endpoint/key`.
    Virtual,
}

/// What the command line adds to a source.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// `--endpoint`.
    pub endpoint: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--addressing`.
    pub addressing: Addressing,
    /// `--versions`.
    pub versions: VersionsWish,
    /// `--dialect`.
    pub dialect: Option<Dialect>,
    /// `--account-id`.
    pub account: Option<String>,
    /// What the variables of OpenStack's tools say.
    pub swift: Option<SwiftAccount>,
}

impl SourceOptions {
    /// What belongs to S3 says nothing of what does not speak it.
    fn check_without_s3(&self, text: &str) -> Result<(), Error> {
        if self.dialect.is_some() {
            return Err(fault(text, "a dialect goes with S3 only"));
        }
        if self.addressing != Addressing::Auto || self.versions == VersionsWish::All {
            return Err(fault(
                text,
                "what is current is brought of it, by its own addresses: leave --versions and --addressing out",
            ));
        }
        Ok(())
    }

    fn check_without_region(&self, text: &str) -> Result<(), Error> {
        match self.region {
            Some(_) => Err(fault(text, "a region goes with S3 and Swift only")),
            None => Ok(()),
        }
    }
}

impl SourceSpec {
    /// Returns in which cloud it is, in the word of Terraform's provider for it; none where that is anybody's.
    #[must_use]
    pub fn cloud(&self) -> Option<&'static str> {
        match self {
            Self::S3(spec) => match spec.dialect() {
                Dialect::Aws => Some("aws"),
                Dialect::Oss => Some("alicloud"),
                Dialect::Cos => Some("tencentcloud"),
                Dialect::Obs => Some("huaweicloud"),
                Dialect::R2 => Some("cloudflare"),
                Dialect::Ceph | Dialect::Minio | Dialect::Generic => None,
            },
            Self::Container(spec) => Some(match spec.protocol {
                Protocol::Azblob => "azurerm",
                Protocol::Gs => "google",
            }),
            Self::Swift(_) | Self::Tree(_) | Self::Folder(_) => None,
        }
    }

    /// Parses what the command line was given: `s3://bucket/prefix`, the same with the scheme of a dialect, or the path of a
    /// folder (made absolute against the working folder).
    ///
    /// # Errors
    /// [`Error::Spec`] says what is wrong.
    pub fn parse(text: &str, options: SourceOptions, working_dir: &Path) -> Result<Self, Error> {
        let spec = match text.split_once("://") {
            Some(("s3", rest)) => Self::S3(S3Spec::parse(rest, options.dialect, options)?),
            Some((SwiftSpec::SCHEME, rest)) => {
                options.check_without_s3(text)?;
                Self::Swift(SwiftSpec::parse(rest, options)?)
            }
            Some((scheme, rest)) if Protocol::of_scheme(scheme).is_some() => {
                options.check_without_s3(text)?;
                options.check_without_region(text)?;
                Self::Container(ContainerSpec::parse(scheme, rest, &options)?)
            }
            Some((scheme, rest)) if TreeProtocol::of_scheme(scheme).is_some() => {
                options.check_without_s3(text)?;
                options.check_without_region(text)?;
                Self::Tree(TreeSpec::parse(scheme, rest, &options)?)
            }
            Some((scheme, rest)) if is_scheme(scheme) => {
                let dialect = Dialect::of_scheme(scheme).ok_or_else(|| {
                    fault(
                        text,
                        "this scheme is not supported; write s3, oss, cos, obs, r2, azblob, gs or swift://bucket/prefix, webdav, webdavs or hdfs://host/path, or the path of a folder",
                    )
                })?;
                if options.dialect.is_some_and(|named| named != dialect) {
                    return Err(fault(text, "its scheme and --dialect are not the same"));
                }
                Self::S3(S3Spec::parse(rest, Some(dialect), options)?)
            }
            _ if text.is_empty() => return Err(fault(text, "it is empty")),
            _ if options.endpoint.is_some() || options.dialect.is_some() => {
                return Err(fault(
                    text,
                    "an endpoint and a dialect go with s3://bucket/prefix only",
                ));
            }
            _ => Self::Folder(FolderSpec {
                path: plain(&working_dir.join(text)),
            }),
        };
        spec.checked()
    }

    /// Returns the spec if every part of it is well-formed. What came over the control API passes here too.
    ///
    /// # Errors
    /// [`Error::Spec`] says what is wrong.
    pub fn checked(mut self) -> Result<Self, Error> {
        match &mut self {
            Self::S3(s3) => s3.check(None)?,
            Self::Container(container) => container.check()?,
            Self::Swift(swift) => swift.check()?,
            Self::Tree(tree) => tree.check()?,
            Self::Folder(folder) => {
                let path = folder
                    .path
                    .to_str()
                    .ok_or_else(|| fault("", "the folder's path is not UTF-8"))?;
                if !folder.path.is_absolute() {
                    return Err(fault(path, "the folder's path is not absolute"));
                }
                if folder
                    .path
                    .components()
                    .any(|part| part == Component::ParentDir)
                {
                    return Err(fault(path, "the folder's path goes up"));
                }
            }
        }
        Ok(self)
    }

    /// Returns the version that an entry's fingerprint names in words others know too: its ETag. A file has none.
    #[must_use]
    pub fn version_of<'a>(&self, fingerprint: &'a str) -> Option<&'a str> {
        match self {
            Self::S3(_) | Self::Container(_) | Self::Swift(_) | Self::Tree(_) => {
                etag_of_fingerprint(fingerprint)
            }
            Self::Folder(_) => None,
        }
    }

    /// Whether objects can be removed there, once they are onshore.
    #[must_use]
    pub fn removes(&self) -> bool {
        match self {
            Self::S3(_) => true,
            Self::Tree(tree) => tree.protocol.removes(),
            Self::Container(_) | Self::Swift(_) | Self::Folder(_) => false,
        }
    }

    /// Returns what tells this source from every other, whatever the region, addressing or credentials: two jobs with
    /// one identity bring the same objects.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::S3(s3) => {
                let endpoint = s3.endpoint.as_deref().unwrap_or("aws");
                let (endpoint, bucket, prefix) =
                    (endpoint.trim_end_matches('/'), &s3.bucket, &s3.prefix);
                format!("s3 {endpoint} {bucket}/{prefix}")
            }
            Self::Container(container) => container.identity(),
            Self::Swift(swift) => swift.identity(),
            Self::Tree(tree) => tree.identity(),
            Self::Folder(folder) => format!("folder {}", folder.path.display()),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(s3) => {
                write!(f, "{}://{}/{}", s3.dialect().scheme(), s3.bucket, s3.prefix)?;
                match &s3.endpoint {
                    Some(endpoint) => write!(f, " at {endpoint}"),
                    None => Ok(()),
                }
            }
            Self::Container(container) => fmt::Display::fmt(container, f),
            Self::Swift(swift) => fmt::Display::fmt(swift, f),
            Self::Tree(tree) => fmt::Display::fmt(tree, f),
            Self::Folder(folder) => write!(f, "{}", folder.path.display()),
        }
    }
}

impl S3Spec {
    fn parse(rest: &str, dialect: Option<Dialect>, options: SourceOptions) -> Result<Self, Error> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let mut spec = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: options.endpoint,
            region: options.region,
            addressing: options.addressing,
            versions: options.versions,
            dialect,
        };
        spec.check(options.account.as_deref())?;
        Ok(spec)
    }

    /// Returns what names an account, in which no bucket is named yet.
    ///
    /// # Errors
    /// [`Error::Spec`] says what is wrong.
    pub fn of_account(options: SourceOptions) -> Result<Self, Error> {
        let mut spec = Self {
            bucket: String::new(),
            prefix: String::new(),
            endpoint: options.endpoint,
            region: options.region,
            addressing: options.addressing,
            versions: options.versions,
            dialect: options.dialect,
        };
        spec.check_place(options.account.as_deref())?;
        Ok(spec)
    }

    /// Returns how S3 is spoken there.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or_else(|| {
            let host = self.endpoint_host().ok().flatten();
            Dialect::of_host(host.as_ref().map(|(host, _)| host.as_str()))
        })
    }

    fn check(&mut self, account: Option<&str>) -> Result<(), Error> {
        let bucket = &self.bucket;
        // Wider than today's naming rules: old buckets and other clouds have capitals and underscores.
        let named = (1..=255).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && !bucket.starts_with('.');
        if !named {
            return Err(fault(bucket, "this is not a bucket name"));
        }
        if self.prefix.len() > 1024 || self.prefix.contains('\0') {
            return Err(fault(&self.prefix, "no key begins so"));
        }
        if self.versions == VersionsWish::All && !self.dialect().profile().keeps_versions {
            return Err(fault(
                bucket,
                "this cloud keeps no versions that could be brought",
            ));
        }
        self.check_place(account)
    }

    /// Checks where it is, and names the endpoint where the dialect has it by region or account.
    fn check_place(&mut self, account: Option<&str>) -> Result<(), Error> {
        if let Some(region) = &self.region
            && RegionId::parse(region.as_str()).is_err()
        {
            return Err(fault(region, "this is not a region"));
        }
        if let (None, Some(dialect)) = (&self.endpoint, self.dialect) {
            self.endpoint = dialect
                .endpoint(self.region.as_deref(), account)
                .map_err(|why| fault(&format!("{}://{}", dialect.scheme(), self.bucket), why))?;
        }
        self.endpoint_host().map(|_| ())
    }

    /// Returns host and port of the endpoint, if one is named.
    pub(crate) fn endpoint_host(&self) -> Result<Option<(String, u16)>, Error> {
        self.endpoint.as_deref().map(parse_endpoint).transpose()
    }
}

/// Parses an endpoint's URL into host and port.
pub(crate) fn parse_endpoint(url: &str) -> Result<(String, u16), Error> {
    let parsed: http::Uri = url
        .parse()
        .map_err(|_| fault(url, "the endpoint is not a URL"))?;
    let default_port = match parsed.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(fault(url, "an endpoint begins with http:// or https://")),
    };
    let authority = parsed
        .authority()
        .ok_or_else(|| fault(url, "the endpoint names no host"))?;
    if authority.as_str().contains('@') {
        // Not shown back: it may hold a password.
        return Err(fault("", "credentials do not belong into an endpoint"));
    }
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
        return Err(fault(url, "an endpoint has neither path nor query"));
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase();
    if host.is_empty() {
        return Err(fault(url, "the endpoint names no host"));
    }
    Ok((host, authority.port_u16().unwrap_or(default_port)))
}

/// Returns host and port of an endpoint behind which a path may stand: emulators and gateways have one.
pub(crate) fn host_of_url(url: &str) -> Result<(String, u16), Error> {
    let origin = match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{authority}")
        }
        None => url.to_owned(),
    };
    if url.contains(['?', '#', ' ']) {
        return Err(fault(url, "an endpoint has no query"));
    }
    parse_endpoint(&origin)
}

/// Resolves `.` and `..` by the letter. A link on the way is looked at when the folder is opened, below its root.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

pub(crate) fn fault(text: &str, why: &'static str) -> Error {
    Error::Spec {
        text: text.chars().take(80).flat_map(char::escape_debug).collect(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{SourceOptions, SourceSpec, VersionsWish};
    use crate::Dialect;

    fn parse(text: &str) -> Result<SourceSpec, crate::Error> {
        SourceSpec::parse(text, SourceOptions::default(), Path::new("/work"))
    }

    fn at(endpoint: &str) -> Result<SourceSpec, crate::Error> {
        let options = SourceOptions {
            endpoint: Some(endpoint.to_owned()),
            ..SourceOptions::default()
        };
        SourceSpec::parse("s3://bucket/pre//fix", options, Path::new("/"))
    }

    #[test]
    fn sources_parse_and_print() {
        for (text, printed) in [
            ("s3://bucket", "s3://bucket/"),
            ("s3://Old_Bucket/a/ b", "s3://Old_Bucket/a/ b"),
            ("s3://bucket//../x", "s3://bucket//../x"),
            (
                "gs://bucket/a//",
                "gs://bucket/a// at https://storage.googleapis.com",
            ),
            ("webdavs://host:8443/a b/", "webdavs://host:8443/a b"),
            (
                "hdfs://namenode/data/",
                "hdfs:///data at http://namenode:9870",
            ),
            ("swebhdfs://namenode:1/", "hdfs:/// at https://namenode:1"),
            ("docs", "/work/docs"),
            ("./a/../../b", "/b"),
            ("../../..", "/"),
            ("/srv/a://b", "/srv/a:/b"),
        ] {
            assert_eq!(parse(text).expect(text).to_string(), printed);
        }
        for bad in [
            "",
            "oss://bucket",
            "r2://bucket",
            "minio://bucket",
            "s3://",
            "s3:///x",
            "s3://a%2fb",
            "s3://..",
            "azblob://container",
            "gs://",
            "gs://a%2fb",
            "hdfs://namenode:8020/a",
            "webdav://host/a/../b",
            "webdav://wang:secret@host/",
            "webdav://",
            "swift://container",
            "http://x",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scheme_names_dialect_and_endpoint() {
        let with = |text: &str, options: SourceOptions| {
            SourceSpec::parse(text, options, Path::new("/")).map(|spec| spec.to_string())
        };
        let options = SourceOptions {
            region: Some("cn-hangzhou".to_owned()),
            ..SourceOptions::default()
        };
        assert_eq!(
            with("oss://bucket/a/", options.clone()).expect("a source"),
            "oss://bucket/a/ at https://oss-cn-hangzhou.aliyuncs.com"
        );
        let by_endpoint = SourceOptions {
            endpoint: Some("https://oss-cn-hangzhou.aliyuncs.com".to_owned()),
            ..SourceOptions::default()
        };
        let named = SourceSpec::parse("oss://bucket/", options.clone(), Path::new("/"));
        let told = SourceSpec::parse("s3://bucket/", by_endpoint, Path::new("/"));
        let (named, told) = (named.expect("a source"), told.expect("a source"));
        assert_eq!(named.identity(), told.identity());
        assert_eq!(named.to_string(), told.to_string());
        for (text, dialect, versions) in [
            ("oss://bucket", Some(Dialect::Cos), VersionsWish::Auto),
            ("docs", Some(Dialect::Cos), VersionsWish::Auto),
            ("s3://bucket", Some(Dialect::Minio), VersionsWish::Auto),
            ("s3://bucket", Some(Dialect::R2), VersionsWish::All),
        ] {
            let options = SourceOptions {
                dialect,
                versions,
                account: (versions == VersionsWish::All).then(|| "0a1b".to_owned()),
                ..options.clone()
            };
            assert!(with(text, options).is_err(), "{text} {dialect:?}");
        }
    }

    #[test]
    fn endpoints_hold_a_host_and_nothing_else() {
        for good in [
            "http://127.0.0.1:5000",
            "https://[::1]:9000/",
            "https://OSS.example.com",
        ] {
            assert!(at(good).is_ok(), "{good}");
        }
        for bad in [
            "example.com",
            "ftp://x",
            "http://",
            "http://a:b@host",
            "http://h/p",
            "http://h?x",
            "http:// h",
        ] {
            let error = at(bad).expect_err(bad).to_string();
            assert!(!error.contains("a:b"), "{error}");
        }
    }

    #[test]
    fn identity_knows_the_endpoint_and_nothing_secret() {
        let (one, two) = (
            at("http://a").expect("a spec"),
            at("http://b").expect("a spec"),
        );
        assert_ne!(one.identity(), two.identity());
        assert_eq!(one.identity(), at("http://a/").expect("a spec").identity());
        let json = serde_json::to_string(&one).expect("serializes");
        assert_eq!(
            serde_json::from_str::<SourceSpec>(&json).expect("reads back"),
            one
        );
        assert!(
            serde_json::from_str::<SourceSpec>(r#"{"kind":"folder","path":"/x","secret":"y"}"#)
                .is_err()
        );
    }
}
