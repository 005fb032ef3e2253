//! `onshore rekey`: seals the keys of a data folder anew, under another root key, in one unit of work.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use onshore_keys::{FileRootKey, KeyProvider};
use serde_json::json;

use crate::cli::{RekeyArgs, TargetArgs};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::hidden_names;
use crate::house::{FolderLock, existing_root_key, root_key_path};
use crate::output::{self, Style};
use crate::serve;

pub(crate) async fn run(target: &TargetArgs, args: RekeyArgs) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore rekey --data DIR"))?;
    if !data.join("onshore.db").is_file() {
        return Err(usage(format!("there is no data in {}", data.display())));
    }
    serve::start_log();
    let config = Config::load(args.config.as_deref())?;
    let Some(lock) = FolderLock::take(data)? else {
        bail!("a server works on {}: stop it first", data.display());
    };
    let old = existing_root_key(data, &config)?;
    let house = serve::open(data, &config, lock).await?;
    // Made only once the old one is known to open the folder.
    let new: Arc<dyn KeyProvider> = Arc::new(
        FileRootKey::open_or_create(&args.new_root_key)
            .map_err(|error| anyhow!(error))
            .with_context(|| format!("cannot use the key {}", args.new_root_key.display()))?,
    );
    let (from, to) = (old.key_id().to_owned(), new.key_id().to_owned());
    if from == to {
        house.close().await?;
        return Err(usage(format!(
            "{} is the root key already: name another file",
            args.new_root_key.display()
        )));
    }
    house.start_keepers();
    let (store, gate) = (house.store.clone(), house.gate.clone());
    // Either of the two opens the database until it is known which is in force.
    hidden_names::seal_under(data, &[&*old, &*new])?;
    let (before, behind) = (Arc::clone(&old), Arc::clone(&new));
    let leaf = house
        .db
        .write(move |unit| {
            store.wrap_keys_anew(unit, &*behind)?;
            Ok::<_, anyhow::Error>(gate.rotate_root_key(unit, &*before, &*behind)?)
        })
        .await;
    house.close().await?;
    let leaf = leaf?;
    // The new key is in force whatever becomes of this; the next start does it too.
    if let Err(error) = hidden_names::seal_under(data, &[&*new]) {
        output::problem(&format!(
            "the new root key is in force, and database.key is sealed under the old one as well until the next start: \
             {error:#}"
        ));
    }
    let old_path = root_key_path(data, &config);
    match target.style() {
        Style::Json => output::json(&json!({ "from": from, "to": to, "leaf": leaf }))?,
        Style::Text => {
            output::line(&format!(
                "All keys are sealed under {to} now; {from} opens nothing in {} any more. It is leaf {leaf}.",
                data.display()
            ));
            output::line(&match config.root_key_file {
                Some(_) => format!(
                    "Name {} in [keys] root_key_file before the next start.",
                    args.new_root_key.display()
                ),
                None => format!(
                    "Put {} in the place of {} before the next start, or name it in [keys] root_key_file.",
                    args.new_root_key.display(),
                    old_path.display()
                ),
            });
            output::line(
                "Keep the old key as long as there are backups from before, and nowhere else.",
            );
        }
    }
    Ok(Exit::Done)
}
