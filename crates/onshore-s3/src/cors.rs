//! Requests that web pages of other origins make: the question in front (preflight) is answered from the bucket's
//! setting, and its answers carry the headers that let the page read them.
//!
//! The protocol is that of the Fetch standard; which rule counts is that of the S3 user guide, "Using CORS".

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{CORSConfiguration, CORSRule};

use crate::fault::{Code, Fault};

/// What a page asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) origin: &'a str,
    pub(crate) method: &'a str,
    /// The headers that it wants to send.
    pub(crate) headers: Option<&'a str>,
}

impl<'a> Wish<'a> {
    /// Reads a preflight.
    pub(crate) fn of_preflight(headers: &'a HeaderMap) -> Result<Self, Fault> {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        let origin = text(ORIGIN).ok_or_else(|| {
            Fault::new(
                Code::BadRequest,
                "Insufficient information. Origin request header needed.",
            )
        })?;
        let method = text(ACCESS_CONTROL_REQUEST_METHOD);
        let method = method.filter(|method| is_method(method)).ok_or_else(|| {
            Fault::new(
                Code::BadRequest,
                "Invalid Access-Control-Request-Method: it names the method of the request that is to follow.",
            )
        })?;
        Ok(Self {
            origin,
            method,
            headers: text(ACCESS_CONTROL_REQUEST_HEADERS),
        })
    }

    /// Returns the first rule that allows it.
    pub(crate) fn rule<'r>(&self, configuration: &'r CORSConfiguration) -> Option<&'r CORSRule> {
        configuration.cors_rules.iter().find(|rule| {
            rule.allowed_methods
                .iter()
                .any(|method| method == self.method)
                && self.allowing_origin(rule).is_some()
                && self.names().all(|name| {
                    let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
                    allowed.iter().any(|pattern| {
                        fits(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase())
                    })
                })
        })
    }

    fn allowing_origin<'r>(&self, rule: &'r CORSRule) -> Option<&'r String> {
        rule.allowed_origins
            .iter()
            .find(|pattern| fits(pattern, self.origin))
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.headers
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }

    /// Adds the headers by which the page may go on.
    pub(crate) fn allow(&self, rule: &CORSRule, headers: &mut HeaderMap) {
        let is_any = self
            .allowing_origin(rule)
            .is_some_and(|pattern| pattern == "*");
        let mut insert = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        insert(
            ACCESS_CONTROL_ALLOW_ORIGIN,
            if is_any { "*" } else { self.origin },
        );
        if !is_any {
            insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            &rule.allowed_methods.join(", "),
        );
        let asked: Vec<&str> = self.names().collect();
        if !asked.is_empty() {
            insert(
                ACCESS_CONTROL_ALLOW_HEADERS,
                &asked.join(", ").to_ascii_lowercase(),
            );
        }
        if let Some(exposed) = rule.expose_headers.as_ref().filter(|list| !list.is_empty()) {
            insert(ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
        }
        if let Some(seconds) = rule.max_age_seconds {
            insert(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        insert(
            VARY,
            "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        );
    }
}

/// What a page reads that no rule allows.
pub(crate) fn not_allowed() -> Fault {
    Fault::new(
        Code::AccessForbidden,
        "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    )
}

/// What a page reads of a bucket without rules, and of one that there is not.
pub(crate) fn not_enabled() -> Fault {
    Fault::new(
        Code::AccessForbidden,
        "CORSResponse: CORS is not enabled for this bucket.",
    )
}

fn is_method(text: &str) -> bool {
    ["GET", "PUT", "HEAD", "POST", "DELETE"].contains(&text)
}

/// Whether a text fits a pattern with at most one `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.len() >= head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Wish, fits};
    use http::HeaderMap;
    use s3s::dto::{CORSConfiguration, CORSRule};

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CORSRule {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        CORSRule {
            allowed_headers: Some(list(headers)),
            allowed_methods: list(methods),
            allowed_origins: list(origins),
            expose_headers: None,
            id: None,
            max_age_seconds: Some(5),
        }
    }

    #[test]
    fn patterns_have_one_star() {
        for (pattern, text, holds) in [
            ("*", "", true),
            ("https://*.cn", "https://a.cn", true),
            ("https://*.cn", "https://.cn", true),
            ("https://*.cn", "https://a.com", false),
            ("ab*ba", "aba", false),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, text), holds, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_allows_all_of_it_counts() {
        let configuration = CORSConfiguration {
            cors_rules: vec![
                rule(&["https://a.cn"], &["PUT"], &["X-Amz-*"]),
                rule(&["*"], &["GET"], &[]),
            ],
        };
        let wish = |origin, method, headers| Wish {
            origin,
            method,
            headers,
        };
        let put = wish("https://a.cn", "PUT", Some("x-amz-date, X-AMZ-acl"));
        let found = put.rule(&configuration).expect("allowed");
        let mut headers = HeaderMap::new();
        put.allow(found, &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://a.cn");
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(
            headers["access-control-allow-headers"],
            "x-amz-date, x-amz-acl"
        );
        assert_eq!(headers["access-control-max-age"], "5");
        let get = wish("https://b.cn", "GET", None);
        let mut headers = HeaderMap::new();
        get.allow(get.rule(&configuration).expect("allowed"), &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        for refused in [
            wish("https://b.cn", "PUT", None),
            wish("https://a.cn", "PUT", Some("content-type")),
            wish("https://a.cn", "GET", Some("content-type")),
            wish("https://a.cn", "DELETE", None),
        ] {
            assert!(refused.rule(&configuration).is_none(), "{refused:?}");
        }
    }
}
