//! Every detector finds what its vectors mark, and nothing else in them, however the text is cut.

use onshore_classify::{Options, Outcome, Scanner, detectors};

/// Takes the marks out of a vector and says what stood between them.
fn unmarked(text: &str) -> (String, Vec<(u64, u64)>) {
    let (mut plain, mut spans, mut open) = (String::new(), Vec::new(), 0);
    for part in text.chars() {
        match part {
            '⟦' => open = plain.len(),
            '⟧' => spans.push((open as u64, plain.len() as u64)),
            other => plain.push(other),
        }
    }
    (plain, spans)
}

fn found(text: &str, id: &str, cut: usize) -> Vec<(u64, u64)> {
    let mut scanner = Scanner::new(Options {
        found_max: 1000,
        ..Options::default()
    });
    for piece in text.as_bytes().chunks(cut) {
        scanner.push(piece);
    }
    let Outcome::Done(findings) = scanner.finish() else {
        panic!("text is no archive: {text}");
    };
    let of_it = findings
        .found
        .iter()
        .filter(|found| found.detector.id == id);
    of_it.map(|found| (found.start, found.end)).collect()
}

#[test]
fn every_vector_holds_wherever_the_text_is_looked_through_in_windows() {
    // What is taken in before it is looked through, in pieces, and how far ahead.
    const BORDER: usize = 9 * (1 << 15) - 4160;
    let mut wrong = Vec::new();
    for detector in detectors() {
        for vector in detector.vectors {
            let (text, spans) = unmarked(vector.text);
            // Every place of the text comes to lie on the border.
            for before in (BORDER - text.len()..=BORDER).step_by(3) {
                let padded = format!("{}\n{text}\n{}", " ".repeat(before - 1), " ".repeat(20_000));
                let moved: Vec<_> = spans
                    .iter()
                    .map(|(start, end)| (start + before as u64, end + before as u64))
                    .collect();
                let found = found(&padded, detector.id, 1 << 20);
                if found != moved {
                    wrong.push(format!(
                        "{} behind {before}: {text}: {found:?} and not {moved:?}",
                        detector.id
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_vector_holds() {
    let mut wrong = Vec::new();
    for detector in detectors() {
        assert!(!detector.vectors.is_empty(), "{}", detector.id);
        for vector in detector.vectors {
            let (text, spans) = unmarked(vector.text);
            for cut in [1, 7, 1 << 20] {
                let found = found(&text, detector.id, cut);
                if found != spans {
                    wrong.push(format!(
                        "{} cut at {cut}: {text}: {found:?} and not {spans:?}",
                        detector.id
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
