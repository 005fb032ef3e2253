//! The same in a browser: `page.html` writes document, keys and policy into this memory, and reads what is said of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Key, Policy, check};

/// Document, keys (a line each) and policy, as the page wrote them.
static INPUTS: [Mutex<Vec<u8>>; 3] = [const { Mutex::new(Vec::new()) }; 3];
/// What is said.
static OUTPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn hold(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for an input of so many bytes, and returns where the page is to write it.
#[expect(unsafe_code, reason = "a page reaches it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn onshore_room(input: usize, len: usize) -> *mut u8 {
    let Some(input) = INPUTS.get(input) else {
        return std::ptr::null_mut();
    };
    let mut bytes = hold(input);
    *bytes = vec![0; len];
    bytes.as_mut_ptr()
}

/// Checks what was written: 1 if it holds. What is said of it `onshore_said` tells.
#[expect(unsafe_code, reason = "a page reaches it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn onshore_check() -> u32 {
    let [document, keys, policy] = INPUTS.each_ref().map(|input| hold(input).clone());
    let said = checked(&document, &keys, &policy);
    let holds = said.is_ok();
    *hold(&OUTPUT) = said.map_or_else(String::into_bytes, |lines| lines.join("\n").into_bytes());
    u32::from(holds)
}

fn checked(document: &[u8], keys: &[u8], policy: &[u8]) -> Result<Vec<String>, String> {
    let keys = String::from_utf8_lossy(keys);
    let lines = keys.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys = lines.map(Key::parse).collect::<Result<Vec<_>, _>>()?;
    let policy = String::from_utf8_lossy(policy);
    let policy = (!policy.trim().is_empty()).then(|| Policy::parse(&policy)).transpose()?;
    check(document, &keys, policy.as_ref())
}

/// Returns where what is said begins, and its length in the upper half.
#[expect(unsafe_code, reason = "a page reaches it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn onshore_said() -> u64 {
    let said = hold(&OUTPUT);
    (said.len() as u64) << 32 | said.as_ptr() as u64
}
