//! The one way out of this process: whoever connects to something elsewhere asks here, for each connection and for each request
//! over one that is kept. A disconnect drill shuts it but for loopback and the peers of the own partition, and what was
//! wanted meanwhile is written down. `cargo xtask floors` finds whoever goes another way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{LazyLock, Mutex, PoisonError};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;

/// How many different wishes are written down; more are counted together.
const WISHES_MAX: usize = 256;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To tell somebody what happened to objects.
    Notification,
    /// To ask a witness.
    Witness,
    /// To bring objects to another region.
    Replication,
    /// To read a source of a migration.
    Migration,
    /// To tell numbers of the server.
    Telemetry,
    /// To tell of a day that comes near.
    Alarm,
}

/// Who may be connected to while everything else is cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    networks: Vec<IpNet>,
    names: BTreeSet<String>,
}

impl Peers {
    /// Reads networks, addresses and names of hosts; an error is the entry that is none of them.
    ///
    /// # Errors
    /// The entry.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut peers = Self::default();
        for entry in entries {
            if let Ok(network) = entry.parse::<IpNet>() {
                peers.networks.push(network);
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                peers.networks.push(address.into());
            } else if is_host(entry) {
                peers.names.insert(entry.to_ascii_lowercase());
            } else {
                return Err(entry.to_owned());
            }
        }
        Ok(peers)
    }

    /// Whether a host, by its name or address, is connected to while everything else is cut off.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => self.has_address(address),
            // Its addresses are in a file of the system, and are looked at once more.
            Err(_) => self.has_name(bare) || bare.eq_ignore_ascii_case("localhost"),
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback()
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }

    fn has_name(&self, host: &str) -> bool {
        self.names.contains(&host.to_ascii_lowercase())
    }
}

/// What somebody wanted while it was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// What for.
    pub purpose: Purpose,
    /// To whom.
    pub host: String,
    /// How often.
    pub times: u64,
}

/// Why a connection is not made.
#[derive(Debug, thiserror::Error)]
#[error("a disconnect drill is under way, and {host} is none of the peers of [drill] peers")]
struct CutOff {
    host: String,
}

/// The way out.
#[derive(Debug)]
pub struct Outward {
    cut: Mutex<Option<Cut>>,
    is_cut: watch::Sender<bool>,
}

#[derive(Debug)]
struct Cut {
    peers: Peers,
    wishes: BTreeMap<(Purpose, String), u64>,
}

/// Returns the way out of this process.
#[must_use]
pub fn outward() -> &'static Outward {
    static OUTWARD: LazyLock<Outward> = LazyLock::new(Outward::new);
    &OUTWARD
}

impl Outward {
    fn new() -> Self {
        Self {
            cut: Mutex::default(),
            is_cut: watch::Sender::new(false),
        }
    }

    /// Shuts the way out but for loopback and these peers.
    pub fn cut_off(&self, peers: Peers) {
        *self.locked() = Some(Cut {
            peers,
            wishes: BTreeMap::new(),
        });
        self.is_cut.send_replace(true);
    }

    /// Opens the way out again, and returns what was wanted meanwhile.
    pub fn reconnect(&self) -> Vec<Wish> {
        let cut = self.locked().take();
        self.is_cut.send_replace(false);
        cut.map_or_else(Vec::new, |cut| cut.told())
    }

    /// Returns what was wanted so far since it was cut off.
    #[must_use]
    pub fn wishes(&self) -> Vec<Wish> {
        self.locked().as_ref().map_or_else(Vec::new, Cut::told)
    }

    /// Whether it is cut off.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        *self.is_cut.borrow()
    }

    /// Waits until it is not cut off.
    pub async fn reconnected(&self) {
        // The sender is never dropped before its receivers here.
        drop(self.is_cut.subscribe().wait_for(|is_cut| !is_cut).await);
    }

    /// Asks leave for a request to an address, also over a connection that is there already.
    ///
    /// # Errors
    /// While it is cut off.
    pub fn check(&self, purpose: Purpose, host: &str, address: IpAddr) -> io::Result<()> {
        self.ask(purpose, host, |peers| {
            peers.has_name(host) || peers.has_address(address)
        })
    }

    /// Returns the addresses of a host that may be connected to. While it is cut off, nobody is asked for the addresses of a
    /// name that is not a peer's.
    ///
    /// # Errors
    /// While it is cut off; those of the resolver.
    pub async fn addresses(
        &self,
        purpose: Purpose,
        host: &str,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        self.admit(purpose, host)?;
        let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
        for address in &found {
            self.check(purpose, host, address.ip())?;
        }
        Ok(found)
    }

    /// Asks leave for a request to a host, whatever its addresses are.
    ///
    /// # Errors
    /// While it is cut off.
    pub fn admit(&self, purpose: Purpose, host: &str) -> io::Result<()> {
        self.ask(purpose, host, |peers| peers.has(host))
    }

    /// Connects to an address of a host.
    ///
    /// # Errors
    /// While it is cut off, or if it is by the time the connection is there; those of the network.
    pub async fn connect(
        &self,
        purpose: Purpose,
        host: &str,
        address: SocketAddr,
    ) -> io::Result<TcpStream> {
        self.check(purpose, host, address.ip())?;
        let stream = TcpStream::connect(address).await?;
        self.check(purpose, host, address.ip())?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn ask(
        &self,
        purpose: Purpose,
        host: &str,
        is_peer: impl FnOnce(&Peers) -> bool,
    ) -> io::Result<()> {
        let mut cut = self.locked();
        let Some(cut) = cut.as_mut() else {
            return Ok(());
        };
        if is_peer(&cut.peers) {
            return Ok(());
        }
        cut.note(purpose, host);
        Err(io::Error::other(CutOff {
            host: host.to_owned(),
        }))
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<Cut>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cut {
    fn note(&mut self, purpose: Purpose, host: &str) {
        let mut wish = (purpose, host.to_owned());
        if self.wishes.len() >= WISHES_MAX && !self.wishes.contains_key(&wish) {
            wish.1 = "(others)".to_owned();
        }
        *self.wishes.entry(wish).or_default() += 1;
    }

    fn told(&self) -> Vec<Wish> {
        let wishes = self.wishes.iter();
        wishes
            .map(|((purpose, host), times)| Wish {
                purpose: *purpose,
                host: host.clone(),
                times: *times,
            })
            .collect()
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notification => "notification",
            Self::Witness => "witness",
            Self::Replication => "replication",
            Self::Migration => "migration",
            Self::Telemetry => "telemetry",
            Self::Alarm => "alarm",
        })
    }
}

fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use tokio::net::TcpListener;

    use super::{Outward, Peers, Purpose, WISHES_MAX};

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn what_is_cut_off_is_refused_and_written_down() {
        let way = Outward::new();
        let free = |host: &str, at: &str| way.check(Purpose::Witness, host, address(at)).is_ok();
        assert!(free("far.example", "8.8.8.8"));
        let peers = Peers::parse(["10.1.0.0/16", "2001:db8::7", "Near.example"]).expect("peers");
        way.cut_off(peers);
        for (host, at) in [
            ("a", "127.0.0.1"),
            ("a", "::1"),
            ("a", "::ffff:127.0.0.9"),
            ("a", "10.1.255.1"),
            ("a", "::ffff:10.1.2.3"),
            ("a", "2001:db8::7"),
            ("near.example", "8.8.8.8"),
        ] {
            assert!(free(host, at), "{host} {at}");
        }
        for (host, at) in [
            ("far.example", "8.8.8.8"),
            ("far.example", "10.2.0.1"),
            ("far.example", "2001:db8::8"),
            ("near.example.org", "8.8.8.8"),
        ] {
            assert!(!free(host, at), "{host} {at}");
        }
        for host in [
            "127.0.0.1",
            "[::1]",
            "localhost",
            "NEAR.example",
            "10.1.0.1",
        ] {
            assert!(way.admit(Purpose::Migration, host).is_ok(), "{host}");
        }
        for host in [
            "far.example",
            "8.8.8.8",
            "127.1",
            "2130706433",
            "localhost.far.example",
        ] {
            assert!(way.admit(Purpose::Migration, host).is_err(), "{host}");
        }
        let wishes = way.wishes();
        let far = |purpose| {
            let found = wishes
                .iter()
                .find(|wish| wish.purpose == purpose && wish.host == "far.example");
            found.map(|wish| wish.times)
        };
        assert_eq!(
            (far(Purpose::Witness), far(Purpose::Migration)),
            (Some(3), Some(1))
        );
        assert_eq!(way.reconnect(), wishes);
        assert!(free("far.example", "8.8.8.8") && way.wishes().is_empty());
    }

    #[tokio::test]
    async fn no_connection_and_no_look_up_is_made_while_it_is_cut_off() {
        let way = Outward::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let here: SocketAddr = listener.local_addr().expect("an address");
        way.cut_off(Peers::default());
        way.connect(Purpose::Witness, "here", here)
            .await
            .expect("loopback");
        let refused = way.addresses(Purpose::Witness, "far.example", 443).await;
        assert!(refused.expect_err("cut off").to_string().contains("drill"));
        let there = "192.0.2.1:9".parse().expect("an address");
        assert!(way.connect(Purpose::Witness, "there", there).await.is_err());
        let found = way.addresses(Purpose::Witness, "localhost", 9).await;
        assert!(
            found
                .expect("a file says so")
                .iter()
                .all(|one| one.ip().is_loopback())
        );
    }

    #[tokio::test]
    async fn waiting_ends_when_it_is_open_again() {
        let way = Outward::new();
        way.reconnected().await;
        way.cut_off(Peers::default());
        let waiting = way.reconnected();
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            () = &mut waiting => panic!("it is cut off"),
            () = tokio::task::yield_now() => {}
        }
        way.reconnect();
        waiting.await;
    }

    #[test]
    fn wishes_are_bounded() {
        let way = Outward::new();
        way.cut_off(Peers::default());
        for number in 0..WISHES_MAX + 50 {
            assert!(
                way.admit(Purpose::Migration, &format!("h{number}.example"))
                    .is_err()
            );
        }
        let wishes = way.wishes();
        assert_eq!(wishes.len(), WISHES_MAX + 1);
        assert_eq!(
            wishes.iter().map(|wish| wish.times).sum::<u64>(),
            WISHES_MAX as u64 + 50
        );
    }

    #[test]
    fn peers_are_networks_addresses_and_names() {
        for bad in ["", "10.0.0.0/33", "a b", "http://x", "x/y", "a..b", "*"] {
            assert_eq!(Peers::parse([bad]), Err(bad.to_owned()));
        }
    }
}
