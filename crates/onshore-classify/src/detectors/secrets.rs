//! Secrets: keys, tokens and passwords, by what they begin with or what stands before them.

use crate::detector::{Detector, Evidence, Form, Mark, Subject, Vector};

pub(super) const DETECTORS: &[Detector] = &[
    Detector {
        id: "secret.aws-access-key",
        title: "access key id of an S3 service",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("AKIA"),
            find: |text, at| {
                word_of(text, at, 20, |byte| {
                    byte.is_ascii_uppercase() || byte.is_ascii_digit()
                })
            },
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "key=⟦AKIAIOSFODNN7EXAMPLE⟧",
                source: "the example of its documentation",
            },
            Vector {
                text: "AKIAIOSFODNN7EXAMPL, XAKIAIOSFODNN7EXAMPLE",
                source: "too short; within a word",
            },
        ],
    },
    Detector {
        id: "secret.aws-access-key",
        title: "access key id of an S3 service",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("ASIA"),
            find: |text, at| {
                word_of(text, at, 20, |byte| {
                    byte.is_ascii_uppercase() || byte.is_ascii_digit()
                })
            },
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦ASIAIOSFODNN7EXAMPLE⟧",
                source: "of a session",
            },
            Vector {
                text: "ASIAN MARKETS 2020, ASIA",
                source: "words",
            },
        ],
    },
    Detector {
        id: "secret.cloud-access-key",
        title: "access key id of a Chinese cloud",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("LTAI"),
            find: |text, at| word_between(text, at, 16, 30, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦LTAI5tAbCdEfGhIjKlMnOpQr⟧",
                source: "Alibaba Cloud's form, made up",
            },
            Vector {
                text: "LTAI5t",
                source: "too short",
            },
        ],
    },
    Detector {
        id: "secret.cloud-access-key",
        title: "access key id of a Chinese cloud",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("AKID"),
            find: |text, at| word_between(text, at, 36, 36, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA⟧",
                source: "Tencent Cloud's form, made up",
            },
            Vector {
                text: "AKIDz8krbsJ5yKB",
                source: "too short",
            },
        ],
    },
    Detector {
        id: "secret.github-token",
        title: "token of a code host",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("ghp_"),
            find: |text, at| word_of(text, at, 40, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦ghp_0123456789abcdefghijklmnopqrstuvwxyz⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.github-token",
        title: "token of a code host",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("gho_"),
            find: |text, at| word_of(text, at, 40, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦gho_0123456789abcdefghijklmnopqrstuvwxyz⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.github-token",
        title: "token of a code host",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("ghs_"),
            find: |text, at| word_of(text, at, 40, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦ghs_0123456789abcdefghijklmnopqrstuvwxyz⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.github-token",
        title: "token of a code host",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("github_pat_"),
            find: |text, at| word_between(text, at, 60, 100, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmn⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.gitlab-token",
        title: "token of a code host",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("glpat-"),
            find: |text, at| word_between(text, at, 26, 64, |byte| is_token(byte) || *byte == b'-'),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦glpat-0123456789abcdefghij⟧",
                source: "made up",
            },
            Vector {
                text: "glpat-012345",
                source: "too short",
            },
        ],
    },
    Detector {
        id: "secret.slack-token",
        title: "token of a messenger",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("xoxb-"),
            find: |text, at| word_between(text, at, 24, 96, |byte| is_token(byte) || *byte == b'-'),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦xoxb-123456789012-abcdefABCDEF123456⟧",
                source: "made up",
            },
            Vector {
                text: "xoxb-your-token",
                source: "too short",
            },
        ],
    },
    Detector {
        id: "secret.slack-token",
        title: "token of a messenger",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("xoxp-"),
            find: |text, at| word_between(text, at, 24, 96, |byte| is_token(byte) || *byte == b'-'),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦xoxp-123456789012-abcdefABCDEF123456⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.google-api-key",
        title: "API key of Google",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("AIza"),
            find: |text, at| word_between(text, at, 39, 39, |byte| is_token(byte) || *byte == b'-'),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦AIzaSyA-0123456789abcdefghijklmnopqrstu⟧",
                source: "made up",
            },
            Vector {
                text: "AIzaSyA-0123456789",
                source: "too short",
            },
        ],
    },
    Detector {
        id: "secret.payment-key",
        title: "secret key of a payment service",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("sk_live_"),
            find: |text, at| word_between(text, at, 24, 128, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦sk_live_0123456789abcdefghijklmn⟧",
                source: "made up",
            },
            Vector {
                text: "sk_live_, sk_test_0123456789abcdefghijklmn",
                source: "nothing behind it; for trials",
            },
        ],
    },
    Detector {
        id: "secret.payment-key",
        title: "secret key of a payment service",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("rk_live_"),
            find: |text, at| word_between(text, at, 24, 128, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦rk_live_0123456789abcdefghijklmn⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.assignment",
        title: "password or secret in an assignment",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("passw"),
            find: find_assignment,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "db_password = \"⟦hQ7vX2pL9zRt4⟧\"; PGPASSWORD; passwd: ⟦Zx81kLm20Qv⟧",
                source: "made up",
            },
            Vector {
                text: "password = getpass(), password: changeme123, passwd=$PASS, password=, passwords are 12 long, password = settings.DB2_pass",
                source: "calls, variables, placeholders, words",
            },
        ],
    },
    Detector {
        id: "secret.assignment",
        title: "password or secret in an assignment",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("PASSWORD"),
            find: find_assignment,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "DB_PASSWORD=⟦hQ7vX2pL9zRt4⟧",
                source: "of an environment, made up",
            },
            Vector {
                text: "PASSWORD=${PASSWORD}",
                source: "a variable",
            },
        ],
    },
    Detector {
        id: "secret.assignment",
        title: "password or secret in an assignment",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("secret"),
            find: find_assignment,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "client_secret: '⟦8f7a2c91d4e6b3058f7a2c91d4e6b305⟧'",
                source: "made up",
            },
            Vector {
                text: "secret = read_secret(1), secret: \"aaaaaaaaaaaaaaaaaaaa\", secretary: 12, secret_name = \"my-secret-name\"",
                source: "a call; one letter; a word; a name",
            },
        ],
    },
    Detector {
        id: "secret.assignment",
        title: "password or secret in an assignment",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("SECRET"),
            find: find_assignment,
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "AWS_SECRET_ACCESS_KEY=⟦wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzz1234567⟧",
            source: "of an environment, made up",
        }],
    },
    Detector {
        id: "secret.assignment",
        title: "password or secret in an assignment",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("api_key"),
            find: find_assignment,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "api_key=⟦8f7a2c91d4e6b3058f7a2c91⟧",
                source: "made up",
            },
            Vector {
                text: "api_key=YOUR_API_KEY_HERE",
                source: "a placeholder",
            },
        ],
    },
    Detector {
        id: "secret.private-key",
        title: "private key",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("-----BEGIN "),
            find: find_private_key,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦-----BEGIN RSA PRIVATE KEY-----⟧\nMII",
                source: "RFC 7468",
            },
            Vector {
                text: "-----BEGIN CERTIFICATE-----",
                source: "no secret",
            },
        ],
    },
    Detector {
        id: "secret.web-token",
        title: "JSON web token",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("eyJ"),
            find: find_web_token,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "Bearer ⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXRleHQ⟧",
                source: "RFC 7519, made up",
            },
            Vector {
                text: "eyJhbGciOiJIUzI1NiJ9",
                source: "one part",
            },
        ],
    },
];

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// A word of a certain length that begins here.
fn word_of(text: &[u8], at: usize, len: usize, is_in: fn(&u8) -> bool) -> Option<(usize, usize)> {
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let word = text.get(at..at + len)?;
    let is_whole = word.iter().all(|byte| is_in(byte) || *byte == b'_');
    (is_whole && !is_word(at.checked_sub(1)) && !is_word(Some(at + len))).then_some((at, at + len))
}

/// A word that begins here, not shorter and not longer than this.
fn word_between(
    text: &[u8],
    at: usize,
    least: usize,
    most: usize,
    is_in: fn(&u8) -> bool,
) -> Option<(usize, usize)> {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let rest = text.get(at..)?;
    let len = rest
        .iter()
        .take(most + 1)
        .take_while(|byte| is_in(byte) || **byte == b'_')
        .count();
    (least..=most).contains(&len).then_some((at, at + len))
}

/// A value that is given to what is called a password, a secret or a key, and that looks drawn: a name goes on behind the word,
/// an equals sign or a colon, perhaps quotes, and eight signs or more, of which no few come again and again.
fn find_assignment(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const NAME_MAX: usize = 32;
    const VALUE_MAX: usize = 128;
    let rest = text.get(at..)?;
    let name = rest
        .iter()
        .take(NAME_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        .count();
    let mut place = at + name;
    let mut skip = |signs: &[u8], most: usize| {
        let rest = text.get(place..).unwrap_or_default();
        let count = rest
            .iter()
            .take(most)
            .take_while(|byte| signs.contains(byte))
            .count();
        place += count;
        count
    };
    skip(b"\"'", 1);
    skip(b" \t", 2);
    if skip(b"=:", 2) == 0 {
        return None;
    }
    skip(b" \t", 2);
    let is_quoted = skip(b"\"'", 1) > 0;
    let start = place;
    let is_in = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/_-!@#%^&*~?=.".contains(byte);
    let len = text
        .get(start..)?
        .iter()
        .take(VALUE_MAX + 1)
        .take_while(is_in)
        .count();
    let mut value = text.get(start..start + len)?;
    let behind = text.get(start + len).copied().unwrap_or(b'\n');
    // What goes on as program text does is no value.
    let is_closed = match behind {
        b'"' | b'\'' => is_quoted,
        b'(' | b'[' | b'{' | b'$' | b'<' | b'\\' => false,
        _ => !is_quoted,
    };
    while !is_quoted && matches!(value.last(), Some(b'.' | b'?' | b'!')) {
        value = value.get(..value.len() - 1)?;
    }
    (is_closed && value.len() <= VALUE_MAX && looks_drawn(value))
        .then_some((start, start + value.len()))
}

/// Whether a value is more likely drawn than written: letters and digits between each other, and few signs that come again.
fn looks_drawn(value: &[u8]) -> bool {
    const LEAST: usize = 8;
    let changes = value
        .windows(2)
        .filter(|pair| match pair {
            [one, other] => {
                (one.is_ascii_digit() != other.is_ascii_digit())
                    || (one.is_ascii_lowercase() && other.is_ascii_uppercase())
            }
            _ => false,
        })
        .count();
    let mut seen = [false; 256];
    for byte in value {
        if let Some(sign) = seen.get_mut(usize::from(*byte)) {
            *sign = true;
        }
    }
    let distinct = seen.iter().filter(|sign| **sign).count();
    // A name of something in a program has dots or words with lines between them.
    let parts = value
        .split(|byte| matches!(byte, b'.' | b'_' | b'-' | b'/'))
        .filter(|part| part.len() > 2 && part.iter().all(u8::is_ascii_alphabetic))
        .count();
    let is_example = value
        .windows(b"example".len())
        .any(|window| window.eq_ignore_ascii_case(b"example"));
    value.len() >= LEAST
        && !is_example
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && changes >= 3
        && distinct >= LEAST.min(value.len())
        && parts < 2
}

fn find_private_key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const ENDS: [&[u8]; 2] = [b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----"];
    const MOST: usize = 64;
    let head = text.get(at..text.len().min(at + MOST))?;
    let line = head.split(|byte| *byte == b'\n').next()?;
    ENDS.iter().find_map(|end| {
        let found = line.windows(end.len()).position(|window| window == *end)?;
        Some((at, at + found + end.len()))
    })
}

/// Three parts in base64url, the first two of which are objects.
fn find_web_token(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const MOST: usize = 4096;
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // A word that goes on is looked at once, from its beginning.
    if at
        .checked_sub(1)
        .and_then(|before| text.get(before))
        .is_some_and(is_in)
    {
        return None;
    }
    let len = text
        .get(at..)?
        .iter()
        .take(MOST)
        .take_while(|byte| is_in(byte))
        .count();
    let mut token = text.get(at..at + len)?;
    while token.last() == Some(&b'.') {
        token = token.get(..token.len() - 1)?;
    }
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [head, body, signature] = parts.as_slice() else {
        return None;
    };
    let is_token = head.len() >= 10 && body.starts_with(b"eyJ") && signature.len() >= 10;
    is_token.then_some((at, at + token.len()))
}
