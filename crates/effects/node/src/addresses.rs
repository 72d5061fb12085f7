//! Addresses of Pods: one of its own for each Pod of a cluster, the same as long as the Pod is there. Nobody answers at them; a
//! container that really runs shares the host's network.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use model::Digest;

/// The address of the one machine.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// The first two bytes of every Pod's address.
const NETWORK: [u8; 2] = [10, 244];

/// Who has which address.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    by_pod: HashMap<String, Ipv4Addr>,
    taken: HashSet<Ipv4Addr>,
}

impl Addresses {
    /// Remembers what a Pod has already.
    pub fn keep(&mut self, uid: &str, address: Ipv4Addr) {
        if address.octets()[..2] == NETWORK && self.taken.insert(address) {
            self.by_pod.insert(uid.to_owned(), address);
        }
    }

    /// Returns the address of a Pod; one that has none gets the next free one behind the place that its uid names.
    pub fn of(&mut self, uid: &str) -> Ipv4Addr {
        if let Some(known) = self.by_pod.get(uid) {
            return *known;
        }
        let begin = u16::from_str_radix(&Digest::of(uid.as_bytes()).hex()[..4], 16).unwrap_or(0);
        let candidates = (0..=u16::MAX).map(|step| address(begin.wrapping_add(step)));
        let found = candidates.filter(|address| !matches!(address.octets(), [.., 0 | 255])).find(|address| !self.taken.contains(address));
        // With more than sixty thousand Pods at once two have the same.
        let found = found.unwrap_or_else(|| address(begin));
        self.taken.insert(found);
        self.by_pod.insert(uid.to_owned(), found);
        found
    }

    /// Takes the address back from a Pod that is gone.
    pub fn release(&mut self, uid: &str) {
        if let Some(address) = self.by_pod.remove(uid) {
            self.taken.remove(&address);
        }
    }
}

fn address(number: u16) -> Ipv4Addr {
    let [third, fourth] = number.to_be_bytes();
    Ipv4Addr::new(NETWORK[0], NETWORK[1], third, fourth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_has_its_own_and_keeps_it() {
        let mut addresses = Addresses::default();
        let first: Vec<Ipv4Addr> = (0..2_000).map(|number| addresses.of(&number.to_string())).collect();
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 2_000);
        assert!((0..2_000).all(|number| addresses.of(&number.to_string()) == first[number]));
        addresses.release("7");
        let mut later = Addresses::default();
        later.keep("other", first[7]);
        assert_ne!(later.of("7"), first[7], "somebody else has it");
        assert_eq!(addresses.of("7"), first[7]);
    }
}
