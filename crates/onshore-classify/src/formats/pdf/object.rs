//! The objects of a PDF: numbers, names, strings, arrays, dictionaries and references, one behind the other.

/// How deep objects lie in one another.
const DEPTH_MAX: usize = 64;
/// How many of them lie in one.
const WITHIN_MAX: usize = 1 << 20;

/// An object, or a word between objects.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    Null,
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Object>),
    Dictionary(Dictionary),
    Reference(u32),
    /// What is none of these: an operator, or a word that says what follows.
    Word(Vec<u8>),
}

/// Names and what they stand for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Dictionary(pub(super) Vec<(Vec<u8>, Object)>);

impl Dictionary {
    pub(super) fn value(&self, name: &str) -> Option<&Object> {
        let mut entries = self.0.iter();
        let entry = entries.find(|(known, _)| known == name.as_bytes());
        entry.map(|(_, value)| value)
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.value(name).and_then(Object::name) == Some(value.as_bytes())
    }
}

impl Object {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns a number that counts something.
    pub(super) fn count(&self) -> Option<usize> {
        let number = self.number()?;
        (number >= 0.0 && number < f64::from(u32::MAX)).then_some(number as usize)
    }

    pub(super) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn array(&self) -> Option<&[Object]> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    pub(super) fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }
}

/// Reads objects from bytes.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// How many more may lie in the object that is read.
    left: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, left: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self
                    .peek()
                    .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'))
                {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Reads an object; none at the end.
    pub(super) fn object(&mut self) -> Option<Object> {
        self.left = WITHIN_MAX;
        self.object_within(0)
    }

    fn object_within(&mut self, depth: usize) -> Option<Object> {
        // What is not told apart counts as well: it is kept.
        self.left = self.left.checked_sub(1)?;
        if depth > DEPTH_MAX {
            self.at += 1;
            return self.peek().map(|_| Object::Null);
        }
        self.skip_space();
        let first = self.peek()?;
        match first {
            b'/' => {
                self.at += 1;
                Some(Object::Name(self.name()))
            }
            b'(' => Some(Object::Text(self.literal())),
            b'<' if self.rest().starts_with(b"<<") => {
                self.at += 2;
                Some(Object::Dictionary(self.dictionary(depth)))
            }
            b'<' => {
                self.at += 1;
                Some(Object::Text(self.hexadecimal()))
            }
            b'[' => {
                self.at += 1;
                Some(Object::Array(self.array(depth)))
            }
            b'+' | b'-' | b'.' | b'0'..=b'9' => Some(self.number_or_reference(depth)),
            b')' | b'>' | b']' | b'{' | b'}' => {
                self.at += 1;
                Some(Object::Word(vec![first]))
            }
            _ => {
                let word = self.regular();
                Some(match word {
                    b"null" => Object::Null,
                    word => Object::Word(word.to_vec()),
                })
            }
        }
    }

    fn regular(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let end = rest
            .iter()
            .position(|byte| is_space(*byte) || is_delimiter(*byte));
        let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    fn name(&mut self) -> Vec<u8> {
        let raw = self.regular();
        let mut name = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((first, later)) = rest.split_first() {
            rest = later;
            if *first == b'#'
                && let Some((pair, later)) = rest.split_first_chunk::<2>()
                && let [Some(high), Some(low)] = pair.map(digit)
            {
                name.push(high << 4 | low);
                rest = later;
            } else {
                name.push(*first);
            }
        }
        name
    }

    fn number_or_reference(&mut self, depth: usize) -> Object {
        let word = self.regular();
        if word.is_empty() {
            self.at += 1;
            return Object::Null;
        }
        let Some(number) = number(word) else {
            return Object::Word(word.to_vec());
        };
        // Two whole numbers and an R.
        if depth > 0 && word.iter().all(u8::is_ascii_digit) && word.len() < 10 {
            let mut ahead = self.clone();
            ahead.skip_space();
            let generation = ahead.regular();
            if !generation.is_empty() && generation.iter().all(u8::is_ascii_digit) {
                ahead.skip_space();
                if ahead.regular() == b"R" {
                    self.at = ahead.at;
                    return Object::Reference(number as u32);
                }
            }
        }
        Object::Number(number)
    }

    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let (mut text, mut depth) = (Vec::new(), 1);
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    let Some(escaped) = self.peek() else { break };
                    self.at += 1;
                    match escaped {
                        b'n' => text.push(b'\n'),
                        b'r' => text.push(b'\r'),
                        b't' => text.push(b'\t'),
                        b'b' => text.push(8),
                        b'f' => text.push(12),
                        b'\r' => {
                            if self.peek() == Some(b'\n') {
                                self.at += 1;
                            }
                        }
                        b'\n' => {}
                        b'0'..=b'7' => {
                            let mut code = u32::from(escaped - b'0');
                            for _ in 0..2 {
                                if let Some(digit @ b'0'..=b'7') = self.peek() {
                                    code = code * 8 + u32::from(digit - b'0');
                                    self.at += 1;
                                }
                            }
                            text.push((code & 0xFF) as u8);
                        }
                        other => text.push(other),
                    }
                    continue;
                }
                _ => {}
            }
            text.push(byte);
        }
        text
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        let (mut text, mut high) = (Vec::new(), None);
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == b'>' {
                break;
            }
            if let Some(digit) = digit(byte) {
                match high.take() {
                    Some(high) => text.push(high << 4 | digit),
                    None => high = Some(digit),
                }
            }
        }
        text.extend(high.map(|high| high << 4));
        text
    }

    fn array(&mut self, depth: usize) -> Vec<Object> {
        let mut array = Vec::new();
        loop {
            self.skip_space();
            if self.peek() == Some(b']') {
                self.at += 1;
                break;
            }
            match self.object_within(depth + 1) {
                // The array was never closed.
                None => break,
                Some(Object::Word(word)) if word == b"endobj" => break,
                Some(object) => array.push(object),
            }
        }
        array
    }

    fn dictionary(&mut self, depth: usize) -> Dictionary {
        let mut dictionary = Dictionary::default();
        loop {
            self.skip_space();
            if self.rest().starts_with(b">>") {
                self.at += 2;
                break;
            }
            match self.object_within(depth + 1) {
                Some(Object::Name(name)) => {
                    self.skip_space();
                    if self.rest().starts_with(b">>") {
                        continue;
                    }
                    let Some(value) = self.object_within(depth + 1) else {
                        break;
                    };
                    dictionary.0.push((name, value));
                }
                None => break,
                Some(Object::Word(word)) if word == b"endobj" || word == b"stream" => break,
                Some(_) => {}
            }
        }
        dictionary
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn number(word: &[u8]) -> Option<f64> {
    let word = str::from_utf8(word).ok()?;
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{Dictionary, Lexer, Object, WITHIN_MAX};

    fn read(text: &str) -> Vec<Object> {
        let mut lexer = Lexer::new(text.as_bytes(), 0);
        std::iter::from_fn(|| lexer.object()).collect()
    }

    #[test]
    fn objects_are_read() {
        let text = |text: &str| Object::Text(text.as_bytes().to_vec());
        let name = |name: &str| name.as_bytes().to_vec();
        assert_eq!(
            read("(a(b)\\)\\101\\\n) <4 1 4> /A#20b -1.5 % all that\n[1 0 R 2 null]"),
            [
                text("a(b))A"),
                text("A@"),
                Object::Name(name("A b")),
                Object::Number(-1.5),
                Object::Array(vec![
                    Object::Reference(1),
                    Object::Number(2.0),
                    Object::Null
                ]),
            ]
        );
        assert_eq!(
            read("<</A/B/C<</D 1>>/E>> Tj"),
            [
                Object::Dictionary(Dictionary(vec![
                    (name("A"), Object::Name(name("B"))),
                    (
                        name("C"),
                        Object::Dictionary(Dictionary(vec![(name("D"), Object::Number(1.0))]))
                    ),
                ])),
                Object::Word(name("Tj")),
            ]
        );
    }

    #[test]
    fn what_lies_too_deep_takes_no_memory_without_end() {
        fn len(object: &Object) -> usize {
            1 + object
                .array()
                .unwrap_or_default()
                .iter()
                .map(len)
                .sum::<usize>()
        }
        let deep = "[".repeat(3 * WITHIN_MAX);
        let first = Lexer::new(deep.as_bytes(), 0).object();
        assert!(first.is_some_and(|object| len(&object) <= WITHIN_MAX));
    }

    #[test]
    fn what_lies_too_deep_or_is_never_closed_ends() {
        read(&"[".repeat(100_000));
        read(&"<</A".repeat(100_000));
        read(&"(".repeat(100_000));
        read("<< /A ( << [ < /");
        read(") > ] } { >> 1 0 R -- + .");
    }
}
