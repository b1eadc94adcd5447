//! What `#[term]` writes, and what it says about types that it cannot take.

use super::term::expand;
use proc_macro2::TokenStream;
use quote::quote;

/// Everything that is made, without spaces.
fn made(arguments: TokenStream, item: TokenStream) -> String {
    expand(arguments, item).to_string().replace(' ', "")
}

fn errors(arguments: TokenStream, item: TokenStream) -> Vec<String> {
    let made = expand(arguments, item).to_string().replace("\\\"", "'");
    let messages = made.split("compile_error ! {").skip(1);
    messages.map(|rest| rest.split('"').nth(1).unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn forms_are_said_by_serdes_name() {
    let user = || {
        quote!(
            struct User {
                name: String,
            }
        )
    };
    for (arguments, name) in [
        (quote!(elixir = "MyApp.User"), "%MyApp.User"),
        (quote!(elixir = "Elixir.MyApp.User"), "%MyApp.User"),
        (quote!(record = "user"), "#user"),
        (quote!(keyword), "[]"),
    ] {
        let made = made(arguments, user());
        assert!(made.contains(&format!("#[serde(rename=\"{name}\")]structUser")), "{made}");
    }
    assert!(!made(quote!(), user()).contains("rename"));
}

#[test]
fn derives_are_added_where_they_are_missing() {
    let made_of = |item| made(quote!(crate = "other"), item);
    let both = made_of(quote!(
        enum Kind {
            A,
        }
    ));
    let derive = "#[derive(other::__private::serde::Serialize,other::__private::serde::Deserialize)]";
    assert!(both.starts_with(derive), "{both}");
    assert!(both.contains("#[serde(crate=\"other::__private::serde\")]"), "{both}");
    let one = made_of(quote!(
        #[derive(Debug, serde::Serialize)]
        enum Kind {
            A,
        }
    ));
    assert!(one.starts_with("#[derive(other::__private::serde::Deserialize)]"), "{one}");
    let none = made_of(quote!(
        #[derive(Serialize, Deserialize)]
        enum Kind {
            A,
        }
    ));
    assert!(none.starts_with("#[derive(Serialize,Deserialize)]enum"), "{none}");
}

#[test]
fn options_are_nil_in_elixir_and_where_it_is_asked_for() {
    let with = "#[serde(with=\"::engset::__private::conventions::nil\")]#[serde(default)]age:Option<u8>";
    let user = || {
        quote!(
            struct User {
                name: String,
                age: Option<u8>,
            }
        )
    };
    for arguments in [quote!(elixir = "User"), quote!(nil), quote!(keyword, nil)] {
        let made = made(arguments, user());
        assert!(made.contains(with) && made.contains("{name:String,"), "{made}");
    }
    assert!(!made(quote!(record = "user"), user()).contains("conventions"));
    // What the field itself says counts, and a default of its own stays the only one.
    let made = made(
        quote!(nil),
        quote!(
            struct User {
                #[term(atom)]
                #[serde(default = "x")]
                role: Option<String>,
            }
        ),
    );
    assert!(
        made.contains("#[serde(default=\"x\")]#[serde(with=\"::engset::__private::conventions::atom\")]role"),
        "{made}"
    );
}

#[test]
fn fields_of_variants_are_marked_too() {
    let made = made(
        quote!(),
        quote!(
            enum Kind {
                A(#[term(charlist)] String),
                B {
                    #[term(nil)]
                    x: Option<u8>,
                },
            }
        ),
    );
    assert!(
        made.contains("A(#[serde(with=\"::engset::__private::conventions::charlist\")]String)"),
        "{made}"
    );
    assert!(made.contains("conventions::nil\")]#[serde(default)]x:Option<u8>"), "{made}");
}

/// A field that is called so, or renamed to it, has no default for that.
#[test]
fn the_word_default_elsewhere_is_no_default() {
    let made = made(
        quote!(elixir = "MyApp.User"),
        quote!(
            struct User {
                #[serde(rename = "default")]
                usual: Option<u8>,
                #[serde(alias = "default", default)]
                other: Option<u8>,
            }
        ),
    );
    let with = "#[serde(with=\"::engset::__private::conventions::nil\")]";
    let usual = format!("#[serde(rename=\"default\")]{with}#[serde(default)]usual");
    let other = format!("#[serde(alias=\"default\",default)]{with}other");
    assert!(made.contains(&usual) && made.contains(&other), "{made}");
}

#[test]
fn what_cannot_be_is_told() {
    let user = || {
        quote!(
            struct User {
                name: String,
            }
        )
    };
    assert_eq!(
        errors(
            quote!(),
            quote!(
                fn user() {}
            )
        ),
        ["`#[term]` goes on a struct or an enum"]
    );
    let one_form = "a struct has one form: `elixir`, `record` or `keyword`";
    assert_eq!(errors(quote!(keyword, record = "user"), user()), [one_form]);
    for item in [
        quote!(
            struct User(u8);
        ),
        quote!(
            struct User;
        ),
        quote!(
            enum User {
                A,
            }
        ),
    ] {
        let named = "`#[term(record)]` goes on a struct with named fields";
        assert_eq!(errors(quote!(record = "user"), item), [named]);
    }
    assert_eq!(errors(quote!(elixir = "my_app"), user()), ["name an Elixir module, such as `MyApp.User`"]);
    assert!(errors(quote!(map), user())[0].starts_with("unknown argument: expected `elixir = 'Module'`"));
}

#[test]
fn a_field_has_one_convention_that_there_is() {
    let field = "a field is marked `#[term(nil)]`, `#[term(atom)]` or `#[term(charlist)]`";
    assert_eq!(
        errors(
            quote!(),
            quote!(
                struct User {
                    #[term(keyword)]
                    name: String,
                }
            )
        ),
        [field]
    );
    assert_eq!(
        errors(
            quote!(),
            quote!(
                struct User {
                    #[term]
                    name: String,
                }
            )
        ),
        [field]
    );
    let twice = "a field has one convention: take one of the marks off";
    assert_eq!(
        errors(
            quote!(),
            quote!(
                struct User {
                    #[term(nil)]
                    #[term(atom)]
                    name: String,
                }
            )
        ),
        [twice]
    );
}
