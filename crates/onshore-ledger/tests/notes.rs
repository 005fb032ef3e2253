//! Notes and checkpoints: vectors of other implementations, and text that strangers send.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onshore_ledger::{Checkpoint, Error, Note, Signer, VerifierKey, empty_root, leaf_hash};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

// Published with golang.org/x/mod/sumdb/note.
const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH_KEY: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

// A tree head of the public Go checksum database.
const SUMDB_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const SUMDB_NOTE: &str = "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().expect("a published key")
}

fn peter() -> Signer {
    let secret = STANDARD.decode(PETER_SECRET).expect("base64");
    let seed = secret[1..].try_into().expect("32 bytes");
    Signer::from_seed("PeterNeumann", &seed).expect("a name")
}

#[test]
fn published_notes_verify() {
    for lines in [
        PETER_LINE.to_owned(),
        format!("{PETER_LINE}{ENOCH_LINE}"),
        format!("{ENOCH_LINE}{PETER_LINE}{PETER_LINE}"),
    ] {
        let written = format!("{TEXT}\n{lines}");
        let note = Note::parse(&written).expect("a note");
        assert_eq!(note.to_string(), written);
        assert_eq!(note.verify(&[key(PETER_KEY)]).expect("Peter signed"), TEXT);
        let keys = [key(PETER_KEY), key(ENOCH_KEY)];
        let signers = note.signers(&keys).expect("signed").len();
        assert_eq!(signers, if lines.contains("Enoch") { 2 } else { 1 });
    }
}

#[test]
fn a_published_secret_signs_the_published_signature() {
    assert_eq!(peter().verifier().to_string(), PETER_KEY);
    assert_eq!(
        peter().sign(TEXT).expect("a text"),
        format!("{TEXT}\n{PETER_LINE}")
    );
    assert!(!format!("{:?}", peter()).contains("YEKFALV"));
}

#[test]
fn a_private_key_is_written_as_go_writes_it() {
    let published = format!("PRIVATE+KEY+PeterNeumann+c74f20a3+{PETER_SECRET}");
    let signer = Signer::parse_private(&published).expect("a published key");
    assert_eq!(signer.verifier().to_string(), PETER_KEY);
    let secret = STANDARD.decode(PETER_SECRET).expect("base64");
    let seed = secret[1..].try_into().expect("32 bytes");
    let written = Signer::private_text("PeterNeumann", &seed).expect("a name");
    assert_eq!(written, format!("{published}\n"));
    for (good, bad) in [
        ("c74f20a3", "c74f20a4"),
        ("PeterNeumann", "PeterNewman"),
        ("PRIVATE", "PUBLIC"),
        ("+AYEK", "+AoEK"),
        ("KDFz", ""),
    ] {
        assert!(
            Signer::parse_private(&published.replace(good, bad)).is_err(),
            "{bad}"
        );
    }
    assert!(Signer::private_text("two words", &seed).is_err());
}

#[test]
fn a_public_checkpoint_verifies_as_a_note_and_needs_a_key_of_its_origin() {
    let note = Note::parse(SUMDB_NOTE).expect("a note");
    let text = note.verify(&[key(SUMDB_KEY)]).expect("signed");
    let checkpoint = Checkpoint::parse(text).expect("a checkpoint");
    assert_eq!(checkpoint.size, 20_852_163);
    assert_eq!(checkpoint.to_text(), text);
    assert!(matches!(
        Checkpoint::verify(SUMDB_NOTE, &[key(SUMDB_KEY)]),
        Err(Error::OriginMismatch { .. })
    ));
}

#[test]
fn signatures_of_strangers_are_ignored_and_wrong_ones_refuse() {
    let alone = Note::parse(&format!("{TEXT}\n{ENOCH_LINE}")).expect("a note");
    assert!(matches!(
        alone.verify(&[key(PETER_KEY)]),
        Err(Error::SignatureMissing)
    ));
    assert!(matches!(alone.verify(&[]), Err(Error::SignatureMissing)));
    let both = Note::parse(&format!("{TEXT}!\n\n{PETER_LINE}{ENOCH_LINE}")).expect("a note");
    for keys in [vec![key(PETER_KEY)], vec![key(ENOCH_KEY), key(PETER_KEY)]] {
        assert!(matches!(
            both.verify(&keys),
            Err(Error::SignatureWrong { .. })
        ));
    }
    // One good signature does not excuse a wrong one in a known name.
    let forged = ENOCH_LINE.replace("n2tiOHp", "n2tiOHq");
    let note = Note::parse(&format!("{TEXT}\n{PETER_LINE}{forged}")).expect("a note");
    assert!(note.verify(&[key(PETER_KEY)]).is_ok());
    assert!(note.verify(&[key(PETER_KEY), key(ENOCH_KEY)]).is_err());
    // The same name with another hash, or the same hash with another name, is a stranger.
    let renamed = format!("{TEXT}\n{}", PETER_LINE.replace("PeterNeumann", "Peter"));
    assert!(matches!(
        Note::parse(&renamed)
            .expect("a note")
            .verify(&[key(PETER_KEY)]),
        Err(Error::SignatureMissing)
    ));
}

#[test]
fn malformed_notes_are_refused() {
    let good = format!("{TEXT}\n{PETER_LINE}");
    for bad in [
        String::new(),
        "\n".into(),
        "\n\n".into(),
        "\n\n\n".into(),
        TEXT.into(),
        format!("{TEXT}\n"),
        format!("{TEXT}{PETER_LINE}"),
        good.trim_end().into(),
        format!("{good}\n"),
        format!("{good}trailing\n"),
        format!("{good} "),
        good.replace('\n', "\r\n"),
        good.replace("then", "th\u{1}n"),
        good.replace("then", "th\tn"),
        good.replace("then", "th\0n"),
        good.replace("— ", "- "),
        good.replace("— ", "—"),
        good.replace("PeterNeumann ", "Peter Neumann "),
        good.replace("PeterNeumann ", "PeterNeumann  "),
        good.replace("PeterNeumann ", "Peter\u{a0}Neumann "),
        good.replace("PeterNeumann ", "Peter+Neumann "),
        good.replace("PeterNeumann ", " "),
        good.replace("AM=", "AM"),
        good.replace("AM=", "AN="),
        good.replace("x08go/", "x08go*"),
        format!("{TEXT}\n— PeterNeumann x08gow==\n"),
        format!("{TEXT}\n— PeterNeumann x08g\n"),
        format!("{TEXT}\n— PeterNeumann \n"),
        format!("{TEXT}\n— PeterNeumann\n"),
    ] {
        assert!(Note::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn notes_have_limits_and_room_for_witnesses() {
    let with = |count: usize| Note::parse(&format!("{TEXT}\n{}", PETER_LINE.repeat(count)));
    assert_eq!(with(100).expect("a hundred").signatures().len(), 100);
    assert!(matches!(with(101), Err(Error::NoteTooLarge { .. })));
    let huge = format!("{}\n{PETER_LINE}", "x\n".repeat(1 << 20));
    assert!(matches!(
        Note::parse(&huge),
        Err(Error::NoteTooLarge { .. })
    ));
}

#[test]
fn texts_that_no_one_could_read_back_are_not_signed() {
    for bad in ["", "no newline", "bell\u{7}\n", "cr\r\n"] {
        assert!(
            matches!(peter().sign(bad), Err(Error::NoteTextMalformed)),
            "{bad:?}"
        );
    }
    let blank_lines = "one\n\n\ntwo\n\n";
    let note = peter().sign(blank_lines).expect("blank lines are text");
    let verified = Note::parse(&note).expect("own note");
    assert_eq!(
        verified.verify(&[peter().verifier()]).expect("signed"),
        blank_lines
    );
}

#[test]
fn malformed_keys_are_refused() {
    for bad in [
        "",
        "+",
        "++",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a3+ARpc",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a300+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
        " PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad:?}");
    }
    let renamed = PETER_KEY.replace("Peter", "Petra");
    assert!(matches!(
        renamed.parse::<VerifierKey>(),
        Err(Error::KeyHashMismatch)
    ));
    let cosigner = PETER_KEY.replace("+AR", "+BB");
    assert!(matches!(
        cosigner.parse::<VerifierKey>(),
        Err(Error::KeyAlgorithmUnknown { algorithm: 4, .. })
    ));
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "\u{85}"] {
        assert!(Signer::from_seed(name, &[7; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn malformed_checkpoints_are_refused() {
    let root = empty_root().to_base64();
    let parse = |text: &str| Checkpoint::parse(text);
    assert_eq!(
        parse(&format!("log\n0\n{root}\n")).expect("empty log").size,
        0
    );
    let extended = parse(&format!("log\n7\n{root}\nextension\nanother\n"));
    assert_eq!(extended.expect("extensions are let pass").size, 7);
    for bad in [
        String::new(),
        "log".into(),
        format!("log\n7\n{root}"),
        format!("\n7\n{root}\n"),
        format!("log\n07\n{root}\n"),
        format!("log\n00\n{root}\n"),
        format!("log\n+7\n{root}\n"),
        format!("log\n-7\n{root}\n"),
        format!("log\n\n{root}\n"),
        format!("log\n7 \n{root}\n"),
        format!("log\n٧\n{root}\n"),
        format!("log\n18446744073709551616\n{root}\n"),
        format!("log\n7\n{root}\n\n"),
        format!("log\n7\n{root}\n\nextension\n"),
        format!("log\n7\n{}\n", &root[4..]),
        format!("log\n7\n{}\n", root.trim_end_matches('=')),
        format!("log\n7\n{root} \n"),
        "log\n7\n".into(),
    ] {
        assert!(parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn only_the_origins_own_key_makes_a_checkpoint() {
    let log = Signer::from_seed("example.org/log", &[1; 32]).expect("a name");
    let witness = Signer::from_seed("witness.example.org", &[2; 32]).expect("a name");
    let checkpoint = Checkpoint {
        origin: "example.org/log".to_owned(),
        size: 7,
        root: leaf_hash(b"seven"),
    };
    assert!(checkpoint.sign(&witness).is_err());
    let note = checkpoint.sign(&log).expect("its own key");
    assert_eq!(
        Checkpoint::verify(&note, &[log.verifier()]).expect("signed"),
        checkpoint
    );
    let cosigned = witness.sign(&checkpoint.to_text()).expect("a text");
    assert!(matches!(
        Checkpoint::verify(&cosigned, &[log.verifier(), witness.verifier()]),
        Err(Error::OriginMismatch { .. })
    ));
    let line = cosigned.lines().last().expect("a signature line");
    let both = Checkpoint::verify(
        &format!("{note}{line}\n"),
        &[log.verifier(), witness.verifier()],
    );
    assert_eq!(both.expect("both signed"), checkpoint);
}

#[test]
fn any_flipped_bit_of_a_note_is_refused() {
    let written = format!("{TEXT}\n{PETER_LINE}");
    for bit in 0..written.len() * 8 {
        let mut bytes = written.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let verdict =
            Note::parse(&text).and_then(|note| note.verify(&[key(PETER_KEY)]).map(str::to_owned));
        assert!(verdict.is_err(), "bit {bit}: {text:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(\\PC|\n|— ){0,200}") {
        let _ = Note::parse(&text).map(|note| note.verify(&[key(PETER_KEY)]).is_ok());
        let _ = Checkpoint::parse(&text);
        let _ = text.parse::<VerifierKey>();
    }

    #[test]
    fn what_is_signed_is_read(seed in any::<[u8; 32]>(), name in "[a-z./é—]{1,20}", text in "(\\PC|\n){0,80}\n") {
        let signer = Signer::from_seed(&name, &seed).expect("a name");
        let note = signer.sign(&text).expect("a text");
        let parsed = Note::parse(&note).expect("own note");
        prop_assert_eq!(parsed.verify(&[signer.verifier()]).expect("signed"), &text);
        prop_assert_eq!(&parsed.to_string(), &note);
        prop_assert_eq!(signer.verifier().to_string().parse::<VerifierKey>().expect("own key"), signer.verifier());
        prop_assert!(parsed.verify(&[key(PETER_KEY)]).is_err());
    }

    #[test]
    fn checkpoints_return(origin in "[a-z][a-z. /]{0,20}", size in any::<u64>(), root in any::<[u8; 32]>()) {
        let checkpoint = Checkpoint { origin, size, root: root.into() };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_text()).expect("own text"), checkpoint);
    }
}
