//! Parquet: columns in pages, and a footer that says where.
//!
//! All columns of a group of rows are read beside one another, a page of each at a time, so that a record is seen as one. No
//! number in the file is believed before there are bytes for it.

mod column;
mod footer;
mod levels;
mod page;
mod thrift;

use std::io::{self, Read, Seek, SeekFrom};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::node::Node;
use crate::formats::parquet::column::{Column, Next};
use crate::formats::parquet::footer::{Chunk, Footer};
use crate::passage::Passage;

/// How long a footer may be.
const FOOTER_MAX_BYTES: u64 = 64 << 20;
/// How many columns are read beside one another; a wider table is read in strips.
const COLUMNS_BESIDE: usize = 128;
/// How much of the pages of all columns is held.
const PAGES_MAX_BYTES: usize = 256 << 20;

/// Reads a file.
pub(crate) fn read<R: Read + Seek>(mut bytes: R, gather: &mut Gather) -> io::Result<()> {
    gather.is_format("parquet");
    if gather.go_in("parquet") {
        if let Err(why) = read_inside(&mut bytes, gather)? {
            gather.not_read(why);
        }
    } else {
        gather.not_read(Unread::OverLimit);
    }
    gather.come_out();
    Ok(())
}

/// What is wrong with the bytes, where the reader itself did not fail.
type Read1<T> = io::Result<Result<T, Unread>>;

fn read_inside<R: Read + Seek>(bytes: &mut R, gather: &mut Gather) -> Read1<()> {
    let len = bytes.seek(SeekFrom::End(0))?;
    let Some(end_at) = len.checked_sub(8) else {
        return Ok(Err(Unread::Damaged));
    };
    let end = at(bytes, end_at, 8)?;
    let Some(([a, b, c, d], magic)) = end.split_first_chunk::<4>() else {
        return Ok(Err(Unread::Damaged));
    };
    match magic {
        b"PAR1" => {}
        b"PARE" => return Ok(Err(Unread::Encrypted)),
        _ => return Ok(Err(Unread::Damaged)),
    }
    let footer_len = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    let Some(footer_at) = end_at.checked_sub(footer_len) else {
        return Ok(Err(Unread::Damaged));
    };
    if footer_len > FOOTER_MAX_BYTES {
        return Ok(Err(Unread::OverLimit));
    }
    let footer = at(
        bytes,
        footer_at,
        usize::try_from(footer_len).unwrap_or_default(),
    )?;
    let footer = match Footer::parse(&footer) {
        Ok(footer) => footer,
        Err(why) => return Ok(Err(why)),
    };
    if footer.is_encrypted {
        return Ok(Err(Unread::Encrypted));
    }
    for strip in (0..footer.leaves.len()).step_by(COLUMNS_BESIDE) {
        let leaves = footer.leaves.iter().skip(strip).take(COLUMNS_BESIDE);
        let titles: Vec<String> = leaves.clone().map(|leaf| leaf.title.clone()).collect();
        let mut table = Passage::of_table(&titles, gather.wanted());
        let mut groups = footer.groups();
        while let Some(chunks) = groups.next_group() {
            let Ok(chunks) = chunks else {
                gather.not_read(Unread::Damaged);
                break;
            };
            let mut columns = Vec::new();
            for (leaf, chunk) in leaves.clone().zip(chunks.into_iter().skip(strip)) {
                match chunk {
                    Chunk::Plain(chunk) => columns.push(Some(Column::new(leaf, chunk))),
                    Chunk::Encrypted => {
                        gather.not_read(Unread::Encrypted);
                        columns.push(None);
                    }
                }
            }
            read_rows(&mut columns, bytes, &mut table, gather)?;
            if gather.is_over() {
                break;
            }
        }
        gather.is_format("table");
        gather.take(table.finish());
    }
    Ok(Ok(()))
}

/// Reads the rows of some columns to the end of all of them.
fn read_rows<R: Read + Seek>(
    columns: &mut [Option<Column<'_>>],
    bytes: &mut R,
    table: &mut Passage,
    gather: &mut Gather,
) -> io::Result<()> {
    // The values of a row, one behind the other, and where each ends.
    let (mut row, mut ends) = (String::new(), Vec::new());
    loop {
        row.clear();
        ends.clear();
        let (mut is_on, mut pages_bytes) = (false, 0);
        for place in columns.iter_mut() {
            if let Some(column) = place {
                let room = PAGES_MAX_BYTES.saturating_sub(pages_bytes);
                let mut read_long = |value: &[u8]| read_value(value, gather);
                let next = column.next_record(bytes, room, &mut row, &mut read_long)?;
                pages_bytes += column.held_bytes();
                match next {
                    Next::Record => is_on = true,
                    Next::End => *place = None,
                    Next::Broken(why) => {
                        gather.not_read(why);
                        *place = None;
                    }
                }
            }
            ends.push(row.len());
        }
        // A row costs time even where it has nothing in it.
        if !is_on || !gather.unpacked((row.len() + ends.len()) as u64) {
            return Ok(());
        }
        let mut start = 0;
        table.row(ends.iter().map(|end| {
            let value = row.get(start..*end).unwrap_or_default();
            start = *end;
            value
        }));
    }
}

/// Reads a value that is as long as a file.
fn read_value(value: &[u8], gather: &mut Gather) {
    if gather.unpacked(value.len() as u64) {
        let mut node = Node::within();
        node.push(value, gather);
        node.finish(gather);
    }
}

/// Reads what stands at a place, as much as there is of it.
fn at<R: Read + Seek>(bytes: &mut R, place: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    bytes.seek(SeekFrom::Start(place))?;
    bytes.by_ref().take(len as u64).read_to_end(&mut read)?;
    Ok(read)
}
