//! Whether a machine becomes larger: what names of sizes tell, such as `ecs.g6.xlarge`, `S5.2XLARGE16`, `Standard_D4s_v5` or
//! `n2-standard-8`.

/// Sizes by their names, in processors as most providers count them; a machine of one's own is larger than any of them.
const NAMED: [(&str, f64); 7] = [
    ("xlarge", 4.0),
    ("large", 2.0),
    ("medium", 1.0),
    ("small", 0.5),
    ("micro", 0.25),
    ("nano", 0.125),
    ("metal", 1e6),
];

/// How one size compares with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// It is smaller, or as large.
    NotLarger,
    /// It is larger.
    Larger,
    /// Their names do not tell.
    Untold,
}

/// What a name tells of a size.
#[derive(Debug, PartialEq)]
struct Size {
    /// The numbers, the processors first where they are named.
    numbers: Vec<f64>,
    /// The letters around them: what family it is.
    family: String,
    is_named: bool,
}

/// Compares two names of sizes. Of another family only what has fewer processors by name is known to be smaller.
pub(super) fn compare(before: &str, after: &str) -> Compared {
    if before.eq_ignore_ascii_case(after) {
        return Compared::NotLarger;
    }
    let (before, after) = (size(before), size(after));
    let first = |size: &Size| size.numbers.first().copied().filter(|_| size.is_named);
    if let (Some(was), Some(is)) = (first(&before), first(&after)) {
        if is > was {
            return Compared::Larger;
        }
        if is < was {
            return Compared::NotLarger;
        }
    }
    let is_alike = before.family == after.family && before.numbers.len() == after.numbers.len();
    if !is_alike || before.numbers.is_empty() {
        return Compared::Untold;
    }
    let mut pairs = before.numbers.iter().zip(&after.numbers);
    if pairs.any(|(was, is)| is > was) {
        Compared::Larger
    } else {
        Compared::NotLarger
    }
}

fn size(name: &str) -> Size {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let letters = |word: &str| -> String { word.chars().filter(|c| !c.is_ascii_digit()).collect() };
    let mut size = Size {
        numbers: Vec::new(),
        family: words.iter().map(|word| letters(word) + ".").collect(),
        is_named: false,
    };
    if let Some((at, numbers)) = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| Some((at, named(word)?)))
    {
        size.is_named = true;
        size.family = words
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != at)
            .map(|(_, word)| letters(word) + ".")
            .collect();
        size.numbers = numbers;
    }
    // A number that stands alone is an amount; those within a word tell the generation, unless nothing else tells the size.
    let alone = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = |word: &str| word.strip_prefix('v').is_some_and(|rest| alone(&rest));
    if words.iter().any(alone) {
        let amounts = words.iter().filter(|word| alone(word));
        size.numbers
            .extend(amounts.filter_map(|word| word.parse::<f64>().ok()));
    } else if !size.is_named {
        let told = words.iter().filter(|word| !is_version(word));
        size.numbers.extend(told.flat_map(|word| {
            word.split(|c: char| !c.is_ascii_digit())
                .filter_map(|run| run.parse::<f64>().ok())
        }));
    }
    size
}

/// Reads a word such as `xlarge`, `2xlarge` or `2xlarge16`: processors, and memory behind them.
fn named(word: &str) -> Option<Vec<f64>> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (times, rest) = word.split_at(digits);
    let (unit, memory) = NAMED
        .into_iter()
        .find_map(|(name, unit)| Some((unit, rest.strip_prefix(name)?)))?;
    let times = if times.is_empty() {
        1.0
    } else {
        times.parse().ok()?
    };
    let mut numbers = vec![unit * times];
    if !memory.is_empty() {
        numbers.push(memory.parse().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_compared_by_their_names() {
        for (smaller, larger) in [
            ("ecs.g6.large", "ecs.g6.xlarge"),
            ("ecs.g6.xlarge", "ecs.c7.2xlarge"),
            ("ecs.g6.2xlarge", "ecs.g6.16xlarge"),
            ("S5.MEDIUM4", "S5.MEDIUM8"),
            ("S5.LARGE8", "S5.2XLARGE16"),
            ("s6.large.2", "s6.large.4"),
            ("m5.large", "m5.metal"),
            ("Standard_D2s_v3", "Standard_D4s_v5"),
            ("n2-standard-4", "n2-standard-8"),
            ("db-custom-2-7680", "db-custom-2-15360"),
            ("db.t3.micro", "db.r6g.large"),
        ] {
            assert_eq!(
                compare(smaller, larger),
                Compared::Larger,
                "{smaller} {larger}"
            );
            assert_eq!(
                compare(larger, smaller),
                Compared::NotLarger,
                "{larger} {smaller}"
            );
            assert_eq!(compare(larger, larger), Compared::NotLarger);
        }
        // Another generation of the same family is as large; what cannot be compared is not told smaller.
        assert_eq!(compare("ecs.g6.large", "ecs.g7.large"), Compared::NotLarger);
        for (before, after) in [
            ("ecs.c6.large", "ecs.r6.large"),
            ("n1-standard-4", "n1-highmem-2"),
            ("Basic", "Premium"),
            ("", "ecs.g6.large"),
        ] {
            assert_eq!(compare(before, after), Compared::Untold, "{before} {after}");
        }
    }
}
