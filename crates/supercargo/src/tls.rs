//! The world's own certificate authority, and the certificate of its listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use model::Caller;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::Digest as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::credentials::write_private;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// Certificates for the names under which the hosts are reached.
pub struct Tls {
    /// The authority, PEM.
    pub authority: String,
    /// What a listener presents.
    pub server: Arc<rustls::ServerConfig>,
    /// What a cluster's listener presents: it speaks HTTP/2 too, and takes the certificates of clients where there is an authority
    /// for them.
    pub cluster: Arc<rustls::ServerConfig>,
}

/// HTTP/2 as TLS calls it.
pub const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

impl Tls {
    /// Reads the authority and the certificate from a folder, or makes them. `clients` is a file with the authorities (PEM) that
    /// vouch for the users of the clusters, kube-apiserver's `--client-ca-file`.
    pub fn open(folder: &Path, names: &[&str], clients: Option<&Path>) -> anyhow::Result<Self> {
        let (authority, certificate, key) = (folder.join("ca.pem"), folder.join("server.pem"), folder.join("server-key.pem"));
        if !(authority.exists() && certificate.exists() && key.exists()) {
            make(names, &authority, &certificate, &key)?;
        }
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        let chain =
            CertificateDer::pem_slice_iter(&read(&certificate)?).collect::<Result<Vec<_>, _>>().context("the listeners' certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&read(&key)?).context("the listeners' key")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = || rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let mut server = builder()?.with_no_client_auth().with_single_cert(chain.clone(), key.clone_key())?;
        server.alpn_protocols = vec![HTTP1.to_vec()];
        let mut cluster = match clients {
            None => server.clone(),
            Some(path) => {
                let mut roots = rustls::RootCertStore::empty();
                for authority in CertificateDer::pem_slice_iter(&read(path)?) {
                    let authority = authority.with_context(|| path.display().to_string())?;
                    roots.add(authority).with_context(|| format!("{} holds a certificate that is none", path.display()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).allow_unauthenticated();
                let verifier = verifier.build().with_context(|| format!("{} holds no authority for clients", path.display()))?;
                builder()?.with_client_cert_verifier(verifier).with_single_cert(chain, key)?
            }
        };
        cluster.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        let authority = String::from_utf8(read(&authority)?).context("the authority's certificate")?;
        Ok(Self { authority, server: Arc::new(server), cluster: Arc::new(cluster) })
    }
}

/// Returns whom a client's certificate stands for: the common name is the user, the organizations are the groups
/// (kubernetes/apiserver:pkg/authentication/request/x509/x509.go). `None` where it names nobody. That an authority vouches for it
/// was seen in the handshake.
pub fn caller_of(certificate: &CertificateDer<'_>) -> Option<Caller> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let (mut caller, digest) = (Caller::default(), hex::encode(sha2::Sha256::digest(certificate)));
    for attribute in parsed.tbs_certificate.subject.0.iter().flat_map(|name| name.0.iter()) {
        let text = || std::str::from_utf8(attribute.value.value()).ok().map(str::to_owned);
        match attribute.oid {
            COMMON_NAME => caller.name = text()?,
            ORGANIZATION => caller.groups.push(text()?),
            _ => {}
        }
    }
    caller.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("X509SHA256={digest}")]);
    (!caller.name.is_empty()).then_some(caller)
}

fn make(names: &[&str], authority: &Path, certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let authority_key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Supercargo local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = params.self_signed(&authority_key)?;
    let issuer = Issuer::new(params, authority_key);
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    params.distinguished_name.push(DnType::CommonName, "Supercargo");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let server_key = KeyPair::generate()?;
    let leaf = params.signed_by(&server_key, &issuer)?;
    write_private(key, server_key.serialize_pem().as_bytes())?;
    write_private(certificate, leaf.pem().as_bytes())?;
    // The authority comes last: with it everything is there.
    std::fs::write(authority, root.pem()).with_context(|| authority.display().to_string())
}
