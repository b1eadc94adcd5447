//! Numbers that a node makes of its salt and tells others. None of them tells of the salt, of which references are made.

use std::hash::{DefaultHasher, Hasher};

/// The number `number` of those for `purpose`; each bit depends on all bits of `salt`, and does not lead back to it.
pub(crate) fn derived(salt: u64, purpose: &'static str, number: u64) -> u64 {
    // SipHash over a secret, as for references: a mixer alone could be run backwards.
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(salt);
    hasher.write(purpose.as_bytes());
    hasher.write_u64(number);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use crate::config::NodeConfig;
    use crate::node::{Dial, Network, Node};
    use crate::peers::AttemptId;
    use engset_dist::handshake::Cookie;
    use engset_process::Scheduler;
    use engset_term::NodeName;
    use std::sync::Arc;

    const SALT: u64 = 0x0123_4567_89ab_cdef;

    struct Nobody;

    impl Network for Nobody {
        fn dial(&self, _: Arc<Node>, _: Dial) {}
    }

    /// Runs splitmix64 backwards, which its constants allow.
    fn unmixed(mixed: u64) -> u64 {
        let unshifted = |value: u64, by: u32| (0..64 / by + 1).fold(value, |known, _| value ^ (known >> by));
        let mut seed = unshifted(mixed, 31).wrapping_mul(0x3196_42b2_d24d_8ec3);
        seed = unshifted(seed, 27).wrapping_mul(0x96de_1b17_3f11_9089);
        unshifted(seed, 30).wrapping_sub(0x9E37_79B9_7F4A_7C15)
    }

    fn mixed(seed: u64) -> u64 {
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A stranger is given a name before it has proven anything, and knows its challenge and about which attempt it is.
    #[test]
    fn a_name_that_is_given_away_does_not_lead_back_to_the_salt() {
        assert_eq!(unmixed(mixed(SALT)), SALT);
        let name = NodeName::new("giver@127.0.0.1").expect("a name");
        let config = NodeConfig::new(name, 7, Cookie::new("secret").expect("a cookie"), SALT);
        let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nobody));
        let given = node.name_for("h", AttemptId(3), 99).expect("everybody is let in");
        let digits = given.name.split_once('@').expect("name@host").0;
        let number = u64::from_str_radix(digits, 36).expect("digits and capitals");
        assert_ne!(unmixed(number) ^ mixed((99 << 32) ^ 3), SALT);
        let next = node.name_for("h", AttemptId(4), 99).expect("everybody is let in");
        assert_ne!(next.name, given.name);
    }
}
