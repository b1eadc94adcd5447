//! How much memory servers take that have nothing to do.

use crate::node::with_seed;
use engset_macros::server;
use engset_otp::start;

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
        let info = cx.processes().info(sum.pid()).unwrap();
        println!("{}", info.memory);
        let bare = cx.spawn(|mut cx: engset_process::Cx<SumMsg>| async move { cx.recv().await; }).unwrap();
        println!("bare {}", cx.processes().info(bare.pid()).unwrap().memory);
        println!("msg {}", std::mem::size_of::<SumMsg>());
    });
}
