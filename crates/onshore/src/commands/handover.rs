//! `onshore report handover`: a hand-over plan as a paper that both sides read, and that shows who signed for what.

use anyhow::{Context, Result, bail};
use onshore_api::RecordView;
use onshore_orders::handover::{Side, Tranche};
use onshore_orders::{Day, Handover, Id, Language, Record, RecordKind, Signature, UtcOffset};
use onshore_types::IdentityName;

use crate::cli::{PaperArgs, StatusFormat, TargetArgs};
use crate::clock;
use crate::commands::status::{format_of, hand_out, in_json};
use crate::exit::Exit;
use crate::output;
use crate::pdf::{Cell, Document};
use crate::target;

/// How wide the columns of a PDF are, in points, and how large its letters.
const WIDTHS: [f32; 7] = [90.0, 200.0, 100.0, 70.0, 120.0, 120.0, 60.0];
const SIZE: f32 = 8.0;

pub(crate) async fn report(target: &TargetArgs, id: &Id, paper: &PaperArgs) -> Result<Exit> {
    let path = format!("/v1/register/handover/{id}");
    let view: RecordView = target::client(target)?.get(&path).await?;
    if let StatusFormat::Json = format_of(target, paper) {
        hand_out(&in_json(&view)?, paper)?;
        return Ok(Exit::Done);
    }
    let record = Record::from_json(RecordKind::Handover, &view.record.to_string())
        .context("the server's answer is not what this version understands")?;
    let Record::Handover(plan) = record else {
        bail!("the server's answer is no hand-over plan");
    };
    let paper_of = Paper {
        plan: &plan,
        revision: view.revision,
        today: Day::at(clock::today(), UtcOffset::UTC),
        lang: target.lang,
    };
    match format_of(target, paper) {
        StatusFormat::Csv => hand_out(&paper_of.csv()?, paper)?,
        StatusFormat::Pdf => hand_out(&paper_of.pdf(), paper)?,
        StatusFormat::Table | StatusFormat::Json => {
            hand_out(paper_of.text().as_bytes(), paper)?;
        }
    }
    Ok(Exit::Done)
}

/// A plan that is written down.
struct Paper<'a> {
    plan: &'a Handover,
    revision: u32,
    today: Day,
    lang: Language,
}

impl Paper<'_> {
    fn title(&self) -> String {
        let Handover { id, title, .. } = self.plan;
        match self.lang {
            Language::En => format!("Hand-over {id}: {title}"),
            Language::Zh => format!("移交方案 {id}：{title}"),
        }
    }

    /// What is said of the plan as a whole, a line each.
    fn heads(&self) -> Vec<String> {
        let Handover {
            seller,
            buyer,
            decided,
            currency,
            price_max_minor,
            ..
        } = self.plan;
        let money = |minor| currency.written(minor);
        let (most, accepted) = (money(*price_max_minor), money(self.plan.accepted_minor()));
        let signatories = |side| {
            let names = self.plan.signatories(side).iter();
            let names: Vec<&str> = names.map(IdentityName::as_str).collect();
            match (names.is_empty(), self.lang) {
                (true, Language::En) => "nobody is named".to_owned(),
                (true, Language::Zh) => "未指定".to_owned(),
                (false, Language::En) => names.join(", "),
                (false, Language::Zh) => names.join("、"),
            }
        };
        let (for_seller, for_buyer) = (signatories(Side::Seller), signatories(Side::Buyer));
        let revision = self.revision;
        match self.lang {
            Language::En => vec![
                format!("Seller {seller}, for whom sign: {for_seller}"),
                format!("Buyer {buyer}, for whom sign: {for_buyer}"),
                format!(
                    "Decided {decided}; {most} at most, of which {accepted} are accepted; revision {revision}"
                ),
            ],
            Language::Zh => vec![
                format!("出让方 {seller}，签署人：{for_seller}"),
                format!("受让方 {buyer}，签署人：{for_buyer}"),
                format!("决定日期 {decided}；总价上限 {most}，已验收 {accepted}；第 {revision} 版"),
            ],
        }
    }

    /// What stays with the seller, and where all of it is known from, a line each.
    fn foot(&self) -> Vec<String> {
        let retained = self.plan.retained.iter().map(|one| {
            let what = one.what.words_in(self.lang);
            match self.lang {
                Language::En => format!("Stays with the seller: {what}: {}", one.text),
                Language::Zh => format!("由出让方保留：{what}：{}", one.text),
            }
        });
        let sources = self.plan.sources.iter().map(|one| match self.lang {
            Language::En => format!("Source: {}", one.title),
            Language::Zh => format!("来源：{}", one.title),
        });
        retained.chain(sources).collect()
    }

    fn columns(&self) -> [&'static str; 7] {
        match self.lang {
            Language::En => [
                "TRANCHE",
                "WHAT",
                "PRICE",
                "DUE",
                "SIGNED BY SELLER",
                "SIGNED BY BUYER",
                "STATE",
            ],
            Language::Zh => [
                "批次",
                "内容",
                "价款",
                "期限",
                "出让方签署",
                "受让方签署",
                "状态",
            ],
        }
    }

    fn row(&self, tranche: &Tranche) -> Vec<String> {
        let signed = |signature: Option<&Signature>| {
            signature.map_or_else(String::new, |signature| {
                format!("{} {}", signature.person.as_str(), signature.at)
            })
        };
        let price = tranche
            .price_minor
            .map(|minor| self.plan.currency.written(minor));
        vec![
            tranche.id.to_string(),
            tranche.text.clone(),
            price.unwrap_or_default(),
            tranche.due.map(String::from).unwrap_or_default(),
            signed(tranche.signature(Side::Seller)),
            signed(tranche.signature(Side::Buyer)),
            match (
                self.lang,
                tranche.is_accepted(),
                tranche.is_late(self.today),
            ) {
                (Language::En, true, _) => "accepted",
                (Language::En, false, true) => "late",
                (Language::En, false, false) => "open",
                (Language::Zh, true, _) => "已验收",
                (Language::Zh, false, true) => "逾期",
                (Language::Zh, false, false) => "待签署",
            }
            .to_owned(),
        ]
    }

    fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self.plan.tranches.iter().map(|one| self.row(one)).collect();
        let mut text = self.title();
        for line in self.heads() {
            text.push('\n');
            text.push_str(&line);
        }
        text.push_str("\n\n");
        text.push_str(&output::tabled(&self.columns(), &rows));
        text.push('\n');
        for line in self.foot() {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn pdf(&self) -> Vec<u8> {
        let mut document = Document::new(&self.title());
        for line in self.heads() {
            document.text(&line, SIZE, 0.0);
        }
        document.skip(SIZE);
        let mut print = |row: &[&str]| {
            let cells: Vec<Cell<'_>> = row
                .iter()
                .zip(WIDTHS)
                .map(|(text, width)| Cell { text, width })
                .collect();
            document.row(&cells, SIZE);
        };
        print(&self.columns());
        for tranche in &self.plan.tranches {
            let row = self.row(tranche);
            let row: Vec<&str> = row.iter().map(String::as_str).collect();
            print(&row);
        }
        document.skip(SIZE);
        for line in self.foot() {
            document.text(&line, SIZE, 0.0);
        }
        document.finish()
    }

    fn csv(&self) -> Result<Vec<u8>> {
        let plan = Self {
            lang: Language::En,
            ..*self
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "plan",
            "tranche",
            "what",
            "price",
            "due",
            "signed_by_seller",
            "signed_by_buyer",
            "state",
        ])?;
        for tranche in &plan.plan.tranches {
            let mut row = vec![plan.plan.id.to_string()];
            row.extend(plan.row(tranche));
            writer.write_record(row)?;
        }
        writer.into_inner().context("the table cannot be written")
    }
}
