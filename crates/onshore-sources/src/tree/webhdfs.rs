//! A folder of HDFS, by WebHDFS: what a namenode tells, read from the datanodes that it leads to. Length, time and id of a file tell
//! its states; its checksum is told as a fact, and where it is a CRC32C of the whole it is compared.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use onshore_types::{ByteRange, Timestamp};
use serde::Deserialize;

use crate::content_type;
use crate::source::{
    ByteStream, ChecksumAlgorithm, ChecksumScope, Details, OddityKind, SourceChecksum,
};
use crate::tree::Tree;
use crate::tree::names::{FileState, Found, FoundKind, Smallest};
use crate::tree::spec::TreeSpec;
use crate::wire::{Answer, Request, Wire, lie, of_status, path, unavailable};
use crate::{Credentials, Error, Network};

/// What stands before every path.
const BASE: &str = "/webhdfs/v1";

/// What says: not now.
const PATIENCE: &[&str] = &[
    "ObserverRetryOnActiveException",
    "RetriableException",
    "SafeModeException",
];

/// What says: these credentials open nothing (any longer).
const CREDENTIALS: &[&str] = &[
    "AuthenticationException",
    "AuthorizationException",
    "InvalidToken",
    "SecurityException",
];

/// A folder.
#[derive(Debug)]
pub(super) struct WebHdfs {
    wire: Wire,
    auth: Auth,
    /// What stands before the paths below the root.
    root: String,
    /// Whether folders are told in batches; old clusters tell them whole.
    has_batches: AtomicBool,
}

/// What goes with each request.
struct Auth {
    user: Option<String>,
    delegation: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(redacted)")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    file_status: FileStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statuses {
    file_statuses: StatusList,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusList {
    file_status: Vec<FileStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    directory_listing: PartialListing,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialListing {
    partial_listing: Statuses,
    remaining_entries: u64,
}

/// What is told of a file or folder.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileStatus {
    path_suffix: String,
    #[serde(rename = "type")]
    kind: String,
    length: u64,
    modification_time: i64,
    file_id: Option<u64>,
    #[serde(default)]
    snapshot_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sum {
    file_checksum: FileChecksum,
}

#[derive(Deserialize)]
struct FileChecksum {
    algorithm: String,
    bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Remote {
    remote_exception: RemoteException,
}

#[derive(Deserialize)]
struct RemoteException {
    exception: String,
}

impl WebHdfs {
    pub(super) async fn open(
        spec: &TreeSpec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        let wire = Wire::new(&spec.endpoint, network);
        let base = if wire.base_path().ends_with(BASE) {
            ""
        } else {
            BASE
        };
        let source = Self {
            root: format!("{base}/{}", path(&spec.path)),
            auth: Auth {
                user: credentials
                    .map(|found| found.access_key().to_owned())
                    .filter(|user| !user.is_empty()),
                delegation: credentials
                    .and_then(Credentials::session_token)
                    .map(str::to_owned),
            },
            wire,
            has_batches: AtomicBool::new(true),
        };
        if source.status("").await?.kind != "DIRECTORY" {
            return Err(Error::Unsupported {
                what: "a file as a source: name the folder it lies in".to_owned(),
            });
        }
        Ok(source)
    }

    fn request(&self, op: &'static str, path_below: &str) -> Request {
        let root = self.root.trim_end_matches('/');
        let below = path(path_below.trim_end_matches('/'));
        let at = match below.as_str() {
            "" => self.root.clone(),
            below => format!("{root}/{below}"),
        };
        let mut request = Request::get(at).query("op", op);
        if let Some(delegation) = &self.auth.delegation {
            request = request.query("delegation", delegation.as_str());
        } else if let Some(user) = &self.auth.user {
            request = request.query("user.name", user.as_str());
        }
        request
    }

    /// Sends a request, and follows where the answer leads to once.
    async fn send(&self, request: Request) -> Result<Answer, Error> {
        let mut answer = self.wire.send(&request).await?;
        if matches!(answer.status, 302 | 307) {
            let location = answer.owned("location");
            let (origin, rest) = location
                .as_deref()
                .and_then(split_origin)
                .ok_or_else(|| lie("a redirection that leads nowhere"))?;
            let onward = self.wire.onward(origin).await?;
            answer = onward.send(&Request::get(rest.to_owned())).await?;
            if (300..400).contains(&answer.status) {
                return Err(lie("a redirection that leads to another one"));
            }
        }
        match answer.status {
            200 => Ok(answer),
            _ => Err(fault(answer).await),
        }
    }

    async fn told<T: for<'de> Deserialize<'de>>(&self, request: Request) -> Result<T, Error> {
        let answer = self.send(request).await?.read().await?;
        serde_json::from_slice(&answer).map_err(|_| lie("JSON that is not what was asked for"))
    }

    async fn status(&self, path: &str) -> Result<FileStatus, Error> {
        let status: Status = self.told(self.request("GETFILESTATUS", path)).await?;
        Ok(status.file_status)
    }

    async fn file(&self, path: &str) -> Result<FileState, Error> {
        let status = self.status(path).await?;
        match status.kind.as_str() {
            "FILE" => Ok(status.state()),
            _ => Err(Error::Changed),
        }
    }

    /// Lists a folder batch by batch. `false` when the cluster does not know of batches.
    async fn list_in_batches(&self, folder: &str, names: &mut Smallest) -> Result<bool, Error> {
        let mut after: Option<String> = None;
        loop {
            let mut request = self.request("LISTSTATUS_BATCH", folder);
            if let Some(after) = &after {
                request = request.query("startAfter", after.as_str());
            }
            let batch: Batch = match self.told(request).await {
                Ok(batch) => batch,
                Err(Error::Unsupported { .. }) if after.is_none() => return Ok(false),
                Err(other) => return Err(other),
            };
            let listing = batch.directory_listing;
            let statuses = listing.partial_listing.file_statuses.file_status;
            let last = statuses.last().map(|status| status.path_suffix.clone());
            take_all(statuses, names)?;
            if listing.remaining_entries == 0 {
                return Ok(true);
            }
            if last.is_none() || last <= after {
                return Err(lie("a listing that goes in a circle"));
            }
            after = last;
        }
    }

    /// Returns the checksum, where there is one. Nothing depends on it.
    async fn checksum(&self, path: &str) -> Option<FileChecksum> {
        let request = self.request("GETFILECHECKSUM", path);
        let sum: Sum = self.told(request).await.ok()?;
        Some(sum.file_checksum).filter(FileChecksum::is_plain)
    }
}

#[async_trait]
impl Tree for WebHdfs {
    async fn list(&self, folder: &str, names: &mut Smallest) -> Result<(), Error> {
        let status = self.status(folder).await?;
        if status.kind != "DIRECTORY" {
            return Err(Error::Gone {
                what: "no folder any longer".to_owned(),
            });
        }
        if status.snapshot_enabled {
            names.take(Found {
                name: b".snapshot".to_vec(),
                kind: FoundKind::Odd(OddityKind::Snapshots),
            })?;
        }
        if self.has_batches.load(Ordering::Relaxed) {
            if self.list_in_batches(folder, names).await? {
                return Ok(());
            }
            self.has_batches.store(false, Ordering::Relaxed);
        }
        let statuses: Statuses = self.told(self.request("LISTSTATUS", folder)).await?;
        take_all(statuses.file_statuses.file_status, names)
    }

    async fn state(&self, path: &str) -> Result<FileState, Error> {
        self.file(path).await
    }

    async fn details(&self, path: &str) -> Result<Details, Error> {
        let state = self.file(path).await?;
        let sum = match state.size_bytes {
            0 => None,
            _ => self.checksum(path).await,
        };
        Ok(Details {
            fingerprint: state.fingerprint,
            size_bytes: state.size_bytes,
            modified: state.modified,
            content_type: content_type::of_key(path).map(str::to_owned),
            checksums: sum
                .as_ref()
                .and_then(FileChecksum::whole)
                .into_iter()
                .collect(),
            etag: sum.map(|sum| format!("{}:{}", sum.algorithm, sum.bytes)),
            ..Details::default()
        })
    }

    async fn read(
        &self,
        path: &str,
        _details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        let request = self
            .request("OPEN", path)
            .query("offset", range.start.to_string())
            .query("length", range.len_bytes.to_string());
        let answer = self.send(request).await?;
        if answer.is_of(range) {
            Ok(answer.stream())
        } else {
            Err(Error::Changed)
        }
    }
}

fn take_all(statuses: Vec<FileStatus>, names: &mut Smallest) -> Result<(), Error> {
    for status in statuses {
        let kind = match status.kind.as_str() {
            "FILE" => FoundKind::File(status.state()),
            "DIRECTORY" => FoundKind::Folder,
            "SYMLINK" => FoundKind::Odd(OddityKind::SymbolicLink),
            _ => FoundKind::Odd(OddityKind::SpecialFile),
        };
        names.take(Found {
            name: status.path_suffix.into_bytes(),
            kind,
        })?;
    }
    Ok(())
}

impl FileStatus {
    /// The id of a file tells it from one that took its place.
    fn state(&self) -> FileState {
        let id = self.file_id.unwrap_or(0);
        FileState {
            size_bytes: self.length,
            fingerprint: format!(" {}-{}-{id}", self.length, self.modification_time),
            modified: Some(Timestamp::from_millis(self.modification_time)),
        }
    }
}

impl FileChecksum {
    /// Whether it can be written down: the text is the cluster's own.
    fn is_plain(&self) -> bool {
        let plain = |text: &str, max| {
            (1..=max).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        plain(&self.algorithm, 64) && plain(&self.bytes, 128)
    }

    /// Returns it if it is one of the bytes alone, and not of the blocks that they lie in.
    fn whole(&self) -> Option<SourceChecksum> {
        let algorithm = match self.algorithm.as_str() {
            "COMPOSITE-CRC32C" => ChecksumAlgorithm::Crc32c,
            "COMPOSITE-CRC32" => ChecksumAlgorithm::Crc32,
            _ => return None,
        };
        let value = hex::decode(&self.bytes).ok()?;
        (value.len() == algorithm.len_bytes()).then_some(SourceChecksum {
            algorithm,
            scope: ChecksumScope::Whole,
            value,
        })
    }
}

/// Divides a URL into where it leads and what is asked there.
fn split_origin(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    let path = authority + url.get(authority..)?.find('/')?;
    Some(url.split_at(path))
}

/// Says what a refusal means. Java's exceptions are told by name; what they say is not passed on.
async fn fault(answer: Answer) -> Error {
    let status = answer.status;
    let negotiates = answer
        .header("www-authenticate")
        .is_some_and(|asked| asked.to_ascii_lowercase().contains("negotiate"));
    let body = answer.read().await.unwrap_or_default();
    let code = serde_json::from_slice::<Remote>(&body)
        .ok()
        .map(|remote| remote.remote_exception.exception)
        .filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric()));
    let told = |code: &str| format!("{status} {code}");
    match (status, code.as_deref()) {
        (401, None) if negotiates => Error::Credentials {
            what: "401, and it asks for Kerberos, which is not spoken: fetch a delegation token and set HDFS_DELEGATION_TOKEN".to_owned(),
        },
        (_, Some("StandbyException")) => {
            unavailable("StandbyException: that namenode stands by, name the active one")
        }
        (_, Some(code)) if PATIENCE.contains(&code) => unavailable(&told(code)),
        (_, Some(code)) if CREDENTIALS.contains(&code) => Error::Credentials { what: told(code) },
        (403, Some("AccessControlException")) => of_status(403, code.as_deref()),
        // Whatever else goes wrong in a cluster is an IOException, and those are told as 403.
        (403, Some(code)) => unavailable(&told(code)),
        (400, Some(code)) => Error::Unsupported { what: told(code) },
        (status, code) => of_status(status, code),
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, FileChecksum, Status, split_origin, take_all};
    use crate::tree::names::Smallest;

    #[test]
    fn what_a_namenode_tells_is_read() {
        let json = r#"{"DirectoryListing":{"partialListing":{"FileStatuses":{"FileStatus":[
            {"accessTime":0,"blockSize":134217728,"childrenNum":0,"fileId":16389,"group":"g","length":5,"modificationTime":1333000,
             "owner":"o","pathSuffix":"a","permission":"644","replication":1,"storagePolicy":0,"type":"FILE"},
            {"pathSuffix":"b","type":"SYMLINK","length":0,"modificationTime":0,"symlink":"x"}]}},"remainingEntries":3}}"#;
        let batch: Batch = serde_json::from_str(json).expect("a batch");
        assert_eq!(batch.directory_listing.remaining_entries, 3);
        let statuses = batch.directory_listing.partial_listing.file_statuses;
        let state = statuses.file_status[0].state();
        assert_eq!(state.fingerprint, " 5-1333000-16389");
        let mut names = Smallest::new(None, 9);
        take_all(statuses.file_status, &mut names).expect("names");
        assert_eq!(names.finish().0.len(), 2);
        let json = r#"{"FileStatus":{"pathSuffix":"","type":"DIRECTORY","length":0,"modificationTime":0,"snapshotEnabled":true}}"#;
        let status: Status = serde_json::from_str(json).expect("a status");
        assert!(status.file_status.snapshot_enabled);
        assert!(serde_json::from_str::<Status>(&json.replace(":0", ":-1")).is_err());
    }

    #[test]
    fn only_a_checksum_of_the_bytes_alone_is_compared() {
        let sum = |algorithm: &str, bytes: &str| FileChecksum {
            algorithm: algorithm.to_owned(),
            bytes: bytes.to_owned(),
        };
        assert!(sum("COMPOSITE-CRC32C", "9871c31e").whole().is_some());
        assert!(sum("COMPOSITE-CRC32C", "98").whole().is_none());
        assert!(
            sum("MD5-of-1MD5-of-512CRC32C", &"0".repeat(56))
                .whole()
                .is_none()
        );
        assert!(!sum("a b", "00").is_plain());
    }

    #[test]
    fn a_redirection_is_divided() {
        assert_eq!(
            split_origin("http://dn:9864/webhdfs/v1/a?op=OPEN&offset=0"),
            Some(("http://dn:9864", "/webhdfs/v1/a?op=OPEN&offset=0"))
        );
        for bad in ["", "/a", "http://dn", "dn:1/a"] {
            assert_eq!(split_origin(bad), None, "{bad}");
        }
    }
}
