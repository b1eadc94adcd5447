//! What the attribute makes of a block, and what it says about blocks that it cannot take.

use super::expand;
use proc_macro2::TokenStream;
use quote::quote;

/// Everything that is made, without spaces and without what is said about lints of methods.
fn made(arguments: TokenStream, block: TokenStream) -> String {
    let mut made = expand(arguments, block).to_string().replace(' ', "");
    while let Some(start) = made.find("#[allow(clippy") {
        let length = made[start..].find(")]").expect("the attribute ends") + 2;
        made.replace_range(start..start + length, "");
    }
    made
}

/// The compile errors that are made.
fn errors(block: TokenStream) -> Vec<String> {
    errors_with(TokenStream::new(), block)
}

fn errors_with(arguments: TokenStream, block: TokenStream) -> Vec<String> {
    let made = expand(arguments, block).to_string();
    let messages = made.split("compile_error ! {").skip(1);
    messages.map(|rest| rest.split('"').nth(1).unwrap_or_default().trim().replace("\\\"", "\"")).collect()
}

#[test]
fn the_marks_are_taken_off_and_the_rest_of_the_block_stays() {
    let made = made(
        TokenStream::new(),
        quote! {
            impl Counter {
                const LIMIT: u32 = 3;
                /// Adds.
                #[call]
                #[inline]
                fn add(&mut self, mut by: u64) -> u64 { by += 1; by }
                fn plain(&self) {}
            }
        },
    );
    let block = "implCounter{constLIMIT:u32=3;#[doc=r\"Adds.\"]#[inline]fnadd(&mutself,mutby:u64)->u64{by+=1;by}fnplain(&self){}}";
    assert!(made.starts_with(block), "{made}");
    assert!(made.contains("pubfnadd(&self,by:u64)->::engset::__private::Call<CounterMsg,u64,"), "{made}");
    assert!(made.contains("requests::Name(\"add\"),by,)"), "{made}");
    assert!(!made.contains("plain(&self,)"), "{made}");
}

#[test]
fn a_local_server_needs_no_serde() {
    let block = quote!(impl Counter { #[call] fn add(&mut self, by: u64) -> u64 { by } });
    let local = made(quote!(local), block.clone());
    assert!(local.contains("impl::engset::__private::ProtocolforCounterMsg{}"), "{local}");
    assert!(!local.contains("travels"), "{local}");
    assert!(made(TokenStream::new(), block).contains("travels::<u64>()"));
}

#[test]
fn the_crate_may_have_another_name() {
    let block = quote!(impl Counter { #[cast] fn clear(&mut self) {} });
    let made = made(quote!(crate = "other::otp", local), block);
    assert!(made.contains("implother::otp::__private::ServerforCounter"), "{made}");
    assert!(!made.contains("::engset"), "{made}");
}

#[test]
fn self_in_an_argument_means_the_server() {
    let block =
        quote!(impl Counter { #[call] fn merge(&mut self, other: Vec<Self>) -> Option<Self> { None } });
    let made = made(quote!(local), block);
    assert!(made.contains("Merge(Vec<Counter>,::engset::__private::Reply<Option<Counter>,"), "{made}");
}

#[test]
fn conditions_hold_for_everything_that_is_made_of_a_method() {
    let block = quote!(impl Counter { #[cfg(feature = "x")] #[cast] fn clear(&mut self) {} });
    let made = made(TokenStream::new(), block);
    let conditions = made.matches("#[cfg(feature=\"x\")]").count();
    assert_eq!(conditions, 9, "method, message, name, check, both ways, known names, handle, arm: {made}");
}

#[test]
fn raw_names_are_plain_names_outside() {
    let block = quote!(impl Counter { #[cast] fn r#move(&mut self) {} });
    let made = made(TokenStream::new(), block);
    assert!(made.contains("requests::Name(\"move\")"), "{made}");
    assert!(made.contains("pubfnr#move(&self,)"), "{made}");
}

#[test]
fn only_inherent_blocks_of_named_types_are_taken() {
    let not_a_block = "`#[server]` goes on an inherent `impl` block: `#[server] impl Counter { … }`";
    assert_eq!(
        errors(quote!(
            struct Counter;
        )),
        [not_a_block]
    );
    let of_a_trait = "`#[server]` goes on an inherent `impl` block, such as `impl Counter`, not on the implementation of a trait";
    assert_eq!(errors(quote!(impl Clone for Counter {})), [of_a_trait]);
    let generic =
        "`#[server]` takes no generic servers: name a type, or implement `Server` and `Protocol` by hand";
    assert_eq!(
        errors(quote!(
            impl<T> Counter<T> {}
        )),
        [generic]
    );
    assert_eq!(errors(quote!(impl [u8] {})), ["`#[server]` takes a named type, such as `Counter`"]);
}

#[test]
fn arguments_of_the_attribute_are_known_ones() {
    let unknown =
        "unknown argument: expected `local`, `nil`, `report_messages`, `messages = Path` or `crate = \\";
    assert_eq!(errors_with(quote!(global), quote!(impl C { #[cast] fn f(&self) {} })), [unknown]);
    let said =
        "the messages say already how they travel: leave `local` and `nil` to the attribute that makes them";
    let block = quote!(impl C { #[cast] fn f(&self) {} });
    assert_eq!(errors_with(quote!(messages = M, nil), block), [said]);
    assert_eq!(errors_with(quote!(crate), quote!(impl C { #[cast] fn f(&self) {} })).len(), 1);
}

#[test]
fn requests_belong_to_a_running_server() {
    let no_self = "a method with a role belongs to a running server: take `&mut self` or `&self`";
    assert_eq!(errors(quote!(impl C { #[call] fn f(by: u64) {} })), [no_self]);
    let by_value = "the server keeps its state: take `&mut self` or `&self`";
    assert_eq!(errors(quote!(impl C { #[cast] fn f(self) {} })), [by_value]);
    assert_eq!(errors(quote!(impl C { #[call] fn f(self: Box<Self>) {} })), [by_value]);
}

#[test]
fn requests_have_one_plain_type() {
    let generic =
        "a request cannot be generic, since its message has one type: name it, or write one method for each";
    assert_eq!(errors(quote!(impl C { #[call] fn f<T>(&self, value: T) {} })), [generic]);
    let owned = |owned| format!("an argument travels in a message: take a `{owned}`, not a reference");
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, text: &str) {} })), [owned("String")]);
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, bytes: &[u8]) {} })), [owned("Vec<u8>")]);
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, by: &u64) {} })), [owned("u64")]);
    let reference = "an argument travels in a message: it cannot be a reference";
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, pair: &(u8, u8)) {} })), [reference]);
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, all: &Vec<u8>) {} })), [reference]);
    let no_type = "an argument travels in a message: name its type";
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, text: impl Into<String>) {} })), [no_type]);
    let pattern = "an argument must have a plain name";
    assert_eq!(errors(quote!(impl C { #[call] fn f(&self, (a, b): (u8, u8)) {} })), [pattern]);
    assert_eq!(errors(quote!(impl C { #[call] fn f(&self, _: u8) {} })), [pattern]);
}

#[test]
fn a_method_has_one_role_and_a_role_no_arguments() {
    assert_eq!(
        errors(quote!(impl C { #[call] #[cast] fn f(&self) {} })),
        ["a method has one role only: take one of the marks off"]
    );
    let deadline = "`#[call]` takes no arguments; how long it may take says the caller: `.timeout(…)`";
    assert_eq!(errors(quote!(impl C { #[call(timeout = 5)] fn f(&self) {} })), [deadline]);
    assert_eq!(errors(quote!(impl C { #[cast(later)] fn f(&self) {} })), ["`#[cast]` takes no arguments"]);
}

#[test]
fn a_block_has_a_method_with_a_role() {
    let none = "no method has a role: mark what clients may ask for with `#[call]` or `#[cast]`";
    assert_eq!(errors(quote!(impl C { fn f(&self) {} })), [none]);
    assert_eq!(errors(quote!(impl C { #[info] fn f(&self, info: Info) {} })), [""; 0]);
}

#[test]
fn the_names_of_otps_callbacks_are_told_apart_from_marks() {
    for (callback, mark) in [("handle_call", "call"), ("handle_cast", "cast"), ("handle_info", "info")] {
        let callback = quote::format_ident!("{callback}");
        let message = format!("this role is marked `#[{mark}]`");
        assert_eq!(errors(quote!(impl C { #[#callback] fn f(&self) {} })), [message]);
    }
    assert_eq!(errors(quote!(impl C { #[cast] #[inline] fn f(&self) {} })), [""; 0]);
}

#[test]
fn the_context_stays_with_the_server() {
    let kept = "the server keeps its context: take `&mut Cx<…>`";
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, cx: Cx<CMsg>) {} })), [kept]);
    let shared = "a context is passed as `&mut Cx<…>`";
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, cx: &Cx<CMsg>) {} })), [shared]);
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, cx: &mut Cx<CMsg>) {} })), [""; 0]);
}

#[test]
fn names_of_the_handle_are_taken() {
    for name in ["new", "named", "at", "addr", "pid"] {
        let name = quote::format_ident!("{name}");
        let message = format!("every handle has a method `{name}` of its own: choose another name");
        assert_eq!(errors(quote!(impl C { #[call] fn #name(&self) {} })), [message]);
    }
    let unnameable = "no message can be named after this method";
    assert_eq!(errors(quote!(impl C { #[call] fn _1(&self) {} })), [unnameable]);
}

#[test]
fn replies_are_for_calls_and_say_what_they_answer() {
    let cast = "a cast has no answer: mark the method `#[call]`";
    assert_eq!(errors(quote!(impl C { #[cast] fn f(&self, reply: Reply<u8>) {} })), [cast]);
    let two = "a call has one answer";
    assert_eq!(errors(quote!(impl C { #[call] fn f(&self, a: Reply<u8>, b: Reply<u8>) {} })), [two]);
    let what = "say what is answered: `Reply<T>` or `Reply<T, E>`";
    assert_eq!(errors(quote!(impl C { #[call] fn f(&self, reply: Reply) {} })), [what]);
}

#[test]
fn hooks_take_what_the_server_gives_them() {
    assert_eq!(errors(quote!(impl C { #[info] fn f(&self) {} })), ["`#[info]` takes an `Info`"]);
    let init = "`#[init]` takes nothing but, if wanted, the context";
    assert_eq!(errors(quote!(impl C { #[init] fn f(&self, by: u64) {} })), [init]);
    let idle = "`#[idle_timeout]` takes only `&self`, and is not async";
    assert_eq!(
        errors(quote!(impl C { #[idle_timeout] async fn f(&self) -> Option<Duration> { None } })),
        [idle]
    );
    let terminate = "`#[terminate]` takes a `&ExitReason`";
    assert_eq!(errors(quote!(impl C { #[terminate] fn f(&self) {} })), [terminate]);
    let nothing = "`#[terminate]` returns nothing";
    assert_eq!(errors(quote!(impl C { #[terminate] fn f(&self, why: &ExitReason) -> u8 { 0 } })), [nothing]);
    let twice = "there is another `#[init]` method: a server has one";
    assert_eq!(errors(quote!(impl C { #[init] fn f(&self) {} #[init] fn g(&self) {} })), [twice]);
}

#[test]
fn all_errors_of_a_block_are_told() {
    let block = quote! {
        impl C {
            #[call] fn f(&self, text: &str) {}
            #[cast] fn g() {}
            #[info] fn h(&self) {}
        }
    };
    assert_eq!(errors(block).len(), 3);
}

#[test]
fn a_request_has_at_most_15_arguments() {
    let block = |count: usize| {
        let names = (0..count).map(|at| quote::format_ident!("a{at}"));
        quote!(impl C { #[cast] fn f(&self, #(#names: u8),*) {} })
    };
    assert_eq!(errors(block(15)), [""; 0]);
    let many = "a request has at most 15 arguments: put those that belong together in a struct";
    assert_eq!(errors(block(16)), [many]);
}

#[test]
fn arguments_may_have_the_names_that_generated_code_uses() {
    let block = quote!(impl C { #[call] fn f(&self, at: u8, caller: u8, request: u8, out: u8) {} });
    assert_eq!(errors(block), [""; 0]);
}

#[test]
fn the_messages_of_a_client_are_not_made_again() {
    let block =
        quote!(impl C { #[info] fn tick(&mut self, by: u8) {} #[info] fn other(&mut self, info: Info) {} });
    let made = made(quote!(messages = shared::CacheMsg), block);
    assert!(!made.contains("enum") && !made.contains("structCRef"), "{made}");
    assert!(made.contains("typeRef=<shared::CacheMsgas::engset::__private::Requests>::Ref"), "{made}");
    assert!(made.contains("shared::CacheMsg::Tick(by)=>"), "{made}");
    assert!(made.contains("asyncfninfo(&mutself,info:::engset::__private::Info"), "{made}");
}

#[test]
fn no_value_is_nil_where_it_is_asked_for() {
    let block = || quote!(impl C { #[call] fn get(&self, key: Option<u8>) -> Option<u8> { key } });
    let nil = made(quote!(nil), block());
    assert!(nil.contains("from_term_nil(") && nil.contains("conventions::Nil("), "{nil}");
    assert!(!made(TokenStream::new(), block()).contains("il("));
}
