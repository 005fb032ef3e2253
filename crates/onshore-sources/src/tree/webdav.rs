//! A folder behind WebDAV (RFC 4918): listed folder by folder, read under `If-Match` where the ETag is a strong one. What a server
//! says of the bytes, if it does, are the checksums of ownCloud and Nextcloud.

mod multistatus;

use std::borrow::Cow;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt;
use onshore_types::ByteRange;

use crate::s3::unquoted;
use crate::source::{ByteStream, Details};
use crate::tree::Tree;
use crate::tree::names::{FileState, Found, FoundKind, Smallest};
use crate::tree::spec::TreeSpec;
use crate::tree::webdav::multistatus::{Cutter, Member, MemberKind, segments};
use crate::wire::{Answer, Request, Wire, lie, of_status, path};
use crate::{Credentials, Error, Network};

/// What is asked of everything that is listed.
const PROPERTIES: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:resourcetype/><d:getcontentlength/><d:getetag/>
<d:getlastmodified/><d:getcontenttype/><d:getcontentlanguage/><oc:checksums/></d:prop></d:propfind>"#;

/// A folder.
#[derive(Debug)]
pub(super) struct WebDav {
    wire: Wire,
    auth: Auth,
    /// The path of the root, with a slash behind it.
    root: String,
}

/// What opens a folder.
enum Auth {
    Anonymous,
    /// The value of the header.
    Header(String),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(redacted)")
    }
}

impl Auth {
    /// A session token is a bearer token; else access key and secret are user and password.
    fn new(credentials: Option<&Credentials>) -> Self {
        match credentials {
            None => Self::Anonymous,
            Some(found) => Self::Header(match found.session_token() {
                Some(token) => format!("Bearer {token}"),
                None => {
                    let pair = format!("{}:{}", found.access_key(), found.secret_key());
                    format!("Basic {}", STANDARD.encode(pair))
                }
            }),
        }
    }
}

impl WebDav {
    pub(super) async fn open(
        spec: &TreeSpec,
        credentials: Option<&Credentials>,
        network: Network,
    ) -> Result<Self, Error> {
        let root = match spec.path.as_str() {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        let source = Self {
            wire: Wire::new(&spec.endpoint, network),
            auth: Auth::new(credentials),
            root,
        };
        match source.one("").await?.kind {
            MemberKind::Folder => Ok(source),
            MemberKind::File { .. } | MemberKind::Link | MemberKind::Refused(_) => {
                Err(Error::Unsupported {
                    what: "a file as a source: name the folder it lies in".to_owned(),
                })
            }
        }
    }

    fn at(&self, path_below: &str) -> String {
        path(&format!("{}{path_below}", self.root))
    }

    async fn send(&self, mut request: Request) -> Result<Answer, Error> {
        if let Auth::Header(value) = &self.auth {
            request = request.header("authorization", value.as_str());
        }
        self.wire.send(&request).await
    }

    async fn propfind(&self, path: &str, depth: &'static str) -> Result<Answer, Error> {
        let mut request = Request::get(self.at(path))
            .header("depth", depth)
            .header("content-type", "application/xml");
        request.method = "PROPFIND";
        request.body = PROPERTIES.to_owned();
        let answer = self.send(request).await?;
        match answer.status {
            207 => Ok(answer),
            _ => Err(fault(&answer)),
        }
    }

    /// Asks what one thing is.
    async fn one(&self, path: &str) -> Result<Member, Error> {
        let asked = self.segments(path);
        let mut found = None;
        self.members(path, "0", |member| {
            if member.path != asked || found.is_some() {
                return Err(lie("a path that was not asked for"));
            }
            found = Some(member);
            Ok(())
        })
        .await?;
        let found = found.ok_or_else(|| lie("an answer without what was asked for"))?;
        match found.kind {
            MemberKind::Refused(status) => Err(of_status(status, None)),
            _ => Ok(found),
        }
    }

    /// Reads an answer member by member, as it comes.
    async fn members(
        &self,
        path: &str,
        depth: &'static str,
        mut each: impl FnMut(Member) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut body = self.propfind(path, depth).await?.stream();
        let mut cutter = Cutter::default();
        while let Some(chunk) = body.try_next().await? {
            for member in cutter.feed(&chunk)? {
                each(member)?;
            }
        }
        cutter.finish()
    }

    /// Returns the segments of a path as a server spells them.
    fn segments(&self, path: &str) -> Vec<Vec<u8>> {
        segments(&format!("{}{}", self.wire.base_path(), self.at(path)))
    }

    async fn file(&self, path: &str) -> Result<(Member, FileState), Error> {
        let member = self.one(path).await?;
        match &member.kind {
            MemberKind::File(state) => {
                let state = state.clone();
                Ok((member, state))
            }
            MemberKind::Folder | MemberKind::Link | MemberKind::Refused(_) => Err(Error::Changed),
        }
    }
}

#[async_trait]
impl Tree for WebDav {
    async fn list(&self, folder: &str, names: &mut Smallest) -> Result<(), Error> {
        let asked = self.segments(folder);
        let mut is_there = false;
        self.members(folder, "1", |mut member| {
            if !member.path.starts_with(&asked) || member.path.len() > asked.len() + 1 {
                return Err(lie("a path outside of the folder that was asked for"));
            }
            if member.path.len() > asked.len() {
                let name = member.path.pop().unwrap_or_default();
                let kind = member.kind.into_found();
                return names.take(Found { name, kind });
            }
            is_there = true;
            match member.kind {
                MemberKind::Folder => Ok(()),
                MemberKind::Refused(status) => Err(of_status(status, None)),
                MemberKind::File(_) | MemberKind::Link => Err(Error::Gone {
                    what: "no folder any longer".to_owned(),
                }),
            }
        })
        .await?;
        if is_there {
            Ok(())
        } else {
            Err(lie("a listing without the folder itself"))
        }
    }

    async fn state(&self, path: &str) -> Result<FileState, Error> {
        Ok(self.file(path).await?.1)
    }

    async fn details(&self, path: &str) -> Result<Details, Error> {
        let (member, state) = self.file(path).await?;
        Ok(Details {
            fingerprint: state.fingerprint,
            etag: member
                .etag
                .filter(|etag| is_strong(etag))
                .as_deref()
                .map(unquoted),
            size_bytes: state.size_bytes,
            modified: state.modified,
            content_type: member.content_type,
            content_language: member.content_language,
            checksums: member.checksums,
            ..Details::default()
        })
    }

    async fn read(
        &self,
        path: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        let is_whole = range == ByteRange::whole(details.size_bytes);
        let mut request = Request::get(self.at(path));
        if let Some(etag) = &details.etag {
            request = request.header("if-match", format!("\"{etag}\""));
        }
        if !is_whole {
            request = request.range(range);
        }
        let answer = self.send(request).await?;
        match answer.status {
            206 if !is_whole => {}
            200 if is_whole => {}
            200 => {
                return Err(Error::Unsupported {
                    what: "ranges of a file".to_owned(),
                });
            }
            _ => return Err(fault(&answer)),
        }
        let sent = answer
            .header("etag")
            .filter(|etag| is_strong(etag))
            .map(unquoted);
        if sent.is_some() && details.etag.is_some() && sent != details.etag {
            return Err(Error::Changed);
        }
        if !answer.is_of(range) {
            return Err(Error::Changed);
        }
        Ok(answer.stream())
    }

    /// A folder that took the place of the file would go with everything in it, so without a condition nothing is removed.
    async fn remove(&self, path: &str, details: &Details) -> Result<(), Error> {
        let Some(etag) = &details.etag else {
            return Err(Error::Unsupported {
                what: "removing a file that has no strong ETag".to_owned(),
            });
        };
        let mut request = Request::get(self.at(path)).header("if-match", format!("\"{etag}\""));
        request.method = "DELETE";
        let answer = self.send(request).await?;
        match answer.status {
            200 | 202 | 204 => Ok(()),
            // Some of what was to go stayed.
            207 => Err(lie("a file of which parts could not be removed")),
            _ => Err(fault(&answer)),
        }
    }
}

impl MemberKind {
    fn into_found(self) -> FoundKind {
        use crate::source::OddityKind;
        match self {
            Self::Folder => FoundKind::Folder,
            Self::File(state) => FoundKind::File(state),
            Self::Link => FoundKind::Odd(OddityKind::SymbolicLink),
            Self::Refused(_) => FoundKind::Odd(OddityKind::FileUnreadable),
        }
    }
}

/// Whether an ETag says that equal ones are of equal bytes.
fn is_strong(etag: &str) -> bool {
    !etag.trim_start().starts_with("W/")
}

fn fault(answer: &Answer) -> Error {
    match answer.status {
        401 => {
            let asks_basic = answer.header("www-authenticate").is_none_or(|asked| {
                !asked
                    .trim_start()
                    .to_ascii_lowercase()
                    .starts_with("digest")
            });
            let what: Cow<'static, str> = if asks_basic {
                "401".into()
            } else {
                "401, and it asks for Digest, which is not spoken: let it take Basic or a bearer token".into()
            };
            Error::Credentials {
                what: what.into_owned(),
            }
        }
        405 | 501 => Error::Unsupported {
            what: format!("{}: there is no WebDAV at that address", answer.status),
        },
        // A locked file can be read; who says so means something that passes.
        507 => Error::Unavailable {
            what: "507".to_owned(),
        },
        status => of_status(status, None),
    }
}
