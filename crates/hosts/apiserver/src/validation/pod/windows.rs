//! What only Windows knows of a Pod.
//! Follows kubernetes `pkg/apis/core/validation/validation.go` `validateWindowsSecurityContextOptions`,
//! `validateWindowsHostProcessPod`.

use serde_json::{Value, json};

use super::super::faults::{Faults, at, set};
use super::{every_container, is_true};
use crate::names::Rule;

/// So many KiB a credential spec may have.
const LARGEST_SPEC: usize = 64;
/// So many characters the domain of a user has less than.
const LONGEST_DOMAIN: usize = 256;
const LONGEST_USER: usize = 104;

/// Checks the options of a Pod or container.
pub(super) fn options(context: &Value, path: &str, faults: &mut Faults) {
    let Some(options) = set(context, "windowsOptions") else { return };
    let path = format!("{path}.windowsOptions");
    let text = |field: &str| set(options, field).and_then(Value::as_str);
    if let Some(name) = text("gmsaCredentialSpecName") {
        faults.name(&format!("{path}.gmsaCredentialSpecName"), Rule::Subdomain, name);
    }
    if let Some(spec) = text("gmsaCredentialSpec") {
        let field = format!("{path}.gmsaCredentialSpec");
        if spec.is_empty() {
            faults.invalid(&field, &json!(spec), "gmsaCredentialSpec cannot be an empty string");
        } else if spec.len() > LARGEST_SPEC * 1024 {
            faults.invalid(&field, &json!(spec), &format!("gmsaCredentialSpec size must be under {LARGEST_SPEC} KiB"));
        }
    }
    if let Some(name) = text("runAsUserName") {
        user_faults(name).iter().for_each(|why| faults.invalid(&format!("{path}.runAsUserName"), &json!(name), why));
    }
}

/// Returns what is wrong with the name of a user, perhaps of a domain.
fn user_faults(name: &str) -> Vec<String> {
    let only = |why: &str| vec![format!("runAsUserName{why}")];
    if name.is_empty() {
        return only(" cannot be an empty string");
    }
    if name.contains(|letter: char| letter.is_ascii_control()) {
        return only(" cannot contain control characters");
    }
    let (domain, user) = match name.split('\\').collect::<Vec<_>>()[..] {
        [user] => (None, user),
        [domain, user] => (Some(domain), user),
        _ => return only(" cannot contain more than one backslash"),
    };
    let mut found = Vec::new();
    let mut wrong = |is: bool, why: String| {
        if is {
            found.push(format!("runAsUserName's {why}"));
        }
    };
    wrong(domain.is_some_and(|domain| domain.len() >= LONGEST_DOMAIN), format!("Domain length must be under {LONGEST_DOMAIN} characters"));
    let known = domain.is_none_or(|domain| is_net_bios(domain) || is_dns(domain));
    wrong(!known, "Domain doesn't match the NetBios nor the DNS format".to_owned());
    wrong(user.is_empty(), "User cannot be empty".to_owned());
    wrong(user.len() > LONGEST_USER, format!("User length must not be longer than {LONGEST_USER} characters"));
    let bare = !user.is_empty() && user.chars().all(|letter| matches!(letter, '.' | ' '));
    wrong(bare, "User cannot contain only periods or spaces".to_owned());
    let odd = user.contains(|letter| "\"/\\:;|=,+*?<>@[]".contains(letter));
    wrong(odd, "User cannot contain the following characters: \"/\\:;|=,+*?<>@[]".to_owned());
    found
}

fn is_net_bios(domain: &str) -> bool {
    let plain = |letter: char| !"\\/:*?\"<>|".contains(letter);
    (1..=15).contains(&domain.chars().count()) && domain.chars().all(plain) && !domain.starts_with('.')
}

fn is_dns(domain: &str) -> bool {
    let label = |label: &str| crate::names::is_label(&label.to_ascii_lowercase());
    domain.split('.').all(label)
}

/// Where one container is a process of the host all are. Follows `validateWindowsHostProcessPod`.
pub(super) fn host_processes(spec: &Value, path: &str, faults: &mut Faults) {
    const PLACE: [&str; 3] = ["securityContext", "windowsOptions", "hostProcess"];
    let of = |holder: &Value| at(holder, &PLACE).and_then(Value::as_bool);
    let pod = of(spec);
    let (mut all, mut on_host) = (0, 0);
    for (container, here) in every_container(spec, path) {
        let own = of(container);
        if let (Some(pod), Some(own)) = (pod, own)
            && pod != own
        {
            let why = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            faults.invalid(&format!("{here}.{}", PLACE.join(".")), &json!(own), &why);
        }
        all += 1;
        on_host += u32::from(own.or(pod) == Some(true));
    }
    if on_host == 0 {
        return;
    }
    if on_host != all {
        let why = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        faults.invalid(path, &json!(""), why);
    }
    if !is_true(spec, "hostNetwork") {
        let why = "hostNetwork must be true if pod contains any hostProcess containers";
        faults.invalid(&format!("{path}.hostNetwork"), &json!(false), why);
    }
}
