//! Which program drives and which serves.

use std::fmt;

/// The driver first, the server second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pair {
    EngsetEngset,
    BeamBeam,
    EngsetBeam,
    BeamEngset,
    EngsetEngsetTls,
    BeamBeamTls,
    EngsetEngsetQuic,
    /// A copy of the same bytes by plain sockets: no nodes.
    Tcp,
}

/// What a program is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Engset,
    Beam,
}

/// What carries the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Carrier {
    Tcp,
    Tls,
    Quic,
}

impl Pair {
    pub(crate) const ALL: [Self; 8] = [
        Self::EngsetEngset,
        Self::BeamBeam,
        Self::EngsetBeam,
        Self::BeamEngset,
        Self::EngsetEngsetTls,
        Self::BeamBeamTls,
        Self::EngsetEngsetQuic,
        Self::Tcp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EngsetEngset => "engset-engset",
            Self::BeamBeam => "beam-beam",
            Self::EngsetBeam => "engset-beam",
            Self::BeamEngset => "beam-engset",
            Self::EngsetEngsetTls => "engset-engset tls",
            Self::BeamBeamTls => "beam-beam tls",
            Self::EngsetEngsetQuic => "engset-engset quic",
            Self::Tcp => "tcp",
        }
    }

    pub(crate) fn driver(self) -> Side {
        match self {
            Self::EngsetEngset
            | Self::EngsetBeam
            | Self::EngsetEngsetTls
            | Self::EngsetEngsetQuic
            | Self::Tcp => Side::Engset,
            Self::BeamBeam | Self::BeamEngset | Self::BeamBeamTls => Side::Beam,
        }
    }

    pub(crate) fn server(self) -> Side {
        match self {
            Self::EngsetEngset
            | Self::BeamEngset
            | Self::EngsetEngsetTls
            | Self::EngsetEngsetQuic
            | Self::Tcp => Side::Engset,
            Self::BeamBeam | Self::EngsetBeam | Self::BeamBeamTls => Side::Beam,
        }
    }

    pub(crate) fn carrier(self) -> Carrier {
        match self {
            Self::EngsetEngsetTls | Self::BeamBeamTls => Carrier::Tls,
            Self::EngsetEngsetQuic => Carrier::Quic,
            Self::EngsetEngset | Self::BeamBeam | Self::EngsetBeam | Self::BeamEngset | Self::Tcp => {
                Carrier::Tcp
            }
        }
    }
}

impl Carrier {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Quic => "quic",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Tls, Self::Quic].into_iter().find(|carrier| carrier.name() == name)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
