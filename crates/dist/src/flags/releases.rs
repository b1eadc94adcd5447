//! What each release of OTP offers and insists on, as data.

use super::Flags;

/// The flag words of one release of OTP, with default settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The major release.
    pub otp: u8,
    /// What a hidden node offers.
    pub hidden: Flags,
    /// What a peer must have.
    pub mandatory: Flags,
}

impl Release {
    /// What a visible node offers.
    #[must_use]
    pub const fn visible(&self) -> Flags {
        self.hidden.with(Flags::PUBLISHED)
    }
}

/// OTP 25 to 29. The word of 25 was taken from a running node, those of 28 and 29 stand in their sources; for 26 and 27,
/// which brought no flag of their own, that of 25 stands.
pub const RELEASES: [Release; 5] = [
    Release { otp: 25, hidden: Flags(0x0D_07DF_7FBC), mandatory: Flags::MANDATORY_25 },
    Release { otp: 26, hidden: Flags(0x0D_07DF_7FBC), mandatory: Flags::MANDATORY },
    Release { otp: 27, hidden: Flags(0x0D_07DF_7FBC), mandatory: Flags::MANDATORY },
    Release { otp: 28, hidden: Flags(0x2D_07DF_7FBC), mandatory: Flags::MANDATORY },
    Release { otp: 29, hidden: Flags(0x6D_07DF_7FBC), mandatory: Flags::MANDATORY },
];

#[cfg(test)]
mod tests {
    use super::RELEASES;
    use crate::flags::Flags;

    #[test]
    fn our_word_is_that_of_the_newest_release() {
        assert_eq!(RELEASES.last().unwrap().hidden, Flags::OURS);
        for release in RELEASES {
            assert!(release.hidden.without(Flags::KNOWN).is_empty(), "OTP {}", release.otp);
            assert!(!release.hidden.intersects(Flags::PUBLISHED | Flags::NAME_ME));
            assert!(release.visible().contains(Flags::PUBLISHED));
        }
    }

    #[test]
    fn each_release_and_we_take_each_other() {
        for release in RELEASES {
            for theirs in [release.hidden, release.visible()] {
                assert!(Flags::OURS.missing(release.mandatory).is_empty(), "OTP {} takes us", release.otp);
                assert!(theirs.missing(Flags::MANDATORY).is_empty(), "we take OTP {}", release.otp);
                let both = Flags::negotiate(Flags::OURS.with(Flags::PUBLISHED), theirs);
                assert_eq!(both, release.hidden, "all that OTP {} has", release.otp);
                assert_eq!(both, Flags::negotiate(theirs, Flags::OURS));
            }
        }
    }

    #[test]
    fn what_came_with_a_release_is_used_from_it_on() {
        for release in RELEASES {
            let both = Flags::negotiate(Flags::OURS, release.hidden);
            assert_eq!(both.contains(Flags::ALTACT_SIG), release.otp >= 28);
            assert_eq!(both.contains(Flags::NATIVE_RECORDS), release.otp >= 29);
            assert!(both.contains(Flags::DIST_HDR_ATOM_CACHE | Flags::FRAGMENTS | Flags::ALIAS));
        }
    }
}
