//! The inventories of a certificate: their pages make the heads that were signed, one page follows the other, and the pages of
//! the last one name exactly the records that the certificate has.

use serde_json::{Value, json};

use crate::json::{canonical, hash, list, number, text};
use crate::merkle::sha256;
use crate::{Refusal, refuse_if};

/// Returns whether the last inventory is as large as an independent count says.
pub fn check(certificate: &Value, body: &Value, said: &mut Vec<String>) -> Result<bool, Refusal> {
    let lists = |from: &Value, name| from.get(name).map_or(Ok(Vec::new()), |_| list(from, name).cloned());
    let (inventories, chains) = (lists(body, "inventories")?, lists(certificate, "pages")?);
    refuse_if(inventories.len() != chains.len(), "an inventory is without its pages")?;
    for (inventory, pages) in inventories.iter().zip(&chains) {
        let (mut head, mut after, mut sums) = (sha256(&[b"onshore-inventory/1\n"]), &Value::Null, [0_u64; 2]);
        let (order, pages) = (text(inventory, "order")?, pages.as_array().ok_or("there are no pages")?);
        for page in pages {
            let end = |name| page.get(name).ok_or("a page of an inventory is incomplete");
            let (first, last) = (end("first")?, end("last")?);
            let is_behind = first.is_null() || (after.as_str() <= first.as_str() && first.as_str() <= last.as_str());
            refuse_if(
                end("after")? != after || !(is_behind || order == "none"),
                "a page of an inventory does not follow the one before",
            )?;
            head = sha256(&[&head, &canonical(page)?]);
            for (sum, name) in sums.iter_mut().zip(["entries", "bytes"]) {
                *sum = sum.checked_add(number(page, name)?).ok_or("an inventory is too large")?;
            }
            after = if last.is_null() { after } else { last };
        }
        let signed = (hash(inventory, "head")?, number(inventory, "entries")?, number(inventory, "bytes")?);
        let is_known = ["by-key", "none"].contains(&order) && number(inventory, "pages")? == pages.len() as u64;
        refuse_if(!is_known || signed != (head, sums[0], sums[1]), "the pages are not those that were signed")?;
        said.push(format!("inventory of {}: {} records, order {order}", text(inventory, "ended")?, sums[0]));
    }
    let (Some(last), Some(pages)) = (inventories.last(), chains.last().and_then(Value::as_array)) else {
        return Ok(false);
    };
    check_records(certificate, body, text(last, "order")? == "by-key", pages, said)?;
    let Some(count) = body.get("counted") else { return Ok(false) };
    let bytes = if count.get("bytes").is_some() { number(count, "bytes")? } else { number(last, "bytes")? };
    Ok((number(count, "objects")?, bytes) == (number(last, "entries")?, number(last, "bytes")?))
}

fn check_records(
    certificate: &Value,
    body: &Value,
    is_by_key: bool,
    pages: &[Value],
    said: &mut Vec<String>,
) -> Result<(), Refusal> {
    let mut records = Vec::new();
    for (arrived, list) in [(true, list(certificate, "objects")?), (false, list(body, "exceptions")?)] {
        for record in list {
            let page = record.get("page").map(|_| number(record, "page")).transpose()?;
            let size = record.get("size").map_or(Ok(0), |_| number(record, "size"))?;
            records.push((text(record, "key")?, record.get("version").and_then(Value::as_str), size, page, arrived));
        }
    }
    records.sort_unstable();
    let mut found = vec![(Vec::new(), 0_u64, 0_u64); pages.len()];
    let mut unlisted = 0_u64;
    for (key, version, size, page, arrived) in records {
        let Some(page) = page.and_then(|page| usize::try_from(page).ok()) else {
            unlisted += 1;
            continue;
        };
        let (lines, entries, bytes) = found.get_mut(page).ok_or("a record is of a page that is not there")?;
        let end = |name| pages.get(page)?.get(name)?.as_str();
        let is_inside = end("first") <= Some(key) && Some(key) <= end("last");
        refuse_if(is_by_key && arrived && !is_inside, "a record is not between the ends of its page")?;
        lines.extend([&canonical(&json!([key, version, size]))?[..], b"\n"].concat());
        (*entries, *bytes) = (*entries + 1, bytes.saturating_add(size));
    }
    for (page, (lines, entries, bytes)) in pages.iter().zip(found) {
        let listed = (hash(page, "digest")?, number(page, "entries")?, number(page, "bytes")?);
        refuse_if(listed != (sha256(&[&lines]), entries, bytes), "a page listed other records than there are")?;
    }
    said.push(format!("the last inventory names all records but {unlisted}"));
    Ok(())
}
