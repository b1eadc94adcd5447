//! `/etc/resolv.conf`: which servers to ask, and under which names.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// So many servers, domains, dots, attempts and seconds are taken from the file, as the C library does.
const SERVERS_MAX: usize = 3;
const DOMAINS_MAX: usize = 6;
const DOTS_MAX: usize = 15;
const ATTEMPTS_MAX: u32 = 5;
const TIMEOUT_MAX: u64 = 30;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    pub(crate) servers: Vec<IpAddr>,
    pub(crate) search: Vec<String>,
    pub(crate) ndots: usize,
    pub(crate) attempts: u32,
    pub(crate) timeout: Duration,
}

impl Default for ResolvConf {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            attempts: 2,
            // The C library's is 5 s, longer than the interval between polls.
            timeout: Duration::from_secs(2),
        }
    }
}

impl ResolvConf {
    /// Reads the file's text; what is not understood is passed over, as the C library does.
    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.split('%').next()?.parse().ok());
                    if let Some(address) = address
                        && conf.servers.len() < SERVERS_MAX
                    {
                        conf.servers.push(address);
                    }
                }
                Some("search" | "domain") => {
                    conf.search = words.take(DOMAINS_MAX).map(str::to_owned).collect();
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let Some((name, value)) = word.split_once(':') else { return };
        match (name, value.parse::<u32>()) {
            ("ndots", Ok(dots)) => self.ndots = usize::try_from(dots).unwrap_or(DOTS_MAX).min(DOTS_MAX),
            ("attempts", Ok(attempts)) => self.attempts = attempts.clamp(1, ATTEMPTS_MAX),
            ("timeout", Ok(seconds)) => {
                self.timeout = Duration::from_secs(u64::from(seconds).clamp(1, TIMEOUT_MAX));
            }
            _ => {}
        }
    }

    /// The full names to ask for, one after the other until there is one.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let as_it_is = format!("{name}.");
        let mut names: Vec<String> =
            self.search.iter().map(|domain| format!("{name}.{}.", domain.trim_end_matches('.'))).collect();
        let dots = name.matches('.').count();
        if dots >= self.ndots {
            names.insert(0, as_it_is);
        } else {
            names.push(as_it_is);
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::ResolvConf;
    use std::time::Duration;

    #[test]
    fn the_file_of_a_pod_is_understood() {
        let text = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.servers, ["10.96.0.10".parse::<std::net::IpAddr>().unwrap()]);
        let names = conf.names("app-headless");
        assert_eq!(names.len(), 4);
        assert_eq!((&*names[0], &*names[3]), ("app-headless.shop.svc.cluster.local.", "app-headless."));
        assert_eq!(conf.names("app."), ["app."]);
    }

    #[test]
    fn names_with_enough_dots_are_asked_as_they_are_first() {
        let conf = ResolvConf::parse("search a.example\n");
        assert_eq!(conf.names("app.internal"), ["app.internal.", "app.internal.a.example."]);
        assert_eq!(conf.names("app"), ["app.a.example.", "app."]);
    }

    #[test]
    fn nonsense_is_passed_over_and_limits_hold() {
        let conf = ResolvConf::parse(
            "nameserver x\nnameserver ::1\n; nameserver 9.9.9.9\noptions timeout:999 attempts:0 ndots:99 rotate\nsearch a b c d e f g h\n",
        );
        assert_eq!(conf.servers.len(), 1);
        assert_eq!((conf.timeout, conf.attempts, conf.ndots), (Duration::from_secs(30), 1, 15));
        assert_eq!(conf.search.len(), 6);
        let many = "nameserver 1.1.1.1\n".repeat(9);
        assert_eq!(ResolvConf::parse(&many).servers.len(), 3);
        assert_eq!(ResolvConf::parse("").servers.len(), 1, "the resolver of this machine");
    }
}
