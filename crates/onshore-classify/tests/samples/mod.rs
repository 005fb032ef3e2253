//! Small files of every format, made here.

pub(crate) mod hostile;

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Returns a small file of every format.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let table = table(40);
    let mut all = vec![
        ("gzip", gzip(&table)),
        ("bzip2", bzip2(&table)),
        ("zstd", zstd(&table)),
        ("xz", xz_of_table_40()),
        ("tar", tar(&[("one.csv", &table), ("two.csv", &table)])),
        ("long", tar_member("x", b'L', &[b'a'; 700])),
        ("zip", zip(&[("one.csv", &table), ("two.csv", &table)])),
        ("docx", docx()),
        ("xlsx", xlsx()),
        ("ods", ods()),
        ("mail", mail()),
        ("xls", XLS.to_vec()),
        ("sqlite", SQLITE.to_vec()),
        ("doc", doc()),
        ("ppt", ppt()),
        ("msg", msg()),
        ("text", table),
    ];
    all.extend(PARQUET.map(|file| ("parquet", file.to_vec())));
    all.push(("pdf", SECRET_PDF.to_vec()));
    all.extend(OPEN_PDF.map(|file| ("pdf", file.to_vec())));
    all.extend(PDF.map(|file| ("pdf", file.to_vec())));
    all.extend(PICTURES.map(|(format, file)| (format, file.to_vec())));
    all
}

/// Returns a table with so many mobile numbers in it, all different.
pub(crate) fn table(rows: usize) -> Vec<u8> {
    let mut text = String::from("id,mobile\n");
    for row in 0..rows {
        text.push_str(&format!("{row},1380013{:04}\n", row + 8000));
    }
    text.into_bytes()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).expect("memory takes it");
    gzip.finish().expect("memory takes it")
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(bytes).expect("memory takes it");
    deflate.finish().expect("memory takes it")
}

pub(crate) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(bytes).expect("memory takes it");
    bzip2.finish().expect("memory takes it")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Returns tables of forty mobile numbers as Arrow writes them: the first three are `table(40)`; in the last there are lists and
/// gaps, and seventy numbers.
pub(crate) const PARQUET: [&[u8]; 4] = [
    include_bytes!("dictionary-snappy.parquet"),
    include_bytes!("plain-zstd.parquet"),
    include_bytes!("delta-v2-gzip.parquet"),
    include_bytes!("nested-lz4.parquet"),
];

/// Returns a workbook of forty mobile numbers, every second of them as a number.
pub(crate) const XLS: &[u8] = include_bytes!("table.xls");

/// A database of forty mobile numbers in pages of 512 bytes, and of sixty in a table without row numbers; all of them numbers.
pub(crate) const SQLITE: &[u8] = include_bytes!("table.sqlite");

/// Pictures that say where they were taken, and a mobile number.
pub(crate) const PICTURES: [(&str, &[u8]); 4] = [
    ("jpeg", include_bytes!("place.jpg")),
    ("png", include_bytes!("place.png")),
    ("webp", include_bytes!("place.webp")),
    ("tiff", include_bytes!("place.tiff")),
];

/// Forty mobile numbers behind Chinese words in an encoding of Adobe's, and the same in a font of its own, with objects in
/// streams, where every second page has its digits set one by one; another number is in its title.
pub(crate) const PDF: [&[u8]; 2] = [
    include_bytes!("chinese.pdf"),
    include_bytes!("own-font.pdf"),
];

/// The first of them, encrypted without a password; and with one.
pub(crate) const OPEN_PDF: [&[u8]; 3] = [
    include_bytes!("rc4-128-open.pdf"),
    include_bytes!("aes-128-open.pdf"),
    include_bytes!("aes-256-open.pdf"),
];
pub(crate) const SECRET_PDF: &[u8] = include_bytes!("aes-256-secret.pdf");

/// Returns `table(40)` as the tool `xz` packs it.
pub(crate) fn xz_of_table_40() -> Vec<u8> {
    const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e0025700985d0034990185721906b3af2a26bdffbf90b94f83ce338603b853134bf4975ec43684494676449d3f7784036525bb9282a44437a3d19e834f68d8bfe09dae4ffdc423453ec82ac03691d3efb86f20a96cdef9e1ae6dd056747a1dead1db4d4b5fb8132f02ab6a54bb206da26023eba5ff3615c60ca2985e4238f1423757cb27b5a8b6ac101cc921a72b76fcb3c3e90e1336d5beb7149821e86d5100e83c98fecc977adb0001b401d8040000a495879bb1c467fb020000000004595a";
    hex(XZ)
}

/// Returns the bytes that some digits tell.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("digits")
        })
        .collect()
}

/// Returns one member of a tar archive.
pub(crate) fn tar_member(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, field: &[u8]| {
        header.splice(at..at + field.len(), field.iter().copied());
    };
    put(0, name.as_bytes());
    put(124, format!("{:011o}\0", bytes.len()).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header.splice(148..156, format!("{sum:06o}\0 ").bytes());
    header.extend_from_slice(bytes);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar: Vec<u8> = members
        .iter()
        .flat_map(|(name, bytes)| tar_member(name, b'0', bytes))
        .collect();
    tar.extend_from_slice(&[0; 1024]);
    tar
}

/// How a member of a zip archive is written.
pub(crate) struct Zipped<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) flags: u16,
    pub(crate) is_in_directory: bool,
}

/// Returns a zip archive of members as they are written.
pub(crate) fn zip_of(members: &[Zipped<'_>]) -> Vec<u8> {
    let (mut zip, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    let len16 = |len: usize| u16::try_from(len).expect("short").to_le_bytes();
    let len32 = |len: usize| u32::try_from(len).expect("short").to_le_bytes();
    for member in members {
        let packed = deflate(member.bytes);
        let mut fields = Vec::new();
        fields.extend_from_slice(&[20, 0]);
        fields.extend_from_slice(&member.flags.to_le_bytes());
        fields.extend_from_slice(&[8, 0, 0, 0, 0, 0]);
        fields.extend_from_slice(&crc32(member.bytes).to_le_bytes());
        fields.extend_from_slice(&len32(packed.len()));
        fields.extend_from_slice(&len32(member.bytes.len()));
        fields.extend_from_slice(&len16(member.name.len()));
        fields.extend_from_slice(&[0, 0]);
        if member.is_in_directory {
            count += 1;
            directory.extend_from_slice(b"PK\x01\x02\x14\x00");
            directory.extend_from_slice(&fields);
            directory.extend_from_slice(&[0; 10]);
            directory.extend_from_slice(&len32(zip.len()));
            directory.extend_from_slice(member.name.as_bytes());
        }
        zip.extend_from_slice(b"PK\x03\x04");
        zip.extend_from_slice(&fields);
        zip.extend_from_slice(member.name.as_bytes());
        zip.extend_from_slice(&packed);
    }
    let at = zip.len();
    zip.extend_from_slice(&directory);
    zip.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00");
    zip.extend_from_slice(&count.to_le_bytes());
    zip.extend_from_slice(&count.to_le_bytes());
    zip.extend_from_slice(&len32(directory.len()));
    zip.extend_from_slice(&len32(at));
    zip.extend_from_slice(&[0, 0]);
    zip
}

pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<Zipped<'_>> = members
        .iter()
        .map(|(name, bytes)| Zipped {
            name,
            bytes,
            flags: 0,
            is_in_directory: true,
        })
        .collect();
    zip_of(&members)
}

/// Returns a document of words: a number that is half bold, one in its head, and a table.
pub(crate) fn docx() -> Vec<u8> {
    let row = |cells: [&str; 2]| {
        let cells =
            cells.map(|cell| format!("<w:tc><w:p><w:r><w:t>{cell}</w:t></w:r></w:p></w:tc>"));
        format!("<w:tr>{}</w:tr>", cells.concat())
    };
    let rows: String = (0..20)
        .map(|at| row(["姓名", &format!("138001380{:02}", at + 20)]))
        .collect();
    let document = format!(
        "<w:document><w:body><w:p><w:r><w:t>手机 138001</w:t></w:r><w:r><w:b/><w:t>38000</w:t></w:r></w:p>\
         <w:tbl>{}{rows}</w:tbl></w:body></w:document>",
        row(["姓名", "手机"])
    );
    let head = "<w:hdr><w:p><w:r><w:t>手机 13900139000</w:t></w:r></w:p></w:hdr>";
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", document.as_bytes()),
        ("word/header1.xml", head.as_bytes()),
    ])
}

/// Returns a workbook: numbers as programs write them, shared and inline strings, a heading above the titles.
pub(crate) fn xlsx() -> Vec<u8> {
    let strings = "<sst><si><t>员工</t></si><si><t>姓名</t></si><si><t>手机</t></si><si><r><t>139001</t></r><r><t>39000</t></r></si></sst>";
    let rows: String = (0..20)
        .map(|at| {
            format!(
                "<row><c><v>{at}</v></c><c r=\"C{at}\"><v>1.380013{:04}E10</v></c></row>",
                8000 + at
            )
        })
        .collect();
    let sheet = format!(
        "<worksheet><sheetData><row r=\"1\"><c t=\"s\"><v>0</v></c></row>\
         <row r=\"2\"><c r=\"A2\" t=\"s\"><v>1</v></c><c r=\"C2\" t=\"s\"><v>2</v></c></row>{rows}\
         <row><c t=\"inlineStr\"><is><t>x</t></is></c><c r=\"C3\" t=\"s\"><v>3</v></c><c t=\"s\"><v>99999999999999999999</v></c></row>\
         </sheetData></worksheet>"
    );
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
    ])
}

/// Returns a sheet of OpenDocument.
pub(crate) fn ods() -> Vec<u8> {
    let rows: String = (0..20)
        .map(|at| {
            format!(
                "<table:table-row table:number-rows-repeated=\"1000000000\"><table:table-cell table:number-columns-repeated=\"2\"/>\
                 <table:table-cell office:value-type=\"float\" office:value=\"1380013{:04}\"><text:p>1.38E+10</text:p></table:table-cell>\
                 </table:table-row>",
                8000 + at
            )
        })
        .collect();
    let content =
        format!("<office:spreadsheet><table:table>{rows}</table:table></office:spreadsheet>");
    zip(&[
        (
            "mimetype",
            b"application/vnd.oasis.opendocument.spreadsheet",
        ),
        ("content.xml", content.as_bytes()),
    ])
}

/// Returns a message with numbers in its subject, its text and what is attached, 42 in all, and two addresses.
pub(crate) fn mail() -> Vec<u8> {
    let text = "Received: from a\r\n\tby b\r\nFrom: =?gb18030?B?1cXI/Q==?= <a@example.org>\r\nTo: b@example.org\r\n\
        Message-ID: <13700137000@example.org>\r\nSubject: =?utf-8?Q?=E6=89=8B=E6=9C=BA?=\r\n =?utf-8?q?_139001?= =?utf-8?q?39000?=\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"one\"\r\n\r\n\
        --one\r\nContent-Type: multipart/alternative; boundary=two\r\n\r\n--two\r\n\
        Content-Type: text/plain; charset=gb2312\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        =CA=D6=BB=FA 138001=\r\n38000\r\n--two--\r\n--one\r\n\
        Content-Type: application/octet-stream; name*=utf-8''%E8%A1%A8.gz\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let mut mail = text.as_bytes().to_vec();
    let packed = gzip(&table(40));
    for line in packed.chunks(57) {
        mail.extend_from_slice(base64(line).as_bytes());
        mail.extend_from_slice(b"\r\n");
    }
    mail.extend_from_slice(b"--one--\r\n");
    mail
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut held = 0_usize;
        for at in 0..3 {
            held = held << 8 | usize::from(group.get(at).copied().unwrap_or_default());
        }
        for at in 0..4 {
            let digit = DIGITS
                .get(held >> (18 - 6 * at) & 63)
                .copied()
                .expect("there are 64");
            out.push(if at <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

/// Returns a file with streams in it, as old offices wrote them.
pub(crate) fn compound(streams: &[(&str, Vec<u8>)]) -> Vec<u8> {
    const SECTOR: usize = 512;
    let number = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let directory_sectors = (streams.len() + 1).div_ceil(4);
    // The table of chains is one sector, the directory follows, and then streams, long enough for sectors of their own.
    let (mut chains, mut next) = (vec![0xFFFF_FFFD_u32], 1);
    let mut chain = |sectors: usize| {
        let first = next;
        next += sectors;
        chains.extend((first + 1..next).map(|sector| u32::try_from(sector).expect("short")));
        chains.push(0xFFFF_FFFE);
        first
    };
    let directory_at = chain(directory_sectors);
    let (mut directory, mut bodies) = (Vec::new(), Vec::new());
    let mut entry = |name: &str, kind: u8, first: [u8; 4], len: usize| {
        let name = utf16(name);
        let mut entry = name.clone();
        entry.resize(64, 0);
        entry.extend_from_slice(&u16::try_from(name.len() + 2).expect("short").to_le_bytes());
        entry.push(kind);
        entry.resize(116, 0);
        entry.extend_from_slice(&first);
        entry.extend_from_slice(&number(len));
        entry.resize(128, 0);
        directory.extend(entry);
    };
    entry("Root Entry", 5, [0xFE, 0xFF, 0xFF, 0xFF], 0);
    for (name, bytes) in streams {
        let mut bytes = bytes.clone();
        bytes.resize(bytes.len().max(4096).next_multiple_of(SECTOR), b' ');
        entry(name, 2, number(chain(bytes.len() / SECTOR)), bytes.len());
        bodies.extend(bytes);
    }
    let mut file = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    file.resize(24, 0);
    file.extend_from_slice(&[0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0]);
    file.resize(44, 0);
    for field in [1, directory_at, 0, 4096, 0xFFFF_FFFE, 0, 0xFFFF_FFFE, 0, 0] {
        file.extend_from_slice(&number(field));
    }
    file.resize(SECTOR, 0xFF);
    file.extend(chains.iter().flat_map(|chain| chain.to_le_bytes()));
    file.resize(2 * SECTOR, 0xFF);
    file.extend(directory);
    file.resize((2 + directory_sectors) * SECTOR, 0);
    file.extend(bodies);
    file
}

/// Returns a document of words in two pieces, one of them with wide letters; two mobile numbers.
pub(crate) fn doc() -> Vec<u8> {
    let (narrow, wide) = ("mobile 13800138000\r", "手机 13900139000\r");
    let wide_bytes: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut main = vec![0; 0x1A2];
    main.splice(0..4, [0xEC, 0xA5, 0xC1, 0]);
    main.splice(10..12, [0, 2]);
    let number = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
    let letters = [0, narrow.len(), narrow.len() + wide.encode_utf16().count()];
    let (narrow_at, wide_at) = (0x400, 0x500);
    let mut pieces: Vec<u8> = letters.into_iter().flat_map(number).collect();
    for place in [(narrow_at * 2) | (1 << 30), wide_at] {
        pieces.extend_from_slice(&[0, 0]);
        pieces.extend_from_slice(&number(place));
        pieces.extend_from_slice(&[0, 0]);
    }
    let table = [&[2], number(pieces.len()).as_slice(), &pieces].concat();
    main.extend_from_slice(&[0; 4]);
    main.extend_from_slice(&number(table.len()));
    main.resize(narrow_at, 0);
    main.extend_from_slice(narrow.as_bytes());
    main.resize(wide_at, 0);
    main.extend(wide_bytes);
    compound(&[("WordDocument", main), ("1Table", table)])
}

/// Returns a presentation with two mobile numbers.
pub(crate) fn ppt() -> Vec<u8> {
    let record = |version: u8, kind: u16, body: &[u8]| {
        let len = u32::try_from(body.len()).expect("short").to_le_bytes();
        [&[version, 0], kind.to_le_bytes().as_slice(), &len, body].concat()
    };
    let wide: Vec<u8> = "手机 13800138000"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let texts = [
        record(0, 0x0FA0, &wide),
        record(0, 0x0FA8, b"mobile 13900139000"),
    ]
    .concat();
    let slide = record(15, 0x03EE, &record(15, 0xF00D, &texts));
    compound(&[("PowerPoint Document", slide)])
}

/// Returns a message with a mobile number in its text and forty in what is attached.
pub(crate) fn msg() -> Vec<u8> {
    let wide: Vec<u8> = "手机 13900139000"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    compound(&[
        ("__properties_version1.0", Vec::new()),
        ("__substg1.0_1000001F", wide),
        ("__substg1.0_37010102", table(40)),
    ])
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
