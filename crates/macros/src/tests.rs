//! What the attribute says about blocks that it cannot take.
