//! The wire behind a trait of ours: what turns a plain request into an operation and its result into an answer. Today
//! that is `s3s`; nothing outside this file and [`crate::service`] knows.

use std::sync::Arc;

use http::{Request, Response};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::body::RequestBody;
use crate::body::document::DOCUMENT_MAX_BYTES;
use crate::fault::Fault;
use crate::ops::Operations;
use crate::service::{Listed, NoSecrets, Service};

/// Answers requests that the layer in front has let in.
#[async_trait::async_trait]
pub(crate) trait Wire: Send + Sync {
    /// Answers one.
    async fn answer(&self, request: Request<RequestBody>) -> Result<Response<s3s::Body>, Fault>;
}

/// The wire of `s3s`.
#[derive(Debug)]
pub(crate) struct S3sWire {
    service: S3Service,
}

impl S3sWire {
    /// Puts `s3s` together: with somebody who knows secrets and with an access check, since without the first it
    /// skips the second.
    pub(crate) fn new(operations: Operations) -> Self {
        let mut builder = S3ServiceBuilder::new(Service::new(operations));
        builder.set_auth(NoSecrets);
        builder.set_access(Listed);
        let mut config = S3Config::default();
        config.xml_max_body_size = usize::try_from(DOCUMENT_MAX_BYTES).unwrap_or(usize::MAX);
        config.post_object_max_file_size = 0;
        config.form_max_fields_size = 0;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Self {
            service: builder.build(),
        }
    }
}

#[async_trait::async_trait]
impl Wire for S3sWire {
    async fn answer(&self, request: Request<RequestBody>) -> Result<Response<s3s::Body>, Fault> {
        let request = request.map(s3s::Body::http_body_unsync);
        self.service.call(request).await.map_err(|error| {
            tracing::error!(?error, "an answer could not be written");
            Fault::internal()
        })
    }
}
