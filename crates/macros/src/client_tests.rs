//! What `#[client]` makes of a trait, and what it says about traits that it cannot take.

use super::expand_client;
use proc_macro2::TokenStream;
use quote::quote;

/// Everything that is made, without spaces.
fn made(arguments: TokenStream, item: TokenStream) -> String {
    expand_client(arguments, item).to_string().replace(' ', "")
}

/// The compile errors that are made.
fn errors_with(arguments: TokenStream, item: TokenStream) -> Vec<String> {
    let made = expand_client(arguments, item).to_string().replace("\\\"", "'");
    let messages = made.split("compile_error ! {").skip(1);
    messages.map(|rest| rest.split('"').nth(1).unwrap_or_default().trim().to_owned()).collect()
}

fn errors(members: impl quote::ToTokens) -> Vec<String> {
    errors_with(quote!("cache"), quote!(trait Cache { #members }))
}

#[test]
fn a_client_is_made_with_the_visibility_of_the_trait() {
    let item = quote!(
        pub(crate) trait Cache {
            /** Asks. */
            #[call]
            async fn get(&self, key: String) -> u8;
        }
    );
    let made = made(quote!("Elixir.MyApp.Cache", crate = "other"), item);
    assert!(made.contains("pub(crate)enumCacheMsg{#[doc=r\"Asks.\"]Get(String,"), "{made}");
    assert!(made.contains("pub(crate)structCacheClient<A=other::__private::Service<CacheMsg>>"), "{made}");
    assert!(made.contains("from_static(\"Elixir.MyApp.Cache\")"), "{made}");
    assert!(!made.contains("traitCache") && !made.contains("::engset"), "{made}");
}

#[test]
fn no_value_is_nil_for_elixir_and_where_it_is_asked_for() {
    let item = || {
        quote!(
            trait Cache {
                #[cast]
                fn put(&self, key: Option<u8>);
            }
        )
    };
    assert!(made(quote!("Elixir.MyApp.Cache"), item()).contains("conventions::Nil"));
    assert!(made(quote!("cache", nil), item()).contains("conventions::Nil"));
    assert!(!made(quote!("cache"), item()).contains("conventions::Nil"));
}

#[test]
fn a_request_may_have_another_name() {
    let item = quote!(
        trait Cache {
            #[call(name = "fetch!")]
            async fn fetch(&self);
            #[info(name = "Tick")]
            fn tick(&self);
        }
    );
    let made = made(quote!("cache"), item);
    assert!(
        made.contains("requests::Name(\"fetch!\")") && made.contains("requests::Name(\"Tick\")"),
        "{made}"
    );
    let unknown = "expected `name = '…'`, the request's name where it is not that of the method; how long a call may take says the caller: `.timeout(…)`";
    assert_eq!(
        errors(quote!(
            #[call(timeout = 5)]
            async fn get(&self);
        )),
        [unknown]
    );
}

#[test]
fn names_have_1_to_255_characters() {
    let wrong = "a name is an atom: it has 1 to 255 characters";
    let of = |length: usize| "x".repeat(length);
    for (length, told) in [(0, vec![wrong]), (1, vec![]), (255, vec![]), (256, vec![wrong])] {
        let name = of(length);
        assert_eq!(
            errors(quote!(
                #[call(name = #name)]
                async fn get(&self);
            )),
            told,
            "{length}"
        );
        let item = quote!(
            trait Cache {
                #[cast]
                fn clear(&self);
            }
        );
        assert_eq!(errors_with(quote!(#name), item), told, "{length}");
    }
}

#[test]
fn the_attribute_says_the_servers_name() {
    let item = || {
        quote!(
            trait Cache {
                #[cast]
                fn clear(&self);
            }
        )
    };
    let missing = "say under which name the server is registered: `#[client('cache')]`, for an Elixir module `#[client('Elixir.MyApp.Cache')]`";
    assert_eq!(errors_with(quote!(), item()), [missing]);
    let module = "in Elixir the module `MyApp.Cache` is the atom `Elixir.MyApp.Cache`: write that";
    assert_eq!(errors_with(quote!("MyApp.Cache"), item()), [module]);
    for fine in ["Cache", "my.cache", "Elixir.MyApp.Cache"] {
        assert_eq!(errors_with(quote!(#fine), item()), [""; 0], "{fine}");
    }
    let unknown = "unknown argument: expected the server's name, then `nil` or `crate = 'path'`";
    assert_eq!(errors_with(quote!("cache", local), item()), [unknown]);
}

#[test]
fn only_traits_of_plain_methods_are_taken() {
    let not_a_trait = "`#[client]` goes on a trait without bodies: `#[client('cache')] trait Cache { … }`";
    assert_eq!(errors_with(quote!("cache"), quote!(impl Cache {})), [not_a_trait]);
    let method = quote!(
        #[cast]
        fn clear(&self);
    );
    let generic = "a client is not generic: name the types that travel";
    assert_eq!(errors_with(quote!("cache"), quote!(trait Cache<T> { #method })), [generic]);
    let above = "the trait only describes a server: it has no traits above it";
    assert_eq!(errors_with(quote!("cache"), quote!(trait Cache: Send { #method })), [above]);
    let members = "the trait only describes requests: it has nothing but methods";
    assert_eq!(errors(quote!(type Key; #method)), [members]);
    assert_eq!(errors(quote!()).len(), 1);
}

#[test]
fn a_request_travels_in_one_way() {
    let none = "say how the request travels: `#[call]` with an answer, `#[cast]` without, `#[info]` as a plain message";
    assert_eq!(
        errors(quote!(
            fn get(&self);
        )),
        [none]
    );
    let two = "a request travels in one way: take one of the marks off";
    assert_eq!(
        errors(quote!(
            #[call]
            #[cast]
            fn get(&self);
        )),
        [two]
    );
}

#[test]
fn calls_wait_and_nothing_else_does() {
    let call = "a call waits for its answer: `async fn`; a request without an answer is a `#[cast]`";
    assert_eq!(
        errors(quote!(
            #[call]
            fn get(&self) -> u8;
        )),
        [call]
    );
    let cast = "it is sent at once, and nothing is waited for: `fn`, without `async`";
    assert_eq!(
        errors(quote!(
            #[cast]
            async fn put(&self);
        )),
        [cast]
    );
    assert_eq!(
        errors(quote!(
            #[info]
            async fn put(&self);
        )),
        [cast]
    );
    let answer =
        "nothing is answered to a cast or a plain message: return nothing, or mark the method `#[call]`";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put(&self) -> u8;
        )),
        [answer]
    );
}

#[test]
fn a_method_of_a_client_is_a_plain_one() {
    let body = "the server is elsewhere and answers itself: end the method with `;`, without a body";
    assert_eq!(
        errors(quote!(
            #[call]
            async fn get(&self) -> u8 {
                3
            }
        )),
        [body]
    );
    let shared = "a client only sends, and is shared: take `&self`";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put(&mut self);
        )),
        [shared]
    );
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put(self);
        )),
        [shared]
    );
    let no_self = "a request goes to the server that the client names: take `&self`";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put(key: u8);
        )),
        [no_self]
    );
    let generic =
        "a request cannot be generic, since its message has one type: name it, or write one method for each";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put<T>(&self, key: T);
        )),
        [generic]
    );
    let owned = "an argument travels in a message: take a `String`, not a reference";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put(&self, key: &str);
        )),
        [owned]
    );
}

#[test]
fn a_client_takes_what_travels_and_has_names_of_its_own() {
    let context = "a client has no context: leave it to the server";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn put(&self, cx: &mut Cx<CacheMsg>);
        )),
        [context]
    );
    let reply = "a client waits for the answer: return it, as `async fn get(&self) -> T`";
    assert_eq!(
        errors(quote!(
            #[call]
            async fn get(&self, reply: Reply<u8>);
        )),
        [reply]
    );
    for name in ["new", "at", "here", "on", "addr", "pid"] {
        let message = format!("every handle has a method `{name}` of its own: choose another name");
        let name = quote::format_ident!("{name}");
        assert_eq!(errors(quote!(#[cast] fn #name(&self);)), [message]);
    }
}

#[test]
fn an_answer_is_what_the_server_answers() {
    let own = "a client adds `CallError` itself: return what the server answers";
    assert_eq!(
        errors(quote!(
            #[call]
            async fn get(&self) -> Result<u8, CallError>;
        )),
        [own]
    );
    let owned = "an answer arrives in a message: return an owned type, not a reference";
    assert_eq!(
        errors(quote!(
            #[call]
            async fn get(&self) -> &str;
        )),
        [owned]
    );
    let named = "an answer arrives in a message: name its type";
    assert_eq!(
        errors(quote!(
            #[call]
            async fn get(&self) -> impl Iterator<Item = u8>;
        )),
        [named]
    );
}

#[test]
fn requests_are_told_apart() {
    let twice =
        "there is another request `get`: give one of them another name here, and `#[call(name = 'get')]`";
    let get = quote!(
        #[call]
        async fn get(&self, key: u8);
    );
    assert_eq!(errors(quote!(#get #[call] async fn get(&self, key: u8, default: u8);)), [twice]);
    let variant = "the messages of `g_et` and `gEt` would have one name: choose another";
    assert_eq!(
        errors(quote!(
            #[cast]
            fn gEt(&self);
            #[cast]
            fn g_et(&self);
        )),
        [variant]
    );
    let same = "the server could not tell this request from `get`: both are `get` with 1 arguments";
    assert_eq!(errors(quote!(#get #[call(name = "get")] async fn other(&self, key: String);)), [same]);
    assert_eq!(errors(quote!(#get #[call(name = "get")] async fn other(&self);)), [""; 0]);
    assert_eq!(errors(quote!(#get #[cast(name = "get")] fn other(&self, key: u8);)), [""; 0]);
}

#[test]
fn all_errors_of_a_trait_are_told() {
    assert_eq!(
        errors(quote!(
            #[call]
            fn f(&self);
            #[cast]
            fn g();
            fn h(&self);
        ))
        .len(),
        3
    );
}
