//! One condition of a statement: an operator, a key, the values that are compared, and what that is in Cedar. What Cedar has
//! no words for, a `?`, a variable within a text, patterns over sets, is an observation: a predicate of one key that is
//! made when the question is asked, and that Cedar judges like every other attribute.

use std::net::IpAddr;

use ipnet::IpNet;
use onshore_types::{PartitionName, Timestamp};
use serde_json::{Value, json};

use super::Malformed;
use super::arn::in_own_partition;
use super::cedar::{self, all, any, attribute, both, has, long, not, text};
use super::json::Json;
use super::keys::{self, Key};
use super::observation::{Observation, Observations, Quantifier, Test};
use super::pattern::{Pattern, Piece, Variables, Wildcards};
use super::question::Reading;

/// Numbers are compared in thousandths.
pub(crate) const THOUSANDTHS: i64 = 1000;

/// One condition.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) key: Key,
    operator: Operator,
    quantifier: Option<Quantifier>,
    /// Whether a key without a value lets the condition hold.
    if_exists: bool,
    values: Compared,
}

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator {
    comparison: Comparison,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    EqualIgnoringCase,
    Like,
    Bool,
    /// With Cedar's operator; whether the sides change places.
    Number(&'static str),
    Date(&'static str),
    Network,
    Arn,
    Null,
}

/// The values, as they are compared.
#[derive(Debug)]
enum Compared {
    Patterns(Vec<Pattern>),
    Arns(Vec<[Pattern; 6]>),
    Truths(Vec<bool>),
    Numbers(Vec<i64>),
    Networks(Vec<IpNet>),
}

/// The operators, in small letters, without quantifier and `IfExists`.
const OPERATORS: [(&str, Comparison, bool); 26] = [
    ("stringequals", Comparison::Equal, false),
    ("stringnotequals", Comparison::Equal, true),
    (
        "stringequalsignorecase",
        Comparison::EqualIgnoringCase,
        false,
    ),
    (
        "stringnotequalsignorecase",
        Comparison::EqualIgnoringCase,
        true,
    ),
    ("stringlike", Comparison::Like, false),
    ("stringnotlike", Comparison::Like, true),
    ("bool", Comparison::Bool, false),
    ("numericequals", Comparison::Number("=="), false),
    ("numericnotequals", Comparison::Number("=="), true),
    ("numericlessthan", Comparison::Number("<"), false),
    ("numericlessthanequals", Comparison::Number("<="), false),
    ("numericgreaterthan", Comparison::Number(">"), false),
    ("numericgreaterthanequals", Comparison::Number(">="), false),
    ("dateequals", Comparison::Date("=="), false),
    ("datenotequals", Comparison::Date("=="), true),
    ("datelessthan", Comparison::Date("<"), false),
    ("datelessthanequals", Comparison::Date("<="), false),
    ("dategreaterthan", Comparison::Date(">"), false),
    ("dategreaterthanequals", Comparison::Date(">="), false),
    ("ipaddress", Comparison::Network, false),
    ("notipaddress", Comparison::Network, true),
    ("arnequals", Comparison::Arn, false),
    ("arnlike", Comparison::Arn, false),
    ("arnnotequals", Comparison::Arn, true),
    ("arnnotlike", Comparison::Arn, true),
    ("null", Comparison::Null, false),
];

impl Condition {
    /// Reads one.
    pub(crate) fn parse(
        operator: &str,
        key: &str,
        values: &Json,
        variables: Variables,
        own: &PartitionName,
        element: &str,
    ) -> Result<Self, Malformed> {
        let wrong = |why: &str| Malformed::new(element, why);
        let word = operator.to_ascii_lowercase();
        let (quantifier, word) = match word.split_once(':') {
            None => (None, word.as_str()),
            Some(("forallvalues", rest)) => (Some(Quantifier::All), rest),
            Some(("foranyvalue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => {
                return Err(wrong(
                    "before an operator stands ForAllValues or ForAnyValue",
                ));
            }
        };
        let (word, if_exists) = match word.strip_suffix("ifexists") {
            Some(word) => (word, true),
            None => (word, false),
        };
        let operator = OPERATORS
            .iter()
            .find(|(known, ..)| *known == word)
            .map(|(_, comparison, negated)| Operator {
                comparison: *comparison,
                negated: *negated,
            })
            .ok_or_else(|| wrong("there is no such operator"))?;
        if operator.comparison == Comparison::Null && (if_exists || quantifier.is_some()) {
            return Err(wrong("Null takes neither IfExists nor a quantifier"));
        }
        let key = keys::parse(key).ok_or_else(|| {
            wrong("this service has no such condition key, and a condition nobody fills in would decide nothing")
        })?;
        let is_null = operator.comparison == Comparison::Null;
        if key.has_many_values() && quantifier.is_none() && !is_null {
            return Err(wrong(
                "the key may have several values: say ForAllValues: or ForAnyValue: before the operator",
            ));
        }
        let texts = scalars(values, element)?;
        let values = compared(operator.comparison, &key, &texts, variables, own, element)?;
        Ok(Self {
            key,
            operator,
            quantifier,
            if_exists,
            values,
        })
    }

    /// Whether the condition confines who asks to values that are fixed, of a key that he does not choose: a policy whose
    /// every open statement has such a one is not public.
    pub(crate) fn confines(&self) -> bool {
        if self.operator.negated || self.if_exists || self.quantifier == Some(Quantifier::All) {
            return false;
        }
        match (&self.values, self.key.as_str()) {
            (Compared::Networks(networks), "aws:sourceip") => networks.iter().all(|network| {
                let narrowest = match network {
                    IpNet::V4(_) => 8,
                    IpNet::V6(_) => 32,
                };
                network.prefix_len() >= narrowest
            }),
            (
                Compared::Patterns(patterns),
                "aws:principalaccount" | "aws:principalarn" | "aws:userid",
            ) => patterns.iter().all(|pattern| pattern.as_text().is_some()),
            (Compared::Arns(arns), "aws:principalarn") => arns
                .iter()
                .flatten()
                .all(|pattern| pattern.as_text().is_some()),
            _ => false,
        }
    }

    /// Returns what it is in Cedar.
    pub(crate) fn compile(&self, seen: &mut Observations) -> Value {
        if self.operator.comparison == Comparison::Null {
            return self.compile_null(seen);
        }
        match self.quantifier {
            None => self.compile_one(seen),
            Some(quantifier) => self.compile_many(quantifier, seen),
        }
    }

    fn compile_null(&self, seen: &mut Observations) -> Value {
        let reading = if self.key.has_many_values() {
            Reading::Set
        } else {
            Reading::Text
        };
        let there = has(&seen.need(&self.key, reading));
        let Compared::Truths(truths) = &self.values else {
            return cedar::truth(false);
        };
        any(truths
            .iter()
            .map(|is_null| {
                if *is_null {
                    not(there.clone())
                } else {
                    there.clone()
                }
            })
            .collect())
    }

    fn compile_one(&self, seen: &mut Observations) -> Value {
        let there = has(&seen.need(&self.key, Reading::Text));
        let holds = self.any_value(seen);
        if self.operator.negated {
            // AWS lets a negated condition hold for a key without a value.
            return any(vec![not(there), not(holds)]);
        }
        if self.if_exists {
            any(vec![not(there), holds])
        } else {
            all(vec![there, holds])
        }
    }

    /// Whether the key's one value is as any of the policy's values wants it.
    fn any_value(&self, seen: &mut Observations) -> Value {
        let key = &self.key;
        match (&self.values, self.operator.comparison) {
            (Compared::Patterns(patterns), comparison) => {
                let folded = comparison == Comparison::EqualIgnoringCase;
                let reading = if folded {
                    Reading::Folded
                } else {
                    Reading::Text
                };
                let name = seen.need(key, reading);
                let (plain, others): (Vec<&Pattern>, Vec<&Pattern>) = patterns
                    .iter()
                    .partition(|pattern| pattern.as_text().is_some());
                let equal = plain
                    .iter()
                    .filter_map(|pattern| pattern.as_text())
                    .map(|value| {
                        if folded {
                            text(&value.to_lowercase())
                        } else {
                            text(value)
                        }
                    })
                    .collect();
                let mut ways = vec![both("contains", cedar::set(equal), attribute(&name))];
                for pattern in others {
                    ways.push(self.like(pattern, &name, folded, seen));
                }
                any(ways)
            }
            (Compared::Arns(arns), _) => {
                let name = seen.need(key, Reading::Arn);
                any(arns
                    .iter()
                    .map(|sections| {
                        if sections.iter().all(Pattern::is_plain) {
                            all(std::iter::once(has(&name))
                                .chain(sections.iter().enumerate().map(|(at, section)| {
                                    let section_of = json!({ ".": { "left": attribute(&name), "attr": format!("s{at}") } });
                                    cedar::like(section_of, pieces(section))
                                }))
                                .collect())
                        } else {
                            seen.observe(Observation {
                                key: key.clone(),
                                quantifier: None,
                                negated: false,
                                test: Test::Arn(vec![sections.clone()]),
                            })
                        }
                    })
                    .collect())
            }
            (Compared::Truths(truths), _) => {
                let name = seen.need(key, Reading::Folded);
                let words = truths
                    .iter()
                    .map(|truth| text(&truth.to_string()))
                    .collect();
                both("contains", cedar::set(words), attribute(&name))
            }
            (Compared::Numbers(numbers), Comparison::Number(sign) | Comparison::Date(sign)) => {
                let reading = match self.operator.comparison {
                    Comparison::Date(_) => Reading::Date,
                    _ => Reading::Number,
                };
                let name = seen.need(key, reading);
                let ways = numbers
                    .iter()
                    .map(|number| compare(sign, &name, *number))
                    .collect();
                all(vec![has(&name), any(ways)])
            }
            (Compared::Networks(networks), _) => {
                let name = seen.need(key, Reading::Address);
                let ways = networks
                    .iter()
                    .map(|network| cedar::in_network(&name, &network.to_string()))
                    .collect();
                all(vec![has(&name), any(ways)])
            }
            (Compared::Numbers(_), _) => cedar::truth(false),
        }
    }

    /// Whether a text is like a pattern that is not one text.
    fn like(&self, pattern: &Pattern, name: &str, folded: bool, seen: &mut Observations) -> Value {
        if pattern.is_plain() && !folded {
            return cedar::like(attribute(name), pieces(pattern));
        }
        if let ([Piece::Variable(other, None)], false) = (pattern.pieces(), folded) {
            let other = seen.need(other, Reading::Text);
            return all(vec![
                has(&other),
                both("==", attribute(name), attribute(&other)),
            ]);
        }
        seen.observe(Observation {
            key: self.key.clone(),
            quantifier: None,
            negated: false,
            test: Test::Like {
                patterns: vec![pattern.clone()],
                folded,
            },
        })
    }

    /// Sets are compared with texts by Cedar itself; whatever else is asked of them is observed.
    fn compile_many(&self, quantifier: Quantifier, seen: &mut Observations) -> Value {
        let name = seen.need(&self.key, Reading::Set);
        let there = has(&name);
        let holds = match &self.values {
            Compared::Patterns(patterns)
                if self.operator.comparison == Comparison::Equal
                    && patterns.iter().all(|pattern| pattern.as_text().is_some()) =>
            {
                let values = || {
                    let texts = patterns.iter().filter_map(Pattern::as_text);
                    cedar::set(texts.map(text).collect())
                };
                let some_in = both("containsAny", attribute(&name), values());
                let all_in = both("containsAll", values(), attribute(&name));
                match (quantifier, self.operator.negated) {
                    (Quantifier::Any, false) => some_in,
                    (Quantifier::Any, true) => not(all_in),
                    (Quantifier::All, false) => all_in,
                    (Quantifier::All, true) => not(some_in),
                }
            }
            values => seen.observe(Observation {
                key: self.key.clone(),
                quantifier: Some(quantifier),
                negated: self.operator.negated,
                test: self.test(values),
            }),
        };
        if quantifier == Quantifier::All || self.if_exists {
            any(vec![not(there), holds])
        } else {
            all(vec![there, holds])
        }
    }

    fn test(&self, values: &Compared) -> Test {
        match values {
            Compared::Patterns(patterns) => Test::Like {
                patterns: patterns.clone(),
                folded: self.operator.comparison == Comparison::EqualIgnoringCase,
            },
            Compared::Arns(arns) => Test::Arn(arns.clone()),
            Compared::Truths(truths) => Test::Truth(truths.clone()),
            Compared::Numbers(numbers) => match self.operator.comparison {
                Comparison::Date(sign) => Test::Date(sign, numbers.clone()),
                Comparison::Number(sign) => Test::Number(sign, numbers.clone()),
                _ => Test::Truth(Vec::new()),
            },
            Compared::Networks(networks) => Test::Network(networks.clone()),
        }
    }
}

/// Returns a pattern of texts and wildcards as Cedar has it.
pub(crate) fn pieces(pattern: &Pattern) -> Vec<Value> {
    pattern
        .pieces()
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(text) => Some(json!({ "Literal": text })),
            Piece::Any => Some(json!("Wildcard")),
            Piece::One | Piece::Variable(..) => None,
        })
        .collect()
}

fn compare(sign: &'static str, name: &str, number: i64) -> Value {
    both(sign, attribute(name), long(number))
}

fn scalars(values: &Json, element: &str) -> Result<Vec<String>, Malformed> {
    let one = |value: &Json| {
        value
            .as_scalar()
            .ok_or_else(|| Malformed::new(element, "it is a text or a list of texts"))
    };
    let values = match values {
        Json::List(list) => list.iter().map(one).collect::<Result<Vec<_>, _>>()?,
        value => vec![one(value)?],
    };
    if values.is_empty() {
        return Err(Malformed::new(element, "it has no value to compare with"));
    }
    Ok(values)
}

fn compared(
    comparison: Comparison,
    key: &Key,
    texts: &[String],
    variables: Variables,
    own: &PartitionName,
    element: &str,
) -> Result<Compared, Malformed> {
    let wrong = |text: &str, what: &str| {
        let shown: String = text.chars().take(64).collect();
        Malformed::new(element, format!("`{shown}` is {what}"))
    };
    // What is compared with an ARN is written in the partition that it will have.
    let written = |text: &str| {
        if key.as_str() == "aws:principalarn" {
            in_own_partition(text, own)
        } else {
            text.to_owned()
        }
    };
    Ok(match comparison {
        Comparison::Equal | Comparison::EqualIgnoringCase | Comparison::Like => {
            let wildcards = if comparison == Comparison::Like {
                Wildcards::Meant
            } else {
                Wildcards::Literal
            };
            let patterns = texts
                .iter()
                .map(|text| Pattern::parse(&written(text), wildcards, variables, element));
            Compared::Patterns(patterns.collect::<Result<_, _>>()?)
        }
        Comparison::Arn => {
            let arns = texts.iter().map(|text| {
                let text = in_own_partition(text, own);
                let sections: Vec<Pattern> = text
                    .splitn(6, ':')
                    .map(|section| Pattern::parse(section, Wildcards::Meant, variables, element))
                    .collect::<Result<_, _>>()?;
                sections
                    .try_into()
                    .map_err(|_| wrong(&text, "no ARN: it has six sections"))
            });
            Compared::Arns(arns.collect::<Result<_, _>>()?)
        }
        Comparison::Bool | Comparison::Null => {
            let truths = texts
                .iter()
                .map(|text| match text.to_ascii_lowercase().as_str() {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err(wrong(text, "neither true nor false")),
                });
            Compared::Truths(truths.collect::<Result<_, _>>()?)
        }
        Comparison::Number(_) => {
            let numbers = texts.iter().map(|text| {
                number(text).ok_or_else(|| wrong(text, "no number of at most three decimals"))
            });
            Compared::Numbers(numbers.collect::<Result<_, _>>()?)
        }
        Comparison::Date(_) => {
            let dates = texts.iter().map(|text| {
                date(text).ok_or_else(|| wrong(text, "no date, as 2026-01-31T00:00:00Z"))
            });
            Compared::Numbers(dates.collect::<Result<_, _>>()?)
        }
        Comparison::Network => {
            let networks = texts
                .iter()
                .map(|text| network(text).ok_or_else(|| wrong(text, "no address and no network")));
            Compared::Networks(networks.collect::<Result<_, _>>()?)
        }
    })
}

/// Reads a number, in thousandths.
pub(crate) fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let negative = whole.starts_with('-');
    let whole: i64 = whole.parse().ok()?;
    let scale = 10_i64.pow(3 - u32::try_from(decimals.len()).ok()?);
    let thousandths = if decimals.is_empty() {
        0
    } else {
        decimals.parse::<i64>().ok()?.checked_mul(scale)?
    };
    let whole = whole.checked_mul(THOUSANDTHS)?;
    if negative {
        whole.checked_sub(thousandths)
    } else {
        whole.checked_add(thousandths)
    }
}

/// Reads a date as policies write it, or seconds since 1970; in milliseconds.
pub(crate) fn date(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millis)
}

fn network(text: &str) -> Option<IpNet> {
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(crate::border::canonical(network))
}
