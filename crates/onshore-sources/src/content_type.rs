//! What a file's extension says of its content: a folder knows no content types, and a browser needs one.

/// Extensions in lower case, each with its content type.
const TYPES: &[(&str, &str)] = &[
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// Returns the content type that a key's extension names.
pub(crate) fn of_key(key: &str) -> Option<&'static str> {
    let name = key.rsplit('/').next()?;
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() {
        return None;
    }
    TYPES
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))
        .map(|(_, content_type)| *content_type)
}

#[cfg(test)]
mod tests {
    use super::of_key;

    #[test]
    fn the_last_extension_of_the_last_segment_counts() {
        assert_eq!(of_key("a.html/b.PDF"), Some("application/pdf"));
        assert_eq!(of_key("x.tar.gz"), Some("application/gzip"));
        for none in ["html", "a.html/b", ".html", "a.", "", "a.htmlx"] {
            assert_eq!(of_key(none), None, "{none}");
        }
    }
}
