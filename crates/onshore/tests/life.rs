//! The life of a server on its folder: it starts from nothing, is killed, comes back with what it acknowledged, refuses
//! a second one beside it, and stops when it is asked.

use anyhow::{Result, ensure};
use onshore_testkit::{Options, TempFolder, TestServer};

const BINARY: &str = env!("CARGO_BIN_EXE_onshore");

fn tenants(server: &TestServer) -> Result<String> {
    let listed = server.onshore(&["tenant", "list", "--json"])?;
    ensure!(listed.status.success(), "{listed:?}");
    Ok(listed.json()?.to_string())
}

#[test]
fn what_was_acknowledged_survives_a_kill() -> Result<()> {
    let folder = TempFolder::new("life")?;
    let mut server = TestServer::start(BINARY, &folder.path().join("data"), Options::default())?;
    let first = server.credentials()?;
    let made = server.onshore(&["tenant", "create", "firm"])?;
    assert!(made.status.success(), "{made:?}");
    server.kill_nine()?;
    server.restart()?;
    assert!(tenants(&server)?.contains("firm"));
    assert_eq!(server.credentials()?.access_key, first.access_key);
    let (status, printed) = server.terminate()?;
    assert!(status.success(), "{printed}");
    server.restart()?;
    assert!(tenants(&server)?.contains("firm"));
    Ok(())
}

#[test]
fn a_second_server_on_the_folder_is_refused() -> Result<()> {
    let folder = TempFolder::new("second")?;
    let data = folder.path().join("data");
    let mut first = TestServer::start(BINARY, &data, Options::default())?;
    let second = TestServer::start(BINARY, &data, Options::default());
    assert!(second.is_err(), "two servers share a folder");
    assert!(
        tenants(&first)?.contains("default"),
        "the first one serves on"
    );
    let (status, printed) = first.terminate()?;
    assert!(status.success(), "{printed}");
    TestServer::start(BINARY, &data, Options::default())?;
    Ok(())
}

#[test]
fn a_crash_point_ends_the_server_and_costs_nothing_acknowledged() -> Result<()> {
    let folder = TempFolder::new("point")?;
    let data = folder.path().join("data");
    let mut server = TestServer::start(BINARY, &data, Options::default())?;
    // Later than what a start commits by itself, however long it takes.
    let env = vec![("ONSHORE_CRASH_AT".to_owned(), "committed:15".to_owned())];
    server.kill_nine()?;
    server.set_options(Options {
        env,
        ..Options::default()
    });
    server.restart()?;
    let mut acknowledged = Vec::new();
    for number in 0..40 {
        let name = format!("firm-{number}");
        if !server
            .onshore(&["tenant", "create", &name])?
            .status
            .success()
        {
            break;
        }
        acknowledged.push(name);
    }
    let (status, printed) = server.await_end()?;
    assert!(!status.success(), "{printed}");
    server.set_options(Options::default());
    server.restart()?;
    let listed = tenants(&server)?;
    for name in &acknowledged {
        assert!(
            listed.contains(name.as_str()),
            "{name} was acknowledged and is gone"
        );
    }
    Ok(())
}

#[test]
fn a_bad_configuration_is_refused_and_leaves_nothing_behind() -> Result<()> {
    let folder = TempFolder::new("config")?;
    let data = folder.path().join("data");
    let options = Options {
        config: Some("[regoin]\n".to_owned()),
        ..Options::default()
    };
    let refused = TestServer::start(BINARY, &data, options).expect_err("an unknown key is refused");
    assert!(format!("{refused:#}").contains("regoin"), "{refused:#}");
    assert!(!data.join("onshore.db").exists());
    Ok(())
}
