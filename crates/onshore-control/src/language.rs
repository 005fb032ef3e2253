//! In which language somebody reads why the law says no, and reports that are told in both: that of `Accept-Language` (RFC 9110, 12.5.4).
//! What `lang` in the query says goes before it. Everything else is said in English.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use onshore_api::Problem;
use onshore_orders::Language;

use crate::openapi;
use crate::problems::told;

/// An answer that is said in Chinese too.
#[derive(Debug, Clone)]
pub(crate) struct InChinese(pub(crate) Problem);

/// The paths whose answers are told in both languages, by `lang` in the query.
#[derive(Debug)]
pub(crate) struct Reports(HashSet<String>);

impl Reports {
    pub(crate) fn of_document() -> Self {
        Self(openapi::asked_by("lang").collect())
    }

    fn have(&self, request: &Request) -> bool {
        let path = request.extensions().get::<MatchedPath>();
        let is_one = path.is_some_and(|path| self.0.contains(path.as_str()));
        is_one && request.method() == Method::GET
    }
}

/// Answers in Chinese what is said in it, where the caller would rather read that.
pub(crate) async fn speak(
    State(reports): State<Arc<Reports>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut wanted = wanted(request.headers());
    let is_report = reports.have(&request);
    if is_report {
        match asked(request.uri()) {
            Some(asked) => wanted = asked,
            None => {
                if let Some(uri) = in_language(request.uri(), wanted) {
                    *request.uri_mut() = uri;
                }
            }
        }
    }
    let mut response = next.run(request).await;
    if is_report && response.status().is_success() {
        tell(response.headers_mut(), wanted);
        return response;
    }
    let Some(InChinese(problem)) = response.extensions_mut().remove::<InChinese>() else {
        return response;
    };
    let mut response = match wanted {
        Language::En => response,
        Language::Zh => told(response.status(), problem).into_response(),
    };
    tell(response.headers_mut(), wanted);
    response
}

/// Returns the language that a query asks for; English where it asks for none that is known, which the handler refuses.
fn asked(uri: &Uri) -> Option<Language> {
    let mut pairs = uri.query()?.split('&');
    let asked = pairs.find_map(|pair| pair.strip_prefix("lang="))?;
    Some(asked.parse().unwrap_or_default())
}

/// Returns a URI that asks for a language as well.
fn in_language(uri: &Uri, language: Language) -> Option<Uri> {
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let rest = if query.is_empty() { "" } else { "&" };
    format!("{path}?{query}{rest}lang={language}").parse().ok()
}

/// Says in which language an answer is, and that another could have been asked for.
pub(crate) fn tell(headers: &mut HeaderMap, language: Language) {
    let language = match language {
        Language::En => "en",
        Language::Zh => "zh",
    };
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language));
    headers.append(header::VARY, HeaderValue::from_static("accept-language"));
}

/// Returns which of both languages is wanted more; English where neither is, or both are alike.
pub(crate) fn wanted(headers: &HeaderMap) -> Language {
    let mut best = [0.0_f32; 2];
    let ranges = headers.get_all(header::ACCEPT_LANGUAGE).into_iter();
    for range in ranges
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        let language = tag.split('-').next().unwrap_or_default();
        for (known, best) in ["en", "zh"].into_iter().zip(&mut best) {
            if language == known {
                *best = best.max(weight);
            }
        }
    }
    let [en, zh] = best;
    if zh > en { Language::Zh } else { Language::En }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};
    use onshore_orders::Language;

    use super::wanted;

    #[test]
    fn the_heavier_language_is_wanted() {
        for (asked, language) in [
            ("", Language::En),
            ("zh", Language::Zh),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-GB, zh;q=0.5", Language::En),
            ("en;q=0.4, ZH-Hans ; q=0.5", Language::Zh),
            ("de, fr;q=0.9", Language::En),
            ("zh;q=0", Language::En),
            ("zh;q=many", Language::En),
            ("zho", Language::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(asked));
            assert_eq!(wanted(&headers), language, "{asked}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Language::En);
    }
}
