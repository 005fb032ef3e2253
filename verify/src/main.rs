//! `onshore-verify FILE --key VKEY [--policy FILE]`: says whether a document holds, and what it says.

use std::process::ExitCode;

use onshore_verify::{Key, Policy, check};

fn main() -> ExitCode {
    match run() {
        Ok(lines) => {
            println!("IT HOLDS");
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err((status, why)) => {
            eprintln!("onshore-verify: {why}");
            ExitCode::from(status)
        }
    }
}

fn run() -> Result<Vec<String>, (u8, String)> {
    let usage = |why: String| (2, format!("{why}\nusage: onshore-verify FILE --key VKEY... [--policy FILE]"));
    let read = |path: &str| std::fs::read(path).map_err(|error| usage(format!("{path}: {error}")));
    let (mut file, mut keys, mut policy) = (None, Vec::new(), None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| usage(format!("{arg} needs a value")));
        match arg.as_str() {
            "--key" => keys.push(Key::parse(&value()?).map_err(usage)?),
            "--policy" => {
                let text = String::from_utf8(read(&value()?)?).map_err(|error| usage(error.to_string()))?;
                policy = Some(Policy::parse(&text).map_err(usage)?);
            }
            _ if file.is_none() && !arg.starts_with("--") => file = Some(arg),
            _ => return Err(usage(format!("`{arg}` is not known"))),
        }
    }
    let file = file.ok_or_else(|| usage("no file is named".to_owned()))?;
    check(&read(&file)?, &keys, policy.as_ref()).map_err(|why| (1, format!("{file} DOES NOT HOLD: {why}")))
}
