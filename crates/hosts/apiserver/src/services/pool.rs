//! Addresses and ports of nodes that Services have taken. Who has one lies in the store: it is written together with its Service
//! and given back with it, so that no two have the same, whoever asks at once and whenever the server stops.
//! Follows kubernetes `pkg/registry/core/service/{ipallocator,portallocator}`.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use rand::Rng as _;
use serde_json::{Value, json};
use store::{Batch, Store};

use super::{has_address, has_health_check, has_node_ports};
use crate::builtin;
use crate::object::{self, meta};
use crate::validation::address::sloppy;
use crate::validation::cidr;

/// Where Services are kept, by namespace and name.
pub(crate) const SERVICES: &str = "/registry/core/services/";
const ADDRESSES: &str = "/registry/networking.k8s.io/ipaddresses/";
const RANGES: &str = "/registry/networking.k8s.io/servicecidrs/";
/// No client sees who has a port.
const PORTS: &str = "/registry/ranges/servicenodeports/";
const NODE_PORTS: RangeInclusive<u32> = 30_000..=32_767;

pub(super) const FULL: &str = "range is full";

/// Addresses of which Services may have all but the first and the last.
struct Range {
    network: Ipv4Addr,
    bits: u8,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = cidr::parse(text)?;
        let IpAddr::V4(network) = cidr::masked(address, bits) else { return None };
        Some(Self { network, bits })
    }

    fn last(&self) -> u32 {
        self.network.to_bits() | u32::MAX.checked_shr(u32::from(self.bits)).unwrap_or(0)
    }

    /// Those that a Service may have: none of a range that is too small.
    fn usable(&self) -> RangeInclusive<u32> {
        self.network.to_bits().saturating_add(1)..=self.last().saturating_sub(1)
    }

    /// The part from which nobody is given an address unless the rest is full, so that somebody may choose there.
    fn reserved(&self) -> u32 {
        const STEP: u32 = 16;
        let size = self.last() - self.network.to_bits();
        if size < STEP { 0 } else { (size / STEP).clamp(STEP, 256) }
    }

    fn free(&self, is_free: impl Fn(u32) -> bool) -> Option<Ipv4Addr> {
        let (first, last) = (*self.usable().start(), *self.usable().end());
        let middle = first.saturating_add(self.reserved());
        let found = any(middle..=last, &is_free).or_else(|| any(first..=middle.saturating_sub(1), &is_free));
        found.map(Ipv4Addr::from_bits)
    }
}

/// Finds one that is free, from a random one on.
fn any(range: RangeInclusive<u32>, is_free: &impl Fn(u32) -> bool) -> Option<u32> {
    if range.is_empty() {
        return None;
    }
    let begin = rand::rng().random_range(range.clone());
    (begin..=*range.end()).chain(*range.start()..begin).find(|one| is_free(*one))
}

/// What a write takes of addresses and ports, and what it gives back.
pub(crate) struct Claims<'a> {
    store: &'a Store,
    /// Who takes it, as an IPAddress tells it.
    parent: Value,
    taken: BTreeMap<String, Vec<u8>>,
    returned: Vec<String>,
    now: &'a str,
}

impl<'a> Claims<'a> {
    pub fn of(store: &'a Store, service: &Value, now: &'a str) -> Self {
        Self { store, parent: reference(service), taken: BTreeMap::new(), returned: Vec::new(), now }
    }

    /// Has this written, and given back, together with the Service; fails there if somebody else has taken it meanwhile.
    pub fn write(self, mut batch: Batch) -> Batch {
        for (key, value) in self.taken {
            batch = batch.expect(&key, 0).put(key, value);
        }
        self.returned.into_iter().fold(batch, Batch::delete)
    }

    /// Takes this address, or says why not.
    pub fn take_address(&mut self, address: Ipv4Addr) -> Result<(), &'static str> {
        if !ranges(self.store).iter().any(|range| range.usable().contains(&address.to_bits())) {
            return Err("the provided network does not match the current range");
        }
        let value = object::encode(&ip_address(address, &self.parent, self.now), "networking.k8s.io/v1");
        self.take(format!("{ADDRESSES}{address}"), value).ok_or("provided IP is already allocated")
    }

    /// Takes an address that nobody has.
    pub fn give_address(&mut self) -> Option<Ipv4Addr> {
        let is_free = |bits| self.is_free(&format!("{ADDRESSES}{}", Ipv4Addr::from_bits(bits)));
        let found = ranges(self.store).iter().find_map(|range| range.free(is_free))?;
        self.take_address(found).ok().map(|()| found)
    }

    /// Takes this port of the nodes, or says why not.
    pub fn take_port(&mut self, number: i64) -> Result<(), &'static str> {
        if !u32::try_from(number).is_ok_and(|number| NODE_PORTS.contains(&number)) {
            return Err("provided port is not in the valid range. The range of valid ports is 30000-32767");
        }
        self.take(format!("{PORTS}{number}"), self.parent.to_string().into_bytes()).ok_or("provided port is already allocated")
    }

    /// Takes a port of the nodes that nobody has.
    pub fn give_port(&mut self) -> Option<i64> {
        let found = any(NODE_PORTS, &|number| self.is_free(&format!("{PORTS}{number}")))?;
        self.take_port(found.into()).ok().map(|()| found.into())
    }

    /// Gives back what a Service has no longer.
    pub fn give_back(&mut self, old: &Value, new: &Value) {
        let kept: HashSet<String> = keys(new).into_iter().collect();
        self.returned = keys(old).into_iter().filter(|key| !kept.contains(key) && is_held_by(self.store, key, &self.parent)).collect();
    }

    fn take(&mut self, key: String, value: Vec<u8>) -> Option<()> {
        self.is_free(&key).then(|| drop(self.taken.insert(key, value)))
    }

    fn is_free(&self, key: &str) -> bool {
        !self.taken.contains_key(key) && self.store.get(key).is_none()
    }
}

/// Names a Service as an IPAddress names who has it.
fn reference(service: &Value) -> Value {
    json!({"resource": "services", "namespace": meta(service, "namespace"), "name": meta(service, "name")})
}

/// Returns the namespace and name of the Service that has this address, as long as it says so itself.
pub(crate) fn user(store: &Store, address: &Value) -> Option<String> {
    let parent = address.pointer("/spec/parentRef").filter(|parent| text(parent, "resource") == "services")?;
    let name = format!("{}/{}", text(parent, "namespace"), text(parent, "name"));
    let service: Value = serde_json::from_slice(&store.get(&format!("{SERVICES}{name}"))?.value).ok()?;
    let key = format!("{ADDRESSES}{}", meta(address, "name"));
    keys(&service).contains(&key).then_some(name)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Reads who has what lies in this entry: an IPAddress, or a port's holder alone.
fn parent(stored: &[u8]) -> Value {
    let mut stored: Value = serde_json::from_slice(stored).unwrap_or_default();
    match stored.pointer_mut("/spec/parentRef") {
        Some(parent) => parent.take(),
        None => stored,
    }
}

fn is_held_by(store: &Store, key: &str, parent: &Value) -> bool {
    store.get(key).is_some_and(|entry| {
        let holder = self::parent(&entry.value);
        ["resource", "namespace", "name"].iter().all(|name| text(&holder, name) == text(parent, name))
    })
}

/// Returns the keys of all that a Service has; what stands in one whose type has no use for it, it has not.
fn keys(service: &Value) -> Vec<String> {
    let Some(spec) = service.get("spec").and_then(Value::as_object) else { return Vec::new() };
    let list = |name: &str, has: bool| spec.get(name).and_then(Value::as_array).filter(|_| has).into_iter().flatten();
    let address = |text: &str| sloppy(text).map(|address| format!("{ADDRESSES}{address}"));
    let addresses = list("clusterIPs", has_address(spec)).filter_map(|one| address(one.as_str()?));
    let ports = list("ports", has_node_ports(spec)).filter_map(|port| port.get("nodePort"));
    let ports = ports.chain(spec.get("healthCheckNodePort").filter(|_| has_health_check(spec)));
    let ports = ports.filter_map(Value::as_i64).filter(|number| *number != 0).map(|number| format!("{PORTS}{number}"));
    addresses.chain(ports).collect()
}

/// Returns the ranges that are given from: those that are not on their way out, nor said not to be ready.
fn ranges(store: &Store) -> Vec<Range> {
    let ready = |range: &Value| {
        let conditions = range.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        !conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] != "True")
    };
    let all = store.scan(RANGES).0.into_iter().filter_map(|(_, entry)| serde_json::from_slice::<Value>(&entry.value).ok());
    let open = all.filter(|range| meta(range, "deletionTimestamp").is_empty() && ready(range));
    let texts = open.flat_map(|range| range.pointer("/spec/cidrs").and_then(Value::as_array).cloned().unwrap_or_default());
    texts.filter_map(|text| Range::read(text.as_str()?)).collect()
}

fn ip_address(address: Ipv4Addr, parent: &Value, now: &str) -> Value {
    let labels = json!({"ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"});
    let mut object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress", "spec": {"parentRef": parent},
        "metadata": {"name": address.to_string(), "labels": labels, "uid": object::uid(), "creationTimestamp": now},
    });
    builtin::sent_by("kube-apiserver", &mut object, now);
    object
}

/// Notes who has what in a store that an earlier release has written, which did not. Of two that have the same, the first keeps it.
pub(crate) fn restore(store: &Store, now: &str) -> Result<(), store::StoreError> {
    let mut batch = Batch::new();
    let mut seen = HashSet::new();
    for (_, entry) in store.scan(SERVICES).0 {
        let Ok(service) = serde_json::from_slice::<Value>(&entry.value) else { continue };
        let parent = reference(&service);
        for key in keys(&service) {
            if store.get(&key).is_some() || !seen.insert(key.clone()) {
                continue;
            }
            let address = key.strip_prefix(ADDRESSES).and_then(|text| text.parse().ok());
            let value = match address {
                Some(address) => object::encode(&ip_address(address, &parent, now), "networking.k8s.io/v1"),
                None => parent.to_string().into_bytes(),
            };
            batch = batch.expect(&key, 0).put(key, value);
        }
    }
    if batch.is_empty() { Ok(()) } else { store.commit(batch).map(drop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gives_all_but_its_first_and_last() {
        let range = Range::read("10.0.0.0/29").expect("a range");
        let mut taken = std::collections::BTreeSet::new();
        while let Some(address) = range.free(|bits| !taken.contains(&Ipv4Addr::from_bits(bits))) {
            taken.insert(address);
        }
        assert_eq!(taken.into_iter().collect::<Vec<_>>(), (1..=6).map(|end| Ipv4Addr::new(10, 0, 0, end)).collect::<Vec<_>>());
        for small in ["10.0.0.5/32", "10.0.0.4/31", "255.255.255.255/32", "0.0.0.0/32"] {
            assert_eq!(Range::read(small).expect("a range").free(|_| true), None, "{small}");
        }
        assert!(Range::read("0.0.0.0/0").expect("a range").free(|_| true).is_some());
    }

    #[test]
    fn the_lower_part_is_given_last() {
        let range = Range::read("10.0.0.0/24").expect("a range");
        for _ in 0..100 {
            assert!(range.free(|_| true).expect("free") > Ipv4Addr::new(10, 0, 0, 16));
        }
        assert_eq!(range.free(|bits| bits & 0xff == 3), Some(Ipv4Addr::new(10, 0, 0, 3)));
    }
}
