//! How many witnesses are enough (C2SP tlog-policy): logs, witnesses, groups of them, and the quorum.

use std::collections::{BTreeMap, BTreeSet};

use crate::note::{Key, LOG, Note, WITNESS, decimal};
use crate::{Refusal, refuse_if};

/// A policy.
#[derive(Debug)]
pub struct Policy {
    pub(crate) logs: Vec<Key>,
    witnesses: Vec<(String, Key)>,
    /// Name, threshold and members, each behind all that it consists of.
    groups: Vec<(String, u64, Vec<String>)>,
    quorum: String,
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut policy = Self { logs: Vec::new(), witnesses: Vec::new(), groups: Vec::new(), quorum: String::new() };
        let mut names: BTreeSet<String> = BTreeSet::from(["none".to_owned()]);
        let mut grouped: BTreeSet<String> = BTreeSet::from(["none".to_owned()]);
        refuse_if(
            !text.ends_with('\n') || text.chars().any(|letter| letter < ' ' && letter != '\t' && letter != '\n'),
            "the policy does not end in a newline, or has a control character",
        )?;
        for (line, number) in text.split('\n').zip(1..) {
            let refuse = |why: &str| Err(format!("line {number} of the policy: {why}"));
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => {
                    let key = Key::parse_kind(key, LOG)?;
                    if policy.logs.iter().any(|log| log.public == key.public) {
                        return refuse("a log is named twice");
                    }
                    policy.logs.push(key);
                }
                ["witness", name, key] | ["witness", name, key, _] => {
                    let key = Key::parse_kind(key, WITNESS)?;
                    let is_known = policy.witnesses.iter().any(|(_, known)| known.public == key.public);
                    if is_known || !names.insert((*name).to_owned()) {
                        return refuse("a witness is named twice");
                    }
                    policy.witnesses.push(((*name).to_owned(), key));
                }
                ["group", name, threshold, members @ ..] => {
                    let count = members.len() as u64;
                    let threshold = match *threshold {
                        "any" => 1,
                        "all" => count,
                        number => decimal(number).unwrap_or(0),
                    };
                    let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
                    let is_right = (1..=count).contains(&threshold)
                        && members.iter().all(|member| names.contains(member) && grouped.insert(member.clone()));
                    if !is_right || !names.insert((*name).to_owned()) {
                        return refuse("the group cannot be");
                    }
                    policy.groups.push(((*name).to_owned(), threshold, members));
                }
                ["quorum", name] if policy.quorum.is_empty() && names.contains(*name) => {
                    (*name).clone_into(&mut policy.quorum);
                }
                _ => return refuse("it cannot be understood"),
            }
        }
        refuse_if(policy.quorum.is_empty(), "the policy has no quorum line")?;
        policy.refuse_own_witness(&policy.logs)?;
        Ok(policy)
    }

    /// A log does not witness itself.
    pub(crate) fn refuse_own_witness(&self, logs: &[Key]) -> Result<(), Refusal> {
        let is_own = |(_, key): &&(String, Key)| logs.iter().any(|log| log.public == key.public);
        match self.witnesses.iter().find(is_own) {
            Some((name, _)) => Err(format!("witness {name} has the key of the ledger itself")),
            None => Ok(()),
        }
    }

    /// Returns who cosigned, if those are enough.
    pub(crate) fn require(&self, note: &Note<'_>) -> Result<Vec<&str>, Refusal> {
        let mut holds: BTreeMap<&str, bool> = BTreeMap::from([("none", true)]);
        for (name, key) in &self.witnesses {
            holds.insert(name, note.is_signed_by(key)?);
        }
        let cosigned: Vec<&str> =
            self.witnesses.iter().map(|(name, _)| name.as_str()).filter(|name| holds[name]).collect();
        for (name, threshold, members) in &self.groups {
            let count = members.iter().filter(|member| holds.get(member.as_str()) == Some(&true)).count();
            holds.insert(name, count as u64 >= *threshold);
        }
        if holds.get(self.quorum.as_str()) == Some(&true) {
            Ok(cosigned)
        } else {
            Err(format!("too few witnesses cosigned the checkpoint: {cosigned:?}"))
        }
    }
}
