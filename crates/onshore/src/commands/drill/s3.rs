//! A few requests of S3, signed by hand (AWS Signature Version 4): the drill speaks to the port as any client does.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::client::connector;
use crate::clock;

/// A client of one S3 endpoint.
pub(super) struct S3 {
    endpoint: String,
    host: String,
    region: String,
    access_key: String,
    secret_key: String,
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What the endpoint answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// The receipt.
    pub(super) leaf: Option<u64>,
}

impl S3 {
    pub(super) fn new(
        endpoint: &str,
        region: &str,
        keys: (String, String),
        authorities: Option<&std::path::Path>,
    ) -> Result<Self> {
        let uri: Uri = endpoint.parse().context("the address of S3")?;
        let authority = uri.authority().context("the address of S3 has no host")?;
        let (access_key, secret_key) = keys;
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            host: authority.to_string(),
            region: region.to_owned(),
            access_key,
            secret_key,
            http: Http::builder(TokioExecutor::new()).build(connector(endpoint, authorities)?),
        })
    }

    /// Sends a request. Path and query hold nothing that would have to be encoded, and the query one parameter at most.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &str,
        more: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer> {
        let now = stamp(&clock::today().to_string());
        let hash = hex::encode(digest(&SHA256, &body));
        let mut headers = vec![
            ("host", self.host.as_str()),
            ("x-amz-content-sha256", &hash),
            ("x-amz-date", &now),
        ];
        headers.extend(more);
        headers.sort_unstable();
        let authorization = self.sign(&method, path, query, &headers, &now);
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}{separator}{query}", self.endpoint))
            .header(header::AUTHORIZATION, authorization);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self
            .http
            .request(request.body(Full::new(body))?)
            .await
            .context("S3 does not answer")?;
        let status = answer.status();
        let leaf = answer
            .headers()
            .get("x-onshore-leaf")
            .and_then(|leaf| leaf.to_str().ok()?.parse().ok());
        let body = answer
            .into_body()
            .collect()
            .await
            .context("S3 cut its answer short")?
            .to_bytes();
        Ok(Answer { status, body, leaf })
    }

    fn sign(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        now: &str,
    ) -> String {
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let signed = names.join(";");
        let hash = headers
            .iter()
            .find(|(name, _)| *name == "x-amz-content-sha256")
            .map_or("", |(_, value)| *value);
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let request = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{hash}");
        let (day, _) = now.split_once('T').unwrap_or((now, ""));
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let digest = hex::encode(digest(&SHA256, request.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}");
        let secret = format!("AWS4{}", self.secret_key).into_bytes();
        let key = [day, &self.region, "s3", "aws4_request"]
            .iter()
            .fold(secret, |key, part| hmac_of(&key, part));
        let signature = hex::encode(hmac_of(&key, &text));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.access_key
        )
    }
}

fn hmac_of(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// Writes an instant of RFC 3339 as signatures want it: `20261130T010203Z`.
fn stamp(instant: &str) -> String {
    let seconds = instant.split(['.', 'Z']).next().unwrap_or_default();
    let bare: String = seconds
        .chars()
        .filter(|letter| !matches!(letter, '-' | ':'))
        .collect();
    format!("{bare}Z")
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn an_instant_is_written_as_signatures_want_it() {
        for text in ["2026-11-30T01:02:03.456Z", "2026-11-30T01:02:03Z"] {
            assert_eq!(stamp(text), "20261130T010203Z");
        }
    }
}
