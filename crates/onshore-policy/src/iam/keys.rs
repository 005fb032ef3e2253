//! The condition keys that policies may name. A key that is not here is refused when it is put: a condition that nobody
//! fills in would let in, or shut out, whom its author did not mean.

use std::fmt;

/// A condition key, in small letters: AWS tells no two apart by letter case. What follows a `/` is the name of a tag.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// The values that a key has in a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// One.
    One(String),
    /// Any number, of a key that may have several.
    Many(Vec<String>),
}

/// How many values a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    One,
    Many,
    /// One for each name that may follow the `/`.
    Tagged,
}

/// The keys, in small letters.
const TABLE: [(&str, Count); 45] = [
    ("aws:currenttime", Count::One),
    ("aws:epochtime", Count::One),
    ("aws:principalaccount", Count::One),
    ("aws:principalarn", Count::One),
    ("aws:principaltag", Count::Tagged),
    ("aws:principaltype", Count::One),
    ("aws:referer", Count::One),
    ("aws:requestedregion", Count::One),
    ("aws:requesttag", Count::Tagged),
    ("aws:resourceaccount", Count::One),
    ("aws:securetransport", Count::One),
    ("aws:sourceip", Count::One),
    ("aws:tagkeys", Count::Many),
    ("aws:tokenissuetime", Count::One),
    ("aws:useragent", Count::One),
    ("aws:userid", Count::One),
    ("aws:username", Count::One),
    ("s3:authtype", Count::One),
    ("s3:delimiter", Count::One),
    ("s3:existingobjecttag", Count::Tagged),
    ("s3:locationconstraint", Count::One),
    ("s3:max-keys", Count::One),
    ("s3:object-lock-legal-hold", Count::One),
    ("s3:object-lock-mode", Count::One),
    ("s3:object-lock-remaining-retention-days", Count::One),
    ("s3:object-lock-retain-until-date", Count::One),
    ("s3:prefix", Count::One),
    ("s3:requestobjecttag", Count::Tagged),
    ("s3:requestobjecttagkeys", Count::Many),
    ("s3:resourceaccount", Count::One),
    ("s3:signatureage", Count::One),
    ("s3:signatureversion", Count::One),
    ("s3:tlsversion", Count::One),
    ("s3:versionid", Count::One),
    ("s3:x-amz-acl", Count::One),
    ("s3:x-amz-content-sha256", Count::One),
    ("s3:x-amz-copy-source", Count::One),
    ("s3:x-amz-metadata-directive", Count::One),
    ("s3:x-amz-server-side-encryption", Count::One),
    ("s3:x-amz-server-side-encryption-aws-kms-key-id", Count::One),
    (
        "s3:x-amz-server-side-encryption-customer-algorithm",
        Count::One,
    ),
    ("s3:x-amz-storage-class", Count::One),
    ("sts:externalid", Count::One),
    ("sts:rolesessionname", Count::One),
    ("sts:transitivetagkeys", Count::Many),
];

/// Reads the name of a key, if it is one.
pub(crate) fn parse(name: &str) -> Option<Key> {
    let (base, tag) = match name.split_once('/') {
        None => (name, None),
        Some((base, tag)) => (base, Some(tag)),
    };
    let base = base.to_ascii_lowercase();
    let (_, count) = TABLE.iter().find(|(known, _)| *known == base)?;
    match (count, tag) {
        (Count::One | Count::Many, None) => Some(Key(base)),
        // Names of tags are told apart by letter case at most where they are kept; a key is found without it, as at AWS.
        (Count::Tagged, Some(tag)) if !tag.is_empty() => {
            Some(Key(format!("{base}/{}", tag.to_lowercase())))
        }
        (Count::One | Count::Many, Some(_)) | (Count::Tagged, _) => None,
    }
}

impl Key {
    /// Returns its name, in small letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns its name before the `/`, and the name of the tag behind it.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self.0.split_once('/') {
            None => (&self.0, None),
            Some((base, tag)) => (base, Some(tag)),
        }
    }

    /// Whether it may have several values.
    #[must_use]
    pub fn has_many_values(&self) -> bool {
        TABLE
            .iter()
            .any(|(known, count)| *known == self.0 && *count == Count::Many)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Values {
    /// Returns all of them.
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Returns the one there is.
    pub(crate) fn one(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Many(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn keys_are_known_or_refused() {
        assert_eq!(
            parse("aws:SourceIp").expect("a key").as_str(),
            "aws:sourceip"
        );
        let tag = parse("aws:PrincipalTag/Team").expect("a key");
        assert_eq!(tag.parts(), ("aws:principaltag", Some("team")));
        assert!(
            parse("s3:RequestObjectTagKeys")
                .expect("a key")
                .has_many_values()
        );
        for bad in [
            "aws:nothing",
            "aws:PrincipalTag",
            "aws:PrincipalTag/",
            "s3:prefix/x",
            "",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
