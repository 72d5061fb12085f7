//! The world's own certificate authority, and the certificate of its listeners.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::credentials::write_private;

/// Certificates for the names under which the hosts are reached.
pub struct Tls {
    /// The authority, PEM.
    pub authority: String,
    /// What a listener presents.
    pub server: Arc<rustls::ServerConfig>,
}

impl Tls {
    /// Reads the authority and the certificate from a folder, or makes them.
    pub fn open(folder: &Path, names: &[&str]) -> anyhow::Result<Self> {
        let (authority, certificate, key) = (folder.join("ca.pem"), folder.join("server.pem"), folder.join("server-key.pem"));
        if !(authority.exists() && certificate.exists() && key.exists()) {
            make(names, &authority, &certificate, &key)?;
        }
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        let chain =
            CertificateDer::pem_slice_iter(&read(&certificate)?).collect::<Result<Vec<_>, _>>().context("the listeners' certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&read(&key)?).context("the listeners' key")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { authority: String::from_utf8(read(&authority)?).context("the authority's certificate")?, server: Arc::new(server) })
    }
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
