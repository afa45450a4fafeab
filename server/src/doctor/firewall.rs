//! Checks this machine's packet filter. Rules can be written in ways that no program understands, so the result is worded
//! with care.

use std::process::Command;

use crate::doctor::facts::Firewall;

/// The administrators' directories, which other users' PATH leaves out.
const PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin";

struct Tool {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Whether its output has a rule that drops packets.
    drops: fn(&str) -> bool,
}

const TOOLS: [Tool; 3] = [
    Tool { name: "ufw", arguments: &["status"], drops: drops_by_ufw },
    Tool { name: "nft", arguments: &["list", "ruleset"], drops: drops_by_nft },
    Tool { name: "iptables", arguments: &["-S"], drops: drops_by_iptables },
];

/// Asks each installed tool until one shows rules that drop packets.
pub(super) fn check(port: u16) -> Firewall {
    let mut why = "none of ufw, nft and iptables is there".to_owned();
    let mut open = None;
    for Tool { name: tool, arguments, drops } in TOOLS {
        let mut command = Command::new(tool);
        match command.args(arguments).env("PATH", PATH).env("LC_ALL", "C").output() {
            Ok(text) if text.status.success() => {
                let rules = String::from_utf8_lossy(&text.stdout);
                if drops(&rules) {
                    return Firewall::Rules { tool, lets_in: lets_in(&rules, port) };
                }
                // ufw may be off, and another tool may have rules.
                why = format!("{tool} shows none");
                open = Some(tool);
            }
            Ok(text) => {
                let text = String::from_utf8_lossy(&text.stderr);
                why = format!("{tool}: {}", text.lines().next().unwrap_or("it failed"));
            }
            Err(_) => {}
        }
    }
    match open {
        Some(tool) if tool != "ufw" => Firewall::Open { tool },
        _ => Firewall::Unknown(why),
    }
}

fn drops_by_ufw(status: &str) -> bool {
    status.starts_with("Status: active")
}

/// Whether a chain filters input, and a rule drops packets.
fn drops_by_nft(rules: &str) -> bool {
    rules.contains("hook input")
        && rules.lines().any(|line| has(line, "drop") || has(line, "reject"))
}

fn drops_by_iptables(rules: &str) -> bool {
    rules.lines().any(|line| {
        line == "-P INPUT DROP"
            || (line.starts_with("-A ")
                && !line.starts_with("-A FORWARD")
                && (line.contains("-j DROP") || line.contains("-j REJECT")))
    })
}

/// Whether a line accepts the port.
fn lets_in(rules: &str, port: u16) -> bool {
    let port = port.to_string();
    rules.lines().any(|line| {
        has(line, &port) && ["accept", "ACCEPT", "ALLOW"].iter().any(|word| has(line, word))
    })
}

fn has(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_drop_are_distinguished_from_those_that_accept() {
        let nft = "table inet f {\n chain input {\n  type filter hook input priority filter; policy drop;\n  \
                   tcp dport { 22, 8677 } accept\n }\n}\n";
        assert!(drops_by_nft(nft));
        assert!(lets_in(nft, 8677) && !lets_in(nft, 867) && !lets_in(nft, 80));
        assert!(!drops_by_nft(&nft.replace("hook input", "hook forward")), "another's packets");
        assert!(!drops_by_nft(&nft.replace("policy drop", "policy accept")));
        assert!(!drops_by_nft(""));

        assert!(drops_by_iptables("-P INPUT DROP\n-A INPUT -p tcp --dport 8677 -j ACCEPT\n"));
        assert!(drops_by_iptables("-P INPUT ACCEPT\n-A INPUT -p tcp --dport 8677 -j DROP\n"));
        assert!(!drops_by_iptables("-P INPUT ACCEPT\n-P FORWARD DROP\n-A FORWARD -j DROP\n"));
        assert!(!lets_in("-A INPUT -p tcp --dport 8677 -j DROP", 8677));
        assert!(lets_in("8677/tcp                   ALLOW       Anywhere", 8677));
    }
}
