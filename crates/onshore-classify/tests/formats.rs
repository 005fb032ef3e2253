//! What is in files of every format is found, and what cannot be read says so.

mod samples;

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use onshore_classify::{Findings, Limits, Options, Outcome, Scanner, Unread};
use samples::{
    OPEN_PDF, PARQUET, PDF, PICTURES, SECRET_PDF, SQLITE, XLS, Zipped, bzip2, compound, doc, docx,
    gzip, mail, msg, ods, ppt, table, tar, tar_member, xlsx, xz_of_table_40, zip, zip_of, zstd,
};

/// Reads bytes however they are cut; the findings must not differ.
fn scan(bytes: &[u8]) -> Findings {
    let whole = scan_with(bytes, bytes.len().max(1), Options::default());
    for cut in [1, 7, 511] {
        let cut = scan_with(bytes, cut, Options::default());
        assert_eq!(cut.kinds, whole.kinds);
        assert_eq!(cut.unread, whole.unread);
        assert_eq!(cut.formats, whole.formats);
    }
    whole
}

fn scan_with(bytes: &[u8], cut: usize, options: Options) -> Findings {
    let mut scanner = Scanner::new(options);
    for piece in bytes.chunks(cut) {
        scanner.push(piece);
    }
    match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(scan) => scan.read(Cursor::new(bytes)).expect("memory can be read"),
    }
}

fn mobiles(findings: &Findings) -> u64 {
    count(findings, "cn.mobile")
}

fn count(findings: &Findings, id: &str) -> u64 {
    let kind = findings.kinds.iter().find(|kind| kind.id == id);
    kind.map_or(0, |kind| kind.count)
}

fn reasons(findings: &Findings) -> Vec<Unread> {
    findings.unread.iter().map(|unread| unread.why).collect()
}

fn formats(findings: &Findings) -> Vec<&str> {
    findings
        .formats
        .iter()
        .map(|format| format.path.as_str())
        .collect()
}

#[track_caller]
fn is_read(bytes: &[u8], mobile: u64, format: &str) {
    let findings = scan(bytes);
    assert_eq!(reasons(&findings), [], "{format}");
    assert_eq!(mobiles(&findings), mobile, "{format}");
    assert!(
        formats(&findings).contains(&format),
        "{:?}",
        findings.formats
    );
}

#[test]
fn what_is_compressed_is_read() {
    let table = table(40);
    is_read(&gzip(&table), 40, "gzip/text");
    is_read(&bzip2(&table), 40, "bzip2/text");
    is_read(&zstd(&table), 40, "zstd/text");
    is_read(&xz_of_table_40(), 40, "xz/text");
    is_read(&gzip(&bzip2(&zstd(&table))), 40, "gzip/bzip2/zstd/text");
    is_read(&[], 0, "text");
    is_read(&gzip(&[]), 0, "gzip/text");
}

#[test]
fn streams_one_behind_the_other_are_read() {
    let (one, other) = (table(40), b"\nmobile 13912345678\n".as_slice());
    is_read(&[gzip(&one), gzip(other)].concat(), 41, "gzip/text");
    is_read(&[bzip2(&one), bzip2(other)].concat(), 41, "bzip2/text");
    is_read(&[zstd(&one), zstd(other)].concat(), 41, "zstd/text");
    let xz = xz_of_table_40();
    is_read(&[xz.clone(), vec![0; 8], xz].concat(), 80, "xz/text");
    is_read(&[gzip(&one), vec![0; 900]].concat(), 40, "gzip/text");
    let hidden = scan(&[gzip(&one), b"mobile 13912345678".to_vec()].concat());
    assert_eq!(reasons(&hidden), [Unread::Hidden]);
}

#[test]
fn what_breaks_off_says_so_and_what_came_before_is_told() {
    let table: Vec<u8> = (0..20_000)
        .flat_map(|row: u64| {
            let noise = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            format!("{noise:x} mobile 138{:08}\n", noise % 100_000_000).into_bytes()
        })
        .collect();
    let packed = [
        gzip(&table),
        bzip2(&table),
        zstd(&table),
        gzip(&tar(&[("a", &table)])),
        tar(&[("a", &table)]),
        zip(&[("a", &table)]),
    ];
    for bytes in packed {
        let cut = bytes.get(..bytes.len() * 9 / 10).expect("shorter");
        let findings = scan_with(cut, 4096, Options::default());
        assert!(
            reasons(&findings).contains(&Unread::Damaged),
            "{:?}",
            findings.unread
        );
        assert!(mobiles(&findings) > 10_000, "{:?}", findings.formats);
    }
}

#[test]
fn documents_of_offices_are_read() {
    is_read(&docx(), 22, "docx/table");
    is_read(&xlsx(), 21, "xlsx/table");
    is_read(&ods(), 20, "ods/table");
    is_read(
        &gzip(&tar(&[("a.xlsx", &xlsx())])),
        21,
        "gzip/tar/xlsx/table",
    );
    let manifest = b"<manifest:encryption-data/>".as_slice();
    let mimetype = b"application/vnd.oasis.opendocument.text".as_slice();
    let encrypted = zip(&[
        ("mimetype", mimetype),
        ("content.xml", b"\x00\x12"),
        ("META-INF/manifest.xml", manifest),
    ]);
    assert_eq!(reasons(&scan(&encrypted)), [Unread::Encrypted]);
}

#[test]
fn documents_of_old_offices_are_read() {
    is_read(XLS, 40, "xls/table");
    is_read(&doc(), 2, "doc/text");
    is_read(&ppt(), 2, "ppt/text");
    let message = scan(&msg());
    assert_eq!(mobiles(&message), 41);
    is_read(&zip(&[("a.xls", XLS)]), 40, "zip/xls/table");
    let encrypted = compound(&[("EncryptedPackage", vec![7; 100])]);
    assert_eq!(reasons(&scan(&encrypted)), [Unread::Encrypted]);
    let unknown = compound(&[("Contents", vec![7; 100])]);
    assert_eq!(reasons(&scan(&unknown)), [Unread::UnknownFormat]);
}

#[test]
fn columns_of_parquet_are_read_as_records() {
    for (file, mobile) in PARQUET.into_iter().zip([40, 40, 40, 70]) {
        is_read(file, mobile, "parquet/table");
    }
    is_read(
        &zstd(&tar(&[("a", PARQUET[0])])),
        40,
        "zstd/tar/parquet/table",
    );
    let encrypted = [b"PAR1".as_slice(), &[0; 100], b"\x10\0\0\0PARE"].concat();
    assert_eq!(reasons(&scan(&encrypted)), [Unread::Encrypted]);
    let cut = PARQUET[0].get(..500).expect("longer");
    assert_eq!(reasons(&scan(cut)), [Unread::Damaged]);
}

#[test]
fn numbers_in_databases_are_read() {
    is_read(SQLITE, 100, "sqlite/table");
    is_read(&zip(&[("a.db", SQLITE)]), 100, "zip/sqlite/table");
    let cut = SQLITE.get(..SQLITE.len() / 2).expect("shorter");
    assert_eq!(reasons(&scan(cut)), [Unread::Damaged]);
}

#[test]
fn text_of_pdf_is_read() {
    is_read(PDF[0], 40, "pdf/text");
    is_read(PDF[1], 41, "pdf/text");
    is_read(&zip(&[("a.pdf", PDF[0])]), 40, "zip/pdf/text");
    // Without its directory, as far as it goes.
    let cut = PDF[0].get(..PDF[0].len() - 300).expect("longer");
    is_read(cut, 40, "pdf/text");
    let nothing = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n";
    assert_eq!(reasons(&scan(nothing)), [Unread::Damaged]);
    let encrypted =
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer <</Root 1 0 R/Encrypt 2 0 R>>";
    assert_eq!(reasons(&scan(encrypted)), [Unread::Encrypted]);
    for open in OPEN_PDF {
        is_read(open, 40, "pdf/text");
    }
    assert_eq!(reasons(&scan(SECRET_PDF)), [Unread::Encrypted]);
    // A form that draws itself, and pages without end.
    let endless = b"%PDF-1.7\n1 0 obj<</Type/Page/Parent 1 0 R/Contents 2 0 R/Resources<</XObject<</F 3 0 R>>>>>>endobj\n\
        2 0 obj<</Length 5>>stream\n/F Do\nendstream endobj\n\
        3 0 obj<</Subtype/Form/Length 3 0 R/Resources<</XObject<</F 3 0 R>>>>>>stream\n/F Do (x) Tj\nendstream endobj";
    assert_eq!(reasons(&scan(endless)), [Unread::NoText]);
}

#[test]
fn mail_is_read_with_what_is_attached() {
    let mail = mail();
    let one = scan(&mail);
    assert_eq!(reasons(&one), []);
    assert_eq!(mobiles(&one), 42);
    assert_eq!(count(&one, "e-mail"), 2);
    assert!(
        formats(&one).contains(&"mail/gzip/text"),
        "{:?}",
        one.formats
    );
    let from = b"From a@example.org Mon Jan  1 00:00:00 2024\r\n".as_slice();
    let box_of_two = [from, &mail, b"\r\n", from, &mail].concat();
    is_read(&box_of_two, 84, "mail/gzip/text");
    // Without its end: the attachment breaks off.
    let cut = mail.get(..mail.len() - 100).expect("longer");
    assert_eq!(reasons(&scan(cut)), [Unread::Damaged]);
    let text = b"From: the first line of a letter\n\nmobile 13800138000";
    is_read(text, 1, "text");
}

#[test]
fn pictures_say_where_they_were_taken() {
    for (format, picture) in PICTURES {
        let findings = scan(picture);
        assert_eq!(reasons(&findings), [Unread::Picture], "{format}");
        assert_eq!(mobiles(&findings), 1, "{format}");
        assert_eq!(count(&findings, "coordinates"), 1, "{format}");
        assert!(formats(&findings).contains(&format));
    }
}

#[test]
fn members_of_archives_are_told_by_name() {
    let (one, two) = (table(40), gzip(&table(30)));
    let bytes = zstd(&tar(&[
        ("a/one.csv", &one),
        ("two.csv.gz", &two),
        ("none", b"nothing"),
    ]));
    let options = Options {
        found_max: 100,
        ..Options::default()
    };
    let findings = scan_with(&bytes, 1000, options);
    assert_eq!(mobiles(&findings), 70);
    assert_eq!(findings.members, 3);
    assert_eq!(findings.member_names, ["a/one.csv", "two.csv.gz"]);
    let members: Vec<_> = findings.found.iter().map(|found| found.member).collect();
    assert_eq!(members.len(), 70);
    assert!(members.iter().take(40).all(|member| *member == Some(0)));
    assert!(members.iter().skip(40).all(|member| *member == Some(1)));
    let zip = zip(&[
        ("a/one.csv", &one),
        ("in.zip", &zip(&[("two.csv.gz", &two)])),
    ]);
    let findings = scan(&zip);
    assert_eq!(mobiles(&findings), 70);
    assert_eq!(findings.members, 3);
    assert!(formats(&findings).contains(&"zip/zip/gzip/text"));
}

#[test]
fn names_of_members_are_read() {
    let bytes = tar(&[("mobile 13800138000.txt", b"nothing")]);
    assert_eq!(mobiles(&scan(&bytes)), 1);
    let bytes = zip(&[("mobile 13800138000.txt", b"nothing")]);
    assert_eq!(mobiles(&scan(&bytes)), 1);
}

#[test]
fn long_names_and_sizes_of_tar_are_read() {
    let long = format!("{}/one.csv", "folder/".repeat(40));
    let table = table(40);
    let pax = format!("{} path={long}\n", long.len() + 10);
    for records in [
        tar_member("x", b'L', long.as_bytes()),
        tar_member("x", b'x', pax.as_bytes()),
    ] {
        let bytes = [records, tar(&[("short", &table)])].concat();
        let findings = scan_with(
            &bytes,
            100,
            Options {
                found_max: 1,
                ..Options::default()
            },
        );
        assert_eq!(mobiles(&findings), 40);
        let name: Vec<String> = findings.member_names;
        assert_eq!(name, [long.chars().take(256).collect::<String>()]);
    }
}

#[test]
fn what_a_zip_hides_is_read_and_told() {
    let (shown, hidden) = (table(10), table(40));
    let member = |name, bytes, is_in_directory| Zipped {
        name,
        bytes,
        flags: 0,
        is_in_directory,
    };
    let findings = scan(&zip_of(&[
        member("shown", &shown, true),
        member("hidden", &hidden, false),
        member("last", b"nothing", true),
    ]));
    assert_eq!(reasons(&findings), [Unread::Hidden]);
    assert_eq!(mobiles(&findings), 50);
    // In front of everything.
    let before = [gzip(&hidden), zip(&[("shown", &shown)])].concat();
    let findings = scan(&before);
    assert_eq!(reasons(&findings), [Unread::Hidden]);
    // No directory at all: the archive is damaged, and its members are read.
    let whole = zip(&[("one", &shown), ("two", &hidden)]);
    let end = whole
        .windows(4)
        .position(|mark| mark == b"PK\x01\x02")
        .expect("has one");
    let findings = scan(whole.get(..end).expect("shorter"));
    assert_eq!(reasons(&findings), [Unread::Damaged]);
    assert_eq!(mobiles(&findings), 50);
    let encrypted = Zipped {
        name: "secret",
        bytes: &shown,
        flags: 1,
        is_in_directory: true,
    };
    assert_eq!(reasons(&scan(&zip_of(&[encrypted]))), [Unread::Encrypted]);
}

#[test]
fn limits_hold_and_say_so() {
    // A gigabyte in a megabyte in a kilobyte.
    let bomb = gzip(&gzip(&vec![b'a'; 200 << 20]));
    assert!(bomb.len() < 2000);
    let findings = scan_with(&bomb, 1 << 20, Options::default());
    assert_eq!(reasons(&findings), [Unread::OverLimit]);
    assert!(findings.unpacked_bytes <= (64 << 20) + (1 << 18));
    let deep = (0..20).fold(table(40), |bytes, _| gzip(&bytes));
    let findings = scan(&deep);
    assert_eq!(reasons(&findings), [Unread::OverLimit]);
    let limits = Limits {
        members_max: 2,
        held_max_bytes: 100,
        ..Limits::default()
    };
    let options = Options {
        limits,
        ..Options::default()
    };
    let many = tar(&[("a", b"13800138000"), ("b", b"x"), ("c", b"x"), ("d", b"x")]);
    let findings = scan_with(&many, 100, options);
    assert_eq!(reasons(&findings), [Unread::OverLimit]);
    // A zip archive within is held, and this is too long to be.
    let held = tar(&[
        ("a.zip", &zip(&[("a", &table(400))])),
        ("b", b"mobile 13800138000"),
    ]);
    let findings = scan_with(&held, 100, options);
    assert_eq!(reasons(&findings), [Unread::OverLimit]);
    assert_eq!(mobiles(&findings), 1);
}

#[test]
fn a_directory_that_names_one_member_again_and_again_is_a_bomb() {
    let one = zip(&[("a", &vec![b'a'; 10 << 20])]);
    let mark = |mark: &[u8]| {
        one.windows(4)
            .position(|bytes| bytes == mark)
            .expect("has one")
    };
    let (directory, end) = (mark(b"PK\x01\x02"), mark(b"PK\x05\x06"));
    let entry = one.get(directory..end).expect("has one");
    let mut bomb = one.get(..directory).expect("has one").to_vec();
    bomb.extend(entry.repeat(10_000));
    bomb.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bomb.extend_from_slice(&[10_000_u16.to_le_bytes(); 2].concat());
    let len = u32::try_from(entry.len() * 10_000).expect("short");
    bomb.extend_from_slice(&len.to_le_bytes());
    bomb.extend_from_slice(&u32::try_from(directory).expect("short").to_le_bytes());
    bomb.extend_from_slice(&[0, 0]);
    let limits = Limits {
        ratio_max: 100,
        ..Limits::default()
    };
    let options = Options {
        limits,
        ..Options::default()
    };
    let findings = scan_with(&bomb, 1 << 20, options);
    assert_eq!(reasons(&findings), [Unread::OverLimit]);
    assert!(findings.unpacked_bytes <= (64 << 20) + (1 << 16));
}

#[test]
fn what_the_caller_cannot_give_again_is_told() {
    let mut scanner = Scanner::new(Options::default());
    let bytes = zip(&[("a", &table(400))]);
    scanner.push(&bytes);
    assert!(scanner.needs_whole());
    let Outcome::Whole(scan) = scanner.finish() else {
        panic!("a zip archive needs the whole");
    };
    assert_eq!(scan.format(), "zip");
    let findings = scan.unread(Unread::OverLimit);
    assert_eq!(reasons(&findings), [Unread::OverLimit]);
    assert_eq!(findings.len_bytes, bytes.len() as u64);
}

/// Reads some bytes and fails then.
struct Failing<'a> {
    bytes: Cursor<&'a [u8]>,
    left: usize,
}

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.left);
        if len == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the disk is gone"));
        }
        let read = self.bytes.read(buffer.get_mut(..len).unwrap_or_default())?;
        self.left -= read;
        Ok(read)
    }
}

impl Seek for Failing<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[test]
fn an_error_of_the_reader_is_no_damage() {
    let bytes = zip(&[("a", &table(400)), ("b", &table(400))]);
    let mut is_done = false;
    for left in 0..10_000 {
        let mut scanner = Scanner::new(Options::default());
        scanner.push(&bytes);
        let Outcome::Whole(scan) = scanner.finish() else {
            panic!("a zip archive needs the whole");
        };
        let bytes = Cursor::new(bytes.as_slice());
        if let Ok(findings) = scan.read(Failing { bytes, left }) {
            assert_eq!(reasons(&findings), []);
            assert_eq!(mobiles(&findings), 800);
            is_done = true;
            break;
        }
    }
    assert!(is_done);
}

#[test]
fn whatever_an_attacker_makes_is_read_to_the_end() {
    let mut formats = std::collections::BTreeSet::new();
    for seed in 0..1000 {
        let findings = samples::hostile::round(seed);
        formats.extend(findings.formats.into_iter().map(|format| format.path));
    }
    assert!(formats.len() > 100, "{formats:?}");
}

#[test]
fn a_text_behind_the_first_bytes_of_something_else_is_found() {
    let ids: String = (0..40)
        .map(|row| format!("{row},11010519491231002X,note\n"))
        .collect();
    let text = format!("n,id,text\n{ids}").into_bytes();
    let tar_header = tar_member("a", b'g', b"");
    for mark in [
        b"%PDF-1.7\n".as_slice(),
        b"\x89PNG\r\n\x1A\n",
        b"\xFF\xD8\xFF\xE0",
        b"GIF89a",
        b"II*\0",
        b"PK\x03\x04",
        b"PAR1",
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        b"\x1F\x8B\x08",
        b"\x1F\x8B\x08\x0E",
        b"\x28\xB5\x2F\xFD",
        b"\xFD7zXZ\0",
        b"BZh91AY&SY",
        tar_header.get(..512).expect("a header"),
        // What is packed and goes on as something else, or breaks off.
        &gzip(b"nothing in here"),
        &gzip(&table(500))[..600],
    ] {
        let hidden = [mark, &text].concat();
        for (how, bytes) in [
            ("as it is", hidden.clone()),
            ("packed", gzip(&hidden)),
            ("in zip", zip(&[("a", &hidden)])),
            ("in tar", tar(&[("a", &hidden)])),
        ] {
            let findings = scan(&bytes);
            // Where a reader of archives takes it for a name it counts there too.
            let count = count(&findings, "cn.resident-id");
            assert!((40..=80).contains(&count), "{mark:?} {how}: {count}");
        }
    }
    // Behind the end of a picture.
    for (kind, picture) in PICTURES {
        let findings = scan(&[picture, text.as_slice()].concat());
        assert_eq!(count(&findings, "cn.resident-id"), 40, "{kind}");
    }
}

#[test]
fn what_is_damaged_is_not_counted_twice() {
    let text = table(40);
    let mut bytes = zip(&[("a.csv", &text), ("b.csv", &text)]);
    let whole = mobiles(&scan(&bytes));
    bytes.extend_from_slice(
        b"something behind the end that no directory names, long enough to be told",
    );
    bytes.extend_from_slice(&[b'x'; 4096]);
    assert_eq!(mobiles(&scan(&bytes)), whole);
}

#[test]
fn what_is_said_of_bytes_is_looked_through_with_them() {
    let scanned = |said: &str, body: &[u8]| {
        let mut scanner = Scanner::new(Options {
            found_max: 10,
            ..Options::default()
        });
        scanner.look_beside(said);
        scanner.push(body);
        match scanner.finish() {
            Outcome::Done(findings) => *findings,
            Outcome::Whole(scan) => scan.read(Cursor::new(body)).expect("memory can be read"),
        }
    };
    let alone = scanned("plain", b"nothing");
    assert!(alone.kinds.is_empty() && alone.unread.is_empty());
    for (said, body) in [
        ("customers/11010519491231002X.pdf", b"nothing".to_vec()),
        (
            "id_11010519491231002X_scan.pdf\nphone: 13800138000\n",
            zip(&[("a", b"nothing")]),
        ),
    ] {
        let findings = scanned(said, &body);
        assert_eq!(count(&findings, "cn.resident-id"), 1, "{said}");
        let first = findings.found.first().expect("a place");
        let name = first
            .member
            .and_then(|member| findings.member_names.get(member));
        assert_eq!(name.map(String::as_str), Some("beside"));
    }
}

#[test]
fn examples_in_every_format_show_masks_and_where_they_stand() {
    let options = Options {
        samples_max: 3,
        ..Options::default()
    };
    for (format, file) in samples::all() {
        let findings = scan_with(&file, file.len().max(1), options);
        let counted = count(&findings, "cn.mobile").min(3) as usize;
        let of_it = findings.samples.iter().filter(|of| of.id == "cn.mobile");
        let of_it: Vec<_> = of_it.collect();
        assert_eq!(of_it.len(), counted, "{format}");
        for sample in of_it {
            let digits = sample.mask.chars().filter(char::is_ascii_digit).count();
            assert!(digits <= 3, "{format}: {}", sample.mask);
            let is_member = sample.place.member.is_some();
            assert!(
                is_member || sample.place.span.is_some() || sample.place.row.is_some(),
                "{format}"
            );
        }
    }
}
