//! A folder full of traps, and files that change under the reader's hands.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt;
use onshore_sources::{
    Details, Entry, ErrorKind, Folder, FolderSpec, ListCursor, Oddity, OddityKind, Source,
};
use onshore_types::ByteRange;
use proptest::collection::btree_set;
use proptest::prelude::{ProptestConfig, Strategy, proptest};

/// A folder of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "onshore-sources-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a scratch folder");
        Self(path)
    }

    fn write(&self, key: &str, content: &[u8]) {
        let path = self.0.join(key);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    async fn source(&self) -> Folder {
        let spec = FolderSpec {
            path: self.0.clone(),
        };
        Folder::open(&spec, std::slice::from_ref(&self.0))
            .await
            .expect("the folder opens")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Lists everything, by a source that is opened anew for each page when told so.
async fn listed(source: &Folder) -> (Vec<Entry>, Vec<Oddity>) {
    let (mut entries, mut oddities) = (Vec::new(), Vec::new());
    let mut after: Option<ListCursor> = None;
    loop {
        let page = source.list(after.as_ref()).await.expect("a page");
        entries.extend(page.entries);
        oddities.extend(page.oddities);
        match page.next {
            Some(next) => after = Some(next),
            None => return (entries, oddities),
        }
    }
}

async fn content(
    source: &Folder,
    key: &str,
    details: &Details,
    from: u64,
) -> Result<Vec<u8>, ErrorKind> {
    let range = ByteRange {
        start: from,
        len_bytes: details.size_bytes.saturating_sub(from),
    };
    let stream = source
        .open(key, details, range)
        .await
        .map_err(|error| error.kind())?;
    let chunks: Vec<_> = stream.try_collect().await.map_err(|error| error.kind())?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn traps_are_named_and_never_entered() {
    let outside = Scratch::new();
    outside.write("secret", b"outside");
    let scratch = Scratch::new();
    scratch.write("inside/file", b"inside");
    let at = |name: &str| scratch.0.join(name);
    symlink(outside.0.join("secret"), at("link-out")).expect("a link");
    symlink(&outside.0, at("folder-out")).expect("a link");
    symlink("../../../../../../etc/passwd", at("dots-out")).expect("a link");
    symlink("inside", at("link-in")).expect("a link");
    symlink("loop", at("loop")).expect("a link");
    fs::write(scratch.0.join(OsStr::from_bytes(b"caf\xe9")), b"x").expect("a file");
    fs::create_dir(scratch.0.join(OsStr::from_bytes(b"dir\xff"))).expect("a folder");
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).expect("a pipe");

    let source = scratch.source().await;
    let (entries, oddities) = listed(&source).await;
    let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["inside/file"]);
    let named: BTreeMap<&str, OddityKind> = oddities
        .iter()
        .map(|odd| (odd.name.as_str(), odd.why))
        .collect();
    let expected = BTreeMap::from([
        ("/caf\\xe9", OddityKind::NameNotUtf8),
        ("/dir\\xff", OddityKind::NameNotUtf8),
        ("dots-out", OddityKind::SymbolicLink),
        ("folder-out", OddityKind::SymbolicLink),
        ("link-in", OddityKind::SymbolicLink),
        ("link-out", OddityKind::SymbolicLink),
        ("loop", OddityKind::SymbolicLink),
        ("pipe", OddityKind::SpecialFile),
        ("socket", OddityKind::SpecialFile),
    ]);
    assert_eq!(named, expected);
    for key in [
        "link-out",
        "folder-out/secret",
        "dots-out",
        "loop",
        "pipe",
        "socket",
        "../x",
        "/etc/passwd",
        "inside",
    ] {
        assert!(source.fetch(key, None).await.is_err(), "{key}");
    }
}

#[tokio::test]
async fn what_takes_a_files_place_is_not_read() {
    let outside = Scratch::new();
    outside.write("secret", b"12345678");
    let scratch = Scratch::new();
    let source = scratch.source().await;
    for trap in ["link", "pipe", "other file", "folder", "nothing"] {
        scratch.write("victim", b"harmless");
        let details = source.fetch("victim", None).await.expect("details").details;
        let victim = scratch.0.join("victim");
        fs::remove_file(&victim).expect("removed");
        match trap {
            "link" => symlink(outside.0.join("secret"), &victim).expect("a link"),
            "pipe" => rustix::fs::mkfifoat(rustix::fs::CWD, &victim, rustix::fs::Mode::RUSR)
                .expect("a pipe"),
            "other file" => fs::write(&victim, b"harmful!").expect("a file"),
            "folder" => fs::create_dir(&victim).expect("a folder"),
            _ => {}
        }
        let kind = content(&source, "victim", &details, 0)
            .await
            .expect_err(trap);
        let allowed = [ErrorKind::Changed, ErrorKind::Gone, ErrorKind::Forbidden];
        assert!(allowed.contains(&kind), "{trap}: {kind:?}");
        if victim.is_dir() {
            fs::remove_dir(&victim).expect("removed");
        } else {
            fs::remove_file(&victim).ok();
        }
    }
    // A whole folder on the way exchanged for a link to one outside.
    scratch.write("way/victim", b"harmless");
    outside.write("victim", b"outside!");
    let details = source
        .fetch("way/victim", None)
        .await
        .expect("details")
        .details;
    fs::remove_dir_all(scratch.0.join("way")).expect("removed");
    symlink(&outside.0, scratch.0.join("way")).expect("a link");
    assert!(content(&source, "way/victim", &details, 0).await.is_err());
    assert!(source.fetch("way/victim", None).await.is_err());
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_never_passed_on_whole() {
    let scratch = Scratch::new();
    let source = scratch.source().await;
    let big = vec![7_u8; 1024 * 1024];
    for change in ["same size", "longer", "shorter"] {
        scratch.write("file", &big);
        let details = source.fetch("file", None).await.expect("details").details;
        let mut stream = source
            .open("file", &details, ByteRange::whole(details.size_bytes))
            .await
            .expect("opens");
        let first = stream
            .try_next()
            .await
            .expect("a chunk")
            .expect("not empty");
        assert!(first.len() < big.len());
        let path = scratch.0.join("file");
        match change {
            "same size" => {
                use std::os::unix::fs::FileExt;
                let file = fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .expect("opens");
                file.write_all_at(b"!", 1_000_000).expect("written");
            }
            "longer" => {
                use std::io::Write;
                let mut file = fs::OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .expect("opens");
                file.write_all(b"!").expect("written");
            }
            _ => fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .expect("opens")
                .set_len(600_000)
                .expect("cut"),
        }
        let rest: Result<Vec<_>, _> = stream.try_collect().await;
        assert_eq!(
            rest.expect_err(change).kind(),
            ErrorKind::Changed,
            "{change}"
        );
    }
}

#[tokio::test]
async fn content_and_ranges_arrive_exactly() {
    let scratch = Scratch::new();
    let bytes: Vec<u8> = (0..700_000_u32)
        .map(|n| u8::try_from(n % 251).expect("small"))
        .collect();
    scratch.write("a b/ü\n+%25#?.PDF", &bytes);
    scratch.write("empty", b"");
    let source = scratch.source().await;
    let (entries, oddities) = listed(&source).await;
    assert!(oddities.is_empty());
    let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["a b/ü\n+%25#?.PDF", "empty"]);
    for entry in &entries {
        let details = source
            .fetch(&entry.key, None)
            .await
            .expect("details")
            .details;
        assert_eq!(details.fingerprint, entry.fingerprint);
    }
    let details = source.fetch(keys[0], None).await.expect("details").details;
    assert_eq!(details.content_type.as_deref(), Some("application/pdf"));
    for from in [0, 1, 262_143, 262_144, 699_999, 700_000] {
        let read = content(&source, keys[0], &details, from)
            .await
            .expect("read");
        assert_eq!(
            read,
            bytes[usize::try_from(from).expect("small")..],
            "{from}"
        );
    }
    assert_eq!(
        content(&source, keys[0], &details, 700_001).await,
        Err(ErrorKind::Changed)
    );
    let empty = source.fetch("empty", None).await.expect("details").details;
    assert_eq!(content(&source, "empty", &empty, 0).await, Ok(Vec::new()));
}

#[tokio::test]
async fn more_names_than_a_batch_holds_come_once_and_in_order() {
    let scratch = Scratch::new();
    for n in 0..9000 {
        fs::write(scratch.0.join(format!("f{n}")), b"").expect("a file");
    }
    let (entries, _) = listed(&scratch.source().await).await;
    assert_eq!(entries.len(), 9000);
    assert!(entries.is_sorted_by(|a, b| a.key < b.key));
}

#[tokio::test]
async fn a_listing_goes_on_in_another_process_and_survives_removals() {
    let scratch = Scratch::new();
    for n in 0..1500 {
        scratch.write(&format!("d{:02}/f{n:04}", n / 100), b"");
    }
    let first = scratch.source().await.list(None).await.expect("a page");
    let kept = ListCursor::from_kept(first.next.expect("more").as_str().to_owned());
    let last = first.entries.last().expect("entries").key.clone();
    fs::remove_dir_all(scratch.0.join(Path::new(&last).parent().expect("a folder")))
        .expect("removed");
    let second = scratch
        .source()
        .await
        .list(Some(&kept))
        .await
        .expect("a page");
    assert_eq!(first.entries.len(), 1000);
    assert_eq!(second.entries.first().expect("entries").key, "d10/f1000");
    assert_eq!(second.entries.len(), 500);
    for nonsense in ["x", "zz", "0"] {
        let cursor = ListCursor::from_kept(nonsense.to_owned());
        assert!(scratch.source().await.list(Some(&cursor)).await.is_err());
    }
}

fn segment() -> impl Strategy<Value = String> {
    "[a-c!.0/~é]{1,3}".prop_map(|text| text.replace('/', "-").replace('.', ",."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the tree looks like: every file once, in the order of the keys, and from any cursor on exactly the
    /// files behind it.
    #[test]
    fn the_walk_is_the_sorted_set_of_files(
        paths in btree_set((segment(), segment(), segment()), 1..20),
    ) {
        let scratch = Scratch::new();
        for (a, b, c) in &paths {
            for path in [format!("{a}/{b}/{c}"), format!("{a}/{b}{c}"), format!("{a}{c}")] {
                let path = scratch.0.join(path);
                if fs::create_dir_all(path.parent().expect("a parent")).is_ok() && !path.exists() {
                    fs::write(path, b"").ok();
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (entries, oddities) = listed(&scratch.source().await).await;
            assert!(oddities.is_empty());
            assert!(entries.is_sorted_by(|a, b| a.key.as_bytes() < b.key.as_bytes()));
            let on_disk = count_files(&scratch.0);
            assert_eq!(entries.len(), on_disk);
            for (position, entry) in entries.iter().enumerate() {
                let cursor: String = entry.key.bytes().map(|byte| format!("{byte:02x}")).collect();
                let source = scratch.source().await;
                let page = source.list(Some(&ListCursor::from_kept(cursor))).await.expect("a page");
                assert_eq!(page.entries, entries[position + 1..]);
            }
        });
    }
}

fn count_files(dir: &Path) -> usize {
    fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() { count_files(&path) } else { 1 }
        })
        .sum()
}

#[tokio::test]
async fn a_folder_lies_below_its_root_whatever_links_say() {
    let (root, outside) = (Scratch::new(), Scratch::new());
    root.write("in/file", b"x");
    symlink(&outside.0, root.0.join("out")).expect("a link");
    symlink("in", root.0.join("alias")).expect("a link");
    let roots = [root.0.clone()];
    let open = async |below: &str| {
        let spec = FolderSpec {
            path: root.0.join(below),
        };
        Folder::open(&spec, &roots)
            .await
            .map_err(|error| error.kind())
    };
    for good in ["", "in", "alias"] {
        assert!(open(good).await.is_ok(), "{good}");
    }
    for bad in ["out", "in/../..", "missing", "in/file"] {
        assert!(open(bad).await.is_err(), "{bad}");
    }
    let elsewhere = FolderSpec {
        path: outside.0.clone(),
    };
    assert!(matches!(
        Folder::open(&elsewhere, &roots).await,
        Err(onshore_sources::Error::OutsideRoots)
    ));
    let sibling = FolderSpec {
        path: PathBuf::from(format!("{}-sibling", root.0.display())),
    };
    assert!(matches!(
        Folder::open(&sibling, &roots).await,
        Err(onshore_sources::Error::OutsideRoots)
    ));
}
