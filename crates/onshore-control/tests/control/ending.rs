//! How connections end when the server is told to stop.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::House;

#[tokio::test]
async fn a_request_under_way_is_finished_and_idle_connections_are_closed() {
    let mut house = House::open().await;
    let connect = async || {
        TcpStream::connect(house.address)
            .await
            .expect("a connection")
    };
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n", house.address);
    let mut idle = connect().await;
    idle.write_all(format!("{head}\r\n").as_bytes())
        .await
        .expect("sent");
    let mut answer = vec![0; 12];
    idle.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 200");
    let mut under_way = connect().await;
    under_way
        .write_all(head.as_bytes())
        .await
        .expect("half a request");
    // The half is with the server once a later request on another connection has been answered.
    idle.write_all(format!("{head}\r\n").as_bytes())
        .await
        .expect("sent");
    let mut rest = vec![0; 1];
    idle.read_exact(&mut rest).await.expect("an answer");

    house.stop.cancel();
    under_way.write_all(b"\r\n").await.expect("the other half");
    let served = house.served.take().expect("it was started");
    tokio::time::timeout(Duration::from_secs(30), served)
        .await
        .expect("it ends")
        .expect("in order");
    let mut last = String::new();
    under_way
        .read_to_string(&mut last)
        .await
        .expect("an answer or an end");
    assert!(
        last.is_empty() || last.starts_with("HTTP/1.1 200"),
        "{last}"
    );
    assert!(
        TcpStream::connect(house.address).await.is_err(),
        "nobody listens any more"
    );
}
