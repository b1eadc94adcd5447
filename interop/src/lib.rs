//! A node with canned behaviour, so that anyone can drive an Engset node from outside.

pub mod canned;
