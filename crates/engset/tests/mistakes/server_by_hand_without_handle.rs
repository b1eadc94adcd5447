//! A server written by hand that handles nothing.

use engset::prelude::*;

struct Tick;
impl Protocol for Tick {}

struct Clock;

impl Server for Clock {
    type Msg = Tick;
    type Ref = Addr<Tick>;
}

fn main() {}
