//! What makes a checkpoint good enough (C2SP tlog-policy): which logs are known, which witnesses, and how many of them
//! must have cosigned. Beyond the text of the specification a witness with the key of a log is refused: it would be the
//! operator vouching for himself.

use std::collections::BTreeMap;

use crate::{Checkpoint, Error, Note, Result, VerifierKey, WitnessKey};

const POLICY_BYTES_MAX: usize = 1 << 20;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogPolicy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// None where no cosignature is asked for.
    quorum: Option<Member>,
}

/// A witness that a policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub key: WitnessKey,
    /// Where it can be asked: its submission prefix.
    pub url: Option<String>,
}

/// A witness that cosigned a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// What the policy calls it.
    pub name: String,
    /// When it cosigned, in seconds since 1970.
    pub time_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// So many of its members make a group; groups stand behind all that they consist of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// A policy while its lines are read.
#[derive(Default)]
struct Reading {
    logs: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// What each name stands for, and whether a group has it already.
    names: BTreeMap<Vec<u8>, (Member, bool)>,
    quorum: Option<Option<Member>>,
}

impl TlogPolicy {
    /// Reads a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        // Each line is terminated, so that behind the last newline there is nothing.
        if bytes.len() > POLICY_BYTES_MAX || !lines.last().is_some_and(|rest| rest.is_empty()) {
            return refuse(lines.len(), "it does not end in a newline, or is too long");
        }
        let mut reading = Reading::default();
        for (number, line) in (1..).zip(&lines) {
            let is_allowed = |byte: &u8| matches!(*byte, b'\t' | b' '..=b'~' | 0x80..=0xff);
            if !line.iter().all(is_allowed) {
                return refuse(number, "it holds a control character");
            }
            let words: Vec<&[u8]> = line
                .split(|byte| matches!(byte, b' ' | b'\t'))
                .filter(|word| !word.is_empty())
                .collect();
            reading.take(number, &words)?;
        }
        let Some(quorum) = reading.quorum else {
            return refuse(lines.len(), "there is no quorum line");
        };
        let policy = Self {
            logs: reading.logs,
            witnesses: reading.witnesses,
            groups: reading.groups,
            quorum,
        };
        policy.check_logs(&policy.logs)?;
        Ok(policy)
    }

    /// Makes a policy of witnesses that count alike, of which so many must have cosigned.
    pub fn of_witnesses(witnesses: Vec<PolicyWitness>, threshold: usize) -> Result<Self> {
        if witnesses.is_empty() && threshold == 0 {
            return Ok(Self {
                logs: Vec::new(),
                witnesses,
                groups: Vec::new(),
                quorum: None,
            });
        }
        if threshold == 0 || threshold > witnesses.len() {
            return refuse(1, "the quorum is from one to the number of witnesses");
        }
        let is_repeated = |(at, witness): (usize, &PolicyWitness)| {
            witnesses
                .iter()
                .take(at)
                .any(|other| other.key.public() == witness.key.public())
        };
        if witnesses.iter().enumerate().any(is_repeated) {
            return refuse(1, "two witnesses have the same key");
        }
        let members = (0..witnesses.len()).map(Member::Witness).collect();
        Ok(Self {
            logs: Vec::new(),
            witnesses,
            groups: vec![Group { threshold, members }],
            quorum: Some(Member::Group(0)),
        })
    }

    /// Returns the keys of the logs that it knows.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Returns the witnesses that it knows.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether any cosignature is asked for.
    #[must_use]
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Refuses the policy where a witness has the key of one of these logs.
    pub fn check_logs(&self, logs: &[VerifierKey]) -> Result<()> {
        let own =
            |witness: &&PolicyWitness| logs.iter().any(|log| log.public() == witness.key.public());
        match self.witnesses.iter().find(own) {
            Some(witness) => Err(Error::WitnessIsLog {
                name: witness.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Returns the witnesses that cosigned a note, if they are enough; a cosignature in the name of one that is wrong
    /// refuses the note. Who signed the note itself is not asked here.
    pub fn require(&self, note: &Note) -> Result<Vec<Cosigned>> {
        let cosigned = self.cosigned(note)?;
        let is_there = |index: usize| {
            self.witnesses
                .get(index)
                .is_some_and(|witness| cosigned.iter().any(|by| by.name == witness.name))
        };
        let mut met: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let holds = |member: &&Member| match **member {
                Member::Witness(index) => is_there(index),
                Member::Group(index) => met.get(index).copied().unwrap_or(false),
            };
            let count = group.members.iter().filter(holds).count();
            met.push(count >= group.threshold);
        }
        let is_met = match self.quorum {
            None => true,
            Some(Member::Witness(index)) => is_there(index),
            Some(Member::Group(index)) => met.get(index).copied().unwrap_or(false),
        };
        if is_met {
            return Ok(cosigned);
        }
        Err(Error::QuorumMissing {
            size: Checkpoint::parse(note.claimed())?.size,
            cosigned: cosigned.into_iter().map(|by| by.name).collect(),
        })
    }

    /// Returns the policy's witnesses that cosigned a note, enough or not.
    pub fn cosigned(&self, note: &Note) -> Result<Vec<Cosigned>> {
        let mut cosigned = Vec::new();
        for witness in &self.witnesses {
            if let Some(time_s) = witness.key.cosigned_at(note)? {
                cosigned.push(Cosigned {
                    name: witness.name.clone(),
                    time_s,
                });
            }
        }
        Ok(cosigned)
    }
}

impl Reading {
    fn take(&mut self, line: usize, words: &[&[u8]]) -> Result<()> {
        let wrong_key = |source| Error::PolicyKey {
            line,
            source: Box::new(source),
        };
        match words {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] | [b"log", key, _] => {
                let key: VerifierKey = text(key)
                    .ok_or(Error::KeyMalformed)
                    .and_then(str::parse)
                    .map_err(wrong_key)?;
                if self.logs.iter().any(|log| log.public() == key.public()) {
                    return refuse(line, "the same log is named twice");
                }
                self.logs.push(key);
                Ok(())
            }
            [b"witness", name, key, url @ ..] if url.len() <= 1 => {
                let key: WitnessKey = text(key)
                    .ok_or(Error::KeyMalformed)
                    .and_then(str::parse)
                    .map_err(wrong_key)?;
                let is_same = |witness: &PolicyWitness| witness.key.public() == key.public();
                if self.witnesses.iter().any(is_same) {
                    return refuse(line, "the same witness is named twice");
                }
                self.define(line, name, Member::Witness(self.witnesses.len()))?;
                let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.witnesses.push(PolicyWitness {
                    name: shown(name),
                    key,
                    url: url.first().map(|url| shown(url)),
                });
                Ok(())
            }
            [b"group", name, threshold, members @ ..] if !members.is_empty() => {
                let threshold = match *threshold {
                    b"any" => Some(1),
                    b"all" => Some(members.len()),
                    number => text(number).and_then(decimal),
                };
                let threshold = threshold.filter(|count| (1..=members.len()).contains(count));
                let Some(threshold) = threshold else {
                    return refuse(
                        line,
                        "a group's threshold is any, all, or from one to the number of its members",
                    );
                };
                let members = members
                    .iter()
                    .map(|member| match self.names.get_mut(*member) {
                        None => refuse(line, "a member is named that is not defined before"),
                        Some((_, true)) => refuse(line, "a member belongs to a group already"),
                        Some((member, is_taken)) => {
                            *is_taken = true;
                            Ok(*member)
                        }
                    })
                    .collect::<Result<_>>()?;
                self.define(line, name, Member::Group(self.groups.len()))?;
                self.groups.push(Group { threshold, members });
                Ok(())
            }
            [b"quorum", name] => {
                let member = match (*name, self.names.get(*name)) {
                    (b"none", _) => None,
                    (_, Some((member, _))) => Some(*member),
                    (_, None) => return refuse(line, "the quorum is not defined before"),
                };
                if self.quorum.replace(member).is_some() {
                    return refuse(line, "there is more than one quorum line");
                }
                Ok(())
            }
            _ => refuse(
                line,
                "it is none of log, witness, group and quorum with what belongs to it",
            ),
        }
    }

    fn define(&mut self, line: usize, name: &[u8], member: Member) -> Result<()> {
        if name == b"none" {
            return refuse(line, "the name `none` is taken");
        }
        if self.names.insert(name.to_vec(), (member, false)).is_some() {
            return refuse(line, "a name is defined twice");
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn decimal(text: &str) -> Option<usize> {
    crate::checkpoint::parse_decimal(text).and_then(|number| usize::try_from(number).ok())
}

fn refuse<T>(line: usize, reason: &'static str) -> Result<T> {
    Err(Error::PolicyRefused { line, reason })
}
