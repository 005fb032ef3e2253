//! Texts with wildcards and variables, as policies write them: `*` for any number of characters, `?` for one, and
//! `${aws:username}` for the value of a key at the time of the question, in which wildcards stand for themselves.

use super::Malformed;
use super::keys::{self, Key};

/// The most characters of a name of a variable.
const VARIABLE_MAX: usize = 128;

/// A text with wildcards and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// Any number of characters.
    Any,
    /// One character.
    One,
    /// The value of a key, or this text where it has none.
    Variable(Key, Option<String>),
}

/// Which characters of a text stand for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Meant,
    Literal,
}

/// Whether `${` begins a variable: it does from the policy version of 2012 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variables {
    Meant,
    Literal,
}

impl Pattern {
    /// Reads a text of a policy.
    pub(crate) fn parse(
        text: &str,
        wildcards: Wildcards,
        variables: Variables,
        element: &str,
    ) -> Result<Self, Malformed> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if variables == Variables::Meant
                && let Some(inside) = rest.strip_prefix("${")
            {
                let (inside, after) = inside.split_once('}').ok_or_else(|| {
                    Malformed::new(element, "a policy variable is not closed by `}`")
                })?;
                rest = after;
                match inside {
                    "*" | "?" | "$" => plain.push_str(inside),
                    _ => {
                        flush(&mut plain, &mut pieces);
                        pieces.push(variable(inside, element)?);
                    }
                }
                continue;
            }
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            match (letter, wildcards) {
                ('*', Wildcards::Meant) => {
                    flush(&mut plain, &mut pieces);
                    if pieces.last() != Some(&Piece::Any) {
                        pieces.push(Piece::Any);
                    }
                }
                ('?', Wildcards::Meant) => {
                    flush(&mut plain, &mut pieces);
                    pieces.push(Piece::One);
                }
                _ => plain.push(letter),
            }
        }
        flush(&mut plain, &mut pieces);
        Ok(Self { pieces })
    }

    /// Returns its pieces.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns the text, where it is one without wildcards and variables.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether Cedar has words for it: texts and `*`.
    pub(crate) fn is_plain(&self) -> bool {
        self.pieces
            .iter()
            .all(|piece| matches!(piece, Piece::Text(_) | Piece::Any))
    }

    /// Returns the keys that its variables name.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Key> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(key, _) => Some(key),
            Piece::Text(_) | Piece::Any | Piece::One => None,
        })
    }

    /// Whether a text matches, with the values of variables put in. A variable without a value matches nothing.
    pub(crate) fn matches<'v>(
        &self,
        text: &str,
        value_of: impl Fn(&Key) -> Option<&'v str>,
        folded: bool,
    ) -> bool {
        let fold = |text: &str| {
            if folded {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        };
        let mut tokens = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => tokens.extend(fold(text).chars().map(Token::Letter)),
                Piece::Any => tokens.push(Token::Any),
                Piece::One => tokens.push(Token::One),
                Piece::Variable(key, default) => {
                    let Some(value) = value_of(key).or(default.as_deref()) else {
                        return false;
                    };
                    tokens.extend(fold(value).chars().map(Token::Letter));
                }
            }
        }
        let text: Vec<char> = fold(text).chars().collect();
        matches(&tokens, &text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Letter(char),
    Any,
    One,
}

/// Whether a text matches a pattern of `*` and `?` alone.
pub(crate) fn matches_plainly(pattern: &str, text: &str) -> bool {
    let tokens: Vec<Token> = pattern
        .chars()
        .map(|letter| match letter {
            '*' => Token::Any,
            '?' => Token::One,
            letter => Token::Letter(letter),
        })
        .collect();
    let text: Vec<char> = text.chars().collect();
    matches(&tokens, &text)
}

/// Goes back to the last `*` alone, so that no pattern takes longer than its length times that of the text.
fn matches(tokens: &[Token], text: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    loop {
        match (tokens.get(at), text.get(read)) {
            (Some(Token::Any), _) => {
                last_any = Some((at, read));
                at += 1;
            }
            (Some(Token::One), Some(_)) => (at, read) = (at + 1, read + 1),
            (Some(Token::Letter(wanted)), Some(letter)) if wanted == letter => {
                (at, read) = (at + 1, read + 1);
            }
            (None, None) => return true,
            _ => match last_any {
                Some((any, from)) if from < text.len() => {
                    last_any = Some((any, from + 1));
                    (at, read) = (any + 1, from + 1);
                }
                Some(_) | None => return false,
            },
        }
    }
}

fn flush(plain: &mut String, pieces: &mut Vec<Piece>) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain)));
    }
}

/// Reads `aws:username` or `aws:PrincipalTag/team, 'nobody'`.
fn variable(inside: &str, element: &str) -> Result<Piece, Malformed> {
    if inside.len() > VARIABLE_MAX {
        return Err(Malformed::new(
            element,
            "the name of a policy variable is too long",
        ));
    }
    let (name, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((name, default)) => {
            let default = default
                .trim()
                .strip_prefix('\'')
                .and_then(|default| default.strip_suffix('\''))
                .ok_or_else(|| {
                    Malformed::new(
                        element,
                        "the default of a policy variable stands in single quotes",
                    )
                })?;
            (name, Some(default.to_owned()))
        }
    };
    let key = keys::parse(name.trim())
        .filter(|key| !key.has_many_values())
        .ok_or_else(|| {
            Malformed::new(
                element,
                format!("`${{{inside}}}` is not a policy variable that this service knows"),
            )
        })?;
    Ok(Piece::Variable(key, default))
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Variables, Wildcards, matches_plainly};
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str, username: Option<&str>) -> bool {
        Pattern::parse(pattern, Wildcards::Meant, Variables::Meant, "e")
            .expect("a pattern")
            .matches(text, |_| username, false)
    }

    #[test]
    fn values_of_variables_stand_for_themselves() {
        let home = "b/home/${aws:username}/*";
        assert!(matches(home, "b/home/bob/x", Some("bob")));
        assert!(!matches(home, "b/home/alice/x", Some("bob")));
        assert!(
            !matches(home, "b/home/alice/x", Some("*")),
            "no wildcard by name"
        );
        assert!(!matches(home, "b/home//x", None), "no value is no match");
        assert!(matches("a/${aws:username, 'guest'}", "a/guest", None));
        assert!(matches("a${*}b${?}${$}", "a*b?$", None));
        assert!(!matches("a${*}b", "axb", None));
        for bad in [
            "${",
            "${aws:nothing}",
            "${aws:TagKeys}",
            "${aws:username, guest}",
        ] {
            let read = Pattern::parse(bad, Wildcards::Meant, Variables::Meant, "e");
            assert!(read.is_err(), "{bad}");
        }
        let old = Pattern::parse("${aws:username}", Wildcards::Meant, Variables::Literal, "e");
        assert_eq!(old.expect("literal").as_text(), Some("${aws:username}"));
    }

    /// The obvious way, which takes long.
    fn slowly(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                slowly(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(_, text)| slowly(pattern, text))
            }
            (Some(('?', rest)), Some((_, text))) => slowly(rest, text),
            (Some((wanted, rest)), Some((letter, text))) => wanted == letter && slowly(rest, text),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_obvious_way(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let obvious = slowly(
                &pattern.chars().collect::<Vec<_>>(),
                &text.chars().collect::<Vec<_>>(),
            );
            prop_assert_eq!(matches_plainly(&pattern, &text), obvious);
        }
    }

    #[test]
    fn no_pattern_takes_forever() {
        let text = "a".repeat(1024);
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches_plainly(&pattern, &text));
    }
}
