//! The parameters that turn a plain request into another operation. Known ones that this service does not do, and
//! known ones in a place where they mean nothing, are refused: `s3s` would route some of them to a plain read or write.

use http::{HeaderMap, Method};

use crate::fault::{Code, Fault};
use crate::guard::address::Address;
use crate::guard::query::Query;

/// Where a parameter may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Bucket,
    Object,
}

/// Parameters that choose an operation, with where and on which methods they may.
const CHOOSING: [(&str, On, &[Method]); 30] = [
    ("location", On::Bucket, &[Method::GET]),
    ("delete", On::Bucket, &[Method::POST]),
    ("uploads", On::Bucket, &[Method::GET]),
    ("uploads", On::Object, &[Method::POST]),
    ("tagging", On::Object, READ_WRITE_REMOVE),
    ("tagging", On::Bucket, READ_WRITE_REMOVE),
    (
        "uploadId",
        On::Object,
        &[Method::GET, Method::PUT, Method::POST, Method::DELETE],
    ),
    ("list-type", On::Bucket, &[Method::GET]),
    ("versions", On::Bucket, &[Method::GET]),
    ("versioning", On::Bucket, READ_WRITE),
    ("object-lock", On::Bucket, READ_WRITE),
    ("retention", On::Object, READ_WRITE),
    ("legal-hold", On::Object, READ_WRITE),
    ("attributes", On::Object, &[Method::GET]),
    ("acl", On::Bucket, READ_WRITE),
    ("acl", On::Object, READ_WRITE),
    ("cors", On::Bucket, READ_WRITE_REMOVE),
    ("lifecycle", On::Bucket, READ_WRITE_REMOVE),
    ("encryption", On::Bucket, READ_WRITE_REMOVE),
    ("publicAccessBlock", On::Bucket, READ_WRITE_REMOVE),
    ("ownershipControls", On::Bucket, READ_WRITE_REMOVE),
    ("policy", On::Bucket, READ_WRITE_REMOVE),
    ("policyStatus", On::Bucket, &[Method::GET]),
    ("website", On::Bucket, READ_WRITE_REMOVE),
    ("inventory", On::Bucket, READ_WRITE_REMOVE),
    ("logging", On::Bucket, READ_WRITE),
    ("notification", On::Bucket, READ_WRITE),
    ("accelerate", On::Bucket, READ_WRITE),
    ("requestPayment", On::Bucket, READ_WRITE),
    ("replication", On::Bucket, READ_WRITE_REMOVE),
];
const READ_WRITE: &[Method] = &[Method::GET, Method::PUT];
const READ_WRITE_REMOVE: &[Method] = &[Method::GET, Method::PUT, Method::DELETE];

/// Parameters of an object beside which a version may be named.
const OF_VERSIONS: [&str; 5] = ["tagging", "retention", "legal-hold", "attributes", "acl"];

/// Sub-resources of S3 that this service does not do.
const NOT_IMPLEMENTED: [&str; 18] = [
    "abac",
    "analytics",
    "append",
    "events",
    "intelligent-tiering",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "partsInfo",
    "renameObject",
    "resourcePolicy",
    "restore",
    "select",
    "select-type",
    "session",
    "torrent",
];

/// Checks the parameters against method and address, and drops those that say what is so anyway.
pub(crate) fn check(
    method: &Method,
    address: &Address,
    headers: &HeaderMap,
    query: Query,
) -> Result<Query, Fault> {
    if let Some(name) = query.names().find(|name| NOT_IMPLEMENTED.contains(name)) {
        return Err(Fault::not_implemented(&format!(
            "The sub-resource `{name}`"
        )));
    }
    let on = match address {
        Address::Service => None,
        Address::Bucket(_) => Some(On::Bucket),
        Address::Object(..) => Some(On::Object),
    };
    let mut chosen = None;
    for name in query.names() {
        if !CHOOSING.iter().any(|(known, ..)| *known == name) {
            continue;
        }
        let fits = CHOOSING.iter().any(|(known, place, methods)| {
            *known == name && Some(*place) == on && methods.contains(method)
        });
        if !fits {
            return Err(not_here(name));
        }
        if let Some(other) = chosen.replace(name) {
            return Err(Fault::new(
                Code::InvalidArgument,
                format!("Conflicting query parameters: {other}, {name}"),
            ));
        }
    }
    check_values(method, &query)?;
    check_part_number(method, on, &query)?;
    check_copy_source(method, on, headers, chosen)?;
    check_operation(method, on, chosen)?;
    if query.has("versionId") && !may_name_a_version(method, on, headers, chosen) {
        return Err(Fault::new(
            Code::InvalidArgument,
            "This operation does not accept a version-id.",
        ));
    }
    Ok(query)
}

fn may_name_a_version(
    method: &Method,
    on: Option<On>,
    headers: &HeaderMap,
    chosen: Option<&str>,
) -> bool {
    let is_plain = matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
        && !headers.contains_key("x-amz-copy-source");
    on == Some(On::Object)
        && match chosen {
            None => is_plain,
            Some(name) => OF_VERSIONS.contains(&name),
        }
}

fn check_values(method: &Method, query: &Query) -> Result<(), Fault> {
    if query.get("list-type").is_some_and(|value| value != "2") {
        return Err(Fault::new(Code::InvalidArgument, "list-type must be 2"));
    }
    if query.get("uploadId").is_some_and(str::is_empty) {
        return Err(Fault::new(Code::InvalidArgument, "uploadId is empty"));
    }
    if query
        .get("encoding-type")
        .is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case("url"))
    {
        return Err(Fault::new(
            Code::InvalidArgument,
            "Invalid Encoding Method specified in Request",
        ));
    }
    let known = [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::DELETE,
    ];
    if known.contains(method) {
        Ok(())
    } else {
        Err(Fault::new(
            Code::MethodNotAllowed,
            "The specified method is not allowed against this resource.",
        ))
    }
}

/// A part number names a part of an object that is read or of an upload that is written, together with its id.
fn check_part_number(method: &Method, on: Option<On>, query: &Query) -> Result<(), Fault> {
    let (part, upload) = (query.has("partNumber"), query.has("uploadId"));
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let fits = match (part, upload) {
        (false, false) => true,
        (true, false) => on == Some(On::Object) && reads,
        (false, true) => *method != Method::PUT,
        (true, true) => *method == Method::PUT,
    };
    if fits {
        Ok(())
    } else {
        Err(Fault::new(
            Code::InvalidArgument,
            "partNumber and uploadId go together to upload a part; partNumber alone reads one.",
        ))
    }
}

fn check_copy_source(
    method: &Method,
    on: Option<On>,
    headers: &HeaderMap,
    chosen: Option<&str>,
) -> Result<(), Fault> {
    let copies = headers.contains_key("x-amz-copy-source");
    let on_a_write = *method == Method::PUT
        && on == Some(On::Object)
        && matches!(chosen, None | Some("uploadId"));
    if copies && !on_a_write {
        return Err(Fault::new(
            Code::InvalidArgument,
            "You can only specify a copy source header for copy requests.",
        ));
    }
    let ranged = headers.contains_key("x-amz-copy-source-range");
    if ranged && !(copies && chosen == Some("uploadId")) {
        return Err(Fault::new(
            Code::InvalidArgument,
            "x-amz-copy-source-range is for copying a part.",
        ));
    }
    Ok(())
}

/// Refuses what is no operation at all.
fn check_operation(method: &Method, on: Option<On>, chosen: Option<&str>) -> Result<(), Fault> {
    let is_none = match (on, chosen) {
        (None, _) => !matches!(*method, Method::GET | Method::HEAD),
        (Some(On::Object), None) => *method == Method::POST,
        (Some(On::Bucket), None) if *method == Method::POST => {
            return Err(Fault::new(
                Code::PreconditionFailed,
                "Bucket POST must be of the enclosure-type multipart/form-data",
            ));
        }
        (Some(_), _) => false,
    };
    if is_none {
        return Err(Fault::new(
            Code::MethodNotAllowed,
            "The specified method is not allowed against this resource.",
        )
        .with_detail("Method", method.as_str()));
    }
    Ok(())
}

fn not_here(name: &str) -> Fault {
    Fault::new(
        Code::MethodNotAllowed,
        format!("The sub-resource `{name}` does not take this method here."),
    )
}

#[cfg(test)]
mod tests {
    use super::{NOT_IMPLEMENTED, check};
    use crate::fault::Code;
    use crate::guard::address::Address;
    use crate::guard::query::Query;
    use http::{HeaderMap, Method};
    use onshore_types::{BucketName, ObjectKey};

    fn address(path: &str) -> Address {
        let mut headers = HeaderMap::new();
        headers.insert("host", "h".parse().expect("a host"));
        Address::parse(&headers, path, &[]).expect("an address")
    }

    fn run(method: &Method, path: &str, query: &str) -> Result<Query, Code> {
        let query = Query::parse(Some(query)).expect("a query");
        check(method, &address(path), &HeaderMap::new(), query).map_err(|fault| fault.code)
    }

    #[test]
    fn unsupported_subresources_are_never_plain_requests() {
        for name in NOT_IMPLEMENTED {
            for method in [
                Method::GET,
                Method::PUT,
                Method::DELETE,
                Method::HEAD,
                Method::POST,
            ] {
                for path in ["/bkt", "/bkt/key"] {
                    for query in [name.to_owned(), format!("prefix=a&{name}=1")] {
                        let code = run(&method, path, &query).err();
                        assert_eq!(code, Some(Code::NotImplemented), "{method} {path}?{query}");
                    }
                }
            }
        }
    }

    #[test]
    fn parameters_in_the_wrong_place_are_refused() {
        let (get, put, post) = (Method::GET, Method::PUT, Method::POST);
        for (method, path, query) in [
            (&put, "/bkt/key", "uploads"),
            (&put, "/bkt/key", "uploadId=u"),
            (&put, "/bkt/key", "partNumber=1"),
            (&get, "/bkt/key", "uploadId=u&partNumber=1"),
            (&Method::DELETE, "/bkt/key", "partNumber=1"),
            (&put, "/bkt/key", "delete"),
            (&get, "/bkt/key", "location"),
            (&get, "/bkt", "location&uploads"),
            (&get, "/bkt/key", "tagging&uploadId=u"),
            (&post, "/bkt/key", "uploads&uploadId=u"),
            (&put, "/bkt/key", "uploadId=&partNumber=1"),
            (&get, "/bkt", "list-type=1"),
            (&get, "/bkt", "encoding-type=base64"),
            (&get, "/bkt", "versionId=null"),
            (&put, "/bkt/key", "versionId=null"),
            (&post, "/bkt/key", "uploads&versionId=null"),
            (&get, "/bkt", "tagging&versionId=null"),
            (&get, "/bkt", "retention"),
            (&Method::DELETE, "/bkt", "versioning"),
            (&put, "/bkt/key", "attributes"),
            (&Method::PATCH, "/bkt/key", ""),
            (&get, "/", "uploads"),
        ] {
            assert!(run(method, path, query).is_err(), "{method} {path}?{query}");
        }
    }

    #[test]
    fn what_is_done_passes_and_unknown_words_are_left_to_be_ignored() {
        let (get, put, post) = (Method::GET, Method::PUT, Method::POST);
        for (method, path, query) in [
            (&get, "/bkt", "list-type=2&prefix=acl&delimiter=/"),
            (&get, "/bkt", "location"),
            (&get, "/bkt", "uploads&prefix=a"),
            (&post, "/bkt", "delete"),
            (&get, "/bkt/key", "partNumber=1"),
            (&put, "/bkt/key", "partNumber=1&uploadId=u"),
            (&put, "/bkt/key", "x-id=PutObject"),
            (&get, "/bkt/key", "utm_source=mail"),
            (&Method::DELETE, "/bkt/key", "uploadId=u"),
        ] {
            assert!(run(method, path, query).is_ok(), "{method} {path}?{query}");
        }
        for (method, query) in [
            (&get, "versionId=null"),
            (&Method::HEAD, "versionId=x"),
            (&Method::DELETE, "versionId=x"),
            (&put, "tagging&versionId=x"),
            (&get, "attributes&versionId=x"),
        ] {
            let query = run(method, "/bkt/key", query).expect("a version may be named");
            assert!(query.has("versionId"));
        }
    }

    #[test]
    fn a_copy_source_stands_on_a_write_alone() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-copy-source", "/b/k".parse().expect("a value"));
        let object = Address::Object(
            BucketName::parse("bkt").expect("a bucket"),
            ObjectKey::parse("key").expect("a key"),
        );
        let try_it = |method: &Method, query: &str, headers: &HeaderMap| {
            check(
                method,
                &object,
                headers,
                Query::parse(Some(query)).expect("a query"),
            )
            .is_ok()
        };
        assert!(try_it(&Method::PUT, "", &headers));
        assert!(try_it(&Method::PUT, "partNumber=1&uploadId=u", &headers));
        for (method, query) in [
            (Method::GET, ""),
            (Method::PUT, "tagging"),
            (Method::POST, "uploads"),
            (Method::DELETE, ""),
        ] {
            assert!(!try_it(&method, query, &headers), "{method} {query}");
        }
        headers.insert(
            "x-amz-copy-source-range",
            "bytes=0-1".parse().expect("a value"),
        );
        assert!(!try_it(&Method::PUT, "", &headers));
        assert!(try_it(&Method::PUT, "partNumber=1&uploadId=u", &headers));
    }
}
