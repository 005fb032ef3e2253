//! What a dialect says of an object in headers of its own, for which the SDK has no field.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::dialect::Profile;

/// The answer to a HEAD, or the head of the answer to a GET.
pub(super) struct Head {
    pub(super) typed: HeadObjectOutput,
    pub(super) own: OwnHeaders,
}

/// The headers of a dialect's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OwnHeaders {
    /// `…hash-crc64ecma`.
    pub(super) crc64_ecma: Option<u64>,
    /// `…object-type`, such as `Normal`, `Appendable` or `Symlink`.
    pub(super) object_type: Option<String>,
    /// `…storage-class`.
    pub(super) storage_class: Option<String>,
    /// `…restore`.
    pub(super) restore: Option<String>,
    /// `…server-side-encryption`.
    pub(super) encryption: Option<String>,
}

/// Reads the headers of an answer that the SDK reads.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    prefix: Option<&'static str>,
    heard: Arc<Mutex<OwnHeaders>>,
}

impl Listener {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            prefix: profile.headers,
            heard: Arc::default(),
        }
    }

    pub(super) fn heard(&self) -> OwnHeaders {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Listener {
    fn name(&self) -> &'static str {
        "headers of a dialect's own"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(prefix) = self.prefix else {
            return Ok(());
        };
        let headers = context.response().headers();
        let text = |name: &str| {
            let value = headers.get(format!("{prefix}{name}"))?;
            Some(value.trim().to_owned())
        };
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = OwnHeaders {
            crc64_ecma: text("hash-crc64ecma").and_then(|value| value.parse().ok()),
            object_type: text("object-type"),
            storage_class: text("storage-class"),
            restore: text("restore"),
            encryption: text("server-side-encryption"),
        };
        Ok(())
    }
}

impl OwnHeaders {
    /// Whether the object was stored in one piece, as far as they tell.
    pub(super) fn is_normal(&self) -> bool {
        self.object_type
            .as_deref()
            .is_none_or(|kind| kind.eq_ignore_ascii_case("normal"))
    }

    /// Whether the object is a link to another.
    pub(super) fn is_link(&self) -> bool {
        self.object_type
            .as_deref()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("symlink"))
    }
}
