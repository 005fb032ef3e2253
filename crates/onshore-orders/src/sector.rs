//! Trades by the words of a table, in either language: what a trade asks for is found by its word (docs/decisions/0075).

/// A trade in none of the words.
pub const OTHER: &str = "other";

/// Each trade, and how it is called in Chinese.
const SECTORS: &[(&str, &[&str])] = &[
    (FINANCE, &["金融"]),
    ("banking", &["银行"]),
    ("insurance", &["保险"]),
    ("securities", &["证券"]),
    ("funds", &["基金"]),
    ("payment", &["支付"]),
    ("telecommunications", &["电信", "通信"]),
    ("internet", &["互联网"]),
    ("industry", &["工业", "制造"]),
    ("transport", &["交通", "交通运输"]),
    ("energy", &["能源", "电力"]),
    ("health", &["卫生", "医疗", "卫生健康"]),
    ("education", &["教育"]),
    ("mapping", &["测绘"]),
    ("natural-resources", &["自然资源"]),
    ("media", &["传媒", "媒体"]),
    ("publishing", &["出版"]),
    ("broadcasting", &["广播", "广播电视"]),
    (OTHER, &["其他"]),
];

/// The trade of financial entities.
pub const FINANCE: &str = "finance";

/// Trades that are parts of another, which whoever means that one means too: those of finance are financial entities by DORA, article 2.
const PARTS: &[(&str, &[&str])] = &[(
    FINANCE,
    &["banking", "insurance", "securities", "funds", "payment"],
)];

/// Returns the word of the table for a trade that somebody wrote down; none where it has none.
#[must_use]
pub fn known(text: &str) -> Option<&'static str> {
    let lower = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    let find = |text: &str| {
        let mut all = SECTORS.iter();
        let found = all.find(|(word, chinese)| *word == text || chinese.contains(&text));
        found.map(|(word, _)| *word)
    };
    // 银行业 and 银行行业 are the trade of 银行.
    let shorter = ["行业", "业"]
        .into_iter()
        .find_map(|end| find(lower.strip_suffix(end)?));
    find(&lower).or(shorter)
}

/// Whether two texts are words for the same trade.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || known(one).is_some_and(|word| known(other) == Some(word))
}

/// Whether a trade is another one or a part of it: banking lies in finance, and finance not in banking.
#[must_use]
pub fn lies_in(trade: &str, wide: &str) -> bool {
    is_same(trade, wide) || known(trade).is_some_and(|word| parts(wide).contains(&word))
}

fn parts(wide: &str) -> &'static [&'static str] {
    let word = known(wide);
    let found = PARTS.iter().find(|(whole, _)| word == Some(*whole));
    found.map_or(&[], |(_, parts)| *parts)
}

/// Says why a text that is none of the words is not taken.
#[must_use]
pub fn unknown(text: &str) -> String {
    let words: Vec<String> = SECTORS
        .iter()
        .map(|(word, chinese)| format!("{word} ({})", chinese.join(", ")))
        .collect();
    format!(
        "`{text}` is no trade that is known, so that nobody would know what it asks for: it is one of {}",
        words.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{PARTS, is_same, known, lies_in};

    #[test]
    fn a_trade_is_known_in_either_language() {
        for text in ["Finance", "金融", "金融业", "金融行业", " finance "] {
            assert_eq!(known(text), Some("finance"), "{text}");
        }
        assert_eq!(known("工业"), Some("industry"));
        assert_eq!(known("Natural Resources"), Some("natural-resources"));
        assert_eq!(known("其他"), Some("other"));
        for text in ["Banking & Finance", "金", "业", ""] {
            assert_eq!(known(text), None, "{text}");
        }
        assert!(is_same("金融", "finance") && is_same("toys", "toys"));
        assert!(!is_same("toys", "games") && !is_same("银行", "finance"));
    }

    #[test]
    fn what_is_a_part_of_finance_lies_in_it() {
        for text in ["finance", "银行业", "Insurance", "证券", "funds", "支付"] {
            assert!(lies_in(text, "金融"), "{text}");
        }
        assert!(!lies_in("finance", "banking") && !lies_in("insurance", "banking"));
        assert!(!lies_in("other", "finance") && !lies_in("toys", "finance"));
        assert!(lies_in("toys", "toys") && !lies_in("toys", "games"));
        for (whole, parts) in PARTS {
            let mut all = std::iter::once(whole).chain(*parts);
            assert!(all.all(|word| known(word) == Some(*word)), "{whole}");
        }
    }
}
