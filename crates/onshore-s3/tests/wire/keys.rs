//! Every key that clients can send arrives, is listed and comes back byte for byte, in either style.

use crate::client::encoded;
use crate::world::World;

fn hard_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "/",
        "//",
        "a//b",
        "/leading",
        "dir/",
        "node",
        "node/child",
        "./a",
        "../a",
        "a/./b",
        "a/../b",
        ".",
        "..",
        "Case",
        "case",
        "é",
        "e\u{301}",
        "new\nline",
        "carriage\rreturn",
        "tab\there",
        "\u{1}\u{1f}\u{7f}",
        "plus+plus",
        "%25",
        "%zz",
        "%",
        "a&b",
        "a#b",
        "a?b",
        "a?versionId=x",
        " leading",
        "trailing ",
        ".dot",
        "dot.",
        "😀",
        "文档/文件.pdf",
        "ｆｕｌｌ",
        "<xml>&amp;\"'",
        "a=b",
        "a;b",
        "a,b",
        "a:b@c",
        "~-_.",
        "!*'()",
        "\\back\\slash",
        "a b c",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.push("k".repeat(1024));
    keys.push(format!("seg/{}", "s".repeat(300)));
    keys.push("文".repeat(341));
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_keys_arrive_and_come_back() {
    let world = World::new("keys").await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    for (number, key) in hard_keys().iter().enumerate() {
        let body = format!("body of {number}");
        let path = format!("/bkt/{}", encoded(key));
        client
            .put(&path)
            .body(body.clone())
            .send()
            .await
            .expect_status(200);
    }
    for (number, key) in hard_keys().iter().enumerate() {
        let body = format!("body of {number}");
        let path = format!("/bkt/{}", encoded(key));
        let got = client.get(&path).send().await.expect_status(200);
        assert_eq!(got.text(), body, "{key:?} by path");
        let virtual_host = format!("/{}", encoded(key));
        let got = client
            .get(&virtual_host)
            .header("host", "bkt.s3.localhost:9000")
            .send()
            .await
            .expect_status(200);
        assert_eq!(got.text(), body, "{key:?} by host");
        let link = client.get(&path).presigned("60");
        let got = client.raw(&link).await.expect_status(200);
        assert_eq!(got.text(), body, "{key:?} by link");
    }

    // A listing in percent-encoding names them all, in the order of their bytes.
    let mut listed = Vec::new();
    let mut token = None;
    loop {
        let continued =
            token.map_or_else(String::new, |token| format!("&continuation-token={token}"));
        let page = client
            .get(&format!(
                "/bkt?list-type=2&encoding-type=url&max-keys=7{continued}"
            ))
            .send()
            .await
            .expect_status(200);
        for piece in page.text().split("<Key>").skip(1) {
            let key = piece.split("</Key>").next().expect("closed");
            let key = percent_encoding::percent_decode_str(key)
                .decode_utf8()
                .expect("UTF-8")
                .into_owned();
            listed.push(key);
        }
        token = page.element("NextContinuationToken");
        if token.is_none() {
            break;
        }
    }
    let mut expected = hard_keys();
    expected.sort();
    assert_eq!(listed, expected);

    // Deleted through a document, in which a key is written with the references that XML asks for.
    let objects: String = hard_keys()
        .iter()
        .map(|key| {
            let key: String = key
                .chars()
                .map(|c| match c {
                    '<' | '>' | '&' | '"' | '\'' | '\r' | '\n' | '\t' | ' ' => {
                        format!("&#{};", u32::from(c))
                    }
                    other => other.to_string(),
                })
                .collect();
            format!("<Object><Key>{key}</Key></Object>")
        })
        .collect();
    let answer = client
        .post("/bkt?delete")
        .body(format!("<Delete><Quiet>true</Quiet>{objects}</Delete>"))
        .send()
        .await
        .expect_status(200);
    assert_eq!(answer.element("Error"), None, "{}", answer.text());
    client.delete("/bkt").send().await.expect_status(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn bare_control_characters_survive_a_listing_without_encoding() {
    let world = World::new("control").await;
    let client = world.tenant("alpha").await;
    client.put("/bkt").send().await.expect_status(200);
    client.put("/bkt/a%0Db").send().await.expect_status(200);
    let page = client
        .get("/bkt?list-type=2")
        .send()
        .await
        .expect_status(200);
    assert_eq!(page.element("Key").as_deref(), Some("a&#xD;b"));
}
