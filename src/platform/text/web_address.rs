//! Addresses of the web that people give for others to fetch, such as pictures: one door for all of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{
    error::{Reason, UserError},
    platform::text,
};

/// Most characters of an address.
const LONGEST: usize = 512;

/// Ends of names that are nobody's in public (RFC 6761, 6762, 8375, and what routers and companies use).
const PRIVATE_NAMES: &[&str] = &[
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "test",
    "onion",
    "home.arpa",
];

/// The address of a picture, as a browser would read it: https, at most 512 characters, on a host that everybody reaches by
/// its name, without a user or password.
pub(crate) fn picture(field: &'static str, value: &str) -> Result<String, UserError> {
    let refuse = || UserError::invalid(field, Reason::HttpsAddress);
    let url = Url::parse(&text::line(field, value, LONGEST)?).map_err(|_| refuse())?;
    let is_public = url.host().is_some_and(is_public);
    let is_plain = url.username().is_empty() && url.password().is_none();
    let address = String::from(url.clone());
    if url.scheme() == "https" && is_public && is_plain && address.chars().count() <= LONGEST {
        Ok(address)
    } else {
        Err(refuse())
    }
}

/// Whether a host is one of the public internet: the parser has read every way of writing a number already.
fn is_public(host: Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let is_private = |end: &&str| name == **end || name.ends_with(&format!(".{end}"));
            name.contains('.') && !PRIVATE_NAMES.iter().any(is_private)
        }
        Host::Ipv4(address) => is_public_v4(address),
        Host::Ipv6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = first == 0
        || first >= 240
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (18..20).contains(&second));
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Global unicast only, and none that stands for an address of version 4.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let is_global = segments[0] & 0xE000 == 0x2000;
    let is_translated = matches!(segments[0..2], [0x2001, 0 | 0x0DB8] | [0x2002, _]);
    is_global && !is_translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_public_and_on_https() {
        for good in [
            "https://example.org/a.png",
            "https://cdn.example.com:8443/ü.png?x=1",
            "https://93.184.216.34/a.png",
            "https://[2606:4700::1111]/a.png",
            "https://localhost.example.org/a.png",
        ] {
            assert!(picture("avatarUrl", good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.org/a.png",
            "http://localhost/a.png",
            "http://127.0.0.1/a.png",
            "https://localhost/a.png",
            "https://localhost./a.png",
            "https://LOCALHOST/a.png",
            "https://a.localhost/a.png",
            "https://printer.local/a.png",
            "https://db.internal./a.png",
            "https://intranet/a.png",
            "https://router.home.arpa/a.png",
            "https://127.0.0.1/a.png",
            "https://127.1/a.png",
            "https://0x7f.1/a.png",
            "https://2130706433/a.png",
            "https://0/a.png",
            "https://10.0.0.1/a.png",
            "https://172.16.3.4/a.png",
            "https://192.168.1.1/a.png",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/a.png",
            "https://224.0.0.1/a.png",
            "https://255.255.255.255/a.png",
            "https://[::1]/a.png",
            "https://[::]/a.png",
            "https://[fe80::1]/a.png",
            "https://[fd00::1]/a.png",
            "https://[::ffff:127.0.0.1]/a.png",
            "https://[64:ff9b::7f00:1]/a.png",
            "https://[2002:7f00:1::]/a.png",
            "https://user@example.org/a.png",
            "https://user:secret@example.org/a.png",
            "ftp://example.org/a.png",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "//example.org/a.png",
            "",
        ] {
            assert!(picture("avatarUrl", bad).is_err(), "{bad}");
        }
    }
}
