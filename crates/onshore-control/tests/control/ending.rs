//! How connections end when the server is told to stop.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{House, OPERATOR};

#[tokio::test]
async fn a_request_under_way_is_finished_and_idle_connections_are_closed() {
    let mut house = House::open().await;
    let address = house.address;
    let connect = async || TcpStream::connect(address).await.expect("a connection");
    let mut idle = connect().await;
    let question = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
    idle.write_all(question.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");

    let body = r#"{"name":"acme"}"#;
    let head = format!(
        "POST /v1/tenants HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {OPERATOR}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut under_way = connect().await;
    under_way.write_all(head.as_bytes()).await.expect("sent");
    // The handler wants the body: the request is under way.
    let mut go_on = [0; 12];
    under_way.read_exact(&mut go_on).await.expect("a word");
    assert_eq!(&go_on, b"HTTP/1.1 100");

    house.stop.cancel();
    let mut rest = String::new();
    idle.read_to_string(&mut rest).await.expect("the end");
    under_way.write_all(body.as_bytes()).await.expect("sent");
    let mut last = String::new();
    under_way
        .read_to_string(&mut last)
        .await
        .expect("an answer and the end");
    assert!(last.contains("HTTP/1.1 201"), "{last}");
    let served = house.served.take().expect("it was started");
    tokio::time::timeout(Duration::from_secs(30), served)
        .await
        .expect("it ends")
        .expect("in order");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}
