//! What the pages of a PDF show: text in the order of their operators.
//!
//! A text is set in pieces, each at a place. Pieces that touch are one word, others are parted by a blank, and lines by their
//! height: a number set digit by digit is a number all the same.

use std::collections::HashMap;
use std::rc::Rc;

use crate::formats::pdf::font::Font;
use crate::formats::pdf::object::{Dictionary, Lexer, Object};

/// How many operands an operator has.
const OPERANDS_MAX: usize = 1 << 12;
/// How deep states are kept.
const STATES_MAX: usize = 256;
/// How much of its size parts pieces of a text into words.
const GAP: f64 = 0.2;
/// How much of its size another line is up or down.
const LINE: f64 = 0.4;

/// What is needed to show things, by the names that a page has for them.
pub(super) trait Resources {
    fn font(&mut self, name: &[u8]) -> Option<Rc<Font>>;

    /// Something drawn: a picture, or a piece of a page, which is returned.
    fn drawn(&mut self, name: &[u8]);
}

/// A transformation of the plane.
#[derive(Debug, Clone, Copy)]
struct Matrix([f64; 6]);

impl Matrix {
    const SAME: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    fn shift(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// This one first, then the other.
    fn then(self, other: Self) -> Self {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, other.0);
        Self([
            a * g + b * i,
            a * h + b * j,
            c * g + d * i,
            c * h + d * j,
            e * g + f * i + k,
            e * h + f * j + l,
        ])
    }

    fn place(self) -> (f64, f64) {
        let [_, _, _, _, x, y] = self.0;
        (x, y)
    }

    /// How much longer things become along their lines.
    fn scale(self) -> f64 {
        let [a, b, ..] = self.0;
        a.hypot(b)
    }
}

#[derive(Debug, Clone)]
struct State {
    around: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    /// What stands between characters, and between words.
    between: f64,
    between_words: f64,
    stretch: f64,
    leading: f64,
}

/// Shows pages.
#[derive(Debug)]
pub(super) struct Shower {
    state: State,
    kept: Vec<State>,
    line: Matrix,
    now: Matrix,
    /// Where the last piece ended, and how large it was.
    end: Option<(f64, f64, f64)>,
    pub(super) text: String,
    /// Whether something was shown that nobody knows to read.
    pub(super) is_unknown: bool,
    pub(super) has_pictures: bool,
}

impl Shower {
    pub(super) fn new() -> Self {
        Self {
            state: State {
                around: Matrix::SAME,
                font: None,
                size: 1.0,
                between: 0.0,
                between_words: 0.0,
                stretch: 1.0,
                leading: 0.0,
            },
            kept: Vec::new(),
            line: Matrix::SAME,
            now: Matrix::SAME,
            end: None,
            text: String::new(),
            is_unknown: false,
            has_pictures: false,
        }
    }

    /// Goes through the operators of a page.
    pub(super) fn show(&mut self, content: &[u8], resources: &mut dyn Resources) {
        let mut lexer = Lexer::new(content, 0);
        let mut operands = Vec::new();
        while let Some(object) = lexer.object() {
            match object {
                Object::Word(word) => {
                    if word == b"ID" {
                        skip_picture(&mut lexer);
                        self.has_pictures = true;
                    } else {
                        self.operate(&word, &operands, resources);
                    }
                    operands.clear();
                }
                object if operands.len() < OPERANDS_MAX => operands.push(object),
                _ => {}
            }
        }
    }

    fn operate(&mut self, operator: &[u8], operands: &[Object], resources: &mut dyn Resources) {
        let number = |at: usize| {
            operands
                .get(at)
                .and_then(Object::number)
                .unwrap_or_default()
        };
        let last = operands.last();
        match operator {
            b"q" if self.kept.len() < STATES_MAX => self.kept.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.kept.pop() {
                    self.state = state;
                }
            }
            b"cm" => self.state.around = matrix(operands).then(self.state.around),
            b"BT" => {
                self.line = Matrix::SAME;
                self.now = Matrix::SAME;
            }
            b"Tf" => {
                let name = operands.first().and_then(Object::name).unwrap_or_default();
                self.state.font = resources.font(name);
                self.state.size = number(1);
            }
            b"Tc" => self.state.between = number(0),
            b"Tw" => self.state.between_words = number(0),
            b"Tz" => self.state.stretch = number(0) / 100.0,
            b"TL" => self.state.leading = number(0),
            b"Td" => self.go(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.go(number(0), number(1));
            }
            b"Tm" => {
                self.line = matrix(operands);
                self.now = self.line;
            }
            b"T*" => self.go(0.0, -self.state.leading),
            b"Tj" => self.set(last),
            b"'" => {
                self.go(0.0, -self.state.leading);
                self.set(last);
            }
            b"\"" => {
                self.state.between_words = number(0);
                self.state.between = number(1);
                self.go(0.0, -self.state.leading);
                self.set(last);
            }
            b"TJ" => {
                for object in last.and_then(Object::array).unwrap_or_default() {
                    match object.number() {
                        Some(back) => {
                            let back = back / 1000.0 * self.state.size * self.state.stretch;
                            self.now = Matrix::shift(-back, 0.0).then(self.now);
                        }
                        None => self.set(Some(object)),
                    }
                }
            }
            b"Do" => {
                let name = operands.first().and_then(Object::name).unwrap_or_default();
                resources.drawn(name);
            }
            _ => {}
        }
    }

    fn go(&mut self, x: f64, y: f64) {
        self.line = Matrix::shift(x, y).then(self.line);
        self.now = self.line;
    }

    /// Sets a piece of text.
    fn set(&mut self, piece: Option<&Object>) {
        let Some(piece) = piece.and_then(Object::text) else {
            return;
        };
        let Some(font) = self.state.font.clone() else {
            self.is_unknown = true;
            return;
        };
        let place = self.now.then(self.state.around);
        let size = self.state.size.abs() * place.scale();
        self.part(place, size);
        let mut along = 0.0;
        font.show(piece, |shown| {
            let blank = if shown.is_blank {
                self.state.between_words
            } else {
                0.0
            };
            along += shown.width / 1000.0 * self.state.size + self.state.between + blank;
            match shown.text {
                Some(text) => self.text.push_str(&text),
                None => self.is_unknown = true,
            }
        });
        self.now = Matrix::shift(along * self.state.stretch, 0.0).then(self.now);
        let (x, y) = self.now.then(self.state.around).place();
        self.end = Some((x, y, size));
    }

    /// Parts what comes from what came before.
    fn part(&mut self, place: Matrix, size: f64) {
        let Some((end_x, end_y, end_size)) = self.end else {
            return;
        };
        let (x, y) = place.place();
        let size = size.max(end_size).max(f64::MIN_POSITIVE);
        let [a, b, ..] = place.0;
        let scale = a.hypot(b).max(f64::MIN_POSITIVE);
        // Along the line and across it, however the line runs.
        let (dx, dy) = (x - end_x, y - end_y);
        let along = (dx * a + dy * b) / scale;
        let across = (dy * a - dx * b) / scale;
        if across.abs() > size * LINE || along < -size {
            self.text.push('\n');
        } else if along > size * GAP {
            self.text.push(' ');
        }
    }

    /// Ends a page.
    pub(super) fn end_page(&mut self) {
        self.kept.clear();
        *self = Self {
            text: std::mem::take(&mut self.text),
            ..Self::new()
        };
        self.text.push('\n');
    }
}

fn matrix(operands: &[Object]) -> Matrix {
    let mut matrix = Matrix::SAME;
    for (to, from) in matrix.0.iter_mut().zip(operands) {
        *to = from.number().unwrap_or_default();
    }
    matrix
}

/// A picture within a page: its bytes go up to a word.
fn skip_picture(lexer: &mut Lexer<'_>) {
    let rest = lexer.rest();
    let end = rest.windows(4).position(|word| {
        matches!(word, [space, b'E', b'I', behind] if space.is_ascii_whitespace() && behind.is_ascii_whitespace())
    });
    lexer.at += end.map_or(rest.len(), |end| end + 3);
}

/// What was looked up for a page already.
pub(super) type Fonts = HashMap<Vec<u8>, Option<Rc<Font>>>;

/// Returns the dictionary in which names of a kind stand.
pub(super) fn named<'a>(resources: &'a Dictionary, kind: &str, name: &[u8]) -> Option<&'a Object> {
    let names = resources.value(kind)?.dictionary()?;
    names
        .0
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}
