//! Terms of every kind and size go to a Rust process and come back unchanged.

mod stage;

use stage::Stage;

fn echoes(stage: &Stage, term: &str) {
    stage.check(
        &format!("fun(T) -> {{echo, $N}} ! {{self(), T}}, receive {{echo, T}} -> same; Other -> Other after 20000 -> none end end({term})."),
        "same",
    );
}

#[test]
fn every_kind_of_term_is_echoed() {
    let Some(stage) = Stage::new() else { return };
    for term in [
        "ok",
        "''",
        "'hello world'",
        "'h\u{e9}\u{df} \u{3b1}\u{3b2} \u{1f600}'",
        "list_to_atom(lists:duplicate(255, $x))",
        "0",
        "255",
        "256",
        "-1",
        "2147483647",
        "-2147483648",
        "2147483648",
        "1 bsl 63",
        "-(1 bsl 63)",
        "1 bsl 64",
        "1 bsl 2100",
        "-(1 bsl 2100)",
        "0.0",
        "-0.0",
        "1.5",
        "1.0e300",
        "-2.2250738585072014e-308",
        "<<>>",
        "<<1,2,3>>",
        "<<5:3>>",
        "<<1,2,255:7>>",
        "[]",
        "[1,2,3]",
        "\"a string\"",
        "lists:seq(1, 70000)",
        "lists:duplicate(65535, 7)",
        "lists:duplicate(65536, 7)",
        "[1|2]",
        "[a,b|c]",
        "[[[[]]],[a|[b|c]]]",
        "{}",
        "{1}",
        "list_to_tuple(lists:seq(1, 300))",
        "#{}",
        "#{a => 1, \"b\" => <<\"c\">>, 1.0 => 2, 1 => 3}",
        "maps:from_list([{I, I * I} || I <- lists:seq(1, 1000)])",
        "#{#{} => #{[] => {}}}",
        "self()",
        "make_ref()",
        "erlang:alias()",
        "hd(erlang:ports())",
        "fun lists:map/2",
        "fun(X) -> X + 1 end",
        "{nested, [{list, [#{map => {tuple, [<<\"binary\">>, 1.25, 1 bsl 70]}}]}]}",
        "lists:foldl(fun(_, T) -> [T] end, [], lists:seq(1, 5000))",
        "lists:foldl(fun(_, T) -> {T} end, [], lists:seq(1, 5000))",
    ] {
        echoes(&stage, term);
    }
}

#[test]
fn large_payloads_are_echoed() {
    let Some(stage) = Stage::new() else { return };
    echoes(&stage, "binary:copy(<<\"0123456789abcdef\">>, 65536)");
    echoes(&stage, "binary:copy(<<\"0123456789abcdef\">>, 20 * 65536)");
    echoes(&stage, "lists:duplicate(100000, {a, 1, <<\"x\">>})");
}

#[test]
fn the_source_sends_many_messages_in_order() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "{source, $N} ! {send, self(), 2000, 10000}, \
         [receive {seq, I, B} when byte_size(B) =:= 10000 -> ok after 20000 -> exit({missing, I}) end || I <- lists:seq(1, 2000)], done.",
        "done",
    );
    stage.check(
        "{source, $N} ! {send, self(), 5, 3000000}, \
         [receive {seq, J, C} when byte_size(C) =:= 3000000 -> ok after 20000 -> exit({missing, J}) end || J <- lists:seq(1, 5)], done.",
        "done",
    );
}

#[test]
fn the_sink_counts_a_flood() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "[{sink, $N} ! {n, I} || I <- lists:seq(1, 50000)], {sink, $N} ! {report, self()}, receive M -> M after 20000 -> none end.",
        "{count,50000,{n,50000}}",
    );
}
