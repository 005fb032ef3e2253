//! What was sealed opens in its context and nowhere else, and a root key file is kept closely.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use onshore_keys::{DataKey, Error, FileRootKey, KeyProvider, Secret, random};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("onshore-keys-{:x}", u128::from_be_bytes(random())));
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn every_flipped_bit_of_a_wrapped_key_is_found() {
    let key = DataKey::generate();
    let sealed = key
        .wrap(b"context", b"thirty-two bytes of a data key..")
        .expect("sealed");
    assert_eq!(
        key.unwrap(b"context", &sealed).expect("opens").as_bytes(),
        b"thirty-two bytes of a data key.."
    );
    for bit in 0..sealed.len() * 8 {
        let mut bad = sealed.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(key.unwrap(b"context", &bad).is_err(), "bit {bit}");
    }
    for cut in 0..sealed.len() {
        assert!(
            key.unwrap(b"context", &sealed[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    assert!(key.unwrap(b"contexT", &sealed).is_err());
    assert!(DataKey::generate().unwrap(b"context", &sealed).is_err());
}

#[test]
fn a_frame_opens_under_its_own_nonce_and_data_alone() {
    let key = DataKey::generate();
    let mut bytes = b"frame".to_vec();
    key.seal([1; 12], b"aad", &mut bytes).expect("sealed");
    for (nonce, aad) in [([2; 12], &b"aad"[..]), ([1; 12], b"aae"), ([1; 12], b"")] {
        assert!(key.open(nonce, aad, &mut bytes.clone()).is_err());
    }
    let len = key.open([1; 12], b"aad", &mut bytes).expect("opens");
    assert_eq!(&bytes[..len], b"frame");
}

#[test]
fn a_root_key_file_is_made_once_and_is_its_owners_alone() {
    let folder = Folder::new();
    let path = folder.0.join("root.key");
    let first = FileRootKey::open_or_create(&path).expect("made");
    assert_eq!(
        path.metadata().expect("there").permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read(&path).expect("read").len(), 65);
    assert_eq!(std::fs::read_dir(&folder.0).expect("list").count(), 1);

    let sealed = first.wrap(b"tenant", b"key").expect("sealed");
    let again = FileRootKey::open_or_create(&path).expect("opened");
    assert_eq!(again.key_id(), first.key_id());
    assert_eq!(
        again.unwrap(b"tenant", &sealed).expect("opens").as_bytes(),
        b"key"
    );
    assert!(again.unwrap(b"other", &sealed).is_err());

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    assert!(matches!(
        FileRootKey::open_or_create(&path),
        Err(Error::RootKeyExposed { mode: 0o640, .. })
    ));
}

#[test]
fn a_root_key_file_of_another_form_is_refused_and_kept() {
    for text in ["", "00", &"g".repeat(64), &"0".repeat(66), &"é".repeat(32)] {
        let folder = Folder::new();
        let path = folder.0.join("root.key");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        assert!(
            matches!(
                FileRootKey::open_or_create(&path),
                Err(Error::RootKeyForm { .. })
            ),
            "{text}"
        );
        assert_eq!(std::fs::read_to_string(&path).expect("read"), text);
    }
    let missing = Folder::new().0.join("no/such/folder/root.key");
    assert!(matches!(
        FileRootKey::open_or_create(&missing),
        Err(Error::RootKeyFile { .. })
    ));
}

#[test]
fn secrets_are_not_shown() {
    let folder = Folder::new();
    let root = FileRootKey::open_or_create(&folder.0.join("root.key")).expect("made");
    let text = std::fs::read_to_string(folder.0.join("root.key")).expect("read");
    let shown = format!(
        "{root:?} {:?} {:?}",
        DataKey::generate(),
        Secret::new(b"hush".to_vec())
    );
    assert!(!shown.contains(text.trim()) && !shown.contains("hush"));
    assert!(DataKey::from_secret(Secret::new(vec![0; 31])).is_err());
}
