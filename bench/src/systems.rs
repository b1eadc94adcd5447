//! The systems that are compared. Each module does the rows in the plainest way its system has.

mod actix;
mod beam;
mod eetf;
mod engset;
mod erltf;
mod kameo;
mod ractor;
mod tokio;

use crate::row::Row;

pub(crate) use beam::compiled as compiled_modules;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum System {
    Engset,
    Beam,
    Tokio,
    Ractor,
    Kameo,
    Actix,
    Eetf,
    Erltf,
}

impl System {
    pub(crate) const ALL: [Self; 8] = [
        Self::Engset,
        Self::Beam,
        Self::Tokio,
        Self::Ractor,
        Self::Kameo,
        Self::Actix,
        Self::Eetf,
        Self::Erltf,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Engset => "engset",
            Self::Beam => "beam",
            Self::Tokio => "tokio",
            Self::Ractor => "ractor",
            Self::Kameo => "kameo",
            Self::Actix => "actix",
            Self::Eetf => "eetf",
            Self::Erltf => "erltf",
        }
    }

    /// Does a row's work in this process and returns the number in the row's unit;
    /// `None` when the system does not do this kind of work.
    pub(crate) fn measure(self, row: Row) -> Option<f64> {
        match self {
            Self::Engset => engset::measure(row),
            Self::Beam => beam::measure(row),
            Self::Tokio => tokio::measure(row),
            Self::Ractor => ractor::measure(row),
            Self::Kameo => kameo::measure(row),
            Self::Actix => actix::measure(row),
            Self::Eetf => eetf::measure(row),
            Self::Erltf => erltf::measure(row),
        }
    }
}
