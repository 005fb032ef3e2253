//! Every way a ledger value can be malformed, refused or found forged. Messages carry no leaf contents and no object
//! names: they end in logs.

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a value, a proof or a document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A hash or salt is not 64 lowercase hexadecimal digits, or not 32 bytes of base64.
    #[error(
        "a hash must be 32 bytes, written as 64 lowercase hexadecimal digits (or base64 in a checkpoint)"
    )]
    HashMalformed,
    /// A number in a JSON value is not an integer between -(2^53-1) and 2^53-1.
    #[error(
        "canonical JSON here holds integers of at most 53 bits only; write larger numbers and fractions as strings"
    )]
    NumberNotCanonical,
    /// A JSON value nests deeper than any record of ours.
    #[error("the JSON value nests more than {limit} levels deep")]
    NestedTooDeep {
        /// The deepest level allowed.
        limit: usize,
    },
    /// Text that should be JSON of a known shape is not.
    #[error("the JSON does not have the expected shape")]
    Json(#[source] serde_json::Error),
    /// A leaf is longer than the ledger takes.
    #[error("a leaf of {len_bytes} bytes exceeds the limit of {limit} bytes")]
    LeafTooLong {
        /// The length found.
        len_bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A leaf is not the RFC 8785 form of a JSON object.
    #[error("the leaf is not a JSON object in canonical form (RFC 8785)")]
    LeafNotCanonical,
    /// A tree cannot have this size.
    #[error("a tree of size {size} is beyond what a ledger can hold")]
    SizeTooLarge {
        /// The size asked for.
        size: u64,
    },
    /// A frontier does not have one hash per set bit of the size.
    #[error("a tree of size {size} has {expected} frontier hashes, not {found}")]
    FrontierMismatch {
        /// The tree's size.
        size: u64,
        /// The hashes such a tree has.
        expected: usize,
        /// The hashes given.
        found: usize,
    },
    /// A leaf index lies outside the tree.
    #[error("index {index} is not in a tree of size {size}")]
    IndexOutOfRange {
        /// The index asked for.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A consistency proof was asked from a larger tree to a smaller one.
    #[error("a tree of size {new} cannot extend one of size {old}")]
    TreeShrank {
        /// The older size.
        old: u64,
        /// The newer size.
        new: u64,
    },
    /// A node needed for a proof could not be read.
    #[error("tree node {index} of level {level} is missing")]
    NodeMissing {
        /// The node's level, leaves being 0.
        level: u8,
        /// The node's index within its level.
        index: u64,
    },
    /// An inclusion proof does not lead from the leaf to the root.
    #[error("the inclusion proof does not lead from the leaf to the root")]
    InclusionRefused,
    /// A consistency proof does not show that one tree extends the other.
    #[error("the consistency proof does not show that the newer tree extends the older one")]
    ConsistencyRefused,
    /// A tile path is not canonical.
    #[error("this is not a tile path (tile/<L>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>])")]
    TilePathMalformed,
    /// A tile's bytes do not have the form its path promises.
    #[error("tile {path} is malformed")]
    TileMalformed {
        /// The tile's path.
        path: String,
    },
    /// A tile that the size calls for is not there.
    #[error("tile {path} is missing")]
    TileMissing {
        /// The tile's path.
        path: String,
    },
    /// A hash tile differs from what the entries say.
    #[error("tile {path} does not match the log's entries")]
    TileMismatch {
        /// The tile's path.
        path: String,
    },
    /// The root recomputed from all entries is not the one expected.
    #[error("the entries make root {found}, not {expected}")]
    RootMismatch {
        /// The root claimed.
        expected: crate::Hash,
        /// The root recomputed.
        found: crate::Hash,
    },
    /// An entry is longer than its 16-bit length prefix can say.
    #[error("an entry of {len_bytes} bytes exceeds the limit of an entry bundle")]
    EntryTooLong {
        /// The length found.
        len_bytes: usize,
    },
    /// A key name is empty or holds spaces, control characters or a plus sign.
    #[error("a key name is not empty and holds no spaces, control characters or plus signs")]
    KeyNameMalformed,
    /// A verifier key does not parse.
    #[error("a verifier key has the form NAME+HASH+BASE64")]
    KeyMalformed,
    /// A verifier key is of another signature type than Ed25519.
    #[error(
        "the verifier key is of signature type {algorithm}, not {wanted}: logs sign with type 1 (Ed25519), witnesses \
         with type 4 (timestamped Ed25519 cosignatures)"
    )]
    KeyAlgorithmUnknown {
        /// The type byte found.
        algorithm: u8,
        /// The type byte that belongs there.
        wanted: u8,
    },
    /// A verifier key's hash does not belong to its name and public key.
    #[error(
        "the verifier key's hash does not belong to its name and public key: was it cut or mistyped?"
    )]
    KeyHashMismatch,
    /// A text that cannot be signed as a note.
    #[error("a note's text ends in a newline and holds no other control characters")]
    NoteTextMalformed,
    /// A signed note is larger or has more signatures than allowed.
    #[error("the signed note exceeds {limit_bytes} bytes or {limit_signatures} signatures")]
    NoteTooLarge {
        /// The most bytes a note may have.
        limit_bytes: usize,
        /// The most signature lines a note may have.
        limit_signatures: usize,
    },
    /// A signed note does not parse.
    #[error("this is not a signed note (text, blank line, signature lines)")]
    NoteMalformed,
    /// A signature claims a known key and is wrong.
    #[error(
        "the signature that claims to be by {name} is not: the text was changed or the signature forged"
    )]
    SignatureWrong {
        /// The known key's name.
        name: String,
    },
    /// None of the given keys signed the note.
    #[error("none of the given keys signed this note")]
    SignatureMissing,
    /// A checkpoint's text does not parse.
    #[error("this is not a checkpoint (origin, size, root)")]
    CheckpointMalformed,
    /// A checkpoint is signed by a known key that is not its origin's.
    #[error("the checkpoint of {origin} is not signed by the key of that name")]
    OriginMismatch {
        /// The origin the checkpoint names.
        origin: String,
    },
    /// A disclosed record is not the one the leaf commits to.
    #[error("the disclosed record is not the one the leaf commits to")]
    DisclosureRefused,
    /// Certificate entries do not ascend by key and version, or one occurs twice.
    #[error(
        "certificate entry {position} does not follow the one before it in order of key and version"
    )]
    EntryOutOfOrder {
        /// The entry's position, from 0.
        position: u64,
    },
    /// The certificate's signed text is not over this body.
    #[error("the certificate's body is not the one that was signed")]
    BodyMismatch,
    /// The objects listed do not make the signed root.
    #[error("the objects listed in the certificate do not make its root")]
    CertificateRootMismatch,
    /// The certificate's counts contradict what it lists.
    #[error("the certificate's {what} does not agree with what it lists")]
    CountMismatch {
        /// The count that is wrong.
        what: &'static str,
    },
    /// A page of an inventory does not follow the one before, or a record names a page that is not there.
    #[error("page {page} of the inventory does not follow the page before it, or is missing")]
    InventoryBroken {
        /// Its number, from 0.
        page: u64,
    },
    /// The pages of an inventory do not make the hash that was signed.
    #[error("the pages of the inventory are not those that were signed")]
    InventoryHeadMismatch,
    /// The records of a page are not those that the source listed on it.
    #[error("page {page} of the inventory names other records than the certificate has of it")]
    InventoryRecordsMismatch {
        /// Its number, from 0.
        page: u64,
    },
    /// A checkpoint is not of a later state of the same ledger.
    #[error(
        "the checkpoint of {size} leaves is not later than the one of {recorded} leaves that the certificate was recorded under, or is of \
         another ledger: take one that witnesses cosigned since"
    )]
    CheckpointNotLater {
        /// How many leaves it is of.
        size: u64,
        /// How many leaves the certificate's own is of.
        recorded: u64,
    },
    /// A certificate claims completeness and lists exceptions.
    #[error("the certificate claims to be complete and lists exceptions")]
    CompleteWithExceptions,
    /// The same version is listed twice among exceptions, or both as arrived and as an exception.
    #[error("exception {position} is listed twice, or also among the objects that arrived")]
    ExceptionRepeated {
        /// The exception's position, from 0.
        position: usize,
    },
    /// The ledger leaf a certificate refers to says something else.
    #[error("the ledger leaf of the certificate does not carry its body hash and root")]
    LeafClaimMismatch,
    /// A key looked for is not in the certificate.
    #[error("the certificate lists no object of this key")]
    ObjectAbsent,
    /// A key looked for is in the certificate as an exception.
    #[error("the certificate lists this key as an exception, not as arrived: {reason}")]
    ObjectIsException {
        /// The exception's reason.
        reason: String,
    },
    /// A file is not JSON.
    #[error(
        "the file is not JSON: `onshore verify` takes a certificate or a proof bundle as Onshore wrote it"
    )]
    DocumentNotJson(#[source] serde_json::Error),
    /// A file is JSON of no format this version knows.
    #[error(
        "the file's format is {found:?}; known are \"onshore-certificate/1\", \"onshore-proof/1\", \"onshore-read/1\", \
         \"onshore-evidence/1\" and \"c2sp.org/tlog-proof@v1\": is it another kind of file, or was it written by a newer \
         Onshore?"
    )]
    DocumentUnknown {
        /// The format named by the file; empty when it names none.
        found: String,
    },
    /// A cosignature is not a timestamp and an Ed25519 signature.
    #[error("the cosignature of {name} is not a timestamp and an Ed25519 signature")]
    CosignatureMalformed {
        /// The witness's key name.
        name: String,
    },
    /// A line of a policy file cannot be understood, or says what must not be said.
    #[error("line {line} of the policy: {reason}")]
    PolicyRefused {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key in a line of a policy file is not right.
    #[error("line {line} of the policy: the key is not right")]
    PolicyKey {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: Box<Error>,
    },
    /// A witness's key is the key of the log it is to watch.
    #[error(
        "witness {name} has the key of the log itself: a log does not witness itself, and such a witness does not count"
    )]
    WitnessIsLog {
        /// The witness's name.
        name: String,
    },
    /// Too few of the policy's witnesses cosigned a checkpoint.
    #[error(
        "the checkpoint of size {size} does not have the policy's quorum: cosigned by {}",
        if cosigned.is_empty() { "none of its witnesses".to_owned() } else { cosigned.join(", ") }
    )]
    QuorumMissing {
        /// The checkpoint's size.
        size: u64,
        /// The policy's witnesses that cosigned it.
        cosigned: Vec<String>,
    },
    /// Text that should be a C2SP tlog-proof is not.
    #[error("this is not a transparency log proof (c2sp.org/tlog-proof@v1)")]
    TlogProofMalformed,
    /// A tlog-proof does not carry the entry it speaks of.
    #[error("the proof carries no leaf: its `extra` line is missing, so there is nothing to hash")]
    TlogProofWithoutLeaf,
    /// A run of leaves does not lead to the root.
    #[error("the leaves and hashes of the run do not make the root of the checkpoint")]
    RangeRefused,
    /// A proven read is not in the batch whose leaf is shown.
    #[error("the read is not in the batch that the leaf tells of")]
    ReadRefused,
    /// An evidence bundle is not written as they are.
    #[error("line {line} of the bundle is not as Onshore writes it")]
    EvidenceMalformed {
        /// The line, from 1.
        line: usize,
    },
    /// An evidence bundle's text is not the one that was signed.
    #[error(
        "the bundle is not the one that was signed: a byte of it was changed, or lines are missing"
    )]
    EvidenceAltered,
    /// An evidence bundle leaves out what it claims to hold.
    #[error("the bundle does not hold what it says it does: {what}")]
    EvidenceIncomplete {
        /// What does not fit.
        what: &'static str,
    },
    /// An update bundle is none, or its binary is not what was signed.
    #[error("the update bundle is refused: {0}")]
    UpdateMalformed(&'static str),
    /// An update bundle could not be read or written.
    #[error("the update bundle could not be read or written")]
    UpdateIo(#[source] std::io::Error),
}
