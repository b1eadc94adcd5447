//! How much memory servers take that have nothing to do.

use crate::node::with_seed;
use engset_macros::server;
use engset_otp::start;

/// A process that receives, with nothing else, takes 256 bytes of them.
const AT_REST_MAX: usize = 360;

struct Sum(u64);

#[server(crate = "engset_otp")]
impl Sum {
    #[call]
    fn add(&mut self, number: u64) -> u64 {
        self.0 += number;
        self.0
    }
}

#[test]
fn a_server_at_rest_is_small() {
    with_seed(1, |cx| async move {
        let sum = start(Sum(1)).await.unwrap();
        assert_eq!(sum.add(1).await, Ok(2));
        let memory = cx.processes().info(sum.pid()).unwrap().memory;
        assert!(memory <= AT_REST_MAX, "{memory} bytes");
    });
}
