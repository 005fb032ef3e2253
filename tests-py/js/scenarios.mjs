// The AWS SDK for JavaScript at work, one scenario after the other, each in a bucket of its own:
//
//     node scenarios.mjs ENDPOINT [SCENARIO…]
//
// The keys come from the environment, as the SDK finds them by itself. Prints, a line of JSON for each scenario, how it
// failed or null.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lookup } from "node:dns";
import http from "node:http";
import { Readable } from "node:stream";

import * as s3 from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [endpoint, ...wanted] = process.argv.slice(2);
const MIB = 1 << 20;
const ODD = "sub/a b+c&d#e?f=g%41 'q' \u6587\u6863~(1).txt";
const LARGE = Buffer.concat(Array.from({ length: (16 * MIB) / 32 }, (_, number) => createHash("sha256").update(`${number}`).digest()));

let Bucket;
const client = new s3.S3Client({ endpoint, region: "cn-north-1", maxAttempts: 1, forcePathStyle: true });
const send = (Command, input = {}, to = client) => to.send(new Command({ Bucket, ...input }));
const put = (Key, Body, more = {}, to = client) => send(s3.PutObjectCommand, { Key, Body, ...more }, to);
const get = async (Key, more = {}, to = client) => Buffer.from(await (await send(s3.GetObjectCommand, { Key, ...more }, to)).Body.transformToByteArray());
const openUploads = async () => (await send(s3.ListMultipartUploadsCommand)).Uploads ?? [];

/** Cuts a buffer into pieces that fit no part and no chunk. */
function* pieces(buffer, size = 100_003) {
  for (let start = 0; start < buffer.length; start += size) yield buffer.subarray(start, start + size);
}

async function all(paginator, field) {
  const found = [];
  for await (const page of paginator) found.push(...(page[field] ?? []));
  return found;
}

const fails = (promise, expected, status) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.name, expected);
    assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });

const scenarios = {
  async objects() {
    const sent = await put(ODD, "hello", { Metadata: { who: "me" }, ContentType: "text/x-own", CacheControl: "max-age=7" });
    const got = await send(s3.GetObjectCommand, { Key: ODD });
    assert.equal(await got.Body.transformToString(), "hello");
    assert.deepEqual([got.ETag, got.Metadata, got.ContentType, got.CacheControl], [sent.ETag, { who: "me" }, "text/x-own", "max-age=7"]);
    assert.equal((await get(ODD, { Range: "bytes=1-3" })).toString(), "ell");
    assert.ok(Date.now() - got.LastModified.getTime() < 60_000);
    await send(s3.CopyObjectCommand, { Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(ODD)}`, MetadataDirective: "REPLACE", Metadata: { who: "you" } });
    const head = await send(s3.HeadObjectCommand, { Key: "copy" });
    assert.deepEqual([head.ContentLength, head.ETag, head.Metadata], [5, sent.ETag, { who: "you" }]);
    await send(s3.DeleteObjectCommand, { Key: ODD });
    await fails(send(s3.GetObjectCommand, { Key: ODD }), "NoSuchKey", 404);
    await fails(send(s3.HeadObjectCommand, { Key: ODD }), "NotFound", 404);
    await fails(send(s3.GetObjectCommand, { Key: ODD, Bucket: "absent-bucket" }), "NoSuchBucket", 404);
    assert.ok((await send(s3.ListBucketsCommand)).Buckets.some((found) => found.Name === Bucket));
  },

  async checksums() {
    const bodies = { CRC32: "a", CRC32C: "b", SHA1: "c", SHA256: "d" };
    for (const [ChecksumAlgorithm, body] of Object.entries(bodies)) {
      const sent = await put(ChecksumAlgorithm, body, { ChecksumAlgorithm });
      const got = await send(s3.GetObjectCommand, { Key: ChecksumAlgorithm, ChecksumMode: "ENABLED" });
      assert.equal(await got.Body.transformToString(), body);
      assert.ok(got[`Checksum${ChecksumAlgorithm}`]);
      assert.equal(got[`Checksum${ChecksumAlgorithm}`], sent[`Checksum${ChecksumAlgorithm}`]);
    }
    await fails(put("wrong", "x", { ChecksumSHA256: createHash("sha256").update("y").digest("base64") }), "BadDigest", 400);
    await fails(send(s3.HeadObjectCommand, { Key: "wrong" }), "NotFound", 404);
  },

  async streams() {
    await put("stream", Readable.from(pieces(LARGE)), { ContentLength: LARGE.length });
    const hash = createHash("sha256");
    let count = 0;
    for await (const piece of (await send(s3.GetObjectCommand, { Key: "stream" })).Body) {
      hash.update(piece);
      count += piece.length;
    }
    assert.equal(count, LARGE.length);
    assert.equal(hash.digest("hex"), createHash("sha256").update(LARGE).digest("hex"));
    const step = 1_234_567;
    const starts = Array.from({ length: Math.ceil(LARGE.length / step) }, (_, number) => number * step);
    const parts = await Promise.all(starts.map((start) => get("stream", { Range: `bytes=${start}-${start + step - 1}` })));
    assert.ok(Buffer.concat(parts).equals(LARGE));
    await put("empty", Readable.from([]), { ContentLength: 0 });
    assert.equal((await send(s3.HeadObjectCommand, { Key: "empty" })).ContentLength, 0);
  },

  async listings() {
    const keys = [...Array.from({ length: 120 }, (_, number) => `many/${`${number}`.padStart(3, "0")}`), ODD, "top"];
    await Promise.all(keys.map((key) => put(key, key)));
    const list = (more, field = "Contents") => all(s3.paginateListObjectsV2({ client, pageSize: 50 }, { Bucket, ...more }), field);
    assert.deepEqual((await list({})).map((item) => item.Key), [...keys].sort());
    assert.deepEqual((await list({ EncodingType: "url" })).length, keys.length);
    assert.deepEqual((await list({ Delimiter: "/" }, "CommonPrefixes")).map((item) => item.Prefix), ["many/", "sub/"]);
    assert.deepEqual((await list({ Prefix: "many/", StartAfter: "many/117" })).map((item) => item.Key), ["many/118", "many/119"]);
    const bodies = await Promise.all(keys.map(async (key) => (await get(key)).toString()));
    assert.deepEqual(bodies, keys);
  },

  async upload() {
    const seen = [];
    const upload = new Upload({ client, partSize: 5 * MIB, queueSize: 3, params: { Bucket, Key: ODD, Body: Readable.from(pieces(LARGE)), ContentType: "text/x-own", Tagging: "a=b" } });
    upload.on("httpUploadProgress", (progress) => seen.push(progress.loaded));
    const done = await upload.done();
    assert.match(done.ETag, /-4"$/);
    assert.equal(seen.length, 4);
    assert.equal(Math.max(...seen), LARGE.length);
    assert.ok((await get(ODD)).equals(LARGE));
    const head = await send(s3.HeadObjectCommand, { Key: ODD, PartNumber: 4 });
    assert.deepEqual([head.PartsCount, head.ContentLength, head.ContentType], [4, LARGE.length - 15 * MIB, "text/x-own"]);
    assert.deepEqual((await send(s3.GetObjectTaggingCommand, { Key: ODD })).TagSet, [{ Key: "a", Value: "b" }]);
    await new Upload({ client, params: { Bucket, Key: "small", Body: Readable.from(["sma", "ll"]) } }).done();
    assert.equal((await get("small")).toString(), "small");
    assert.deepEqual(await openUploads(), []);
  },

  async abort() {
    await put("k", "before");
    let upload;
    const body = Readable.from((async function* () {
      for (const piece of pieces(LARGE)) {
        if (seen > 0) await upload.abort();
        yield piece;
      }
    })());
    let seen = 0;
    upload = new Upload({ client, partSize: 5 * MIB, queueSize: 1, params: { Bucket, Key: "k", Body: body } });
    upload.on("httpUploadProgress", () => (seen += 1));
    await assert.rejects(upload.done(), { name: "AbortError" });
    assert.ok(seen > 0);
    assert.equal((await get("k")).toString(), "before");
    const open = await openUploads();
    const aborts = open.map(({ Key, UploadId }) => send(s3.AbortMultipartUploadCommand, { Key, UploadId }));
    for (const abort of await Promise.allSettled(aborts)) assert.ok(abort.status === "fulfilled" || abort.reason.name === "NoSuchUpload", "the SDK may abort it too");
    assert.deepEqual(await openUploads(), []);
  },

  async links() {
    const signer = new s3.S3Client({ endpoint, region: "cn-north-1", forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" });
    const sign = (Command, input, more = {}) => getSignedUrl(signer, new Command({ Bucket, ...input }), { expiresIn: 60, ...more });
    const into = await sign(s3.PutObjectCommand, { Key: ODD, ContentType: "text/x-own" }, { signableHeaders: new Set(["content-type"]) });
    assert.equal((await fetch(into, { method: "PUT", body: "by link", headers: { "content-type": "text/html" } })).status, 403);
    assert.equal((await fetch(into, { method: "PUT", body: "by link", headers: { "content-type": "text/x-own" } })).status, 200);
    const from = await sign(s3.GetObjectCommand, { Key: ODD, ResponseContentDisposition: 'attachment; filename="a b.txt"' });
    const answer = await fetch(from);
    assert.equal(await answer.text(), "by link");
    assert.equal(answer.headers.get("content-disposition"), 'attachment; filename="a b.txt"');
    assert.equal(answer.headers.get("content-type"), "text/x-own");
    assert.equal((await fetch(from, { method: "DELETE" })).status, 403);
    assert.equal((await fetch(from.replace("b.txt", "c.txt"))).status, 403);
    const past = await sign(s3.GetObjectCommand, { Key: ODD }, { signingDate: new Date(Date.now() - 120_000) });
    assert.equal((await fetch(past)).status, 403);
    assert.equal((await fetch(await sign(s3.DeleteObjectCommand, { Key: ODD }), { method: "DELETE" })).status, 204);
    await fails(send(s3.HeadObjectCommand, { Key: ODD }), "NotFound", 404);
  },

  async versions() {
    await send(s3.PutBucketVersioningCommand, { VersioningConfiguration: { Status: "Enabled" } });
    const ids = [];
    for (const body of ["one", "two"]) ids.push((await put(ODD, body)).VersionId);
    const marker = await send(s3.DeleteObjectCommand, { Key: ODD });
    assert.equal(marker.DeleteMarker, true);
    await fails(send(s3.GetObjectCommand, { Key: ODD }), "NoSuchKey", 404);
    await fails(send(s3.GetObjectCommand, { Key: ODD, VersionId: marker.VersionId }), "MethodNotAllowed", 405);
    assert.equal((await get(ODD, { VersionId: ids[0] })).toString(), "one");
    const found = await send(s3.ListObjectVersionsCommand);
    assert.deepEqual(found.Versions.map((item) => [item.Key, item.VersionId, item.IsLatest]), [[ODD, ids[1], false], [ODD, ids[0], false]]);
    assert.deepEqual(found.DeleteMarkers.map((item) => [item.VersionId, item.IsLatest]), [[marker.VersionId, true]]);
    await send(s3.DeleteObjectCommand, { Key: ODD, VersionId: marker.VersionId });
    assert.equal((await get(ODD)).toString(), "two");
    const gone = await send(s3.DeleteObjectsCommand, { Delete: { Objects: ids.map((VersionId) => ({ Key: ODD, VersionId })) } });
    assert.equal(gone.Deleted.length, 2);
    assert.equal((await send(s3.ListObjectVersionsCommand)).Versions, undefined);
  },

  async deletions() {
    const keys = Array.from({ length: 250 }, (_, number) => `${number} <&> ${ODD}`);
    await Promise.all(keys.map((key) => put(key, "x")));
    const said = await send(s3.DeleteObjectsCommand, { Delete: { Objects: [...keys.slice(0, 200), "never there"].map((Key) => ({ Key })) } });
    assert.equal(said.Deleted.length, 201);
    assert.equal(said.Errors, undefined);
    const quiet = await send(s3.DeleteObjectsCommand, { Delete: { Quiet: true, Objects: keys.slice(200, 249).map((Key) => ({ Key })) } });
    assert.equal(quiet.Deleted, undefined);
    assert.deepEqual((await send(s3.ListObjectsV2Command)).Contents.map((item) => item.Key), [keys[249]]);
    await fails(send(s3.DeleteBucketCommand), "BucketNotEmpty", 409);
  },

  async conditions() {
    const first = (await put("k", "first", { IfNoneMatch: "*" })).ETag;
    await fails(put("k", "again", { IfNoneMatch: "*" }), "PreconditionFailed", 412);
    const second = (await put("k", "second", { IfMatch: first })).ETag;
    await fails(put("k", "third", { IfMatch: first }), "PreconditionFailed", 412);
    await assert.rejects(send(s3.GetObjectCommand, { Key: "k", IfNoneMatch: second }), (error) => error.$metadata.httpStatusCode === 304);
    await fails(send(s3.GetObjectCommand, { Key: "k", IfMatch: first }), "PreconditionFailed", 412);
    await fails(send(s3.GetObjectCommand, { Key: "k", Range: "bytes=100-" }), "InvalidRange", 416);
    const races = await Promise.allSettled(Array.from({ length: 40 }, (_, number) => put("lock", `${number}`, { IfNoneMatch: "*" })));
    const won = races.flatMap((race, number) => (race.status === "fulfilled" ? [`${number}`] : []));
    assert.equal(won.length, 1);
    assert.equal((await get("lock")).toString(), won[0]);
  },

  async buckets() {
    const made = `${Bucket}-made`;
    await fails(send(s3.HeadBucketCommand, { Bucket: made }), "NotFound", 404);
    await send(s3.CreateBucketCommand, { Bucket: made, CreateBucketConfiguration: { LocationConstraint: "cn-north-1" } });
    await s3.waitUntilBucketExists({ client, maxWaitTime: 10 }, { Bucket: made });
    assert.equal((await send(s3.HeadBucketCommand, { Bucket: made })).BucketRegion, "cn-north-1");
    await fails(send(s3.CreateBucketCommand, { Bucket: made, CreateBucketConfiguration: { LocationConstraint: "cn-north-1" } }), "BucketAlreadyOwnedByYou", 409);
    await send(s3.DeleteBucketCommand, { Bucket: made });
    await s3.waitUntilBucketNotExists({ client, maxWaitTime: 10 }, { Bucket: made });
  },

  // The SDK's own way: the bucket is a name before the host.
  async hosts() {
    const here = (host, options, done) => lookup("127.0.0.1", options, done);
    const httpAgent = new http.Agent({ keepAlive: true, lookup: here });
    const hosted = new s3.S3Client({ endpoint: `http://s3.localhost:${new URL(endpoint).port}`, region: "cn-north-1", maxAttempts: 1, requestHandler: { httpAgent } });
    let asked;
    hosted.middlewareStack.add((next) => (args) => ((asked = args.request.hostname), next(args)), { step: "finalizeRequest" });
    await put(ODD, "by host", {}, hosted);
    assert.equal(asked, `${Bucket}.s3.localhost`);
    assert.equal((await get(ODD, {}, hosted)).toString(), "by host");
    assert.equal((await get(ODD)).toString(), "by host");
    await new Upload({ client: hosted, partSize: 5 * MIB, params: { Bucket, Key: "large", Body: LARGE } }).done();
    assert.ok((await get("large")).equals(LARGE));
    assert.equal((await send(s3.ListObjectsV2Command, {}, hosted)).KeyCount, 2);
  },
};

for (const scenario of wanted.length ? wanted : Object.keys(scenarios)) {
  Bucket = `js-${scenario}`;
  let failed = null;
  try {
    await send(s3.CreateBucketCommand);
    await scenarios[scenario]();
  } catch (error) {
    failed = error.stack;
  }
  console.log(JSON.stringify({ scenario, failed }));
}
process.exit();
