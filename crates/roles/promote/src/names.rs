//! Names that carry meaning: Freight ids, ULIDs, Promotion names, collection ids.

use model::Timestamp;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// Crockford's base 32, in lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// One image of a Freight, as far as its name goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `host/name`, not normalized.
    pub repository: String,
    /// The tag; empty for none.
    pub tag: String,
    /// `sha256:…`.
    pub digest: String,
    /// The subscription's name, where it has one.
    pub subscription: Option<String>,
}

/// Returns the name of the Freight with these images. Source: akuity/kargo `pkg/api/freight.go` `GenerateFreightID`.
pub fn freight(warehouse: &str, images: &[Image]) -> String {
    let mut parts: Vec<String> = images
        .iter()
        .map(|image| {
            let subscription = image.subscription.as_ref().map(|name| format!(":{name}")).unwrap_or_default();
            format!("{}:{}@{}{subscription}", image.repository, image.tag, image.digest)
        })
        .collect();
    parts.sort();
    hex::encode(Sha1::digest(format!("Warehouse/{warehouse}:{}", parts.join("|"))))
}

/// Returns the id of a collection of Freight: SHA-1 of the sorted names.
pub fn collection(freight: &[&str]) -> String {
    let mut names = freight.to_vec();
    names.sort_unstable();
    hex::encode(Sha1::digest(names.join(",")))
}

/// Returns a lower-case ULID of a moment, whose random part is derived from a seed, so that the same wish has the same name.
pub fn ulid(at: Timestamp, seed: &str) -> String {
    let random = Sha256::digest(seed);
    let mut value: u128 = u128::try_from(at.as_millisecond()).unwrap_or(0) << 80;
    for (at, byte) in random.iter().take(10).enumerate() {
        value |= u128::from(*byte) << (8 * (9 - at));
    }
    (0..26).rev().map(|at| char::from(ALPHABET[usize::try_from((value >> (5 * at)) & 31).unwrap_or(0)])).collect()
}

/// Returns a Promotion's name: `<stage>.<ulid>.<first 7 of the Freight's name>`.
pub fn promotion(stage: &str, freight: &str, at: Timestamp) -> String {
    let stage: String = stage.chars().take(218).collect();
    let stage = stage.trim_end_matches(['.', '-']);
    format!("{stage}.{}.{}", ulid(at, &format!("{stage}/{freight}/{at}")), freight.chars().take(7).collect::<String>())
}

/// Returns when a Promotion was wanted, in milliseconds: by the ULID in its name, or, where somebody has named it by hand, by the
/// time of its creation. The name decides between two of one moment.
pub fn order(promotion: &serde_json::Value) -> (i64, String) {
    let name = api::name(promotion);
    let created = || api::text(promotion, &["metadata", "creationTimestamp"]).parse::<Timestamp>().map_or(0, Timestamp::as_millisecond);
    (moment(name).unwrap_or_else(created), name.to_owned())
}

/// Returns the ULID in a Promotion's name; one that somebody has named by hand gets its own from its name.
pub fn ulid_of(promotion: &str) -> String {
    let part = promotion.rsplit('.').nth(1).unwrap_or_default();
    if moment(promotion).is_some() { part.to_owned() } else { ulid(Timestamp::UNIX_EPOCH, promotion) }
}

fn moment(name: &str) -> Option<i64> {
    let part = name.rsplit('.').nth(1)?;
    if part.len() != 26 {
        return None;
    }
    part.bytes().take(10).try_fold(0, |all, byte| Some((all << 5) | i64::try_from(ALPHABET.iter().position(|known| *known == byte)?).ok()?))
}

/// Returns two words that name a Freight for people, derived from its name.
pub fn alias(freight: &str) -> String {
    const FIRST: [&str; 32] = [
        "able", "amber", "ample", "brave", "brisk", "calm", "clear", "crisp", "deft", "eager", "early", "fair", "fond", "fresh", "gentle",
        "grand", "keen", "kind", "lively", "lucid", "merry", "mild", "neat", "noble", "plain", "proud", "quick", "quiet", "ready",
        "steady", "sunny", "warm",
    ];
    const SECOND: [&str; 32] = [
        "anchor", "barge", "beacon", "bosun", "bow", "brig", "buoy", "cargo", "clipper", "compass", "crane", "crew", "deck", "dinghy",
        "dock", "ferry", "galley", "harbor", "hatch", "helm", "hull", "keel", "ketch", "lantern", "mast", "mate", "pilot", "port",
        "rudder", "sail", "sloop", "tide",
    ];
    let hash = Sha256::digest(freight);
    let word = |at: usize| usize::from(hash[at]) % 32;
    format!("{}-{}-{}", FIRST[word(0)], SECOND[word(1)], u16::from(hash[2]) % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freight_has_kargos_name() {
        let image = |subscription: Option<&str>| Image {
            repository: "registry.internal/deployments/myapp".into(),
            tag: "0.5.123".into(),
            digest: format!("sha256:{}", "a".repeat(64)),
            subscription: subscription.map(str::to_owned),
        };
        assert_eq!(freight("myapp", &[image(None)]), "dca2796204d0b6107c1f4b3826c501ef9964df03");
        assert_eq!(freight("myapp", &[image(Some("cfg"))]), "7306226143aeff4935fba847c2aeb306ffb11c11");
    }

    #[test]
    fn promotions_sort_by_time() {
        let early = promotion("dev", "abcdefghij", "2026-01-01T00:00:00Z".parse().expect("a time"));
        let late = promotion("dev", "0123456789", "2026-01-01T00:00:01Z".parse().expect("a time"));
        let at = |name: &str, created: &str| order(&serde_json::json!({"metadata": {"name": name, "creationTimestamp": created}}));
        assert_eq!(at(&late, "").0, "2026-01-01T00:00:01Z".parse::<Timestamp>().expect("a time").as_millisecond());
        assert!(at(&early, "") < at("by-hand", "2026-01-01T00:00:01Z") && at("by-hand", "2026-01-01T00:00:01Z") < at(&late, ""));
        assert_eq!(ulid_of(&late), late.split('.').nth(1).unwrap_or_default());
        assert_ne!(ulid_of("by-hand"), ulid_of("by-hand-2"));
        assert!(early < late && early.ends_with(".abcdefg") && early.len() == "dev..".len() + 26 + 7, "{early}");
    }
}
