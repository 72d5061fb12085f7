//! The timestamp authority: RFC 3161 over HTTP. Read first: [`stamp`].

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use model::Timestamp;
use sha2::{Digest as _, Sha256};
use sign::to_pem;
use x509_cert::der::asn1::{ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode as _, Header, Reader, SliceReader, Tag};

use crate::answer::{Answer, Refusal, read, response};
use crate::keys::Keys;
use crate::{Identity, der};

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const STAMP_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.47";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
/// The hashes that may be stamped, with their lengths.
const HASHES: [(&str, usize); 3] = [(SHA256, 32), ("2.16.840.1.101.3.4.2.2", 48), ("2.16.840.1.101.3.4.2.3", 64)];
/// Sigstore's policy for timestamps.
const POLICY: &str = "1.3.6.1.4.1.57264.2";
/// A nonce is as long as its maker likes; nobody needs more.
const LONGEST_NONCE: usize = 64;

pub(crate) fn router(identity: Identity) -> Router {
    Router::new().route("/api/v1/timestamp", post(stamp_request)).route("/api/v1/timestamp/certchain", get(chain)).with_state(identity)
}

async fn stamp_request(State(identity): State<Identity>, body: Body) -> Answer {
    let bytes = read(body).await?;
    let request = Request::read(&bytes).map_err(|why| Refusal::invalid(format!("the timestamp request is {why}")))?;
    let serial: [u8; 16] = rand::random();
    let reply = stamp(&identity.0.keys, &request, &serial, identity.now());
    Ok(response(StatusCode::CREATED, "application/timestamp-reply", reply))
}

async fn chain(State(identity): State<Identity>) -> Response {
    let keys = &identity.0.keys;
    let text = [&keys.timestamp_certificate, &keys.timestamp_root_certificate].map(|each| to_pem("CERTIFICATE", each)).concat();
    response(StatusCode::OK, "application/pem-certificate-chain", text)
}

/// What is asked for.
struct Request {
    /// The hash with its algorithm, as it came.
    imprint: Vec<u8>,
    /// The nonce's content bytes.
    nonce: Option<Vec<u8>>,
    /// Whether the certificate shall be in the answer.
    certificate: bool,
}

impl Request {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        parse(bytes).map_err(|error| format!("malformed: {error}"))?
    }
}

/// The outer error is of the encoding, the inner one of what it says.
fn parse(bytes: &[u8]) -> x509_cert::der::Result<Result<Request, String>> {
    let mut reader = SliceReader::new(bytes)?;
    let request = reader.sequence(|reader| {
        let version: u8 = reader.decode()?;
        let imprint = reader.tlv_bytes()?.to_vec();
        let mut policy: Option<ObjectIdentifier> = None;
        let mut nonce = None;
        let mut certificate = false;
        while !reader.is_finished() {
            match reader.peek_tag()? {
                Tag::ObjectIdentifier => policy = Some(reader.decode()?),
                Tag::Integer => {
                    let header = Header::decode(reader)?;
                    nonce = Some(reader.read_vec(header.length)?);
                }
                Tag::Boolean => certificate = reader.decode()?,
                tag => return Err(tag.unexpected_error(None)),
            }
        }
        Ok((version, imprint, policy, nonce, certificate))
    })?;
    reader.finish(())?;
    let (version, imprint, policy, nonce, certificate) = request;
    if version != 1 {
        return Ok(Err("of another version than 1".to_owned()));
    }
    if policy.is_some_and(|policy| policy.to_string() != POLICY) {
        return Ok(Err("for a policy that is not offered".to_owned()));
    }
    if nonce.as_ref().is_some_and(|nonce| nonce.is_empty() || nonce.len() > LONGEST_NONCE) {
        return Ok(Err(format!("with an empty nonce or one of more than {LONGEST_NONCE} bytes")));
    }
    let (algorithm, hash) = read_imprint(&imprint)?;
    if !HASHES.iter().any(|(known, length)| *known == algorithm.to_string() && hash == *length) {
        return Ok(Err("for another hash than SHA-256, SHA-384 or SHA-512".to_owned()));
    }
    Ok(Ok(Request { imprint, nonce, certificate }))
}

fn read_imprint(bytes: &[u8]) -> x509_cert::der::Result<(ObjectIdentifier, usize)> {
    let mut reader = SliceReader::new(bytes)?;
    let found = reader.sequence(|reader| {
        let algorithm = reader.sequence(|reader| {
            let algorithm = reader.decode()?;
            if !reader.is_finished() {
                let _: x509_cert::der::asn1::Null = reader.decode()?;
            }
            Ok(algorithm)
        })?;
        let hash: OctetStringRef<'_> = reader.decode()?;
        Ok((algorithm, hash.as_bytes().len()))
    })?;
    reader.finish(found)
}

/// Returns the whole reply (TimeStampResp).
fn stamp(keys: &Keys, request: &Request, serial: &[u8], now: Timestamp) -> Vec<u8> {
    let mut info = vec![
        der::integer(&[1]),
        der::oid(POLICY),
        request.imprint.clone(),
        der::integer(serial),
        der::generalized_time(now),
        // Accurate to one second.
        der::sequence(&[der::integer(&[1])]),
    ];
    info.extend(request.nonce.as_ref().map(|nonce| der::value(0x02, nonce)));
    let info = der::sequence(&info);
    let attributes = attributes(keys, &info, now);
    // Signed as the SET that it is, sent under an implicit tag.
    let signature = keys.timestamp.sign(&attributes);
    let mut tagged = attributes;
    tagged[0] = 0xa0;
    let sha256 = der::sequence(&[der::oid(SHA256)]);
    let signer = der::sequence(&[
        der::integer(&[1]),
        keys.timestamp_signer.clone(),
        sha256.clone(),
        tagged,
        der::ecdsa_sha256(),
        der::octets(&signature),
    ]);
    let mut data =
        vec![der::integer(&[3]), der::set(vec![sha256]), der::sequence(&[der::oid(STAMP_INFO), der::explicit(0, &der::octets(&info))])];
    if request.certificate {
        data.push(der::explicit(0, &keys.timestamp_certificate));
    }
    data.push(der::set(vec![signer]));
    let token = der::sequence(&[der::oid(SIGNED_DATA), der::explicit(0, &der::sequence(&data))]);
    der::sequence(&[der::sequence(&[der::integer(&[0])]), token])
}

fn attributes(keys: &Keys, info: &[u8], now: Timestamp) -> Vec<u8> {
    let attribute = |oid: &str, value: Vec<u8>| der::sequence(&[der::oid(oid), der::set(vec![value])]);
    // The certificate that signs is named by its hash, so that no other can be put in its place.
    let certificate = der::sequence(&[der::octets(&Sha256::digest(&keys.timestamp_certificate))]);
    der::set(vec![
        attribute(CONTENT_TYPE, der::oid(STAMP_INFO)),
        attribute(SIGNING_TIME, der::time(now)),
        attribute(MESSAGE_DIGEST, der::octets(&Sha256::digest(info))),
        attribute(SIGNING_CERTIFICATE, der::sequence(&[der::sequence(&[certificate])])),
    ])
}
